"""
Fills that are heard of behind bars that came after them: a message was lost, and the venue was asked.

The record of a position then says what it would say if the fill had been heard of in time: the extremes of exactly the minutes
in which it was open, the closes for which it has been held, the best close. What was decided meanwhile stays decided.
"""

import numpy as np
from numpy.typing import NDArray

from playd.engine.account import mark
from playd.matching.records import Records
from playd.plays.columns import Columns


def entered_late(state: Records, columns: Columns, exec_step_ms: int) -> None:
    """Let a position that has just been opened in the past live through the bars since then."""
    entry_ms = int(state["entry_time_ms"][0])
    times, high, low, close = columns.candles_between(entry_ms, None)
    if not len(times):
        return
    _mark(state, high, low)
    held = (times + columns.program.base_step_ms) % exec_step_ms == 0
    state["held_closes"] = int(held.sum())
    if held.any():
        closes = np.append(close[held], state["peak_close"][0])
        state["peak_close"] = closes.max() if state["dir"][0] > 0 else closes.min()


def left_late(state: Records, columns: Columns, time_ms: int) -> None:
    """
    Take back the extremes of the bars from `time_ms` on: what is left then was not open in them.

    Where the columns have forgotten the first minutes of the position, its extremes stay, with those of the few bars since.
    """
    entry_ms, step_ms = int(state["entry_time_ms"][0]), columns.program.base_step_ms
    if columns.dropped(0) and entry_ms < int(columns.open_times_ms(0)[0]):
        return
    _, high, low, _ = columns.candles_between(entry_ms, time_ms - time_ms % step_ms)
    state["worst_price"] = state["best_price"] = state["entry_price"][0]
    _mark(state, high, low)


def _mark(state: Records, high: NDArray[np.float64], low: NDArray[np.float64]) -> None:
    if len(high):
        mark(state, float(high.max()), float(low.min()))
