"""
Requests whose bytes leave at once: nothing is made anew for a POST but its signature, and nothing is stamped before there is a
connection for it.

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
    """HTTP status, headers (names in any case), body; `took_s` from the moment the request left to the end of its reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_s: float


class Poster:
    """Asks one session's hosts. The session belongs to whoever opened it; safe for many tasks of one loop."""

    def __init__(self, session: aiohttp.ClientSession, mono_s: Callable[[], float]) -> None:
        self._session = session
        self._mono_s = mono_s
        self._heads: dict[URL, tuple[aiohttp.ClientRequest, str]] = {}
        self._hosts: dict[tuple[str, str], tuple[aiohttp.ClientRequest, str]] = {}

    async def post(
        self, url: URL, headers: Callable[[], Mapping[str, str]], body: bytes, within_s: float, *, heard_out: bool = False
    ) -> RawReply:
        """
        Send `body` once, as JSON, and read the reply; never repeated or redirected. `headers` is asked when there is a
        connection, so that a time stamp is as young as can be; what it says is written as it is, and holds no line break.

        A caller who is cancelled waits all the same for the reply of what is `heard_out`. Nothing is shielded before the bytes
        have left: without a connection nothing was sent, and a shield takes a tenth of a millisecond to raise.

        Raises `aiohttp.ClientError`, `OSError`, or `TimeoutError` when all of it takes longer than `within_s`; the body may
        have arrived all the same.
        """
        request, head = self._heads.get(url) or self._make_head(url)
        rest = f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        return await self._ask(request, head, headers, rest, within_s, heard_out)

    async def get(self, url: URL, headers: Callable[[], Mapping[str, str]], within_s: float) -> RawReply:
        """
        The reply to a question, asked once more, under the same token and with headers of its own, where the connection ended
        before its reply.

        Raises as `post` does.
        """
        until_s = self._mono_s() + within_s
        request, fields = self._host(url)
        head = f"GET {url.raw_path_qs} HTTP/1.1\r\n{fields}"
        try:
            return await self._ask(request, head, headers, b"\r\n", within_s)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return await self._ask(request, head, headers, b"\r\n", until_s - self._mono_s())

    async def _ask(
        self,
        request: aiohttp.ClientRequest,
        head: str,
        headers: Callable[[], Mapping[str, str]],
        rest: bytes,
        within_s: float,
        heard_out: bool = False,
    ) -> RawReply:
        until_s = self._mono_s() + within_s
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
            transport.write(f"{head}{fields}".encode() + rest)
            left_s = self._mono_s()
            with anyio.fail_after(until_s - left_s, shield=heard_out):
                status, said, content = await _reply(protocol)
            reply = RawReply(status, said, content, self._mono_s() - left_s)
        except BaseException:
            connection.close()
            raise
        connection.release()
        return reply

    def _make_head(self, url: URL) -> tuple[aiohttp.ClientRequest, str]:
        request, fields = self._host(url)
        made = self._heads[url] = request, f"POST {url.raw_path_qs} HTTP/1.1\r\n{fields}Content-Type: application/json\r\n"
        return made

    def _host(self, url: URL) -> tuple[aiohttp.ClientRequest, str]:
        """What aiohttp opens connections for, and the fields that are the same in every request to a host."""
        key = url.scheme, url.raw_authority
        if key not in self._hosts:
            request = aiohttp.ClientRequest("POST", url, headers=self._session.headers, session=self._session)
            fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items() if name not in _PER_REQUEST)
            self._hosts[key] = request, fields
        return self._hosts[key]


@lru_cache
def _to_connect(within_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=within_s)


async def _reply(protocol: aiohttp.client_proto.ResponseHandler) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of the reply that comes, whole."""
    try:
        message, content = await protocol.read()
        while 100 <= message.code < 200:
            message, content = await protocol.read()
    except HttpProcessingError as error:
        raise aiohttp.ClientPayloadError(f"no HTTP reply: {error.message}") from error
    return message.code, message.headers, await whole(content)


async def whole(content: aiohttp.StreamReader) -> bytes:
    """All of a reply's body. Raises `aiohttp.ClientPayloadError` when it is larger than any that is meant."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise aiohttp.ClientPayloadError(f"reply larger than {MAX_REPLY_BYTES} bytes")
    return bytes(body)
