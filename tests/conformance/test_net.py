"""Every net keeps these promises: the machine's own, and the one that never leaves it."""

from pathlib import Path, PurePath

import aiohttp
import aiohttp.web
import anyio
import pytest
from anyio.abc import ByteStream

from playd.world.ports import Net, Peer
from playd.world.real.net import RealNet
from playd.world.virtual import LoopbackNet

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["real", "loopback"])
def net(request: pytest.FixtureRequest) -> Net:
    return RealNet() if request.param == "real" else LoopbackNet()


@pytest.fixture
def path(tmp_path: Path) -> PurePath:
    return PurePath(tmp_path / "control.sock")


async def echo(stream: ByteStream, peer: Peer) -> None:
    async for data in stream:
        await stream.send(data + peer.actor.encode())


async def test_a_unix_server_knows_its_peer_and_answers(net: Net, path: PurePath) -> None:
    with anyio.fail_after(60):
        async with net.serve_unix(path, echo), net.connect_unix(path) as first, net.connect_unix(path) as second:
            await second.send(b"two ")
            await first.send(b"one ")
            assert (await first.receive()).startswith(b"one uid:")
            assert (await second.receive()).startswith(b"two uid:")


async def test_a_unix_server_ends_with_its_block(net: Net, path: PurePath) -> None:
    with anyio.fail_after(60):
        async with net.serve_unix(path, echo):
            pass
        with pytest.raises(FileNotFoundError):
            async with net.connect_unix(path):
                pass
        async with net.serve_unix(path, echo), net.connect_unix(path) as again:
            await again.send(b"x")
            assert await again.receive()


async def test_a_live_unix_socket_is_not_taken_over(net: Net, path: PurePath) -> None:
    with anyio.fail_after(60):
        async with net.serve_unix(path, echo):
            with pytest.raises(OSError, match="in use"):
                async with net.serve_unix(path, echo):
                    pass


async def test_a_peer_that_leaves_in_the_middle_harms_nobody(net: Net, path: PurePath) -> None:
    async def talk(stream: ByteStream, _: Peer) -> None:
        while True:
            await stream.send(b"news " * 10_000)

    with anyio.fail_after(60):
        async with net.serve_unix(path, talk):
            async with net.connect_unix(path) as rude:
                await rude.receive(10)
            async with net.connect_unix(path) as polite:
                assert await polite.receive(4) == b"news"


async def test_http_and_websocket_reach_the_bound_port(net: Net) -> None:
    async def hello(_: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.json_response({"hello": "world"})

    async def chat(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        socket = aiohttp.web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"heard {message.data}")
        return socket

    app = aiohttp.web.Application()
    app.add_routes([aiohttp.web.get("/", hello), aiohttp.web.get("/chat", chat)])
    with anyio.fail_after(60):
        async with net.serve_http(app, "127.0.0.1", 0) as port, net.http_session(timeout_s=60) as session:
            async with session.get(f"http://127.0.0.1:{port}/") as reply:
                assert await reply.json() == {"hello": "world"}
            async with session.ws_connect(f"http://127.0.0.1:{port}/chat") as client:
                await client.send_str("you")
                assert await client.receive_str() == "heard you"


async def test_a_taken_port_is_an_error(net: Net) -> None:
    async with net.serve_http(aiohttp.web.Application(), "127.0.0.1", 0) as port:
        with pytest.raises(OSError, match="in use"):
            async with net.serve_http(aiohttp.web.Application(), "127.0.0.1", port):
                pass
