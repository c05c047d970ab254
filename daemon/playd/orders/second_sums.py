"""
What the entries of one look are held against together: read at one moment, so that what happens while they are judged one after
the other counts for none of them.

Behind an entry a hand may have opened or closed something, a position may have been closed that made up for part of an order,
and a mark may have come back: of what is open each sum is made as it is now, with what hands held a look before, and with the
positions that the gates had, at their prices. The least of them counts.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.orders import Side
from playd.orders.opened import HOUR_MS, Opened

_ZERO: Final = Decimal(0)
_Place = tuple[str, int]
"""A symbol, and its position index: 0, or a side in hedge mode."""


@dataclass(frozen=True, slots=True)
class Held:
    """A position, and the least that one base coin of it is worth."""

    symbol: str
    signed_qty: Decimal
    price: Decimal
    position_idx: int = 0


@dataclass(frozen=True, slots=True)
class MayOpen:
    """An order of ours that may execute yet, in base coin, at the price that it was decided at."""

    symbol: str
    side: Side
    qty: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Sums:
    """
    USDT that are open, if all that buys executes or all that sells does: everything, on the larger side, and by symbol. Of one
    in hedge mode both sides are everything, and what is left of them the larger side.
    """

    gross: Decimal
    net: Decimal
    symbols: Mapping[str, Decimal]


class OpenNow:
    """What is open at one moment: positions of ours, those of hands now and a look before, and orders that may execute yet."""

    def __init__(
        self, own: Sequence[Held], hands: Sequence[Held], hands_before: Sequence[Held], orders: Sequence[MayOpen]
    ) -> None:
        self.symbols: Final = {each.symbol for each in own} | {each.symbol for each in orders}
        """Where anything of ours is open or may open; what a hand opens behind an entry is not the entry's fault."""
        self._held = [(*own, *hands), (*own, *hands_before)] if hands != hands_before else [(*own, *hands)]
        self._orders = orders
        self._at_least = [self._sums(held, {}, {}) for held in self._held]

    def least(self) -> list[Sums]:
        """All that may count, at the least price each position is worth."""
        return self._at_least

    def beside(self, gates: Sequence[Held]) -> list[Sums]:
        """The same by the positions that the gates had: at their prices, and as large as they were where they shrank since."""
        prices: dict[str, Decimal] = {}
        sizes: defaultdict[_Place, Decimal] = defaultdict(Decimal)
        for each in gates:
            prices[each.symbol] = max(prices.get(each.symbol, _ZERO), each.price)
            sizes[each.symbol, each.position_idx] += each.signed_qty
        return [sums for held in self._held for sums in (self._sums(held, prices, {}), self._sums(held, prices, sizes))]

    def _sums(self, held: Sequence[Held], prices: Mapping[str, Decimal], sizes: Mapping[_Place, Decimal]) -> Sums:
        longs: defaultdict[_Place, Decimal] = defaultdict(Decimal)
        shorts: defaultdict[_Place, Decimal] = defaultdict(Decimal)
        now: defaultdict[_Place, Decimal] = defaultdict(Decimal)
        for each in held:
            place, usd = (each.symbol, each.position_idx), each.signed_qty * prices.get(each.symbol, each.price)
            longs[place] += usd
            shorts[place] += usd
            now[place] += each.signed_qty
        for place, then in sizes.items():
            if min(_ZERO, then) <= now[place] <= max(_ZERO, then):
                longs[place] += (then - now[place]) * prices[place[0]]
                shorts[place] += (then - now[place]) * prices[place[0]]
        for order in self._orders:  # ours are of no side
            longs[order.symbol, 0] += order.qty * order.price if order.side is Side.BUY else _ZERO
            shorts[order.symbol, 0] -= order.qty * order.price if order.side is Side.SELL else _ZERO
        symbols: defaultdict[str, Decimal] = defaultdict(Decimal)
        for place in longs:
            symbols[place[0]] += max(abs(longs[place]), abs(shorts[place]))
        net = max(abs(sum(longs.values(), _ZERO)), abs(sum(shorts.values(), _ZERO)))
        return Sums(sum(symbols.values(), _ZERO), net, symbols)


class Hours:
    """Entries by their instance and the close of the bar that decided them."""

    def __init__(self, entries: Sequence[tuple[str, int]]) -> None:
        self._closes: defaultdict[str | None, list[int]] = defaultdict(list)
        for instance, close_ms in sorted(entries, key=lambda each: each[1]):
            self._closes[instance].append(close_ms)
            self._closes[None].append(close_ms)

    def count(self, close_ms: int, instance: str | None) -> int:
        """How many were decided in the hour that a bar ends, of one instance or of all."""
        closes = self._closes[instance]
        return bisect_right(closes, close_ms) - bisect_right(closes, close_ms - HOUR_MS)


@dataclass(frozen=True, slots=True)
class Moment:
    """All that the entries of one look are held against together. `opened` is by the close of the bar that decided them."""

    equity_usdt: Decimal | None
    now: OpenNow
    hours: Hours
    opened: Mapping[int, Opened]
