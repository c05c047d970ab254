"""
The way of the price through one candle: a function of the candle, so that it is the same on every replay.

A candle of which only the four prices are known goes in straight lines from open to the first extreme, to the other, to the
close, a third of the candle each; the extreme opposite to its direction comes first. One whose trades were heard goes in
steps from trade to trade (`playd.market.walk`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from playd.core.candles import Candle
from playd.market.walk import WalkedCandle

_THIRD: Final = 1.0 / 3.0
_KNOTS: Final = (0.0, _THIRD, 2.0 * _THIRD, 1.0)


@dataclass(frozen=True, slots=True)
class PartOfCandle:
    """Open, high, low, close of a stretch of one candle."""

    open: float
    high: float
    low: float
    close: float


def _knots(candle: Candle) -> tuple[Sequence[float], Sequence[float]]:
    """Corners of the path: fractions, never falling, from 0 on, and the prices there."""
    if isinstance(candle, WalkedCandle):
        return candle.fractions, candle.prices
    if candle.close >= candle.open:
        return _KNOTS, (candle.open, candle.low, candle.high, candle.close)
    return _KNOTS, (candle.open, candle.high, candle.low, candle.close)


def price_at(candle: Candle, fraction: float) -> float:
    """The price when `fraction` (0 to 1) of the candle has passed; exact at its corners, and behind the last one that price."""
    fractions, prices = _knots(candle)
    right = bisect_right(fractions, fraction)
    left = max(right - 1, 0)
    if right == len(fractions) or fractions[left] == fraction:
        return prices[left]
    share = (fraction - fractions[left]) / (fractions[right] - fractions[left])
    return prices[left] + (prices[right] - prices[left]) * share


def volume_at(candle: Candle, fraction: float) -> float:
    """What has been traded by then: what was heard, or an even share."""
    if isinstance(candle, WalkedCandle):
        return candle.volumes[max(bisect_right(candle.fractions, fraction) - 1, 0)]
    return candle.volume * fraction


def prices_at(candles: Mapping[str, Candle], fraction: float) -> dict[str, float]:
    """`price_at` of several candles by name."""
    return {name: price_at(candle, fraction) for name, candle in candles.items()}


def part(candle: Candle, begin: float, end: float) -> PartOfCandle:
    """The stretch between two fractions. `part(c, 0, 1)` has exactly the candle's own numbers."""
    first, last = price_at(candle, begin), price_at(candle, end)
    fractions, prices = _knots(candle)
    passed = prices[bisect_left(fractions, begin) : bisect_right(fractions, end)]
    return PartOfCandle(first, max(first, last, *passed), min(first, last, *passed), last)


@dataclass(frozen=True, slots=True)
class Touch:
    """Where a path first reaches a level: the fraction of the candle, and the price there (beyond the level after a gap)."""

    fraction: float
    price: float


@dataclass(frozen=True, slots=True)
class Trail:
    """
    What a trailing stop looks for: a fall (of a long) or a rise to `level(best)`, with `best` the best price so far.

    It sleeps until the price has come to `wakes_at` in the direction of the profit; 0 never slept.
    """

    falls: bool
    wakes_at: float
    level: Callable[[float], float]


def first_touch(candle: Candle, begin: float, end: float, level: float, *, rising: bool) -> Touch | None:
    """The first point of the path in `[begin, end]` that is at `level` or beyond it, upwards if `rising`."""
    for left, right in pairwise(_points(candle, begin, end)):
        touch = _segment_touch(left, right, level, rising)
        if touch is not None:
            return touch
    return None


def trail_touch(candle: Candle, begin: float, end: float, best: float, trail: Trail) -> tuple[Touch | None, float]:
    """
    Where a trailing stop triggers in `[begin, end]`, and the best price until then or until `end`.

    `best` is 0 for one that sleeps, and stays so until it wakes up.
    """
    better = max if trail.falls else min
    for left, right in pairwise(_points(candle, begin, end)):
        start: Touch = left
        if best == 0.0:
            woken = left if trail.wakes_at == 0.0 else _segment_touch(left, right, trail.wakes_at, rising=trail.falls)
            if woken is None:
                continue
            start, best = woken, woken.price
        touch = _segment_touch(start, start, trail.level(best), rising=not trail.falls)
        if touch is None:
            best = better(best, start.price)
            touch = _segment_touch(start, right, trail.level(best), rising=not trail.falls)
        if touch is not None:
            return touch, best
        best = better(best, right.price)
    return None, best


def _points(candle: Candle, begin: float, end: float) -> list[Touch]:
    """The ends of the stretch and the corners between them, all that lie at its end too; at least two points."""
    fractions, prices = _knots(candle)
    lo, hi = bisect_right(fractions, begin), bisect_right(fractions, end)
    corners = [Touch(fractions[place], prices[place]) for place in range(lo, hi)]
    return [Touch(begin, price_at(candle, begin)), *corners, Touch(end, price_at(candle, end))]


def _segment_touch(left: Touch, right: Touch, level: float, rising: bool) -> Touch | None:
    sign = 1.0 if rising else -1.0
    if (left.price - level) * sign >= 0.0:
        return left
    if (right.price - level) * sign < 0.0:
        return None
    share = (level - left.price) / (right.price - left.price)
    return Touch(min(left.fraction + (right.fraction - left.fraction) * share, right.fraction), level)
