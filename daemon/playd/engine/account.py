"""
What fills and funding do to an engine's own account (play-language 10.8, 10.10). Sizing uses this account in every mode, so
that decisions never depend on what else an exchange account holds.
"""

from playd.core.machine import kept
from playd.core.timeframes import DAY_MS
from playd.core.units import from_units
from playd.engine.levels import anchor_levels
from playd.engine.records import HALTED_LIQUIDATED
from playd.matching.compiled import inlined, part
from playd.matching.money import realised_usdt
from playd.matching.records import LIQUIDATION, MAX_DRAWDOWN, SIGNAL, SL, TIME, Record, Records


@kept
def apply_entry(state: Records, rules: Records, direction: int, qty: int, price: float, fee_usdt: float, time_ms: int) -> None:
    """
    A fill that opens a position or adds to it. Its levels are those of the pending entry order, or are measured from the fill.

    `direction` must be that of an open position if there is one; `fee_usdt` is positive when paid.
    """
    apply_entry_record(state[0], rules[0], direction, qty, price, fee_usdt, time_ms)


@part
def apply_entry_record(s: Record, r: Record, direction: int, qty: int, price: float, fee_usdt: float, time_ms: int) -> None:
    """`apply_entry` on the elements, for compiled callers."""
    s.cash_usdt -= fee_usdt
    if s.dir == 0:
        _open(s, r, direction, qty, price, time_ms)
        s.entry_fee_usdt = fee_usdt
    else:
        s.entry_price = (s.entry_price * s.qty + price * qty) / (s.qty + qty)
        s.qty += qty
        s.entry_fee_usdt += fee_usdt
    s.size = from_units(s.qty, r.step_num, r.step_den)
    s.pending_qty = max(0, s.pending_qty - qty)
    if r.anchor_fill != 0:
        anchor_levels(s, r)


@part
def _open(s: Record, r: Record, direction: int, qty: int, price: float, time_ms: int) -> None:
    s.dir = direction
    s.qty = qty
    s.entry_price = price
    s.funding_usdt = 0.0
    s.entry_time_ms = time_ms - time_ms % r.base_step_ms
    s.decided_ms = s.pending_decided_ms
    s.stop_ticks = s.pending_stop_ticks
    s.target_ticks = s.pending_target_ticks
    s.first_stop_ticks = s.pending_stop_ticks
    s.first_target_ticks = s.pending_target_ticks
    s.peak_close = price
    s.break_even_done = 0
    s.held_closes = 0
    s.worst_price = price
    s.best_price = price
    s.trade_id += 1
    s.part = 0
    day = time_ms // DAY_MS
    if s.entries_day != day:
        s.entries_day = day
        s.entries_count = 0
    s.entries_count += 1


@kept
def apply_exit(
    state: Records,
    rules: Records,
    qty: int,
    price: float,
    fee_usdt: float,
    time_ms: int,
    reason: int,
    trades: Records,
    n: int,
) -> None:
    """
    A fill that reduces the position by `qty` steps (at most all of it), for `reason`, a code of `matching.records.REASONS`.

    Writes one record to `trades[n]`. A part carries its share of the entry's fee and funding, the last part what is left.
    """
    apply_exit_record(state[0], rules[0], qty, price, fee_usdt, time_ms, reason, trades[n])


@part
def apply_exit_record(
    s: Record, r: Record, qty: int, price: float, fee_usdt: float, time_ms: int, reason: int, trade: Record
) -> None:
    """`apply_exit` on the elements, for compiled callers."""
    is_last = qty == s.qty
    share = 1.0 if is_last else qty / s.qty
    entry_fee = s.entry_fee_usdt * share
    funding = s.funding_usdt * share
    gross = realised_usdt(s.dir, from_units(qty, r.step_num, r.step_den), s.entry_price, price)
    s.cash_usdt = s.cash_usdt + gross - fee_usdt
    s.entry_fee_usdt -= entry_fee
    s.funding_usdt -= funding
    s.part += 1
    s.worst_price = _worse(s.dir, s.worst_price, price)
    s.best_price = _worse(-s.dir, s.best_price, price)
    _write(s, r, trade, qty, price, gross, entry_fee, fee_usdt, funding, time_ms, reason)
    s.qty -= qty
    s.size = from_units(s.qty, r.step_num, r.step_den)
    s.exit_qty = min(max(0, s.exit_qty - qty), s.qty)
    if is_last:
        _close(s, r, reason)


