"""
Walking through bars in which nothing can happen: no fill, no funding, no decision other than to wait.

This only proves that nothing happens and counts; the first bar that might be different is left to the loop's full step.
"""

import numpy as np
from numpy.typing import NDArray

from playd.engine.account import mark_record
from playd.engine.idle import count_idle, idle_closes, is_far_from_drawdown
from playd.engine.records import HOLD, NO_SIGNAL
from playd.matching.compiled import inlined
from playd.matching.minute import quiet_range
from playd.matching.money import equity_usdt
from playd.matching.records import Record


@inlined
def skip_quiet_bars(
    s: Record,
    r: Record,
    b: Record,
    bar: int,
    end_bar: int,
    row: int,
    closes: int,
    stamp_ms: int,
    open_ms: NDArray[np.int64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    mark_high: NDArray[np.float64],
    mark_low: NDArray[np.float64],
    mark_close: NDArray[np.float64],
    row_open_ms: NDArray[np.int64],
    columns: tuple[NDArray[np.float64], ...],
    strides: NDArray[np.int64],
    equity: NDArray[np.float64],
    verdicts: NDArray[np.int8],
) -> tuple[int, int, int]:
    """
    Bar, row of the decision clock and number of closes after the quiet bars from `bar` on; there may be none of them, and are
    none where decisions are due inside a bar.

    `stamp_ms` is the next funding stamp, the rest as in `run_bars`. What the bars change in records is kept in local variables
    and written once, which is what makes this fast.
    """
    idle = idle_closes(s, r)
    floor, ceiling = quiet_range(b)
    direction, cash, size, entry_price = s.dir, s.cash_usdt, s.size, s.entry_price
    peak, max_drawdown_pct = s.peak_equity_usdt, r.max_drawdown_pct
    base_step_ms, decision_step_ms, rows = r.base_step_ms, r.decision_step_ms, len(row_open_ms)
    verdict = NO_SIGNAL if direction == 0 else HOLD
    highest, lowest = -np.inf, np.inf
    done = closes
    while bar < end_bar and open_ms[bar] < stamp_ms:
        if not (floor < min(low[bar], mark_low[bar]) and max(high[bar], mark_high[bar]) < ceiling):
            break
        close_ms = open_ms[bar] + base_step_ms
        while row < rows and row_open_ms[row] + decision_step_ms < close_ms:
            row += 1
        if row < rows and row_open_ms[row] + decision_step_ms == close_ms:
            if done - closes == idle or _acts(columns, strides, row, direction):
                break
            worth = cash if direction == 0 else equity_usdt(cash, direction, size, entry_price, mark_close[bar])
            if not is_far_from_drawdown(max(peak, worth), worth, max_drawdown_pct):
                break
            peak = max(peak, worth)
            equity[done] = worth
            verdicts[done] = verdict
            done += 1
        highest, lowest = max(highest, high[bar]), min(lowest, low[bar])
        bar += 1
    count_idle(s, done - closes, peak)
    if direction != 0:
        mark_record(s, highest, lowest)
    return bar, row, done


@inlined
def _acts(columns: tuple[NDArray[np.float64], ...], strides: NDArray[np.int64], row: int, direction: int) -> bool:
    """Whether an action that counts is true: an entry while flat, an exit of all or of the position's side while holding."""
    if direction == 0:
        return bool(columns[3][row * strides[3]] == 1.0 or columns[4][row * strides[4]] == 1.0)
    if columns[0][row * strides[0]] == 1.0:
        return True
    if direction > 0:
        return bool(columns[1][row * strides[1]] == 1.0)
    return bool(columns[2][row * strides[2]] == 1.0)
