"""
A WebSocket that is kept connected: handshake proven by acknowledgements, heartbeat, dead-peer rule, back-off with jitter.

`keep_connected` runs for ever. What the socket is for (authentication, topics, frames) is its `SocketUser`'s business.
"""

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol

import aiohttp
import anyio
import orjson

from playd.core.errors import Doubtful, LinkError, RecordError
from playd.core.secret import redact
from playd.venues.bybit.numbers import Row
from playd.world.ports import Clock, World

MAX_FRAME_BYTES: Final = 4 * 1024 * 1024
"""The largest legitimate frame, a deep order book, is below 200 KiB."""

_CLOSING_S: Final = 1.0
_MINUTE_S: Final = 60.0
_LOOKS: Final = 20
"""Looks at whether anything was heard, within the time after which silence is death."""


@dataclass(frozen=True, slots=True)
class SocketTiming:
    """Seconds of every wait of a socket. `steady_s` is how long a connection must have lived for the back-off to start anew."""

    ping_every_s: float = 20.0
    dead_after_s: float = 45.0
    ack_within_s: float = 5.0
    connect_within_s: float = 10.0
    backoff_first_s: float = 0.5
    backoff_max_s: float = 30.0
    steady_s: float = 30.0


class ConnectLimiter:
    """
    At most `per_minute` connects to one host in any minute, shared by its sockets and kept over their restarts; none while our
    address is banned, for as many seconds as `banned_for_s` says.
    """

    def __init__(self, clock: Clock, per_minute: int = 20, banned_for_s: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._banned_for_s = banned_for_s
        self._recent: deque[float] = deque(maxlen=per_minute)

    async def take(self) -> None:
        """Wait for the end of a ban, then book the next free place and wait for it."""
        while (banned_s := self._banned_for_s()) > 0:  # noqa: ASYNC110 - it may be prolonged meanwhile
            await anyio.sleep(banned_s)
        now_s = self._clock.mono_s()
        full = len(self._recent) == self._recent.maxlen
        place_s = max(now_s, self._recent[0] + _MINUTE_S) if full else now_s
        self._recent.append(place_s)
        await anyio.sleep(place_s - now_s)


@dataclass(slots=True)
class _Ack:
    arrived: anyio.Event = field(default_factory=anyio.Event)
    frame: Row = field(default_factory=dict)


class Wire:
    """One open connection. Frames that answer a `request` go there, all others to the socket's user."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, timing: SocketTiming) -> None:
        self._ws = ws
        self._timing = timing
        self._heard = 0
        self._acks: dict[str, _Ack] = {}
        self._next_id = 0

    async def send(self, frame: dict[str, Any]) -> None:
        """Send one frame as text. Raises `LinkError` when the connection is gone."""
        try:
            await self._ws.send_str(orjson.dumps(frame).decode())
        except (aiohttp.ClientError, OSError) as error:
            raise LinkError(f"socket is gone: {type(error).__name__}") from None

    async def request(self, op: str, args: list[Any]) -> Row:
        """
        Send a request and wait for its acknowledgement, whatever it says. Raises `LinkError` when none comes in time.

        An acknowledgement is matched by `req_id`, or by `op` when the server did not echo the id.
        """
        self._next_id += 1
        req_id = f"{op}-{self._next_id}"
        ack = self._acks[req_id] = _Ack()
        try:
            await self.send({"req_id": req_id, "op": op, "args": args})
            with anyio.fail_after(self._timing.ack_within_s):
                await ack.arrived.wait()
        except TimeoutError:
            raise LinkError(f"no acknowledgement of {op} within {self._timing.ack_within_s:g} s") from None
        finally:
            del self._acks[req_id]
        return ack.frame

    async def close(self) -> None:
        """End the connection from our side; its user hears of it like of any other loss."""
        await self._ws.close()

    async def frames(self) -> AsyncIterator[Row]:
        """
        Frames that answer no request, until the connection ends. Raises `LinkError` saying how it ended, `Doubtful` for a
        frame that is no JSON object. Any frame, pongs included, proves that the peer lives.
        """
        while True:
            message = await self._ws.receive()
            self._heard += 1
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                raise LinkError(f"closed by the venue (code {self._ws.close_code})")
            frame = _parsed(message.data)
            if not self._took_ack(frame):
                yield frame

    async def until_dead(self) -> NoReturn:
        """
        Wait until the peer has been silent for too long, then raise `LinkError`; a twentieth of that time early at most.

        Runs beside `frames`, which only count: a deadline around each read, or the time of each, would cost every frame more
        than its parsing. A process that was stopped for longer reads what came meanwhile before it calls its peer dead.
        """
        heard, silent = self._heard, 0
        while silent < _LOOKS - 1:
            await anyio.sleep(self._timing.dead_after_s / _LOOKS)
            silent = silent + 1 if self._heard == heard else 0
            heard = self._heard
        raise LinkError(f"dead: no frame for {self._timing.dead_after_s:g} s")

    def _took_ack(self, frame: Row) -> bool:
        if "topic" in frame:
            return False
        req_id = str(frame.get("req_id") or "")
        if not req_id:
            op = frame.get("op")
            req_id = next((each for each in self._acks if each.rpartition("-")[0] == op), "")
        ack = self._acks.get(req_id)
        if ack is None:
            return False
        ack.frame = frame
        ack.arrived.set()
        return True


class SocketUser(Protocol):
    """What a kept socket is for. `opened` and `frame` end the connection by raising `LinkError` or `Doubtful`."""

    async def opened(self, wire: Wire) -> None:
        """Handshake on a fresh connection, and whatever else is to be asked on it. Frames flow to `frame` meanwhile."""
        ...

    async def frame(self, frame: Row) -> None:
        """One frame, in the order of arrival; the next one waits until it is dealt with."""
        ...

    async def closed(self, reason: str) -> None:
        """The connection is gone. Called once per connection or failed attempt."""
        ...


async def keep_connected(world: World, url: str, user: SocketUser, timing: SocketTiming, limiter: ConnectLimiter) -> NoReturn:
    """
    Connect, serve, and after each loss connect again, without end. Leaves only by cancellation, or with a `RecordError`.

    A bug of its user, in what it does at the opening or with a frame, costs the connection and nothing else.
    """
    failures = 0
    # The bound of a session is for REST; a socket has its own rules below.
    async with world.net.http_session(timeout_s=timing.connect_within_s) as session:
        while True:
            await limiter.take()
            began_s = world.clock.mono_s()
            try:
                reason = await _serve_once(session, url, user, timing)
            except* RecordError:
                raise
            except* Exception as group:  # noqa: BLE001
                # The supervised edge of a stream: what comes over it must not take down the daemon that protects positions.
                reason = f"an error of ours: {_innermost(group)}"
            await user.closed(redact(reason))
            failures = 0 if world.clock.mono_s() - began_s >= timing.steady_s else failures + 1
            await anyio.sleep(_full_jitter_s(world.random.random(), failures, timing))


def _innermost(error: BaseException) -> str:
    """The first cause in a group of groups, with its type."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:200]


def _full_jitter_s(random: float, failures: int, timing: SocketTiming) -> float:
    """Uniform in [0, min(max, first * 2**(failures - 1)))."""
    ceiling_s = timing.backoff_first_s * 2.0 ** min(max(failures - 1, 0), 16)
    return random * min(ceiling_s, timing.backoff_max_s)


async def _serve_once(session: aiohttp.ClientSession, url: str, user: SocketUser, timing: SocketTiming) -> str:
    """One connection from connect to loss; returns why it ended."""
    try:
        with anyio.fail_after(timing.connect_within_s):
            ws = await session.ws_connect(
                url, timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING_S), max_msg_size=MAX_FRAME_BYTES
            )
    except TimeoutError:
        return f"no connection within {timing.connect_within_s:g} s"
    except (aiohttp.ClientError, OSError) as error:
        return f"no connection: {str(error) or type(error).__name__}"
    async with _closing(ws):
        return await _serve_open(Wire(ws, timing), user, timing)


