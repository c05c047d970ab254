"""The control server survives every client: half requests, megabytes without a line end, silence, sudden ends."""

import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from pathlib import Path, PurePath
from typing import cast

import anyio
import anyio.lowlevel
import orjson
import pytest
from anyio.abc import ByteStream

from playd.control.client import ControlClient, Unanswered, Unreachable, connected
from playd.control.client_places import AT_THE_DOOR
from playd.control.protocol import GUARDIAN_SOCKET, Code, JsonObject, Request, RpcError, encode_call, encode_error
from playd.control.server import PHRASE_WITHIN_S, ControlServer, Session, cannot_bind
from playd.control.stream_filter import Wanted
from playd.control.streams import StreamHub
from playd.core.errors import CredentialError, LockError, SettingsError
from playd.core.limits import (
    CONTROL_CLIENTS,
    CONTROL_REQUESTS_PER_S,
    REQUEST_LINE_BYTES,
    STREAM_BEHIND_CLOSE,
    STREAM_BEHIND_DROP,
)
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.virtual import VirtualWorld, virtual_world

pytestmark = pytest.mark.anyio

SOCKET = PurePath("/run/control.sock")


class Echo:
    """A dispatcher with a slow call, a refused one and a subscription."""

    def __init__(self) -> None:
        self.started = anyio.Event()
        self.release = anyio.Event()
        self.finished = anyio.Event()
        self.bugs: list[str] = []

    async def call(self, request: Request, session: Session) -> JsonObject:
        match request.method:
            case "refuse":
                raise RpcError(Code.REFUSED, "no")
            case "unwritable":
                return {"data": {1, 2}}
            case "slow":
                self.started.set()
                await self.release.wait()
                self.finished.set()
            case "subscribe":
                return {"data": {"id": session.subscribe(frozenset({"logs"}), Wanted())}}
            case "unsubscribe":
                return {"data": session.unsubscribe(request.params["id"])}
        return {"data": request.params}


@asynccontextmanager
async def serving(
    world: World, path: PurePath = SOCKET, *, clients_max: int = CONTROL_CLIENTS
) -> AsyncIterator[tuple[ControlServer, Echo, StreamHub]]:
    hub, echo = StreamHub(), Echo()
    server = ControlServer(
        *(world.net, world.clock, path, echo, hub),
        on_bug=lambda where, _: echo.bugs.append(where),
        clients_max=clients_max,
        stops=frozenset({"stop"}),
    )
    async with server.running():
        yield server, echo, hub


async def answered(world: VirtualWorld) -> JsonObject:
    async with connected(world.net, SOCKET, timeout_s=60) as client:
        return await client.call("echo", {"still": "alive"})


async def line(stream: ByteStream) -> JsonObject:
    data = b""
    with anyio.fail_after(60):
        while not data.endswith(b"\n"):
            data += await stream.receive(65536)
    message: JsonObject = orjson.loads(data)
    return message


async def test_a_call_is_answered() -> None:
    world = virtual_world()
    async with serving(world):
        assert await answered(world) == {"data": {"still": "alive"}}


async def test_a_refusal_arrives_as_an_error() -> None:
    world = virtual_world()
    async with serving(world), connected(world.net, SOCKET) as client:
        with pytest.raises(RpcError, match="no") as caught:
            await client.call("refuse", {})
        assert caught.value.code is Code.REFUSED


async def test_what_cannot_be_written_ends_one_answer_or_one_connection() -> None:
    world = virtual_world()
    async with serving(world) as (_, echo, hub):
        async with connected(world.net, SOCKET, timeout_s=60) as client:
            with pytest.raises(RpcError, match="unwritable failed: TypeError") as error:
                await client.call("unwritable", {})
            assert error.value.code is Code.INTERNAL
            await client.call("subscribe", {})
            hub.publish("logs", {"line": {1, 2}})
            with anyio.fail_after(60):
                while len(echo.bugs) < 2:
                    await anyio.lowlevel.checkpoint()
        assert await answered(world) == {"data": {"still": "alive"}}
        assert echo.bugs == ["unwritable", "control connection"]


async def test_without_a_daemon_the_client_says_so() -> None:
    with pytest.raises(Unreachable):
        async with connected(virtual_world().net, SOCKET):
            pass


async def test_a_socket_that_is_taken_is_one_plain_error() -> None:
    world = virtual_world()
    async with serving(world):
        with pytest.raises(OSError, match="in use") as caught:
            async with serving(world):
                pass
        assert isinstance(cannot_bind(SOCKET, caught.value), LockError)
        assert await answered(world)


