"""
One decision (play-language 3.5 steps 8 and 9, 7.2, 7.3, 10.9). There is one copy of it: backtests call it in a compiled loop,
everything else once per close of the decision clock.

Whatever counts bars or looks at them (cool-down, expiry, moving stops, drawdown, time) does so where the execution clock
closes. Where decisions are due inside a bar, they are made by the actions alone.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from playd.core.machine import kept
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.core.units import from_units
from playd.engine.exits import exit_steps, has_passed, moved_stop_ticks
from playd.engine.idle import is_far_from_drawdown
from playd.engine.levels import (
    UNKNOWN,
    farthest_safe_ticks,
    is_beyond_liquidation,
    limit_ticks,
    stop_ticks,
    target_ticks,
)
from playd.engine.records import (
    ADJUST,
    AMENDED,
    BELOW_MIN_NOTIONAL,
    BELOW_MIN_QTY,
    CANCELLED,
    COOLDOWN,
    ENTER,
    ENTERED,
    ENTERED_THIS_BAR,
    ENTRIES_TODAY,
    ENTRY_PENDING,
    EXIT,
    EXIT_PENDING,
    EXITED,
    FUNDING,
    FUNDING_UNKNOWN,
    HALTED,
    HALTED_DRAWDOWN,
    HOLD,
    MAX_DRAWDOWN_HIT,
    NO_ACTION,
    NO_LEVEL,
    NO_SIGNAL,
    REJECT,
    RUNNING,
    STOP_BEYOND_LIQUIDATION,
    STOP_MISSING,
    STOP_WRONG_SIDE,
    TARGET_INVALID,
    TARGET_MISSING,
    WINDOW_CLOSED,
)
from playd.engine.sizing import is_below_min_notional, notional_cap_usdt, notional_usdt, qty_steps
from playd.matching.compiled import inlined, part
from playd.matching.money import equity_usdt
from playd.matching.records import MAX_DRAWDOWN, SIGNAL, SL, TIME, Record, Records

Windows: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""When entries are allowed, as `rules.build_windows` makes it."""

WEEK_MINUTES = 7 * 24 * 60
_EPOCH_MINUTE_OF_WEEK = 3 * 24 * 60
"""1970-01-01 was a Thursday; the week starts on Monday."""


@kept
def decide(
    state: Records,
    rules: Records,
    signals: Records,
    windows: Windows,
    close_ms: int,
    close: float,
    mark: float,
    intent: Records,
) -> None:
    """
    Decide at the close `close_ms` of a bar of the decision clock, whose last price is `close`; what is held is worth `mark`.

    Writes the decision to `intent` and what must be remembered of it to `state`.
    """
    decide_record(state[0], rules[0], signals[0], is_open(windows, close_ms), close_ms, close, mark, intent[0])


