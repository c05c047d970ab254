"""
What an open position does at an execution close: its stop moves (play-language 8.5, 8.6) or it is closed in part (9.2).

`s` is a STATE record, `r` a RULES record, `x` a SIGNALS record.
"""

from playd.core.units import DOWN, from_units, to_units
from playd.engine.levels import tighter_ticks
from playd.engine.records import ATR, NO_LEVEL
from playd.engine.sizing import is_below_min_notional
from playd.matching.compiled import part
from playd.matching.records import Record


@part
def moved_stop_ticks(s: Record, r: Record, x: Record, close: float) -> int:
    """The stop after break-even and then trailing saw this close; the present one if neither tightens it."""
    stop = s.stop_ticks
    if r.break_even != 0 and s.break_even_done == 0 and _gain_pct(s, close) >= r.break_even_activation_pct:
        s.break_even_done = 1
        level = s.entry_price * (1.0 + s.dir * r.break_even_offset_pct / 100.0)
        stop = _tighter(s.dir, stop, tighter_ticks(r, s.dir, level))
    if r.trailing_kind != NO_LEVEL:
        stop = _tighter(s.dir, stop, _trailed_ticks(s, r, x, close))
    return int(stop)


@part
def _trailed_ticks(s: Record, r: Record, x: Record, close: float) -> int:
    """The trailing candidate; not a level (-1) while inactive or while its ATR is missing."""
    s.peak_close = max(s.peak_close, close) if s.dir > 0 else min(s.peak_close, close)
    if _gain_pct(s, s.peak_close) < r.trailing_activation_pct:
        return -1
    by_atr = r.trailing_kind == ATR
    distance = r.trailing_value * x.trailing_atr if by_atr else s.peak_close * r.trailing_value / 100.0
    return tighter_ticks(r, s.dir, s.peak_close - s.dir * distance)


@part
def _gain_pct(s: Record, price: float) -> float:
    return float(s.dir * (price - s.entry_price) / s.entry_price * 100.0)


@part
def _tighter(direction: int, present: int, candidate: int) -> int:
    """The nearer of two stops; levels that do not exist (0 or less) never win."""
    if candidate <= 0:
        return present
    if present <= 0:
        return candidate
    return max(present, candidate) if direction > 0 else min(present, candidate)


@part
def has_passed(r: Record, direction: int, close: float, stop: int) -> bool:
    """Whether the close is already at the stop or beyond it."""
    return direction * (close - from_units(stop, r.tick_num, r.tick_den)) <= 0.0


@part
def exit_steps(s: Record, r: Record, percent: float, close: float) -> int:
    """
    Steps to close for `percent` of the position: rounded down; all of it if the rest would be below the minimum.

    Less than the instrument's minimum quantity means that the share cannot be traded.
    """
    qty = to_units(s.qty * percent / 100.0, 1, 1, DOWN)
    rest = s.qty - qty
    if rest < r.min_qty or is_below_min_notional(r, rest, close):
        return int(s.qty)
    return int(qty)
