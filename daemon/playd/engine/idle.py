"""
Closes at which `decide` certainly does nothing but count: what proves that, and what they leave behind.

Runs of such closes are most of a history. Whoever walks through whole histories skips them with this and calls `decide` for
every other close; nothing here can open, close or move anything. `s` is a STATE record, `r` a RULES record.
"""

from playd.engine.records import NO_LEVEL, RUNNING
from playd.matching.compiled import inlined, part
from playd.matching.records import Record

_SURELY_MORE = 101.0
"""Above the 100 of a percentage by more than any rounding: settles nearly every close without a division."""

_NO_LIMIT = 2**62


@part
def idle_closes(s: Record, r: Record) -> int:
    """
    How many closes from now on can be idle at most.

    A close among them is idle if its equity `is_far_from_drawdown` and no action that counts is true: an entry while flat, an
    exit of all or of the position's side while holding. Where decisions are due inside a bar, none counts as idle.
    """
    if s.halted != RUNNING or r.decision_step_ms != r.exec_step_ms:
        return 0
    if s.dir == 0:
        return _NO_LIMIT
    if r.trailing_kind != NO_LEVEL or (r.break_even != 0 and s.break_even_done == 0):
        return 0
    return max(0, r.time_exit_bars - 1 - s.held_closes) if r.time_exit_bars > 0 else _NO_LIMIT


@inlined
def is_far_from_drawdown(peak_usdt: float, equity_usdt: float, max_drawdown_pct: float) -> bool:
    """Whether `equity_usdt` is certainly no breach of the drawdown limit below the peak, which includes it."""
    return (peak_usdt - equity_usdt) * _SURELY_MORE < peak_usdt * max_drawdown_pct


@part
def count_idle(s: Record, closes: int, peak_usdt: float) -> None:
    """What `closes` idle closes leave behind, the highest equity at any close so far being `peak_usdt`."""
    s.cooldown_left = max(0, s.cooldown_left - closes)
    s.peak_equity_usdt = peak_usdt
    if s.dir != 0:
        s.held_closes += closes
