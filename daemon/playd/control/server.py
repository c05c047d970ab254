"""
Serves the control socket: one task per client, bounded in every direction.

A client can be slow, silent, broken or hostile and costs at most its own connection; where all places are taken, `places` says
who gives way. A changing call that was accepted runs to its end even when the client has gone, because it runs in the server's
task group and not in the client's.
"""

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import PurePath
from typing import Final, Protocol

import anyio
from anyio.abc import ByteStream, TaskGroup

from playd.control.client_places import Places
from playd.control.protocol import (
    TOO_FAST,
    Code,
    JsonObject,
    LineBuffer,
    Request,
    RpcError,
    encode_error,
    encode_result,
    encode_stream,
    parse_request,
)
from playd.control.streams import Filter, StreamHub, Subscription
from playd.core.errors import CredentialError, LockError, OperatorError, RecordError, SettingsError
from playd.core.limits import (
    CONTROL_CLIENTS,
    CONTROL_IDLE_S,
    CONTROL_REQUESTS_PER_S,
    CONTROL_WRITE_TIMEOUT_S,
    REQUEST_LINE_BYTES,
    SUBSCRIPTIONS_PER_CLIENT,
)
from playd.world.ports import Clock, Net, Peer

RECEIVE_BYTES: Final = 64 * 1024
HELLO: Final = "hello"

PHRASE_WITHIN_S: Final = 30.0
"""So long behind its answer one that stops gives way to nobody: it may come again with its phrase."""

_GONE: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, TimeoutError)
"""How a connection ends that is not our business."""


class Session:
    """
    One connected client: who it is, what it subscribed to, and the one way to write to it.

    Cancellation: `send` is all or nothing as far as the client can tell, because a cancelled write ends the connection.
    """

    def __init__(self, stream: ByteStream, peer: Peer, hub: StreamHub, group: TaskGroup, clock: Clock) -> None:
        self.peer = peer
        self.asked_s = self._answered_s = clock.mono_s()
        self.has_asked = False
        self._waits = self._stops = False
        self._clock = clock
        self._stream = stream
        self._hub = hub
        self._group = group
        self._writing = anyio.Lock()
        self._subscriptions: dict[str, Subscription] = {}
        self._counter = 0

    @property
    def subscribed(self) -> bool:
        """Whether silence of this client is normal."""
        return bool(self._subscriptions)

    @property
    def is_idle(self) -> bool:
        """Whether nobody loses anything with it: see `places.Guest`."""
        return not (self._waits or self._may_stop or self.subscribed)

    @property
    def _may_stop(self) -> bool:
        """Whether its last request may come again with the phrase that somebody types meanwhile."""
        return self._stops and self._clock.mono_s() - self._answered_s < PHRASE_WITHIN_S

    def asks(self, now_s: float, *, stops: bool) -> None:
        """A complete request came; `stops`: one that refuses risk or closes, and may come again with its phrase."""
        self.asked_s, self.has_asked, self._waits, self._stops = now_s, True, True, stops

    def answered(self) -> None:
        """Its request has its reply."""
        self._waits = False
        self._answered_s = self._clock.mono_s()

    def leave(self) -> None:
        """End the connection. Returns at once."""
        self._group.cancel_scope.cancel()

    async def send(self, line: bytes) -> None:
        """Write one line. Raises when the client does not take it within its time."""
        async with self._writing:
            with anyio.fail_after(CONTROL_WRITE_TIMEOUT_S):
                await self._stream.send(line)

    async def push(self, subscription: str, seq: int, data: JsonObject) -> None:
        """Send one stream message; a client that has gone is no error for whoever reports progress to it."""
        try:
            await self.send(encode_stream(subscription, seq, data))
        except _GONE:
            return

    def subscribe(self, topics: frozenset[str], wants: Filter) -> str:
        """Start a subscription and return its id. Raises `RpcError` when the client has too many."""
        if len(self._subscriptions) >= SUBSCRIPTIONS_PER_CLIENT:
            raise RpcError(Code.BUSY, f"a client may hold {SUBSCRIPTIONS_PER_CLIENT} subscriptions")
        self._counter += 1
        key = f"s{self._counter}"
        subscription = self._subscriptions[key] = self._hub.subscribe(topics, wants)
        self._group.start_soon(self._forward, key, subscription, name=f"control stream {key}")
        return key

    def unsubscribe(self, key: str) -> bool:
        """End a subscription; False when there is none of that id."""
        subscription = self._subscriptions.pop(key, None)
        if subscription is None:
            return False
        self._hub.unsubscribe(subscription)
        return True

    def close(self) -> None:
        """End every subscription at once, whatever is queued."""
        for key, subscription in tuple(self._subscriptions.items()):
            self.unsubscribe(key)
            subscription.outbox.close()

    async def _forward(self, key: str, subscription: Subscription) -> None:
        seq = 0
        try:
            async with subscription.outbox:
                async for message in subscription.outbox:
                    seq += 1
                    await self.send(encode_stream(key, seq, message))
                    if (loss := subscription.loss()) is not None:
                        seq += 1
                        await self.send(encode_stream(key, seq, loss))
            if subscription.too_slow:  # a client that waits on for messages that no longer come would take it for silence
                await self._stream.aclose()
        except _GONE:
            await self._stream.aclose()
        finally:
            self.unsubscribe(key)


