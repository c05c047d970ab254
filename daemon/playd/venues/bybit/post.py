"""
A POST whose bytes leave at once: nothing is made anew for it but its signature.

aiohttp keeps the connections, speaks TLS and reads the reply. Its general request, which may redirect, compress, stream and
follow cookies, takes an order longer to build than everything else between the ledger and the wire together; so the head of
each address is made once, by aiohttp, and written together with the body.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import aiohttp
import anyio
from aiohttp.http import HttpProcessingError
from yarl import URL

MAX_REPLY_BYTES: Final = 16 * 1024 * 1024
"""The largest legitimate reply, a thousand instruments, is about 2 MiB."""

_PER_REQUEST: Final = ("Content-Type", "Content-Length", "Transfer-Encoding")


@dataclass(frozen=True, slots=True)
class RawReply:
    """HTTP status, headers (names in any case), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Poster:
    """Posts to one session's hosts. The session belongs to whoever opened it; safe for many tasks of one loop."""

    def __init__(self, session: aiohttp.ClientSession, mono_s: Callable[[], float]) -> None:
        self._session = session
        self._mono_s = mono_s
        self._heads: dict[URL, tuple[aiohttp.ClientRequest, str]] = {}

    async def post(self, url: URL, headers: Callable[[], Mapping[str, str]], body: bytes, within_s: float) -> RawReply:
        """
        Send `body` once, as JSON, and read the reply; never repeated or redirected. `headers` is asked when there is a
        connection, so that a time stamp is as young as can be; what it says is written as it is, and holds no line break.

        Raises `aiohttp.ClientError`, `OSError`, or `TimeoutError` when all of it takes longer than `within_s`; the body may
        have arrived all the same.
        """
        until_s = self._mono_s() + within_s
        request, head = self._heads.get(url) or self._make_head(url)
        connector = self._session.connector
        if connector is None:
            raise aiohttp.ClientConnectionError("the session is closed")
        connection = await connector.connect(request, traces=[], timeout=_to_connect(within_s))
        try:
            protocol = connection.protocol
            assert protocol is not None
            protocol.set_response_params(read_until_eof=True)
            transport = connection.transport
            if transport is None or transport.is_closing():
                raise aiohttp.ClientConnectionResetError("the connection is closing")
            fields = "".join([f"{name}: {value}\r\n" for name, value in headers().items()])
            transport.write(f"{head}{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            with anyio.fail_after(until_s - self._mono_s()):
                reply = await _reply(protocol)
        except BaseException:
            connection.close()
            raise
        connection.release()
        return reply

    def _make_head(self, url: URL) -> tuple[aiohttp.ClientRequest, str]:
        request = aiohttp.ClientRequest("POST", url, headers=self._session.headers, session=self._session)
        fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items() if name not in _PER_REQUEST)
        made = self._heads[url] = request, f"POST {url.raw_path_qs} HTTP/1.1\r\n{fields}Content-Type: application/json\r\n"
        return made


@lru_cache
def _to_connect(within_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=within_s)


async def _reply(protocol: aiohttp.client_proto.ResponseHandler) -> RawReply:
    """The reply that comes, whole."""
    try:
        message, content = await protocol.read()
        while 100 <= message.code < 200:
            message, content = await protocol.read()
    except HttpProcessingError as error:
        raise aiohttp.ClientPayloadError(f"no HTTP reply: {error.message}") from error
    return RawReply(message.code, message.headers, await whole(content))


async def whole(content: aiohttp.StreamReader) -> bytes:
    """All of a reply's body. Raises `aiohttp.ClientPayloadError` when it is larger than any that is meant."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise aiohttp.ClientPayloadError(f"reply larger than {MAX_REPLY_BYTES} bytes")
    return bytes(body)
