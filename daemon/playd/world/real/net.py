"""HTTP, WebSocket and Unix sockets of this machine."""

import contextlib
import errno
import os
import pwd
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketListener, SocketStream, TaskGroup

from playd.world.ports import Peer, UnixHandler

if TYPE_CHECKING:  # imported where it is used: Unix sockets do not need it, and it takes a third of the start of `playctl`
    import aiohttp
    import aiohttp.web

_SHUTDOWN_S = 2.0
"""How long open HTTP requests may go on when a server stops."""

_BACKLOG = 128
_ACCEPT_AGAIN_S = 0.5
_PEER_CREDENTIALS = struct.Struct("3i")


def session(
    *, timeout_s: float, headers: Mapping[str, str] | None, connector: "aiohttp.BaseConnector | None" = None
) -> "aiohttp.ClientSession":
    """The one way sessions are made, in both worlds."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


@contextlib.asynccontextmanager
async def serve_http(app: "aiohttp.web.Application", host: str, port: int) -> AsyncIterator[int]:
    """See `Net.serve_http`."""
    import aiohttp.web

    runner = aiohttp.web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await aiohttp.web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
        yield int(runner.addresses[0][1])
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()


async def serve_peer(stream: ByteStream, peer: Peer, handler: UnixHandler) -> None:
    """Run a handler for one connection. A peer that goes away in the middle is no error."""
    async with stream:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            await handler(stream, peer)


class RealNet:
    """`Net` of this machine."""

    def http_session(self, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> "aiohttp.ClientSession":
        from playd.world.real.connector import Connector

        return session(timeout_s=timeout_s, headers=headers, connector=Connector())

    def serve_http(self, app: "aiohttp.web.Application", host: str, port: int) -> contextlib.AbstractAsyncContextManager[int]:
        return serve_http(app, host, port)

    @contextlib.asynccontextmanager
    async def serve_unix(self, path: PurePath, handler: UnixHandler, *, mode: int = 0o660) -> AsyncIterator[None]:
        listener = await SocketListener.from_socket(_bound_socket(Path(path), mode))

        async def accepted(stream: SocketStream) -> None:
            await serve_peer(stream, _peer_of(stream), handler)

        async with listener, anyio.create_task_group() as connections:
            connections.start_soon(accept_all, listener, accepted, connections)
            try:
                yield
            finally:
                _forget_socket(path)
                connections.cancel_scope.cancel()

    @contextlib.asynccontextmanager
    async def connect_unix(self, path: PurePath) -> AsyncIterator[ByteStream]:
        async with await anyio.connect_unix(str(path)) as stream:
            yield stream


async def accept_all(
    listener: SocketListener, handler: Callable[[SocketStream], Coroutine[Any, Any, None]], connections: TaskGroup
) -> None:
    """Serve whoever connects. A machine that has no descriptor left for one keeps those that it has, and takes it later."""
    while True:
        try:
            stream = await listener.accept()
        except OSError:
            await anyio.sleep(_ACCEPT_AGAIN_S)
        else:
            connections.start_soon(handler, stream)


def _bound_socket(path: Path, mode: int) -> socket.socket:
    """
    A socket that listens, and has these rights, from the first instant that its name is there.

    Replaces a file whose server is gone. Raises `OSError` as `bind` does: EADDRINUSE for any other file of that name.
    """
    if path.is_socket() and not _answers(path):
        path.unlink()
    unnamed = path.with_name(f".{os.getpid():x}")
    unnamed.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        umask = os.umask(0o777 & ~mode)
        try:
            listening.bind(str(unnamed))
        finally:
            os.umask(umask)
        listening.listen(_BACKLOG)
        os.link(unnamed, path)
    except FileExistsError as error:
        listening.close()
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path)) from error
    except OSError:
        listening.close()
        raise
    finally:
        unnamed.unlink(missing_ok=True)
    return listening


def _forget_socket(path: PurePath) -> None:
    Path(path).unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    """Whether a server listens. A full queue counts: connecting to a local socket answers at once either way."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True
        except ConnectionRefusedError:
            return False
    return True


def _peer_of(stream: SocketStream) -> Peer:
    raw = stream.extra(SocketAttribute.raw_socket)
    pid, uid, gid = _PEER_CREDENTIALS.unpack(raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size))
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    return Peer(pid, uid, gid, name)
