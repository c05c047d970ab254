"""
The client side of the control socket, for `playctl` and for tests.

A daemon that cannot be reached raises `Unreachable`, an error answer raises `RpcError`, a daemon that closes or does not
answer in time raises `Unanswered`: for a changing call the effect is then unknown, and repeating it with the same
`request_id` is the safe way to find out.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import PurePath
from typing import Final

import anyio
import orjson
from anyio.abc import ByteStream

from playd.control.protocol import GUARDIAN_SOCKET, PROTOCOL, JsonObject, LineBuffer, RpcError, encode_call
from playd.core.errors import PlaydError
from playd.core.limits import REPLY_LINE_BYTES
from playd.world.ports import Net

RECEIVE_BYTES: Final = 256 * 1024


START_GUARDIAN: Final = "start it with `playd guardian` or `systemctl start playd-guardian`"


class Unreachable(PlaydError):
    """Nobody listens on the socket."""

    exit_code = 7

    def __init__(self, text: str, hint: str = "start it with `playd run` or `systemctl start playd`") -> None:
        super().__init__(text)
        self.hint = hint


class Forbidden(PlaydError):
    """The socket is there, and this user may not open it."""

    exit_code = 12


class Unanswered(PlaydError):
    """The connection ended, or time ran out, before the answer came."""

    exit_code = 5


class ControlClient:
    """One connection. Calls are made one after the other; stream messages that arrive meanwhile are kept."""

    def __init__(self, stream: ByteStream, timeout_s: float, *, peer: str = "daemon") -> None:
        """`peer` is what the other end is called."""
        self._stream = stream
        self._timeout_s = timeout_s
        self._peer = peer
        self._buffer = LineBuffer(REPLY_LINE_BYTES)
        self._lines: list[bytes] = []
        self._pushed: list[JsonObject] = []
        self.on_push: Callable[[JsonObject], None] = self._pushed.append
        """Hears stream messages that arrive while a call waits for its answer; they are kept for `pushed` by default."""
        self._next_id = 0

    async def hello(self, client: str) -> JsonObject:
        """Introduce ourselves; raises `RpcError` when the daemon speaks another protocol."""
        return await self.call("hello", {"client": client, "protocol": PROTOCOL})

    async def call(self, method: str, params: JsonObject, *, timeout_s: float | None = None) -> JsonObject:
        """The whole result object (`schema`, `ts`, `data`, `warnings`) of one call."""
        self._next_id += 1
        call_id = self._next_id
        try:
            with anyio.fail_after(timeout_s or self._timeout_s):
                # Whoever is turned away at the door is told why before he has said anything, and can say nothing more then.
                with suppress(anyio.BrokenResourceError):
                    await self._stream.send(encode_call(call_id, method, params))
                return await self._reply(call_id)
        except TimeoutError:
            raise Unanswered(f"{method}: no answer within {timeout_s or self._timeout_s:g} s") from None
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise Unanswered(f"{method}: the {self._peer} closed the connection before it answered") from None

    async def pushed(self) -> AsyncIterator[JsonObject]:
        """Stream messages (`subscription`, `seq`, `data`) until the daemon closes the connection."""
        while True:
            while self._pushed:
                yield self._pushed.pop(0)
            try:
                message = await self._message()
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return
            if message.get("method") == "stream":
                self._pushed.append(message["params"])

    async def _reply(self, call_id: int) -> JsonObject:
        while True:
            message = await self._message()
            if message.get("method") == "stream":
                self.on_push(message["params"])
            elif "error" in message and message.get("id") in (call_id, None):
                raise RpcError.from_json(message["error"])
            elif message.get("id") == call_id:
                result = message["result"]
                if not isinstance(result, dict):
                    raise Unanswered(f"the {self._peer} sent a result that is no object")
                return result

    async def _message(self) -> JsonObject:
        while not self._lines:
            self._lines.extend(self._buffer.feed(await self._stream.receive(RECEIVE_BYTES)))
        message = orjson.loads(self._lines.pop(0))
        if not isinstance(message, dict):
            raise Unanswered(f"the {self._peer} sent something that is no object")
        return message


@asynccontextmanager
async def connected(net: Net, path: PurePath, *, timeout_s: float = 30.0) -> AsyncIterator[ControlClient]:
    """A client for the daemon at `path`. Raises `Unreachable` when nobody listens there, `Forbidden` without the right."""
    async with AsyncExitStack() as stack:
        try:
            stream = await stack.enter_async_context(net.connect_unix(path))
        except PermissionError as error:
            raise Forbidden(f"{path}: {error.strerror}; the socket belongs to the daemon's user and group") from None
        except OSError as error:
            why = f"nothing listens on {path} ({error.strerror or error})"
            if path.name == GUARDIAN_SOCKET:
                raise Unreachable(f"guardian not running: {why}", START_GUARDIAN) from None
            raise Unreachable(f"daemon not running: {why}") from None
        yield ControlClient(stream, timeout_s, peer="guardian" if path.name == GUARDIAN_SOCKET else "daemon")