class Dispatcher(Protocol):
    """Whoever knows the methods. Raises `RpcError` for every refusal; anything else is a bug that it reports itself."""

    async def call(self, request: Request, session: Session) -> JsonObject:
        """Carry out one request; the `result` of its answer."""
        ...


class Pace:
    """A token bucket: `rate` requests per second, with a burst of as many."""

    def __init__(self, rate: float, now_s: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._at_s = now_s

    def take(self, now_s: float) -> bool:
        """Whether one more request is in order at `now_s`."""
        self._tokens = min(self._rate, self._tokens + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class ControlServer:
    """The control socket of one daemon."""

    def __init__(
        self,
        net: Net,
        clock: Clock,
        path: PurePath,
        dispatcher: Dispatcher,
        hub: StreamHub,
        *,
        on_bug: Callable[[str, Exception], None],
        clients_max: int = CONTROL_CLIENTS,
        stops: frozenset[str] = frozenset(),
    ) -> None:
        """
        `on_bug` hears of every error of ours that an answer or a connection ended with. `stops` are the methods that are
        answered without a place too, as a hello is.
        """
        self._on_bug = on_bug
        self._net = net
        self._clock = clock
        self._path = path
        self._dispatcher = dispatcher
        self._hub = hub
        self._clients_max = clients_max
        self._stops = stops
        self._places = Places(clients_max)
        self._calls: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Serve while the block lasts. Raises `OSError` when the socket cannot be bound.

        On leaving, no new client is taken and open connections are closed; the effects of accepted calls stand.
        """
        unbound: OSError | None = None
        async with anyio.create_task_group() as group:
            self._calls = group
            async with AsyncExitStack() as stack:
                try:
                    await stack.enter_async_context(self._net.serve_unix(self._path, self._serve))
                except OSError as error:
                    unbound = error  # raised below: out of a task group it would come wrapped in an exception group
                else:
                    yield
            group.cancel_scope.cancel()
        if unbound is not None:
            raise unbound

    def statistics(self) -> dict[str, float]:
        """Clients now, and the most there may be."""
        return {"clients": len(self._places), "clients_max": self._clients_max, **self._hub.statistics()}

    async def _serve(self, stream: ByteStream, peer: Peer) -> None:
        try:
            async with anyio.create_task_group() as group:
                session = Session(stream, peer, self._hub, group, self._clock)
                if not self._places.enter(session):
                    await self._turn_away(stream)
                    return
                try:
                    await self._read(stream, session)
                except _GONE:
                    pass  # the client's business
                finally:
                    self._places.gone(session)
                    session.close()
                    group.cancel_scope.cancel()
        except* RecordError:
            raise
        except* Exception as bugs:  # noqa: BLE001
            # The supervised edge of a connection: what it was sent cannot take the daemon down.
            self._on_bug("control connection", bugs)

    async def _turn_away(self, stream: ByteStream) -> None:
        with anyio.move_on_after(CONTROL_WRITE_TIMEOUT_S):
            try:
                await stream.send(encode_error(None, self._crowded()))
            except _GONE:
                return

    def _crowded(self) -> RpcError:
        return RpcError(Code.BUSY, f"{self._clients_max} clients are connected already", closes=True)

    async def _read(self, stream: ByteStream, session: Session) -> None:
        buffer = LineBuffer(REQUEST_LINE_BYTES)
        pace = Pace(CONTROL_REQUESTS_PER_S, self._clock.mono_s())
        while True:
            data = await self._receive(stream, session)
            try:
                lines = buffer.feed(data)
            except RpcError as error:
                await session.send(encode_error(None, error))
                return
            for line in lines:
                if not await self._answer(line, session, pace):
                    return

    async def _receive(self, stream: ByteStream, session: Session) -> bytes:
        if session.subscribed:
            return await stream.receive(RECEIVE_BYTES)
        with anyio.fail_after(CONTROL_IDLE_S):
            return await stream.receive(RECEIVE_BYTES)

    async def _answer(self, line: bytes, session: Session, pace: Pace) -> bool:
        """Answer one line; False when the connection ends with it."""
        try:
            request = parse_request(line)
        except RpcError as error:
            await session.send(encode_error(None, error))
            return not error.closes
        now_s, stops = self._clock.mono_s(), request.method in self._stops
        session.asks(now_s, stops=stops)
        try:
            if not (self._places.seat(session) or stops or request.method == HELLO):
                await session.send(encode_error(request.id, self._crowded()))
                return False
            await session.send(await self._reply(request, session, pace, now_s))
        finally:
            session.answered()
        return True

    async def _reply(self, request: Request, session: Session, pace: Pace, now_s: float) -> bytes:
        if not pace.take(now_s):
            text = f"more than {CONTROL_REQUESTS_PER_S} requests per second"
            slow_down = RpcError(Code.BUSY, text, reason=TOO_FAST, hint="wait a second")
            return encode_error(request.id, slow_down)
        return await self._run(request, session)

    async def _run(self, request: Request, session: Session) -> bytes:
        """Run a call where a vanished client cannot cancel it, and wait for its answer."""
        if self._calls is None:
            raise RuntimeError("the control server is not running")
        done = anyio.Event()
        answer: list[bytes] = []

        async def call() -> None:
            try:
                answer.append(encode_result(request.id, await self._dispatcher.call(request, session)))
            except RpcError as error:
                answer.append(encode_error(request.id, error))
            except RecordError:
                raise
            except Exception as error:  # noqa: BLE001
                # The supervised edge of a call: an answer that cannot be written is one broken answer and no end of trading.
                self._on_bug(request.method, error)
                text = f"{request.method} failed: {type(error).__name__}: {error}"
                answer.append(encode_error(request.id, RpcError(Code.INTERNAL, text)))
            finally:
                done.set()

        self._calls.start_soon(call, name=f"control call {request.method}")
        await done.wait()
        return answer[0]


def cannot_bind(path: PurePath, error: OSError) -> OperatorError:
    """A socket that cannot be bound, as what a person can act on: it is taken (79), not allowed (77), or has no place (78)."""
    text = f"{path}: {error.strerror or error}"
    if error.errno == errno.EADDRINUSE:
        return LockError(f"{text}; another process serves it")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CredentialError(f"{text}; the run directory must belong to the daemon's user")
    return SettingsError(f"{text}; set daemon.run_dir to a directory that is there, with a short name")
