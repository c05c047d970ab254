"""
What an account would hold if everything that may still execute did, in the worst direction. Pure functions.

An order in doubt counts as if it were filled; two orders of opposite sides do not make up for each other, because one may fill
without the other. Positions of others count too: the venue's margin knows no owners.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.orders import Side

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """One owner's position: signed quantity in base coin, price in USDT to value it at."""

    symbol: str
    signed_qty: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Working:
    """A quantity that may still open or add: base coin, and the price in USDT it would execute at."""

    symbol: str
    side: Side
    qty: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Exposure:
    """Worst case in USDT: the sum over symbols, the larger side of the account, and each symbol; `positions` counts symbols."""

    gross: Decimal
    net: Decimal
    symbols: Mapping[str, Decimal]

    @property
    def positions(self) -> int:
        return len(self.symbols)


def worst_case(holdings: Iterable[Holding], working: Iterable[Working]) -> Exposure:
    """The exposure of holdings with everything that works beside them."""
    held: dict[str, Decimal] = {}
    price: dict[str, Decimal] = {}
    buying: dict[str, Decimal] = {}
    selling: dict[str, Decimal] = {}
    for holding in holdings:
        held[holding.symbol] = held.get(holding.symbol, _ZERO) + holding.signed_qty
        price[holding.symbol] = max(price.get(holding.symbol, _ZERO), holding.price)
    for order in working:
        side = buying if order.side is Side.BUY else selling
        side[order.symbol] = side.get(order.symbol, _ZERO) + order.qty
        price[order.symbol] = max(price.get(order.symbol, _ZERO), order.price)
    longest, shortest, symbols = _ZERO, _ZERO, {}
    for symbol in sorted({*held, *buying, *selling}):
        now, at = held.get(symbol, _ZERO), price[symbol]
        most = (now + buying.get(symbol, _ZERO)) * at
        least = (now - selling.get(symbol, _ZERO)) * at
        longest, shortest = longest + most, shortest + least
        if most or least:
            symbols[symbol] = max(abs(most), abs(least))
    return Exposure(sum(symbols.values(), _ZERO), max(abs(longest), abs(shortest)), symbols)
