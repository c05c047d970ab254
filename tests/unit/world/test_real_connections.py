"""An attempt to connect may be given up at any instant and closes what is its own; a connection answers what was asked."""

import gc
import os

import anyio
import anyio.lowlevel
import pytest
from aiohttp import web
from anyio.abc import SocketAttribute, SocketStream

from playd.world.real import real_world

pytestmark = pytest.mark.anyio

TURNS = 12
"""Turns of the loop after which an attempt is given up; a whole request takes fewer."""


async def _hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


@pytest.mark.usefixtures("old_objects_left_alone")
async def test_a_connection_that_is_given_up_closes_nobody_elses_descriptor() -> None:
    app, net = web.Application(), real_world().net
    app.router.add_get("/", _hello)
    async with net.serve_http(app, "127.0.0.1", 0) as port:
        for turns in range(TURNS):
            async with net.http_session(timeout_s=60.0) as session, anyio.create_task_group() as tasks:
                tasks.start_soon(session.get, f"http://127.0.0.1:{port}/")
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            others = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
            gc.collect()
            for each in others:
                os.fstat(each)
                os.close(each)


async def test_what_a_server_says_unasked_is_no_answer_to_the_next_request() -> None:
    answered, unasked, spoken = 0, anyio.Event(), anyio.Event()

    async def serve(stream: SocketStream) -> None:
        nonlocal answered
        async with stream:
            while True:
                try:
                    await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return
                answered += 1
                await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % answered)
                if answered == 1:
                    await unasked.wait()
                    await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n9")
                    spoken.set()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
        real_world().net.http_session(timeout_s=60.0) as session,
    ):
        tasks.start_soon(listener.serve, serve)
        url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/"
        found = [await (await session.get(url)).text()]
        unasked.set()
        await spoken.wait()
        assert session.connector is not None
        ((idle, _),) = next(iter(session.connector._conns.values()))
        with anyio.fail_after(60):
            while not idle.should_close:
                await anyio.lowlevel.checkpoint()
        for _ in range(2):
            found.append(await (await session.get(url)).text())
        tasks.cancel_scope.cancel()
    assert found == ["1", "2", "3"]
