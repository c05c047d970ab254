"""
Stops and targets of an entry (play-language 8.2 to 8.4, 8.7). `r` is a RULES record, `x` a SIGNALS record or a STATE, which
remembers the part of them that levels need; `reference` is the price E that the levels are measured from.
"""

from typing import Final

import numpy as np

from playd.core.units import DOWN, UP, from_units, to_units
from playd.engine.records import ATR, NO_LEVEL, PERCENT, POINTS, REWARD, STRUCTURE, WARN
from playd.matching.compiled import part
from playd.matching.money import liquidation_price
from playd.matching.records import Record

UNKNOWN: Final = -(2**62)
"""A level that is needed and cannot be computed."""

SAFE_SHARE: Final = 0.999
"""Share of the way to liquidation beyond which a stop is no protection (play-language 8.7)."""


@part
def stop_ticks(r: Record, x: Record, direction: int, reference: float) -> int:
    """
    The stop, rounded to its tighter side; 0 if the Play has none, `UNKNOWN` if a value is missing.

    A stop of a long can lie at zero or below: then liquidation comes first.
    """
    if r.stop_kind == NO_LEVEL:
        return 0
    if r.stop_kind == STRUCTURE:
        level = x.stop_level_long if direction > 0 else x.stop_level_short
        return tighter_ticks(r, direction, level - direction * (reference * r.stop_buffer_pct / 100.0))
    distance = _reach(r, x, direction, reference)
    if r.stop_kind == ATR:
        distance += reference * r.stop_buffer_pct / 100.0
    return tighter_ticks(r, direction, reference - direction * distance)


@part
def limit_ticks(r: Record, direction: int, reference: float) -> int:
    """The price of a limit entry (9.1): the reference less the offset, a buy rounded down, a sell up."""
    price = reference * (1.0 - direction * r.entry_offset_pct / 100.0)
    return to_units(price, r.tick_num, r.tick_den, DOWN if direction > 0 else UP)


@part
def target_ticks(r: Record, x: Record, direction: int, reference: float) -> int:
    """The target, rounded towards the reference; 0 if the Play has none, `UNKNOWN` if a value is missing. May be negative."""
    if r.target_kind == NO_LEVEL:
        return 0
    if r.target_kind == PERCENT:
        distance = reference * r.target_value / 100.0 / r.target_divisor
    elif r.target_kind == ATR:
        distance = r.target_value * x.target_atr
    elif r.target_kind == REWARD:
        distance = r.target_value * _reach(r, x, direction, reference)
    else:
        distance = r.target_value
    price = reference + direction * distance
    if not np.isfinite(price):
        return UNKNOWN
    return to_units(price, r.tick_num, r.tick_den, DOWN if direction > 0 else UP)


@part
def _reach(r: Record, x: Record, direction: int, reference: float) -> float:
    """The distance of the stop without its buffer: what a reward is a multiple of."""
    if r.stop_kind == PERCENT:
        return float(reference * r.stop_value / 100.0 / r.stop_divisor)
    if r.stop_kind == ATR:
        return float(r.stop_value * x.stop_atr)
    if r.stop_kind == POINTS:
        return float(r.stop_value)
    return float(abs(reference - (x.stop_level_long if direction > 0 else x.stop_level_short)))


@part
def tighter_ticks(r: Record, direction: int, price: float) -> int:
    """A stop price as ticks, rounded up for a long and down for a short; `UNKNOWN` if it is not a number."""
    if not np.isfinite(price):
        return UNKNOWN
    return to_units(price, r.tick_num, r.tick_den, UP if direction > 0 else DOWN)


@part
def farthest_safe_ticks(r: Record, direction: int, qty: int, reference: float) -> int:
    """The stop at 0.999 of the way from the reference to liquidation, rounded to its tighter side."""
    safe = SAFE_SHARE * liquidation_distance(r, direction, qty, reference)
    return tighter_ticks(r, direction, reference - direction * safe)


@part
def liquidation_distance(r: Record, direction: int, qty: int, reference: float) -> float:
    """|E - LP| of a position of `qty` steps entered at the reference."""
    size = from_units(qty, r.step_num, r.step_den)
    return abs(reference - liquidation_price(direction, size, reference, r.leverage, r.mm_rate, r.mm_deduction_usdt))


@part
def is_beyond_liquidation(r: Record, direction: int, qty: int, reference: float, stop_price: float) -> bool:
    """Whether liquidation would come before the stop, or so close to it that the stop is no protection."""
    return abs(reference - stop_price) >= SAFE_SHARE * liquidation_distance(r, direction, qty, reference)


@part
def stop_of_fill(r: Record, x: Record, direction: int, qty: int, price: float) -> int:
    """
    The stop of a position of `qty` steps that was entered at `price`; 0 or less if there is none or it cannot be measured.

    Such a position cannot be refused any more: unless the Play accepts a stop beyond liquidation, it goes to the farthest safe
    price.
    """
    stop = stop_ticks(r, x, direction, price)
    may_adjust = stop > 0 and r.on_stop_beyond_liquidation != WARN
    if may_adjust and is_beyond_liquidation(r, direction, qty, price, from_units(stop, r.tick_num, r.tick_den)):
        return farthest_safe_ticks(r, direction, qty, price)
    return stop


@part
def anchor_levels(s: Record, r: Record) -> None:
    """
    Measure stop and target of the open position from its average entry price, with the values of the close that decided it.

    A level that cannot be measured so stays as it was sent. A stop that has moved since the first fill stays too.
    """
    if s.stop_ticks == s.first_stop_ticks:
        stop = stop_of_fill(r, s, s.dir, s.qty, s.entry_price)
        if stop > 0:
            s.stop_ticks = stop
            s.first_stop_ticks = stop
    target = target_ticks(r, s, s.dir, s.entry_price)
    if target > 0:
        s.target_ticks = target
        s.first_target_ticks = target
