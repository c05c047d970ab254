"""
vwap: volume-weighted average price since the last UTC boundary of `anchor`: Σ tp·V / Σ V, tp = (H+L+C)/3.

Anchors: hours counted from midnight, D, W (Monday), M (the first). Missing before the first loaded boundary, while ΣV = 0, and
from a missing candle to the next boundary. TradingView's definition.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, ParamSpec

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
FIRST_MONDAY_MS: Final = 4 * DAY_MS
"""1970-01-05."""

ANCHOR_MS: Final = {
    **{f"{hours}h": hours * HOUR_MS for hours in (1, 2, 4, 6, 12)},
    "D": DAY_MS,
    "W": 7 * DAY_MS,
    "M": 31 * DAY_MS,
}
"""Length of an anchor's longest period."""

MONTH: Final = 0.0
"""Period written into `params` for months, which have no fixed length."""


@part
def _month_length_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@part
def _month_containing(time_ms: int) -> tuple[int, int]:
    """Start and end of a UTC month, by walking from 1970: once per month of data, and at most 12 steps per year."""
    year, month, start, length = 1970, 1, 0, 31 * DAY_MS
    while start + length <= time_ms:
        start += length
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        length = _month_length_days(year, month) * DAY_MS
    return start, start + length


def vwap(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, volume, time. Params: period in ms (or MONTH), a time at which a period starts.

    State: end of the present period (0: no bar yet), 1 if its sums are whole, Σ tp·V, Σ V.
    """
    highs, lows, closes, volumes, times, value = inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], outputs[0]
    period, origin = int(params[0]), int(params[1])
    end, anchored, weighted, volume = int(state[0]), state[1], state[2], state[3]
    for t in range(lo, hi):
        time = int(times[t])
        if time >= end:
            crossed = end != 0
            if period == MONTH:
                start, end = _month_containing(time)
            else:
                start = time - (time - origin) % period
                end = start + period
            anchored = 1.0 if crossed or time == start else 0.0
            weighted, volume = 0.0, 0.0
        weighted += (highs[t] + lows[t] + closes[t]) / 3.0 * volumes[t]
        volume += volumes[t]
        mean = weighted / volume  # missing inputs stay in the sums until the period ends
        value[t] = mean if anchored and mean - mean == 0.0 else MISSING
    state[0], state[1], state[2], state[3] = end, anchored, weighted, volume


def _pack(params: Params) -> Row:
    anchor = str(params["anchor"])
    return np.array([MONTH if anchor == "M" else ANCHOR_MS[anchor], FIRST_MONDAY_MS if anchor == "W" else 0], dtype=np.float64)


SPEC = IndicatorSpec(
    name="vwap",
    params=(ParamSpec("anchor", "word", "D", words=tuple(ANCHOR_MS)),),
    inputs=("high", "low", "close", "volume", "time"),
    outputs=(OutputSpec("value", lambda params: 0, gaps=True),),
    primary="value",
    fade=lambda params, step_ms: -(-ANCHOR_MS[str(params["anchor"])] // step_ms),
    state_size=lambda params: 4,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=vwap,
)
