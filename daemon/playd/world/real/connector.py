"""
Outgoing connections that give up without closing what is not theirs, and carry no answer but the one that was asked for.

aiohttp makes a socket, connects it and hands it to the loop. When the attempt is cancelled at that very moment, uvloop has
taken the descriptor and closes it, while the socket object still believes to own it: the collector would close the number a
second time, and by then it may be the descriptor of another connection, or of a file.
"""

import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

import aiohttp
from aiohttp.connector import AddrInfoType, Connection

_made: Final[ContextVar[list[socket.socket]]] = ContextVar("sockets of a connection attempt")


_TRIES: Final = 10
"""More than a host has idle connections at a time."""


def _make(address: AddrInfoType) -> socket.socket:
    """A socket for one address of an attempt, noted with it."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    _made.get().append(made)
    return made


class _Sometimes(aiohttp.ThreadedResolver):
    """This machine's resolver, at times when names are resolved."""

    def __init__(self, resolves: Callable[[], bool]) -> None:
        super().__init__()
        self._resolves = resolves

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """Raises `OSError` when the name is not resolved."""
        if not self._resolves():
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return await super().resolve(host, port, family)


class Connector(aiohttp.TCPConnector):
    """
    A connector for uvloop. An attempt that fails leaves no socket object behind that owns a descriptor.

    `resolves` is asked before a name is looked up; without it every name is.
    """

    def __init__(self, resolves: Callable[[], bool] | None = None) -> None:
        super().__init__(socket_factory=_make, resolver=None if resolves is None else _Sometimes(resolves))

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> Connection:
        """
        A connection on which nothing has been said that nobody asked for: it would be taken for the answer to the next request,
        and every answer from then on for that of another one. Raises `aiohttp.ClientError` when there is none.
        """
        for _ in range(_TRIES):
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ClientConnectionResetError(f"the server speaks before it is asked, on {_TRIES} connections in a row")

    async def _wrap_create_connection(self, *args: Any, **more: Any) -> Any:
        sockets: list[socket.socket] = []
        token = _made.set(sockets)
        try:
            return await super()._wrap_create_connection(*args, **more)
        except BaseException:
            # Sockets that were never handed over are closed by whoever connected them; the loop has taken all others.
            for each in sockets:
                each.detach()
            raise
        finally:
            _made.reset(token)
