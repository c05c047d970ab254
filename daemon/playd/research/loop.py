"""
The backtest's compiled loop: base bars in order, each through matching and then, where a decision is due, through `decide`.

It is the order of work of play-language 3.5 and nothing else: the same functions that serve the live engine and the local
exchange, called without Python in between. Most bars do nothing; `quiet` proves it of them and passes them by.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from playd.core.machine import kept
from playd.engine.account import apply_funding_record, mark_record
from playd.engine.decide import Windows, closes_bar, decide_record, is_open
from playd.engine.records import HALTED_DRAWDOWN, HALTED_LIQUIDATED, NO_ACTION, RUNNING
from playd.engine.venue import Ended, live_minute, settle, submit
from playd.matching.compiled import inlined, part
from playd.matching.minute import close_at_end, is_quiet, match_minute
from playd.matching.money import funding_usdt
from playd.matching.records import END_OF_DATA, Record, Records
from playd.research.quiet import skip_quiet_bars

RUN: Final = np.dtype(
    [
        ("bar", np.int64),
        ("end_bar", np.int64),
        ("row", np.int64),
        ("funding_row", np.int64),
        ("decisions", np.int64),
        ("closes", np.int64),
        ("closes_held", np.int64),
        ("trades", np.int64),
        ("finished", np.int64),
    ]
)
"""
Where a run stands: next base bar, next row of the decision clock and funding stamp; decisions, execution closes among them, and
trades written so far.
"""

Marks: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Opens, highs, lows, closes of the mark price; those of the last price where nothing else is known."""

TRADES_PER_BAR: Final = 3
"""Closing fills of one bar are at most two; the loop stops and asks for more room before it could run out."""


_NEVER_MS: Final = 2**62
"""Later than any bar."""


@kept
def run_bars(
    run: Records,
    state: Records,
    rules: Records,
    book: Records,
    terms: Records,
    signals: Records,
    intent: Records,
    fills: Records,
    windows: Windows,
    open_ms: NDArray[np.int64],
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    mark: Marks,
    row_open_ms: NDArray[np.int64],
    columns: tuple[NDArray[np.float64], ...],
    strides: NDArray[np.int64],
    funding_ms: NDArray[np.int64],
    funding_rate: NDArray[np.float64],
    trades: Records,
    equity: NDArray[np.float64],
    verdicts: NDArray[np.int8],
    ended: Ended,
) -> None:
    """
    Run from `run.bar` to `run.end_bar`, or until `trades` is nearly full (`run.finished` stays 0: call again with more room).

    `columns` are the rows of SIGNALS on the decision clock, in its order; a row that the Play does not have is one NaN with
    stride 0 in `strides`, the others have stride 1. `row_open_ms` are the opens of that clock's bars. `verdicts` gets one value
    per decision, `equity` one per decision at which the execution clock closes; `ended` counts as in `settle`.
    """
    c = run[0]
    s = state[0]
    r = rules[0]
    b = book[0]
    x = signals[0]
    out = intent[0]
    base_step_ms = r.base_step_ms
    bar, end_bar, row, funding_row = c.bar, c.end_bar, c.row, c.funding_row
    decisions, closes, closes_held, written = c.decisions, c.closes, c.closes_held, c.trades
    rows = len(row_open_ms)
    decision_step_ms = r.decision_step_ms
    stamps = len(funding_ms)
    room = len(trades) - TRADES_PER_BAR
    has_windows = len(windows[0]) > 0
    mark_open, mark_high, mark_low, mark_close = mark
    while bar < end_bar and written <= room:
        time_ms = open_ms[bar]
        while funding_row < stamps and funding_ms[funding_row] <= time_ms:
            _fund(s, mark_open[bar], funding_rate[funding_row])
            funding_row += 1
        if not is_quiet(b, max(high[bar], mark_high[bar]), min(low[bar], mark_low[bar])):
            o, h, lo = open_[bar], high[bar], low[bar]
            mo, mh, ml = mark_open[bar], mark_high[bar], mark_low[bar]
            if r.anchor_fill == 0:
                count = match_minute(book, terms, o, h, lo, mo, mh, ml, s.cash_usdt, fills)
                written = settle(s, r, fills, count, time_ms, trades, ended, written)
            else:
                written = live_minute(s, r, book, terms, o, h, lo, mo, mh, ml, time_ms, fills, trades, ended, written)
        if s.dir != 0:
            mark_record(s, high[bar], low[bar])
        elif s.halted != RUNNING:
            break
        close_ms = time_ms + base_step_ms
        while row < rows and row_open_ms[row] + decision_step_ms < close_ms:
            row += 1
        if row < rows and row_open_ms[row] + decision_step_ms == close_ms:
            _read_truths(x, columns, strides, row)
            if s.dir != 0 or x.entry_long == 1.0 or x.entry_short == 1.0:
                _read_levels(x, columns, strides, row)
            window_open = not has_windows or is_open(windows, close_ms)
            decide_record(s, r, x, window_open, close_ms, close[bar], mark_close[bar], out)
            if out.action != NO_ACTION or out.amend != 0 or out.cancel != 0:
                submit(s, r, book, terms, intent)
            verdicts[decisions] = out.verdict
            decisions += 1
            if closes_bar(r, close_ms):
                equity[closes] = out.equity_usdt
                closes += 1
                closes_held += 1 if s.dir != 0 else 0
        bar += 1
        before = closes
        stamp_ms = funding_ms[funding_row] if funding_row < stamps else _NEVER_MS
        # fmt: off
        bar, row, closes = skip_quiet_bars(
            s, r, b, bar, end_bar, row, closes, stamp_ms,
            open_ms, high, low, mark_high, mark_low, mark_close, row_open_ms, columns, strides, equity, verdicts,
        )
        # fmt: on
        decisions += closes - before
        closes_held += closes - before if s.dir != 0 else 0
    c.bar, c.row, c.funding_row = bar, row, funding_row
    c.decisions, c.closes, c.closes_held, c.trades = decisions, closes, closes_held, written
    if bar < end_bar and written > room:
        return
    _finish(run, state, rules, book, terms, close, open_ms, fills, trades, equity, ended)


