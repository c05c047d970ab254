"""An attempt to connect may be given up at any instant: it must not close what is not its own."""

import gc
import os

import anyio
import anyio.lowlevel
import pytest
from aiohttp import web

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
