"""
Stops that move in bars which were missed: the venue can only be told of a move behind the market that would have met it.

Every missed bar is decided again. A stop that such a decision moves is held back, and the venue keeps the one it has. Where a
later missed bar touches it the position would have been left there: it is left now, for that bar, at the price of its stop.
What nothing touched is brought to the venue once, with the end of catching up. Asked for bar by bar, a stop that the present
market is beyond would be refused, and its position taken for one that cannot be protected.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from playd.core.candles import Candle
from playd.core.instrument import Instrument
from playd.core.orders import Action, Side
from playd.engine.messages import Decision, EngineOrder, EnginePosition

Leave = Callable[[], EngineOrder | None]
"""The engine's order for leaving a position at its stop; None without one."""

EXITED: Final = "EXITED"
_LEAVES: Final = (Action.EXIT, Action.REDUCE)


class MissedMoves:
    """The stop of one instance while it catches up."""

    def __init__(self) -> None:
        self._held: tuple[Decision, EngineOrder] | None = None
        """The newest move that the venue has not been told of."""
        self._entered_ms = 0
        """When the position was entered whose stop that is."""
        self._due: Decimal | None = None
        """The price of a stop that was touched and is not dealt with."""

    @property
    def open(self) -> bool:
        """Whether something is held back."""
        return self._held is not None

    @property
    def due(self) -> bool:
        """Whether the position is to be left with the next decision."""
        return self._due is not None

    def meet(self, position: EnginePosition | None, candle: Candle, units: Instrument) -> None:
        """A missed minute, before it is decided: does it touch a stop that an earlier one has moved?"""
        if self._held is None or self._due is not None:
            return
        if position is None or position.entry_time_ms != self._entered_ms or position.stop_ticks is None:
            self._held = None
            return
        stop, is_long = position.stop_ticks * units.tick, position.side is Side.BUY
        if candle.low <= stop if is_long else candle.high >= stop:
            self._due = stop

    def hold(self, decision: Decision, position: EnginePosition | None, told: str) -> Decision:
        """What a missed bar decided, without the move of its stop, which is held back; `told` says it to people."""
        actions = [order.action for order in decision.orders]
        if position is None or any(action in _LEAVES for action in actions):
            self._held = self._due = None
            return decision
        for order in decision.orders:
            if order.action is Action.STOP:
                self._held, self._entered_ms = (decision, order), position.entry_time_ms
        others = tuple(order for order in decision.orders if order.action is not Action.STOP)
        return decision if len(others) == len(actions) else replace(decision, orders=others, detail="" if others else told)

    def leaving(self, decision: Decision, leave: Leave) -> Decision:
        """What to do instead of `decision`: to leave at the stop, by the engine's order. An exit stays one."""
        leaves = any(each.action in _LEAVES for each in decision.orders)
        order = None if leaves else self._exit(leave)
        return decision if order is None else replace(decision, verdict=EXITED, detail="", orders=(order,))

    def settled(self, position: EnginePosition | None, leave: Leave) -> tuple[Decision, EngineOrder] | None:
        """What is left to be done with the end of catching up: leave at a stop that was touched, or tell the venue of it."""
        held, entered_ms = self._held, self._entered_ms
        order = self._exit(leave) if self.due else None
        self._held = None
        if held is None or position is None or position.entry_time_ms != entered_ms:
            return None
        return held[0], order or held[1]

    def _exit(self, leave: Leave) -> EngineOrder | None:
        due, self._due, self._held = self._due, None, None
        order = leave()
        return None if order is None or due is None else replace(order, price_ref=float(due))