@pytest.mark.parametrize(("number", "kind"), [(errno.EACCES, CredentialError), (errno.ENAMETOOLONG, SettingsError)])
def test_a_socket_that_cannot_be_bound_says_who_must_act(number: int, kind: type[Exception]) -> None:
    assert isinstance(cannot_bind(SOCKET, OSError(number, os.strerror(number))), kind)


@pytest.mark.parametrize("data", [b"not json\n", b"[]\n", b'{"jsonrpc":"2.0","method":"x"}\n', b"x" * (REQUEST_LINE_BYTES + 1)])
async def test_a_bad_line_gets_one_error_and_ends_that_connection_only(data: bytes) -> None:
    world = virtual_world()
    async with serving(world):
        async with world.net.connect_unix(SOCKET) as bad:
            await bad.send(data)
            assert (await line(bad))["error"]["code"] in (Code.PARSE, Code.INVALID_REQUEST)
            with pytest.raises(anyio.EndOfStream), anyio.fail_after(60):
                await bad.receive()
        assert await answered(world)


async def test_a_megabyte_without_a_line_end_costs_a_quarter_of_it() -> None:
    world = virtual_world()
    async with serving(world):
        async with world.net.connect_unix(SOCKET) as flood:
            with anyio.fail_after(60):
                try:
                    for _ in range(64):
                        await flood.send(b"y" * 16_384)
                except anyio.BrokenResourceError:
                    pass
            assert (await line(flood))["error"]["code"] == Code.PARSE
        assert await answered(world)


async def test_a_client_that_leaves_in_mid_request_harms_nobody() -> None:
    world = virtual_world()
    async with serving(world) as (server, _, _):
        async with world.net.connect_unix(SOCKET) as client:
            await client.send(encode_call(1, "echo", {})[:-20])
        assert await answered(world)
        with anyio.fail_after(60):
            while server.statistics()["clients"]:
                await anyio.lowlevel.checkpoint()


async def test_an_accepted_call_runs_to_its_end_after_its_client_left() -> None:
    world = virtual_world()
    async with serving(world) as (_, echo, _):
        async with world.net.connect_unix(SOCKET) as client:
            await client.send(encode_call(1, "slow", {}))
            await echo.started.wait()
        echo.release.set()
        with anyio.fail_after(60):
            await echo.finished.wait()


async def test_more_than_fifty_requests_in_a_second_are_told_to_wait() -> None:
    world = virtual_world()
    async with serving(world), connected(world.net, SOCKET) as client:
        for _ in range(CONTROL_REQUESTS_PER_S):
            await client.call("echo", {})
        with pytest.raises(RpcError) as caught:
            await client.call("echo", {})
        assert caught.value.code is Code.BUSY
        world.clock.advance(1)
        await client.call("echo", {})


async def taken_in(server: ControlServer, clients: int) -> None:
    """Until the server has so many clients."""
    with anyio.fail_after(60):
        while server.statistics()["clients"] != clients:
            await anyio.lowlevel.checkpoint()


async def test_of_clients_that_never_asked_the_oldest_gives_way_to_the_65th() -> None:
    world = virtual_world()
    async with serving(world) as (server, _, _), connected(world.net, SOCKET, timeout_s=60) as first, AsyncExitStack() as stack:
        assert await first.call("echo", {"n": 1}) == {"data": {"n": 1}}
        silent = []
        for _ in range(CONTROL_CLIENTS):
            world.clock.advance(1)
            silent.append(await stack.enter_async_context(world.net.connect_unix(SOCKET)))
            await taken_in(server, min(len(silent) + 1, CONTROL_CLIENTS))
        with pytest.raises(anyio.EndOfStream), anyio.fail_after(60):
            await silent[0].receive()
        for stream in (silent[1], silent[-1]):
            await stream.send(encode_call(1, "echo", {"n": 2}))
            assert (await line(stream))["result"] == {"data": {"n": 2}}
        assert await first.call("echo", {"n": 3}) == {"data": {"n": 3}}


async def test_one_that_was_quiet_longest_gives_way_to_who_asks_and_not_to_who_is_silent() -> None:
    world = virtual_world()
    async with serving(world) as (server, _, _), AsyncExitStack() as stack:
        clients = []
        for _ in range(CONTROL_CLIENTS):
            world.clock.advance(1)
            clients.append(await stack.enter_async_context(connected(world.net, SOCKET, timeout_s=60)))
            await clients[-1].call("echo", {})
        await stack.enter_async_context(world.net.connect_unix(SOCKET))
        await taken_in(server, CONTROL_CLIENTS + 1)
        await clients[0].call("echo", {})
        assert await answered(world) == {"data": {"still": "alive"}}
        with pytest.raises(Unanswered):
            await clients[1].call("echo", {})
        await clients[2].call("echo", {})


