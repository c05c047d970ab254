"""
Stops that moved in bars which were missed: the venue heard of the move behind the market that would have met it.

Every missed bar is decided again, and a stop that such a decision moves is brought to the venue at once. Where a later one
has touched it, the position would have been left there: it is left now, for the bar that was due, at the price of its stop.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from playd.core.candles import Candle
from playd.core.instrument import Instrument
from playd.core.orders import Action, Side
from playd.engine.messages import Decision, EngineOrder, EnginePosition

EXITED: Final = "EXITED"
_LEAVES: Final = (Action.EXIT, Action.REDUCE)


class MissedMoves:
    """The stop of one instance while it catches up."""

    def __init__(self) -> None:
        self._entered_ms: int | None = None
        """When the position was entered whose stop has moved in a missed bar."""
        self._due: Decimal | None = None
        """The price of a stop that was touched and is not dealt with."""

    def meet(self, position: EnginePosition | None, candle: Candle, units: Instrument) -> None:
        """A missed minute, before it is decided: does it touch a stop that an earlier one has moved?"""
        if position is None or position.entry_time_ms != self._entered_ms or position.stop_ticks is None:
            self._due = None
            return
        stop, is_long = position.stop_ticks * units.tick, position.side is Side.BUY
        if candle.low <= stop if is_long else candle.high >= stop:
            self._due = stop if self._due is None else self._due

    def note(self, decision: Decision, position: EnginePosition | None) -> None:
        """What a missed bar decided: whether its stop moves, or the position is left anyway."""
        actions = [order.action for order in decision.orders]
        if position is not None and Action.STOP in actions:
            self._entered_ms = position.entry_time_ms
        if any(action in _LEAVES for action in actions):
            self._entered_ms = self._due = None

    @property
    def due(self) -> bool:
        """Whether the position is to be left with the next decision."""
        return self._due is not None

    def leaving(self, decision: Decision, leave: Callable[[], EngineOrder | None]) -> Decision:
        """What to do instead of `decision`: to leave at the stop, by the engine's order `leave`. An exit stays one."""
        due, self._due, self._entered_ms = self._due, None, None
        leaves = any(each.action in _LEAVES for each in decision.orders)
        order = None if leaves or due is None else leave()
        if order is None or due is None:
            return decision
        return replace(decision, verdict=EXITED, detail="", orders=(replace(order, price_ref=float(due)),))