@part
def _fund(s: Record, price: float, rate: float) -> None:
    """Funding at a stamp, paid by who held just before it, of the mark price then."""
    if s.dir != 0:
        apply_funding_record(s, funding_usdt(s.dir, s.size, price, rate))


@inlined
def _read_truths(x: Record, columns: tuple[NDArray[np.float64], ...], strides: NDArray[np.int64], row: int) -> None:
    x.exit_all = columns[0][row * strides[0]]
    x.exit_long = columns[1][row * strides[1]]
    x.exit_short = columns[2][row * strides[2]]
    x.entry_long = columns[3][row * strides[3]]
    x.entry_short = columns[4][row * strides[4]]


@part
def _read_levels(x: Record, columns: tuple[NDArray[np.float64], ...], strides: NDArray[np.int64], row: int) -> None:
    x.stop_atr = columns[5][row * strides[5]]
    x.stop_level_long = columns[6][row * strides[6]]
    x.stop_level_short = columns[7][row * strides[7]]
    x.target_atr = columns[8][row * strides[8]]
    x.trailing_atr = columns[9][row * strides[9]]
    x.exit_long_pct = columns[10][row * strides[10]]
    x.exit_short_pct = columns[11][row * strides[11]]
    x.funding_rate = columns[12][row * strides[12]]
    x.short_first = columns[13][row * strides[13]]


@part
def _finish(
    run: Records,
    state: Records,
    rules: Records,
    book: Records,
    terms: Records,
    close: NDArray[np.float64],
    open_ms: NDArray[np.int64],
    fills: Records,
    trades: Records,
    equity: NDArray[np.float64],
    ended: Ended,
) -> None:
    """The end of the window closes what is open; the last equity point shows it. No point is added."""
    c = run[0]
    last = c.end_bar - 1
    if c.bar == c.end_bar and c.end_bar > 0:
        count = close_at_end(book, terms, close[last], END_OF_DATA, fills)
        c.trades = settle(state[0], rules[0], fills, count, open_ms[last], trades, ended, c.trades)
    if c.closes > 0:
        equity[c.closes - 1] = state[0].cash_usdt
    c.finished = 1


ENDINGS: Final = {RUNNING: "end_of_data", HALTED_DRAWDOWN: "max_drawdown_hit", HALTED_LIQUIDATED: "liquidated"}
"""How a run ended, by the halt of its STATE."""