async def test_where_all_follow_or_wait_a_newcomer_is_told_so_and_can_stop_things_all_the_same() -> None:
    world = virtual_world()
    async with serving(world) as (server, echo, _), AsyncExitStack() as stack, anyio.create_task_group() as waiting:
        for _ in range(CONTROL_CLIENTS - 1):
            follower = await stack.enter_async_context(connected(world.net, SOCKET, timeout_s=60))
            await follower.call("subscribe", {})
        waits = await stack.enter_async_context(connected(world.net, SOCKET, timeout_s=60))
        waiting.start_soon(waits.call, "slow", {})
        await echo.started.wait()
        for _ in range(2 * AT_THE_DOOR):
            await stack.enter_async_context(world.net.connect_unix(SOCKET))
        await taken_in(server, CONTROL_CLIENTS + AT_THE_DOOR)
        async with connected(world.net, SOCKET, timeout_s=60) as late:
            await late.call("hello", {})
            assert await late.call("stop", {"n": 1}) == {"data": {"n": 1}}
            assert await late.call("stop", {"n": 2}) == {"data": {"n": 2}}, "the same again, with its phrase"
            with pytest.raises(RpcError, match="64 clients are connected already") as turned_away:
                await late.call("echo", {})
            assert turned_away.value.code is Code.BUSY
            with pytest.raises(Unanswered):
                await late.call("stop", {})
        async with connected(world.net, SOCKET, timeout_s=60) as later:
            await later.call("hello", {})
            await follower.call("unsubscribe", {"id": "s1"})
            assert await later.call("echo", {"n": 3}) == {"data": {"n": 3}}, "there is a place now"
        echo.release.set()


async def test_who_types_the_phrase_of_a_panic_at_the_door_gives_way_to_nobody() -> None:
    world = virtual_world()
    async with serving(world, clients_max=0), AsyncExitStack() as stack:
        for _ in range(AT_THE_DOOR):
            client = await stack.enter_async_context(connected(world.net, SOCKET, timeout_s=60))
            await client.call("stop", {})
        async with world.net.connect_unix(SOCKET) as late:
            assert (await line(late))["error"]["code"] == Code.BUSY
        assert await client.call("stop", {"n": 2}) == {"data": {"n": 2}}


async def test_the_time_for_a_phrase_begins_with_the_answer_and_not_with_the_connection() -> None:
    world = virtual_world()
    async with serving(world, clients_max=0), AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(world.net, SOCKET, timeout_s=60)) for _ in range(AT_THE_DOOR)]
        for client in clients:
            await client.call("hello", {})
        world.clock.advance(PHRASE_WITHIN_S)
        for client in clients:
            await client.call("stop", {})
        world.clock.advance(PHRASE_WITHIN_S / 2)
        async with world.net.connect_unix(SOCKET) as late:
            assert (await line(late))["error"]["code"] == Code.BUSY
        assert await clients[0].call("stop", {"n": 2}) == {"data": {"n": 2}}


async def test_who_stopped_something_and_is_silent_since_keeps_no_panic_from_the_door() -> None:
    world = virtual_world()
    async with serving(world, clients_max=0), AsyncExitStack() as stack:
        clients = []
        for _ in range(AT_THE_DOOR):
            world.clock.advance(1)
            clients.append(await stack.enter_async_context(connected(world.net, SOCKET, timeout_s=60)))
            await clients[-1].call("stop", {})
        world.clock.advance(PHRASE_WITHIN_S)
        assert await clients[0].call("stop", {"n": 1}) == {"data": {"n": 1}}
        async with connected(world.net, SOCKET, timeout_s=60) as late:
            assert await late.call("stop", {"n": 2}) == {"data": {"n": 2}}
        with pytest.raises(Unanswered):
            await clients[1].call("stop", {})
        assert await clients[0].call("stop", {"n": 3}) == {"data": {"n": 3}}


async def test_a_panic_gets_in_past_hundreds_of_silent_sockets_of_this_machine(tmp_path: Path) -> None:
    world, path = real_world(), PurePath(tmp_path / "s")
    with ExitStack() as stack:  # around the server: of sockets that both ends close at once the loop complains
        async with serving(world, path) as (server, _, _):
            for _ in range(200):
                silent = stack.enter_context(closing(socket.socket(socket.AF_UNIX)))
                silent.setblocking(False)
                while silent.connect_ex(str(path)):  # the queue of the kernel is full until we have taken some
                    await anyio.lowlevel.checkpoint()
                silent.send(b'{"jsonrpc":"2.0"')
            async with connected(world.net, path, timeout_s=60) as client:
                assert await client.call("stop", {"n": 1}) == {"data": {"n": 1}}
            assert server.statistics()["clients"] <= CONTROL_CLIENTS