@contextlib.asynccontextmanager
async def _closing(ws: aiohttp.ClientWebSocketResponse) -> AsyncIterator[None]:
    try:
        yield
    finally:
        with anyio.move_on_after(2 * _CLOSING_S, shield=True):
            await ws.close()


async def _serve_open(wire: Wire, user: SocketUser, timing: SocketTiming) -> str:
    reasons: list[str] = []
    async with anyio.create_task_group() as tasks:

        @contextlib.contextmanager
        def ending() -> Iterator[None]:
            try:
                yield
            except (LinkError, Doubtful) as error:
                reasons.append(str(error))
                tasks.cancel_scope.cancel()

        async def read() -> None:
            with ending():
                async for frame in wire.frames():
                    await user.frame(frame)

        async def listen_for_death() -> None:
            with ending():
                await wire.until_dead()

        async def ping() -> None:
            with ending():
                while True:
                    await anyio.sleep(timing.ping_every_s)
                    await wire.send({"op": "ping"})

        tasks.start_soon(read)
        tasks.start_soon(listen_for_death)
        tasks.start_soon(ping)
        with ending():
            await user.opened(wire)
    return reasons[0]


def _parsed(data: str | bytes) -> Row:
    try:
        frame = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Doubtful("frame is not JSON") from None
    if not isinstance(frame, dict):
        raise Doubtful("frame is not a JSON object")
    return frame
