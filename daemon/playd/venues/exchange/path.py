"""
The way of the price through one candle: a function of the candle, so that it is the same on every replay.

Straight lines from open to the first extreme, to the other, to the close, a third of the candle each. The extreme opposite
to the candle's direction comes first.
"""

from dataclasses import dataclass
from typing import Final

from playd.core.candles import Candle

_THIRD: Final = 1.0 / 3.0
_KNOTS: Final = (0.0, _THIRD, 2.0 * _THIRD, 1.0)


@dataclass(frozen=True, slots=True)
class PartOfCandle:
    """Open, high, low, close of a stretch of one candle."""

    open: float
    high: float
    low: float
    close: float


def _prices(candle: Candle) -> tuple[float, float, float, float]:
    if candle.close >= candle.open:
        return candle.open, candle.low, candle.high, candle.close
    return candle.open, candle.high, candle.low, candle.close


def price_at(candle: Candle, fraction: float) -> float:
    """The price when `fraction` (0 to 1) of the candle has passed; exact at open, extremes and close."""
    prices = _prices(candle)
    for index in (1, 2, 3):
        left, right = _KNOTS[index - 1], _KNOTS[index]
        if fraction == right:
            return prices[index]
        if fraction < right:
            share = (fraction - left) / (right - left)
            return prices[index - 1] + (prices[index] - prices[index - 1]) * share
    return candle.close


def part(candle: Candle, begin: float, end: float) -> PartOfCandle:
    """The stretch between two fractions. `part(c, 0, 1)` has exactly the candle's own numbers."""
    first, last = price_at(candle, begin), price_at(candle, end)
    passed = [price for knot, price in zip(_KNOTS, _prices(candle), strict=True) if begin <= knot <= end]
    return PartOfCandle(first, max(first, last, *passed), min(first, last, *passed), last)
