"""Posts over real sockets: written once and whole, on a connection that is kept, and no reply is taken for one that is none."""

import gzip
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import SimpleNamespace

import aiohttp
import anyio
import pytest
from anyio.abc import SocketStream
from yarl import URL

from playd.venues.bybit import post
from playd.venues.bybit.post import Poster, RawReply
from playd.world.real import real_world

pytestmark = pytest.mark.anyio
WITHIN_S = 60.0
OK = b"HTTP/1.1 200 OK\r\nX-Bapi-Limit: 10\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """A socket that keeps what it was sent, answers each request by the next of `answers`, and counts its connections."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.answered = anyio.Event()
        self.url = URL()

    async def serve(self, stream: SocketStream) -> None:
        self.connections += 1
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await self._talk(stream)

    async def _talk(self, stream: SocketStream) -> None:
        while self.answers:
            self.requests.append(await _request(stream))
            answer = self.answers.pop(0)
            if not answer:
                return
            await stream.send(answer)
            self.answered.set()


async def _request(stream: SocketStream) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(*lengths):
        body += await stream.receive()
    return head + b"\r\n\r\n" + body


@asynccontextmanager
async def posting(server: Server) -> AsyncIterator[Poster]:
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
        real_world().net.http_session(timeout_s=WITHIN_S, headers={"Referer": "desk"}) as session,
    ):
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        server.url = URL(f"http://127.0.0.1:{port}/v5/order/create")
        tasks.start_soon(listener.serve, server.serve)
        yield Poster(session, time.monotonic)
        tasks.cancel_scope.cancel()


async def ask(poster: Poster, server: Server, body: bytes = b"{}", within_s: float = WITHIN_S) -> RawReply:
    return await poster.post(server.url, lambda: {"X-BAPI-SIGN": "s"}, body, within_s)


async def test_posts_are_written_whole_with_all_their_headers_on_one_connection() -> None:
    server, large = Server(OK, OK), bytes(range(256)) * 40_000
    async with posting(server) as poster:
        replies = [await ask(poster, server), await ask(poster, server, large)]
    assert server.connections == 1
    assert [(reply.status, reply.body, reply.headers["x-bapi-limit"]) for reply in replies] == [(200, b"{}", "10")] * 2
    head, _, body = server.requests[1].partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    said = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    assert first == "POST /v5/order/create HTTP/1.1"
    assert len(said) == len(fields), "a header stands there twice"
    assert said["host"] == f"127.0.0.1:{server.url.port}"
    assert (said["referer"], said["x-bapi-sign"], said["content-type"]) == ("desk", "s", "application/json")
    assert said["content-length"] == str(len(large))
    assert body == large


async def test_headers_are_asked_for_when_there_is_a_connection() -> None:
    server, asked = Server(OK), list[int]()

    def headers() -> dict[str, str]:
        asked.append(server.connections)
        return {}

    async with posting(server) as poster:
        connect = poster._session.connector.connect  # type: ignore[union-attr]
        done = anyio.Event()

        async def connected(*given: object, **more: object) -> object:
            found = await connect(*given, **more)  # type: ignore[arg-type]
            assert not asked
            done.set()
            return found

        poster._session.connector.connect = connected  # type: ignore[union-attr, method-assign, assignment]
        await poster.post(server.url, headers, b"{}", WITHIN_S)
    assert done.is_set()
    assert len(asked) == 1


async def test_a_connection_that_the_venue_closes_is_not_used_again() -> None:
    closing = OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
    server = Server(closing, OK)
    async with posting(server) as poster:
        assert [(await ask(poster, server)).status, (await ask(poster, server)).status] == [200, 200]
    assert server.connections == 2


async def test_a_redirect_is_a_reply_and_followed_by_nobody() -> None:
    server = Server(OK.replace(b"200 OK\r\n", b"307 Elsewhere\r\nLocation: /v5/other\r\n"), OK)
    async with posting(server) as poster:
        assert (await ask(poster, server)).status == 307
    assert len(server.requests) == 1


