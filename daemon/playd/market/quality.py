"""
Whether a closed bar that is whole in itself can be believed beside those before it and what else is known. Pure.

What is no candle at all (a high below its close, a price that is no number) never gets here: it is refused where it is read,
and asked for again. Bars that are missing, out of order or revised are `market.bars`' business.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from playd.core.candles import Candle

RANGES: Final = 14
"""True ranges before a bar that say how far it may be from the mark price."""

JUMP_RANGES: Final = 10.0
QUIET_BARS: Final = 30
"""So many bars without a trade and without a move: a market that stands, or a stream that repeats itself."""

JUMP_LOOKS_BACK: Final = RANGES + 2
"""Bars that `doubt` looks at; one without volume asks for `QUIET_BARS`."""

_OFF_GRID: Final = 1e-4
"""Share of a tick by which a price may miss the grid: what floats of large prices miss it by is far below."""


def doubt(newest_first: Sequence[Candle], mark: float | None, tick: float | None) -> str:
    """
    Why the first of these closed bars is not believed, empty when it is. What is unknown (`None`, too few bars) speaks against
    nothing. `mark` is the mark price as the bar closed, `tick` the step of prices, both in quote coin.
    """
    bar = newest_first[0]
    if tick is not None and (off := _off_grid(bar, tick)) is not None:
        return f"the price {off:g} is between two ticks of {tick:g}"
    # A bar without a trade stands where the last one closed: that the mark price has left it is no jump.
    if mark is not None and bar.volume and _may_be_jump(newest_first, mark):
        limit = _jump_limit(newest_first, tick)
        if abs(bar.close - mark) > limit:
            far = f"further than {JUMP_RANGES:g} average ranges or ticks ({limit:g})"
            return f"it closed at {bar.close:g}, {far} from the mark price {mark:g}"
    if bar.volume == 0.0 and _is_quiet(newest_first):
        return f"{QUIET_BARS} bars in a row are the same, without a trade"
    return ""


def _off_grid(bar: Candle, tick: float) -> float | None:
    for price in (bar.open, bar.high, bar.low, bar.close):
        ticks = price / tick
        if abs(ticks - round(ticks)) > _OFF_GRID:
            return price
    return None


def _may_be_jump(newest_first: Sequence[Candle], mark: float) -> bool:
    """Whether the average has to be known: it is a fourteenth of any of its ranges at least, which clears most bars."""
    if len(newest_first) < JUMP_LOOKS_BACK:
        return False
    return abs(newest_first[0].close - mark) * RANGES > JUMP_RANGES * (newest_first[1].high - newest_first[1].low)


def _jump_limit(newest_first: Sequence[Candle], tick: float | None) -> float:
    """Ten average true ranges of the bars before the first, ten ticks at least; without end where nothing moved."""
    before = newest_first[1:JUMP_LOOKS_BACK]
    ranges = (max(bar.high, earlier.close) - min(bar.low, earlier.close) for bar, earlier in pairwise(before))
    average = sum(ranges) / RANGES
    return JUMP_RANGES * max(average, tick or 0.0) if average else math.inf


def _is_quiet(newest_first: Sequence[Candle]) -> bool:
    seen = newest_first[:QUIET_BARS]
    price = seen[0].close
    return len(seen) == QUIET_BARS and all(
        bar.volume == 0.0 and bar.open == bar.high == bar.low == bar.close == price for bar in seen
    )
