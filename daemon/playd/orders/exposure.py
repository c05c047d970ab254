"""
What an account would hold if everything that may still execute did, in the worst direction. Pure functions.

An order in doubt counts as if it were filled; two orders of opposite sides do not make up for each other, because one may fill
without the other. Positions of others count too: the venue's margin knows no owners. Of a symbol in hedge mode each side counts
for itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.orders import Side

LONG: Final = 1
SHORT: Final = 2
"""Position index of the two sides of a symbol in hedge mode; in one-way mode it is 0."""

_ZERO: Final = Decimal(0)


_Place = tuple[str, int]
"""A symbol, and its position index."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One owner's position: signed quantity in base coin, price in USDT to value it at."""

    symbol: str
    signed_qty: Decimal
    price: Decimal
    position_idx: int = 0


@dataclass(frozen=True, slots=True)
class Working:
    """A quantity that may still open or add: base coin, and the price in USDT it would execute at."""

    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    position_idx: int = 0


@dataclass(frozen=True, slots=True)
class Exposure:
    """
    Worst case in USDT: the sum over symbols, the larger side of the account, and each symbol, of one in hedge mode both sides;
    `positions` counts symbols, and both sides where both are held.
    """

    gross: Decimal
    net: Decimal
    symbols: Mapping[str, Decimal]
    positions: int


def worst_case(holdings: Iterable[Holding], working: Iterable[Working]) -> Exposure:
    """The exposure of holdings with everything that works beside them."""
    held: dict[_Place, Decimal] = {}
    price: dict[str, Decimal] = {}
    buying: dict[_Place, Decimal] = {}
    selling: dict[_Place, Decimal] = {}
    for holding in holdings:
        place = holding.symbol, holding.position_idx
        held[place] = held.get(place, _ZERO) + holding.signed_qty
        price[holding.symbol] = max(price.get(holding.symbol, _ZERO), holding.price)
    for order in working:
        side, place = buying if order.side is Side.BUY else selling, (order.symbol, order.position_idx)
        side[place] = side.get(place, _ZERO) + order.qty
        price[order.symbol] = max(price.get(order.symbol, _ZERO), order.price)
    longest, shortest, positions, symbols = _ZERO, _ZERO, 0, dict[str, Decimal]()
    for place in sorted({*held, *buying, *selling}):
        symbol, idx = place
        now, at = held.get(place, _ZERO), price[symbol]
        most = (now + buying.get(place, _ZERO)) * at
        least = (now - selling.get(place, _ZERO)) * at
        if idx == LONG:  # what sells there only closes it
            least = max(_ZERO, least)
        elif idx == SHORT:
            most = min(_ZERO, most)
        longest, shortest = longest + most, shortest + least
        if most or least:
            symbols[symbol] = symbols.get(symbol, _ZERO) + max(abs(most), abs(least))
            positions += 1
    return Exposure(sum(symbols.values(), _ZERO), max(abs(longest), abs(shortest)), symbols, positions)
