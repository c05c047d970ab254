"""One WebSocket of a client: an outgoing queue with a bound, topics, and the dialect of its acknowledgements."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import orjson
from aiohttp import ClientConnectionResetError, WSMsgType, web
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from playd.venues.exchange.faults.board import FaultBoard
from playd.venues.exchange.faults.on_sockets import Outlet

FRAMES_WAITING: Final = 10_000
"""Frames a client may be behind. Overflow closes its socket: it must reconnect and close its gap like after any loss."""

Timed = tuple[float, bytes]
"""A frame behind the time before which it must not leave; 0 for one that may leave at once."""


@dataclass(slots=True, eq=False)
class Client:
    """
    A connected socket. `uid` is None on public sockets and before authentication.

    `told` says that frames have gone out since the last barrier. An answer leaves `pause_s` after it was given. `mono_s` is the
    clock, `sent` hears of every frame that leaves, `board` has the faults that may hit one. `abort` ends the connection without
    a word; `kind` is `public`, `private` or `trade`.
    """

    conn_id: str
    ws: web.WebSocketResponse
    mono_s: Callable[[], float]
    sent: Callable[["Client", bytes], None]
    board: FaultBoard
    alias_of: Callable[[int | None], str]
    abort: Callable[[], None]
    kind: str
    pause_s: float = 0.0
    topics: set[str] = field(default_factory=set)
    uid: int | None = None
    told: bool = False
    _hushed_until_s: float = 0.0
    _active_s: float = field(init=False)
    _outlet: Outlet = field(init=False)
    _queue: MemoryObjectSendStream[Timed] = field(init=False)
    _waiting: MemoryObjectReceiveStream[Timed] = field(init=False)

    def __post_init__(self) -> None:
        self._queue, self._waiting = anyio.create_memory_object_stream[Timed](FRAMES_WAITING)
        self._active_s = self.mono_s()
        self._outlet = Outlet(self.board, lambda: (self.kind, self.alias_of(self.uid)))

    def heard(self) -> None:
        """Note that the client has said something."""
        self._active_s = self.mono_s()

    def idle_s(self) -> float:
        """How long nothing has passed in either direction."""
        return self.mono_s() - self._active_s

    def hush(self, for_s: float) -> None:
        """Let frames of topics wait so long from now on; answers do not, unless such a frame stands before them."""
        self._hushed_until_s = self.mono_s() + for_s

    def send(self, frame: dict[str, Any], *, after_s: float = 0.0) -> None:
        """Queue an answer that leaves `after_s` from now at the earliest."""
        pause_s = max(self.pause_s, after_s)
        self._put(orjson.dumps(frame), self.mono_s() + pause_s if pause_s else 0.0)

    def send_bytes(self, frame: bytes) -> None:
        """Queue a frame of a topic that is JSON text already."""
        self._put(frame, self._hushed_until_s)

    def _put(self, frame: bytes, not_before_s: float) -> None:
        """Queue a frame. A client that is too far behind is cut off."""
        try:
            self._queue.send_nowait((not_before_s, frame))
        except anyio.WouldBlock:
            self._queue.close()
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):  # hung up, or the writer is gone
            return

    def hang_up(self) -> None:
        """Close the socket once what is queued has gone out."""
        self._queue.close()

    def forget(self) -> None:
        """Drop what is queued: the connection is gone."""
        self._queue.close()
        self._waiting.close()

    async def write(self) -> None:
        """Send what is queued, until the queue is closed or the connection is gone. Every frame leaves here."""
        try:
            async with self._waiting:
                async for not_before_s, frame in self._waiting:
                    if not_before_s and (wait_s := not_before_s - self.mono_s()) > 0.0:
                        await anyio.sleep(wait_s)
                    for leaving in await self._outlet.pass_on(frame):
                        self._active_s = self.mono_s()
                        await self.ws.send_frame(leaving, WSMsgType.TEXT)
                        self.sent(self, leaving)
        except (ClientConnectionResetError, ConnectionError):
            return
        if not self._outlet.is_dead:
            await self.ws.close()