async def test_published_messages_reach_their_subscribers_in_order() -> None:
    world = virtual_world()
    async with serving(world) as (_, _, hub), connected(world.net, SOCKET) as client:
        key = (await client.call("subscribe", {}))["data"]["id"]
        hub.publish("logs", {"n": 1})
        hub.publish("fills", {"n": 2})
        hub.publish("logs", {"n": 3})
        assert await first_of(client, 2) == [(key, 1, 1), (key, 2, 3)]
        assert (await client.call("unsubscribe", {"id": key}))["data"] is True
        assert hub.statistics()["subscribers"] == 0


async def first_of(client: ControlClient, count: int) -> list[tuple[str, int, int]]:
    found = []
    with anyio.fail_after(60):
        async for message in client.pushed():
            found.append((message["subscription"], message["seq"], message["data"]["n"]))
            if len(found) == count:
                break
    return found


async def test_a_slow_subscriber_loses_messages_and_is_told_how_many() -> None:
    hub = StreamHub()
    subscription = hub.subscribe(frozenset({"logs"}), Wanted())
    for n in range(STREAM_BEHIND_DROP + 5):
        hub.publish("logs", {"n": n})
    received = [subscription.outbox.receive_nowait() for _ in range(STREAM_BEHIND_DROP)]
    assert [message["n"] for message in received] == list(range(STREAM_BEHIND_DROP))
    hub.publish("logs", {"n": -1})
    assert subscription.outbox.receive_nowait() == {"topic": "dropped", "count": 5}
    assert subscription.outbox.receive_nowait()["n"] == -1
    hub.unsubscribe(subscription)
    subscription.outbox.close()


async def test_a_subscriber_is_told_what_it_lost_although_nothing_more_is_said() -> None:
    world = virtual_world()
    async with serving(world) as (_, _, hub), connected(world.net, SOCKET) as client:
        await client.call("subscribe", {})
        for n in range(STREAM_BEHIND_DROP + 5):
            hub.publish("logs", {"n": n})
        found: list[JsonObject] = []
        with anyio.fail_after(60):
            async for message in client.pushed():
                found.append(message["data"])
                if found[-1].get("topic") == "dropped":
                    break
        kept = [each["n"] for each in found[:-1]]
        assert kept == list(range(len(kept)))
        assert found[-1]["count"] == STREAM_BEHIND_DROP + 5 - len(kept)
        hub.publish("logs", {"n": -1})
        assert await first_of(client, 1) == [("s1", len(found) + 1, -1)]


async def test_a_client_too_far_behind_is_told_so_and_closed() -> None:
    world = virtual_world()
    async with serving(world) as (_, _, hub), connected(world.net, SOCKET) as client:
        await client.call("subscribe", {})
        for n in range(10_000):
            hub.publish("logs", {"n": n})
        with anyio.fail_after(60):
            found = [message["data"] async for message in client.pushed()]
        assert [each["n"] for each in found[:-1]] == list(range(len(found) - 1))
        assert found[-1] == {"topic": "dropped", "count": STREAM_BEHIND_CLOSE - STREAM_BEHIND_DROP + 1}


async def test_a_dead_subscriber_is_closed_in_the_end() -> None:
    hub = StreamHub()
    subscription = hub.subscribe(frozenset({"logs"}), Wanted())
    for n in range(10_000):
        hub.publish("logs", {"n": n})
    assert subscription.closed
    assert not hub.wanted("logs")
    subscription.outbox.close()


class TurnedAway:
    """The client's end of a connection that was answered and closed before the client had sent anything."""

    def __init__(self, *said: bytes) -> None:
        self._said = [*said]

    async def send(self, _line: bytes) -> None:
        raise anyio.BrokenResourceError

    async def receive(self, _most: int) -> bytes:
        if not self._said:
            raise anyio.EndOfStream
        return self._said.pop(0)


async def test_who_is_turned_away_before_his_request_left_hears_why() -> None:
    answer = encode_error(None, RpcError(Code.BUSY, "64 clients are connected already"))
    with pytest.raises(RpcError, match="64 clients") as turned_away:
        await ControlClient(cast("ByteStream", TurnedAway(answer)), 60).hello("test")
    assert turned_away.value.code is Code.BUSY
    with pytest.raises(Unanswered, match="the daemon closed the connection"):
        await ControlClient(cast("ByteStream", TurnedAway()), 60).hello("test")


async def test_a_guardian_that_closes_is_not_called_a_daemon() -> None:
    async def close(stream: ByteStream, _peer: object) -> None:
        await stream.aclose()

    world = virtual_world()
    path = SOCKET.with_name(GUARDIAN_SOCKET)
    async with world.net.serve_unix(path, close), connected(world.net, path) as client:
        with pytest.raises(Unanswered, match="the guardian closed the connection"):
            await client.call("status", {})
