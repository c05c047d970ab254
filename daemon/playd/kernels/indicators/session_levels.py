"""
session_levels: extremes of the UTC day and of the Monday week. `current_day_*` include the present bar, `prev_*` are those of
the period just before the present one.

A day or a week counts only if its first bar is loaded: until one has, the present ones are missing, and `prev_*` until the
period before the present one has counted. A missing candle makes all missing until the next period begins.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params

DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
FIRST_MONDAY_MS: Final = 4 * DAY_MS
"""1970-01-05."""

PERIOD: Final = 6
"""Places of one period in the state: its end (0: no bar yet), 1 if it counts, its high and low, those of the period before."""


@part
def _note(period: Row, time: int, high: float, low: float, length: int, origin: int) -> None:
    """One more bar for the days, or for the weeks."""
    end = int(period[0])
    if time >= end:
        start = time - (time - origin) % length
        complete = period[1] != 0.0 and start == end
        period[4] = period[2] if complete else MISSING
        period[5] = period[3] if complete else MISSING
        period[0] = start + length
        period[1] = 1.0 if end != 0 or time == start else 0.0
        period[2], period[3] = high, low
    else:
        period[2], period[3] = max(period[2], high), min(period[3], low)


def session_levels(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: high, low, time. No params. State: the day, the week."""
    highs, lows, times = inputs[0], inputs[1], inputs[2]
    last_day_high, last_day_low, day_high, day_low = outputs[0], outputs[1], outputs[2], outputs[3]
    last_week_high, last_week_low = outputs[4], outputs[5]
    day, week = state[:PERIOD], state[PERIOD:]
    for t in range(lo, hi):
        high, low, time = highs[t], lows[t], int(times[t])
        whole = high + low
        if whole - whole != 0.0:  # the candle is missing
            state[:] = 0.0
            last_day_high[t] = last_day_low[t] = day_high[t] = day_low[t] = last_week_high[t] = last_week_low[t] = MISSING
            continue
        _note(day, time, high, low, DAY_MS, 0)
        _note(week, time, high, low, WEEK_MS, FIRST_MONDAY_MS)
        counts = day[1] != 0.0
        day_high[t] = day[2] if counts else MISSING
        day_low[t] = day[3] if counts else MISSING
        last_day_high[t], last_day_low[t] = day[4], day[5]
        last_week_high[t], last_week_low[t] = week[4], week[5]


def _first(params: Params) -> int:
    return 0


SPEC = IndicatorSpec(
    name="session_levels",
    params=(),
    inputs=("high", "low", "time"),
    outputs=tuple(
        OutputSpec(name, _first, gaps=True)
        for name in (
            "prev_day_high",
            "prev_day_low",
            "current_day_high",
            "current_day_low",
            "prev_week_high",
            "prev_week_low",
        )
    ),
    primary="prev_day_high",
    fade=lambda params, step_ms: -(-8 * DAY_MS // step_ms),
    state_size=lambda params: 2 * PERIOD,
    lookback=lambda params: 0,
    pack=lambda params: np.zeros(0),
    recurrence=session_levels,
)
