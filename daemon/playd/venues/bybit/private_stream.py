"""The private stream: orders, executions, positions and wallet of one account, as events in the order they arrived."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NoReturn, Self

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.errors import LinkError
from playd.venues.bybit.environment import VenueAccount
from playd.venues.bybit.numbers import Row, integer, objects
from playd.venues.bybit.rows import execution_from, order_from, position_from, tells_of_usdt, wallet_from
from playd.venues.bybit.signing import auth_args, signer_for
from playd.venues.bybit.socket import ConnectLimiter, SocketTiming, Wire, keep_connected
from playd.venues.bybit.venue_clock import VenueClock
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
from playd.world.ports import World

TOPICS: Final = ("execution", "order", "position", "wallet")

AUTH_VALID_MS: Final = 10_000
"""How far ahead the auth frame expires: it only has to outlive the trip and the clocks' difference."""

EVENTS_WAITING: Final = 4096
"""Events the consumer has not taken yet. A full queue stops the reader, never drops: fills must not be lost."""

EXECUTIONS_REMEMBERED: Final = 20_000
"""Execution ids kept to drop repeats; a busy account makes a few thousand per day."""


class BybitPrivateStream:
    """
    Keeps the private socket of one account open and turns its frames into `PrivateEvent`s on `events` (one consumer).

    `StreamUp` comes only after authentication and the acknowledgement of every topic; `StreamDown` once for each `StreamUp`
    that was lost, and once when the first connection fails. Executions are dropped when their id has been seen. Used as
    `with`: leaving closes `events`.
    """

    def __init__(
        self,
        world: World,
        account: VenueAccount,
        venue_clock: VenueClock,
        *,
        timing: SocketTiming | None = None,
        limiter: ConnectLimiter | None = None,
    ) -> None:
        self._world = world
        self._account = account
        self._clock = venue_clock
        self._signer = signer_for(account)
        self._timing = timing or SocketTiming()
        self._limiter = limiter or ConnectLimiter(world.clock)
        self._send, self._receive = anyio.create_memory_object_stream[PrivateEvent](EVENTS_WAITING)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._wire: Wire | None = None
        self._connection = 0
        self._told_down = False
        self._last_frame_s: float | None = None
        self.isolated = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._send.close()
        self._receive.close()

    @property
    def events(self) -> MemoryObjectReceiveStream[PrivateEvent]:
        """The events, for one consumer."""
        return self._receive

    @property
    def up(self) -> bool:
        """Authenticated, every topic acknowledged, not lost since."""
        return self._wire is not None

    @property
    def last_frame_age_s(self) -> float | None:
        """Monotonic age of the last frame of any kind, pongs included; None before the first."""
        return None if self._last_frame_s is None else self._world.clock.mono_s() - self._last_frame_s

    async def run(self) -> NoReturn:
        """Keep the socket open until cancelled."""
        await keep_connected(self._world, self._account.hosts.private, self, self._timing, self._limiter)

    async def use_key(self, account: VenueAccount) -> None:
        """Close the connection, so that the next one authenticates with another key. What happened between is caught up."""
        self._signer = signer_for(account)
        self._account = account
        if self._wire is not None:
            await self._wire.close()

    async def barrier_done(self, number: int) -> None:
        """Answer a `Barrier`. A barrier of a lost connection needs no answer: the exchange forgets it with the socket."""
        if self._wire is not None:
            with suppress(LinkError):  # the loss is reported as `StreamDown`
                await self._wire.send({"op": "playd.barrier", "barrier": number})

    # --- SocketUser --------------------------------------------------------------------------------------------------

    async def opened(self, wire: Wire) -> None:
        account = self._account
        args = auth_args(account, self._signer, self._clock.venue_ms() + AUTH_VALID_MS)
        _must_succeed("auth", await wire.request("auth", list(args)))
        for topic in TOPICS:
            _must_succeed(f"subscription to {topic}", await wire.request("subscribe", [topic]))
        if account is not self._account:
            raise LinkError("the key was changed during the handshake")
        self._connection += 1
        self._last_frame_s = self._world.clock.mono_s()  # an acknowledgement is a frame
        self._wire = wire
        self._told_down = False
        await self._send.send(StreamUp(self._connection))
        if self._account.lock_step:  # last, so that no barrier overtakes `StreamUp`
            await wire.send({"op": "playd.lockstep"})

    async def frame(self, frame: Row) -> None:
        self._last_frame_s = self._world.clock.mono_s()
        for event in self._events_of(frame):
            await self._send.send(event)

    async def closed(self, reason: str) -> None:
        self._wire = None
        if not self._told_down:
            self._told_down = True
            await self._send.send(StreamDown(self._account.secret.scrub(self._account.api_key.scrub(reason))))

    def _events_of(self, frame: Row) -> Iterator[PrivateEvent]:
        if frame.get("op") == "playd.barrier":
            yield Barrier(int(frame["barrier"]))
            return
        topic = frame.get("topic")
        received_ms = self._world.clock.wall_ms()
        for row in objects(frame.get("data") or []) if topic in TOPICS else ():
            if topic == "wallet":
                time_ms = integer(frame, "creationTime")
                if tells_of_usdt(row):
                    yield WalletUpdate(wallet_from(row, isolated=self.isolated, time_ms=time_ms), received_ms)
            elif not _is_linear_usdt(row):
                continue
            elif topic == "order":
                yield OrderUpdate(order_from(row), received_ms)
            elif topic == "position":
                yield PositionUpdate(position_from(row), received_ms)
            elif self._is_new(str(row.get("execId"))):
                yield ExecutionUpdate(execution_from(row), received_ms)

    def _is_new(self, exec_id: str) -> bool:
        if exec_id in self._seen:
            return False
        self._seen[exec_id] = None
        if len(self._seen) > EXECUTIONS_REMEMBERED:
            self._seen.popitem(last=False)
        return True


def _is_linear_usdt(row: Row) -> bool:
    """The all-in-one topics also carry spot, inverse, option and USDC rows, which are none of our business."""
    return row.get("category", "linear") == "linear" and "USDT" in str(row.get("symbol"))


def _must_succeed(what: str, ack: Row) -> None:
    if ack.get("success") is not True and ack.get("retCode") != 0:
        raise LinkError(f"{what} refused: {str(ack.get('ret_msg') or ack.get('retMsg') or ack)[:200]}")