@part
def _close(s: Record, r: Record, reason: int) -> None:
    """Flat: the cool-down starts. It counts one close more, because the bar in which the position closed does not count."""
    s.dir = 0
    s.stop_ticks = 0
    s.target_ticks = 0
    bars = r.cooldown_stop_bars if reason in (SL, LIQUIDATION) else r.cooldown_exit_bars
    s.cooldown_left = bars + 1 if bars > 0 else 0
    if reason == LIQUIDATION:
        s.halted = HALTED_LIQUIDATED


@part
def _write(
    s: Record,
    r: Record,
    t: Record,
    qty: int,
    price: float,
    gross: float,
    entry_fee: float,
    exit_fee: float,
    funding: float,
    time_ms: int,
    reason: int,
) -> None:
    t.trade_id = s.trade_id
    t.part = s.part
    t.dir = s.dir
    t.decided_ms = s.decided_ms
    t.exit_decided_ms = s.exit_decided_ms if reason in (SIGNAL, TIME, MAX_DRAWDOWN) else 0
    t.entry_time_ms = s.entry_time_ms
    t.exit_time_ms = time_ms - time_ms % r.base_step_ms
    t.entry_price = s.entry_price
    t.exit_price = price
    t.qty = qty
    t.reason = reason
    t.gross_usdt = gross
    t.entry_fee_usdt = entry_fee
    t.fees_usdt = entry_fee + exit_fee
    t.funding_usdt = funding
    t.net_usdt = gross - t.fees_usdt - funding
    t.first_stop_ticks = s.first_stop_ticks
    t.first_target_ticks = s.first_target_ticks
    t.last_stop_ticks = s.stop_ticks
    t.last_target_ticks = s.target_ticks
    t.mae_pct = s.dir * (s.entry_price - s.worst_price) / s.entry_price * 100.0
    t.mfe_pct = s.dir * (s.best_price - s.entry_price) / s.entry_price * 100.0


@kept
def apply_funding(state: Records, paid_usdt: float) -> None:
    """Funding of the open position, positive when paid."""
    apply_funding_record(state[0], paid_usdt)


@part
def apply_funding_record(s: Record, paid_usdt: float) -> None:
    """`apply_funding` on the element, for compiled callers."""
    s.cash_usdt -= paid_usdt
    if s.dir != 0:
        s.funding_usdt += paid_usdt


@kept
def mark(state: Records, high: float, low: float) -> None:
    """The extremes of one minute at whose end the position is still open (MAE and MFE)."""
    mark_record(state[0], high, low)


@inlined
def mark_record(s: Record, high: float, low: float) -> None:
    """`mark` on the element itself, for compiled callers."""
    if s.dir > 0:
        s.worst_price = min(s.worst_price, low)
        s.best_price = max(s.best_price, high)
    else:
        s.worst_price = max(s.worst_price, high)
        s.best_price = min(s.best_price, low)


@kept
def leave(state: Records) -> None:
    """`leave_now` from Python."""
    leave_now(state[0])


@part
def leave_now(s: Record) -> None:
    """The whole position is left by the market for its stop's sake: a venue cannot take a stop that the price is beyond."""
    s.exit_qty = s.qty
    s.exit_reason = SL


@part
def _worse(direction: int, a: float, b: float) -> float:
    return min(a, b) if direction > 0 else max(a, b)


@kept
def entry_ended(state: Records) -> None:
    """The entry order is over without (further) fill."""
    state[0].pending_qty = 0


@kept
def exit_ended(state: Records) -> None:
    """The exit order is over without (further) fill."""
    state[0].exit_qty = 0