async def test_a_word_that_the_request_goes_on_is_no_reply() -> None:
    server = Server(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    async with posting(server) as poster:
        assert (await ask(poster, server)).status == 200


@pytest.mark.parametrize("answer", [b"", OK[:-1], b"nonsense\r\n\r\n"], ids=["nothing", "half", "nonsense"])
async def test_what_is_no_whole_reply_is_an_error_and_sent_once(answer: bytes) -> None:
    server = Server(answer)
    async with posting(server) as poster:
        with pytest.raises(aiohttp.ClientError):
            await ask(poster, server)
    assert len(server.requests) == 1


async def test_a_reply_larger_than_any_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "MAX_REPLY_BYTES", 1)
    server = Server(OK)
    async with posting(server) as poster:
        with pytest.raises(aiohttp.ClientPayloadError, match="larger than 1 bytes"):
            await ask(poster, server)


async def test_without_a_reply_in_time_the_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    scopes: list[anyio.CancelScope] = []

    @contextmanager
    def fail_after(within_s: float, *, shield: bool) -> Iterator[anyio.CancelScope]:
        with anyio.fail_after(within_s, shield=shield) as scope:
            scopes.append(scope)
            yield scope

    monkeypatch.setattr(post, "anyio", SimpleNamespace(fail_after=fail_after))
    server = Server(b"HTTP/1.1 100 Continue\r\n\r\n", OK)  # and no word more
    timed_out = anyio.Event()
    async with posting(server) as poster, anyio.create_task_group() as tasks:

        async def in_vain() -> None:
            with pytest.raises(TimeoutError):
                await ask(poster, server)
            timed_out.set()

        tasks.start_soon(in_vain)
        await server.answered.wait()
        (scope,) = scopes
        assert scope.deadline <= anyio.current_time() + WITHIN_S
        scope.deadline = anyio.current_time()  # so that no machine is too slow to ask in time
        await timed_out.wait()
        assert (await ask(poster, server)).status == 200
    assert server.connections == 2


async def test_a_question_is_stamped_when_it_leaves_and_asked_again_where_a_kept_connection_had_ended() -> None:
    packed = gzip.compress(b'{"list":[]}')
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(packed), packed)
    server, stamps = Server(answer, b"", answer), iter("123")
    async with posting(server) as poster:
        url = server.url.with_query({"cursor": "a"})
        replies = [await poster.get(url, lambda: {"X-BAPI-TIMESTAMP": next(stamps)}, WITHIN_S) for _ in range(2)]
    assert [reply.body for reply in replies] == [b'{"list":[]}'] * 2
    assert all(0.0 < reply.took_s < WITHIN_S for reply in replies)
    heads = [request.decode().split("\r\n") for request in server.requests]
    assert {head[0] for head in heads} == {"GET /v5/order/create?cursor=a HTTP/1.1"}
    assert ["X-BAPI-TIMESTAMP: 1" in heads[0], "X-BAPI-TIMESTAMP: 2" in heads[1], "X-BAPI-TIMESTAMP: 3" in heads[2]] == [
        True
    ] * 3
    assert not any(line.lower().startswith("content-") for head in heads for line in head)


@pytest.mark.parametrize("heard_out", [True, False])
async def test_only_what_is_heard_out_outlives_the_cancelling_of_its_caller(heard_out: bool) -> None:
    server, replies = Server(), list[RawReply]()
    came, go_on = anyio.Event(), anyio.Event()

    async def hesitate(stream: SocketStream) -> None:
        await _request(stream)
        came.set()
        await go_on.wait()
        with suppress(anyio.BrokenResourceError):
            await stream.send(OK)

    server._talk = hesitate  # type: ignore[method-assign]
    async with posting(server) as poster, anyio.create_task_group() as tasks:

        async def give_up() -> None:
            await came.wait()
            tasks.cancel_scope.cancel()
            go_on.set()

        tasks.start_soon(give_up)
        replies.append(await poster.post(server.url, dict, b"{}", WITHIN_S, heard_out=heard_out))
    assert [reply.status for reply in replies] == ([200] if heard_out else [])
