"""Sockets that never leave the machine: HTTP on loopback only, Unix sockets in memory."""

import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import PurePath

import aiohttp
import aiohttp.web
import anyio
from aiohappyeyeballs import AddrInfoType
from anyio.abc import ByteStream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from anyio.streams.stapled import StapledObjectStream

from playd.world.ports import Peer, UnixHandler
from playd.world.real.net import serve_http, serve_peer, session

VIRTUAL_PEER = Peer(pid=4243, uid=1000, gid=1000, name="tester")


class _MemoryByteStream(ByteStream):
    """One end of a connection: memory object streams as bytes, with a remainder for short reads."""

    def __init__(self, both: StapledObjectStream[bytes]) -> None:
        self._both = both
        self._rest = b""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data = self._rest or await self._both.receive()
        self._rest = data[max_bytes:]
        return data[:max_bytes]

    async def send(self, item: bytes) -> None:
        if item:
            await self._both.send(bytes(item))

    async def send_eof(self) -> None:
        await self._both.send_eof()

    async def aclose(self) -> None:
        await self._both.aclose()


def _connected_pair() -> tuple[_MemoryByteStream, _MemoryByteStream]:
    left_send, right_receive = anyio.create_memory_object_stream[bytes](64)
    right_send, left_receive = anyio.create_memory_object_stream[bytes](64)
    return (
        _MemoryByteStream(StapledObjectStream(left_send, left_receive)),
        _MemoryByteStream(StapledObjectStream(right_send, right_receive)),
    )


def _loopback_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, target = address
    if not ipaddress.ip_address(target[0]).is_loopback:
        raise OSError(errno.ENETUNREACH, f"{target[0]} is outside the virtual world")
    return socket.socket(family, kind, protocol)


class LoopbackNet:
    """`Net` that reaches nothing outside this process: other addresses than loopback are unreachable."""

    def __init__(self) -> None:
        self._listening: dict[PurePath, MemoryObjectSendStream[_MemoryByteStream]] = {}

    def http_session(self, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(socket_factory=_loopback_socket)
        return session(timeout_s=timeout_s, headers=headers, connector=connector)

    def serve_http(self, app: aiohttp.web.Application, host: str, port: int) -> contextlib.AbstractAsyncContextManager[int]:
        return serve_http(app, host, port)

    @contextlib.asynccontextmanager
    async def serve_unix(self, path: PurePath, handler: UnixHandler, *, mode: int = 0o660) -> AsyncIterator[None]:
        if path in self._listening:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))
        arrivals_in, arrivals = anyio.create_memory_object_stream[_MemoryByteStream](128)
        self._listening[path] = arrivals_in
        async with anyio.create_task_group() as connections:
            connections.start_soon(_serve_arrivals, arrivals, handler)
            try:
                yield
            finally:
                del self._listening[path]
                arrivals_in.close()
                connections.cancel_scope.cancel()

    @contextlib.asynccontextmanager
    async def connect_unix(self, path: PurePath) -> AsyncIterator[ByteStream]:
        if path not in self._listening:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        ours, theirs = _connected_pair()
        await self._listening[path].send(theirs)
        async with ours:
            yield ours


async def _serve_arrivals(arrivals: MemoryObjectReceiveStream[_MemoryByteStream], handler: UnixHandler) -> None:
    async with arrivals, anyio.create_task_group() as serving:
        async for stream in arrivals:
            serving.start_soon(serve_peer, stream, VIRTUAL_PEER, handler)
