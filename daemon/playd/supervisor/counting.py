"""
The tick and step that an instance counts in, when the venue has changed those of its symbol.

What an instance remembers (position, levels, orders under way) are whole ticks and steps of the rules that it was made under.
A life begins with the rules of now; what the life before remembered is counted anew, and where the rules became coarser it goes
on in the finer unit, so that a position between two steps stays what it is. What it asks for is then brought to the rules
(`translate`).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from playd.core.canonical import Json
from playd.core.errors import PlaydError
from playd.core.instrument import Instrument
from playd.venues.units import counted_in

_COUNTS: Final = {
    "tick": (
        *("stop_ticks", "target_ticks", "first_stop_ticks", "first_target_ticks", "pending_stop_ticks", "pending_target_ticks"),
        *("entry_stop_ticks", "entry_target_ticks", "entry_limit_ticks"),
    ),
    "step": ("qty", "pending_qty", "exit_qty", "entry_qty"),
}
"""Fields of the engine's state and of the shadow's book that count ticks and steps."""


class RulesMoved(PlaydError):
    """The venue changed tick, step or funding times of a symbol: the next life takes them over."""


def units_of(instrument: Instrument) -> Json:
    """What a kept state says about its counts."""
    return [str(instrument.tick), str(instrument.step)]


def counted(rules: Instrument, kept: Mapping[str, Any]) -> Instrument:
    """The instrument that an instance of this kept state (empty without one) counts in; the rules, unless they are coarser."""
    units = kept.get("units")
    return counted_in(rules, Decimal(units[0]), Decimal(units[1])) if units else rules


def recounted(kept: Mapping[str, Any], instrument: Instrument, part: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a kept state, its counts in the units of `instrument`, which `counted` gave for it."""
    units = kept.get("units")
    if not units:
        return {**part}
    factors = {"tick": int(Decimal(units[0]) / instrument.tick), "step": int(Decimal(units[1]) / instrument.step)}
    factor_of = {name: factors[unit] for unit, names in _COUNTS.items() for name in names}
    return {name: value * factor_of[name] if name in factor_of else value for name, value in part.items()}
