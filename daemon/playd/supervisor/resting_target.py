"""
When an instance asks for the limit order that its position's target rests as.

As soon as an entry is filled, so that the target is there for the rest of the minute, as in a backtest. An entry that rested
and was filled inside a minute meets no target before the next one, here as in a backtest: on the local exchange, which judges
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
from playd.supervisor.instance_ports import TAKEN
from playd.supervisor.translate import Identity, intent_of_target

_FILLS_ON_S = 2.0
"""How long an entry that has begun to fill may fill on before it has a target; venues tell of fills within milliseconds."""


class RestingTarget:
    """The target of one instance's position; does nothing where targets are attached, or belong to a book of our own."""

    def __init__(self, identity: Identity, engine: PlayEngine, submit: Callable[[Intent], Awaitable[Verdict]]) -> None:
        self._identity = identity
        self._engine = engine
        self._submit = submit
        self._asked: EnginePosition | None = None
        self._waits_for_close = False
        self._partly = anyio.Event()
        """Set when something was filled whose target was not asked for yet."""
        self._lock = anyio.Lock()

    def note_fill(self, event: FillEvent) -> None:
        """An execution that the engine has just been told of."""
        if event.action in (Action.ENTER, Action.ADD):
            inside = event.execution.is_maker and event.execution.time_ms % self._identity.base_step_ms != 0
            self._waits_for_close = inside and self._identity.judged_by_candle

    async def bring(self, *, bar_closed: bool, part: bool = False) -> None:
        """
        Ask for the target, if there is one that was not asked for. Between two bars only when the entry is done, so that an
        entry of many executions has one order, or with `part` for what it has filled so far.
        """
        if not self._identity.rests_target:
            return
        async with self._lock:
            self._waits_for_close = self._waits_for_close and not bar_closed
            position, fills_on = self._engine.position, self._engine.order_pending and not part
            if position is None or position.target_ticks is None or self._was_asked(position):
                return
            if not bar_closed and (self._waits_for_close or fills_on):
                self._partly.set()
                return
            verdict = await self._submit(intent_of_target(self._identity, position))
            if verdict.code in TAKEN:
                self._asked = position

    async def run(self) -> None:
        """
        Until cancelled: an entry that takes its time over the rest has a target for what it has filled. Where candles are
        judged the close of the bar brings it.
        """
        while True:
            await self._partly.wait()
            self._partly = anyio.Event()
            await anyio.sleep(_FILLS_ON_S)
            if not self._identity.judged_by_candle:
                await self.bring(bar_closed=False, part=True)

    def _was_asked(self, position: EnginePosition) -> bool:
        """Whether the same target was asked for; the venue itself cuts it when a part of the position is closed."""
        asked = self._asked
        return (
            asked is not None
            and (asked.entry_time_ms, asked.side, asked.target_ticks)
            == (position.entry_time_ms, position.side, position.target_ticks)
            and asked.qty_steps >= position.qty_steps
        )