@part
def is_open(windows: Windows, time_ms: int) -> bool:
    """Whether entries are allowed at `time_ms` by the trading windows."""
    weeks, spans = windows
    if len(weeks) == 0:
        return True
    low, high = 0, len(spans) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if spans[middle, 0] <= time_ms:
            low = middle
        else:
            high = middle - 1
    return bool(weeks[spans[low, 1] + (time_ms // MINUTE_MS + _EPOCH_MINUTE_OF_WEEK) % WEEK_MINUTES] != 0)


@inlined
def decide_record(
    s: Record, r: Record, x: Record, window_open: bool, close_ms: int, close: float, mark: float, out: Record
) -> None:
    """`decide` on the elements themselves, for compiled callers: passing a record is one pointer, an array seven words."""
    out.action = NO_ACTION
    out.amend = 0
    out.cancel = 0
    out.equity_usdt = s.cash_usdt
    bar_closed = closes_bar(r, close_ms)
    if bar_closed and s.cooldown_left > 0:
        s.cooldown_left -= 1
    if bar_closed and s.pending_qty > 0:
        s.pending_closes += 1
    if s.dir == 0:
        out.verdict = _decide_flat(s, r, x, window_open, bar_closed, close_ms, close, out)
        if s.pending_qty > 0 and out.action == NO_ACTION and _must_go(s, r, x, s.pending_dir):
            _cancel(s, out, close)
            out.verdict = MAX_DRAWDOWN_HIT if out.verdict == MAX_DRAWDOWN_HIT else CANCELLED
        return
    out.equity_usdt = equity_usdt(s.cash_usdt, s.dir, s.size, s.entry_price, mark)
    if bar_closed:
        s.held_closes += 1
    if s.pending_qty > 0 and _must_go(s, r, x, s.dir):
        _cancel(s, out, close)
    out.verdict = _decide_holding(s, r, x, bar_closed, close_ms, close, out)


@inlined
def closes_bar(r: Record, close_ms: int) -> bool:
    """Whether the execution clock closes with this decision."""
    return bool(r.decision_step_ms == r.exec_step_ms or close_ms % r.exec_step_ms == 0)


@inlined
def _decide_flat(
    s: Record, r: Record, x: Record, window_open: bool, bar_closed: bool, close_ms: int, close: float, out: Record
) -> int:
    if s.halted != RUNNING:
        return HALTED
    if bar_closed and _drawdown_is_hit(s, r, out.equity_usdt):
        return MAX_DRAWDOWN_HIT
    first = -1 if x.short_first == 1.0 else 1
    verdict = NO_SIGNAL
    for direction in (first, -first):
        if (x.entry_long if direction > 0 else x.entry_short) != 1.0:
            continue
        if (r.allow_long if direction > 0 else r.allow_short) == 0:
            continue
        tried = _try_entry(s, r, x, window_open, direction, close_ms, close, out)
        if tried == ENTERED:
            return ENTERED
        if verdict == NO_SIGNAL:
            verdict = tried
    return verdict


@inlined
def _decide_holding(s: Record, r: Record, x: Record, bar_closed: bool, close_ms: int, close: float, out: Record) -> int:
    stop = moved_stop_ticks(s, r, x, close) if bar_closed else s.stop_ticks
    stop_passed = stop != s.stop_ticks and has_passed(r, s.dir, close, stop)
    if stop != s.stop_ticks and not stop_passed:
        s.stop_ticks = stop
        out.stop_ticks = stop
        out.amend = 1
    if s.halted != RUNNING or (bar_closed and _drawdown_is_hit(s, r, out.equity_usdt)):
        return _exit_all(s, MAX_DRAWDOWN, close_ms, close, out)
    if stop_passed:
        return _exit_all(s, SL, close_ms, close, out)
    if r.time_exit_bars > 0 and s.held_closes >= r.time_exit_bars:
        return _exit_all(s, TIME, close_ms, close, out)
    return _signal_exit(s, r, x, close_ms, close, out)


@inlined
def _drawdown_is_hit(s: Record, r: Record, equity: float) -> bool:
    """The one drawdown rule: from the highest equity at any close so far; a breach halts the engine."""
    s.peak_equity_usdt = max(s.peak_equity_usdt, equity)
    if is_far_from_drawdown(s.peak_equity_usdt, equity, r.max_drawdown_pct):
        return False
    if (s.peak_equity_usdt - equity) / s.peak_equity_usdt * 100.0 >= r.max_drawdown_pct:
        s.halted = HALTED_DRAWDOWN
        return True
    return False


@part
def _must_go(s: Record, r: Record, x: Record, direction: int) -> bool:
    """Whether the entry order that rests is to be cancelled: expired, halted, or an exit of its side is true (9.1)."""
    if s.pending_cancelled != 0:
        return False
    if s.halted != RUNNING or (r.entry_expires > 0 and s.pending_closes >= r.entry_expires):
        return True
    return bool(x.exit_all == 1.0 or (x.exit_long if direction > 0 else x.exit_short) == 1.0)


@part
def _cancel(s: Record, out: Record, close: float) -> None:
    s.pending_cancelled = 1
    out.cancel = 1
    out.price_ref = close


@part
def _exit_all(s: Record, reason: int, close_ms: int, close: float, out: Record) -> int:
    """A forced exit: the whole position, unless an order for the whole of it is under way."""
    if s.exit_qty >= s.qty:
        return EXIT_PENDING
    return _exit(s, s.qty, reason, 100.0, close_ms, close, out)


@inlined
def _signal_exit(s: Record, r: Record, x: Record, close_ms: int, close: float, out: Record) -> int:
    """
    The first exit action of the position's side that is true, in the order of the Play's list.

    A position that is being left is not held, whether or not a rule still asks for it.
    """
    if x.exit_all != 1.0 and (x.exit_long if s.dir > 0 else x.exit_short) != 1.0:
        return AMENDED if out.amend != 0 else EXIT_PENDING if s.exit_qty > 0 else HOLD
    if s.exit_qty > 0:
        return EXIT_PENDING
    percent = x.exit_long_pct if s.dir > 0 else x.exit_short_pct
    if percent != percent:  # not a number: every exit of this side closes the same share
        percent = r.exit_long_pct if s.dir > 0 else r.exit_short_pct
    qty = exit_steps(s, r, percent, close)
    if qty < r.min_qty and qty < s.qty:
        return BELOW_MIN_QTY
    return _exit(s, qty, SIGNAL, percent, close_ms, close, out)


@part
def _exit(s: Record, qty: int, reason: int, percent: float, close_ms: int, close: float, out: Record) -> int:
    s.exit_qty = qty
    s.exit_reason = reason
    s.exit_decided_ms = close_ms
    out.action = EXIT
    out.dir = s.dir
    out.qty = qty
    out.reason = reason
    out.percent = percent
    out.price_ref = close
    return EXITED


@part
def _try_entry(
    s: Record, r: Record, x: Record, window_open: bool, direction: int, close_ms: int, close: float, out: Record
) -> int:
    """`ENTERED`, or the first reason why this entry is not actionable."""
    refusal = _entry_refusal(s, r, x, direction, window_open, close_ms)
    if refusal != ENTERED:
        return refusal
    verdict = _plan_entry(r, x, direction, s.cash_usdt, close, out)
    if verdict != ENTERED:
        return verdict
    s.pending_dir = direction
    s.pending_qty = out.qty
    s.pending_stop_ticks = out.stop_ticks
    s.pending_target_ticks = out.target_ticks
    s.pending_decided_ms = close_ms
    s.pending_closes = 0
    s.pending_cancelled = 0
    s.stop_atr = x.stop_atr
    s.stop_level_long = x.stop_level_long
    s.stop_level_short = x.stop_level_short
    s.target_atr = x.target_atr
    out.action = ENTER
    out.dir = direction
    out.reason = 0
    out.percent = 100.0
    out.price_ref = close
    return ENTERED


@part
def _entry_refusal(s: Record, r: Record, x: Record, direction: int, window_open: bool, close_ms: int) -> int:
    """The entry limits of play-language 7.2; `ENTERED` when none refuses."""
    if s.pending_qty > 0:
        return ENTRY_PENDING
    if s.pending_decided_ms > _bar_start_ms(r, close_ms):
        return ENTERED_THIS_BAR
    if s.cooldown_left > 0:
        return COOLDOWN
    if r.max_entries_per_day > 0 and s.entries_day == close_ms // DAY_MS and s.entries_count >= r.max_entries_per_day:
        return ENTRIES_TODAY
    if not window_open:
        return WINDOW_CLOSED
    return _funding_refusal(r, x, direction, close_ms) if r.funding_guard_ms > 0 else ENTERED


@part
def _funding_refusal(r: Record, x: Record, direction: int, close_ms: int) -> int:
    """What the funding guard says of an entry now; who enters at a stamp does not pay it."""
    next_ms = (close_ms // r.funding_step_ms + 1) * r.funding_step_ms
    if next_ms - close_ms > r.funding_guard_ms:
        return ENTERED
    if np.isnan(x.funding_rate):
        return FUNDING_UNKNOWN
    return FUNDING if direction * x.funding_rate * 100.0 > r.funding_guard_pct else ENTERED


@part
def _bar_start_ms(r: Record, close_ms: int) -> int:
    """When the execution bar began that is open until `close_ms` or closes with it."""
    return int((close_ms - 1) // r.exec_step_ms * r.exec_step_ms)


@part
def _plan_entry(r: Record, x: Record, direction: int, equity: float, reference: float, out: Record) -> int:
    """Stop, target and quantity at `reference`, written to `out`; `ENTERED`, or why there can be no such order."""
    stop = stop_ticks(r, x, direction, reference)
    if stop == UNKNOWN:
        return STOP_MISSING
    has_stop = r.stop_kind != NO_LEVEL
    stop_price = from_units(stop, r.tick_num, r.tick_den)
    if has_stop and direction * (reference - stop_price) <= 0.0:
        return STOP_WRONG_SIDE
    out.limit_ticks = limit_ticks(r, direction, reference) if r.entry_is_limit != 0 else 0
    price = from_units(out.limit_ticks, r.tick_num, r.tick_den) if r.entry_is_limit != 0 else reference
    if has_stop and r.anchor_fill == 0 and direction * (price - stop_price) <= 0.0:
        return STOP_WRONG_SIDE
    target = target_ticks(r, x, direction, reference)
    if target == UNKNOWN:
        return TARGET_MISSING
    if r.target_kind != NO_LEVEL and target <= 0:
        return TARGET_INVALID
    verdict = _size(r, direction, equity, reference, stop_price, price, out)
    if verdict != ENTERED:
        return verdict
    out.beyond_liquidation = 0
    if has_stop and is_beyond_liquidation(r, direction, out.qty, reference, stop_price):
        if r.on_stop_beyond_liquidation == REJECT:
            return STOP_BEYOND_LIQUIDATION
        if r.on_stop_beyond_liquidation == ADJUST:
            stop = farthest_safe_ticks(r, direction, out.qty, reference)
            verdict = _size(r, direction, equity, reference, from_units(stop, r.tick_num, r.tick_den), price, out)
        else:
            out.beyond_liquidation = 1
    if has_stop and stop <= 0:
        return STOP_MISSING
    out.stop_ticks = stop
    out.target_ticks = target
    if verdict == ENTERED and r.anchor_fill != 0 and r.entry_is_limit != 0:
        return _measure_from_limit(r, x, direction, price, out)
    return verdict


@part
def _measure_from_limit(r: Record, x: Record, direction: int, price: float, out: Record) -> int:
    """
    What a limit order is filled at is known beforehand, unless it is better: with `anchor: fill` it carries the levels of that.
    """
    stop = stop_ticks(r, x, direction, price)
    if stop > 0:
        stop_price = from_units(stop, r.tick_num, r.tick_den)
        if direction * (price - stop_price) <= 0.0:
            return STOP_WRONG_SIDE
        if is_beyond_liquidation(r, direction, out.qty, price, stop_price):
            if r.on_stop_beyond_liquidation == REJECT:
                return STOP_BEYOND_LIQUIDATION
            if r.on_stop_beyond_liquidation == ADJUST:
                stop = farthest_safe_ticks(r, direction, out.qty, price)
            else:
                out.beyond_liquidation = 1
        out.stop_ticks = stop
    target = target_ticks(r, x, direction, price)
    if target > 0:
        out.target_ticks = target
    return ENTERED


@part
def _size(r: Record, direction: int, equity: float, reference: float, stop_price: float, price: float, out: Record) -> int:
    """Quantity in steps at `price`, what the order pays at most."""
    notional = notional_usdt(r, equity, reference, stop_price)
    cap = notional_cap_usdt(r, direction, equity)
    out.capped = 1 if notional > cap else 0
    out.qty = qty_steps(r, min(notional, cap), price)
    if is_below_min_notional(r, out.qty, price):
        return BELOW_MIN_NOTIONAL
    if out.qty < r.min_qty:
        return BELOW_MIN_QTY
    return ENTERED
