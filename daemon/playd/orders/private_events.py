"""The private stream, event by event: booked, then published in one commit per burst, then (lock-step) acknowledged."""

from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.orders.breaker_watch import BreakerWatch
from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.protection import Protection
from playd.orders.reconciler import Reconciler
from playd.orders.resolver import Resolver
from playd.venues.port import (
    Barrier,
    ExecutionUpdate,
    OrderUpdate,
    PositionUpdate,
    PrivateEvent,
    StreamDown,
    StreamUp,
    WalletUpdate,
)

_READ_WITHIN_S: Final = 10.0
"""How long an execution that nothing explains may hold up those behind it; it is booked by the next reading then."""


class PrivateEvents:
    """Consumes the private stream of one account."""

    def __init__(
        self,
        desk: Desk,
        catch_up: CatchUp,
        reconciler: Reconciler,
        resolver: Resolver,
        protection: Protection,
        breakers: BreakerWatch,
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        """`settled` returns once every instance has dealt with what it was told."""
        self._desk = desk
        self._catch_up = catch_up
        self._reconciler = reconciler
        self._resolver = resolver
        self._protection = protection
        self._breakers = breakers
        self._settled = settled
        self.ready = anyio.Event()
        """Set once the account takes entries for the first time in this run."""

    async def run(self, events: MemoryObjectReceiveStream[PrivateEvent]) -> None:
        """Consume until the stream ends. A burst that is waiting already shares one commit."""
        async for first in events:
            event: PrivateEvent | None = first
            while event is not None:
                if isinstance(event, Barrier):
                    self._desk.publish()
                    await self._settled()
                    await self._desk.port.barrier_done(event.number)
                elif isinstance(event, ExecutionUpdate) and self._desk.booking.premature(event.execution):
                    await self._read_executions()
                else:
                    self._apply(event)
                event = _waiting(events)
            if self._desk.has_news:
                self._desk.publish()

    def note_ready(self) -> None:
        """Called when anything that readiness hangs on has come."""
        if not self._desk.condition.not_ready():
            self.ready.set()

    def _apply(self, event: PrivateEvent) -> None:
        if isinstance(event, ExecutionUpdate):
            self._desk.booking.executed(event.execution, "stream")
        elif isinstance(event, OrderUpdate):
            self._desk.booking.order_seen(event.order, "stream")
        elif isinstance(event, PositionUpdate):
            self._desk.shown.take(event.position, self._desk.clock.mono_s())
            self._protection.position_seen(event.position)
        elif isinstance(event, WalletUpdate):
            self._reconciler.note_wallet(event.wallet)
            self._breakers.note(event.wallet, complete=False)
        elif isinstance(event, StreamUp):
            self._came_up(event.connection)
        elif isinstance(event, StreamDown):
            self._went_down()
        # The check is opened before the next event, which may be the very position that closes it.
        self._desk.wake()

    async def _read_executions(self) -> None:
        """An execution that nothing here explains: the complete list, in order, books it and what came before it."""
        read = False
        with anyio.move_on_after(_READ_WITHIN_S):  # everything else that the stream tells waits behind this
            read = await self._catch_up.try_run()
        if not read:
            self._protection.reconcile_soon.append("execution")
        self._desk.wake()

    def _came_up(self, connection: int) -> None:
        self._desk.condition.stream_up = True
        self._desk.condition.stream_turns += 1
        self._desk.condition.stream_down_since_s = None
        self._desk.condition.reconciled = False
        self._resolver.reset()
        self._desk.spawn(self._reconcile, f"stream up {connection}")

    def _went_down(self) -> None:
        self._desk.condition.stream_up = False
        self._desk.condition.stream_turns += 1
        if self._desk.condition.stream_down_since_s is None:
            self._desk.condition.stream_down_since_s = self._desk.clock.mono_s()
        self._desk.condition.reconciled = False

    async def _reconcile(self, trigger: str) -> None:
        await self._reconciler.run(trigger)


def _waiting(events: MemoryObjectReceiveStream[PrivateEvent]) -> PrivateEvent | None:
    try:
        return events.receive_nowait()
    except (anyio.WouldBlock, anyio.EndOfStream):
        return None
