"""
When an instance asks for the limit order that its position's target rests as.

As soon as an entry is filled, so that the target is there for the rest of the minute, as in a backtest. An entry that rested
and was filled inside a minute meets no target before the next one (play-language 10.3): on the local exchange, which judges
minutes by their candles, it is asked for when the minute's bar is closed. Elsewhere a real price knows of no candles and nobody
waits.
"""

from collections.abc import Awaitable, Callable

import anyio

from playd.core.orders import Action, Intent
from playd.engine.messages import EnginePosition
from playd.engine.play_engine import PlayEngine
from playd.orders.fills import FillEvent
from playd.orders.gateway import Verdict
from playd.supervisor.translate import Identity, intent_of_target

_ON_RECORD = ("SENT", "UNKNOWN", "REJECTED", "AMENDED")


class RestingTarget:
    """The target of one instance's position; does nothing where targets are attached, or belong to a book of our own."""

    def __init__(self, identity: Identity, engine: PlayEngine, submit: Callable[[Intent], Awaitable[Verdict]]) -> None:
        self._identity = identity
        self._engine = engine
        self._submit = submit
        self._asked: EnginePosition | None = None
        self._waits_for_close = False
        self._lock = anyio.Lock()

    def note_fill(self, event: FillEvent) -> None:
        """An execution that the engine has just been told of."""
        if event.action in (Action.ENTER, Action.ADD):
            inside = event.execution.is_maker and event.execution.time_ms % self._identity.base_step_ms != 0
            self._waits_for_close = inside and self._identity.judged_by_candle

    async def bring(self, *, bar_closed: bool) -> None:
        """
        Ask for the target, if there is one that was not asked for. Between two bars only when the entry is done, so that an
        entry of many executions has one order: what an entry has filled so far has its target with the next bar at the latest.
        """
        if not self._identity.rests_target:
            return
        async with self._lock:
            self._waits_for_close = self._waits_for_close and not bar_closed
            position = self._engine.position
            may_ask = bar_closed or not (self._waits_for_close or self._engine.order_pending)
            if position is None or position.target_ticks is None or not may_ask or self._was_asked(position):
                return
            verdict = await self._submit(intent_of_target(self._identity, position))
            if verdict.code in _ON_RECORD:
                self._asked = position

    def _was_asked(self, position: EnginePosition) -> bool:
        """Whether the same target was asked for; the venue itself cuts it when a part of the position is closed."""
        asked = self._asked
        return (
            asked is not None
            and (asked.entry_time_ms, asked.side, asked.target_ticks)
            == (position.entry_time_ms, position.side, position.target_ticks)
            and asked.qty_steps >= position.qty_steps
        )
