"""A request body that is begun before its task: nothing of it is lost, whatever it has to wait for."""

import io

import anyio
import anyio.lowlevel
import pytest
from aiohttp import web

from playd.world.real import real_world
from playd.world.real.request import begun

pytestmark = pytest.mark.anyio


async def test_what_needs_no_wait_is_done_before_anybody_awaits_it() -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("written")

    rest = begun(work())
    assert done == ["written"]
    await rest


async def test_work_that_waits_goes_on_when_it_may() -> None:
    done: list[str] = []
    may = anyio.Event()

    async def work() -> None:
        done.append("begun")
        await may.wait()
        done.append("ended")

    rest = begun(work())
    assert done == ["begun"]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_await, rest)
        await anyio.lowlevel.checkpoint()
        may.set()
    assert done == ["begun", "ended"]


async def test_a_cancellation_reaches_the_work_that_waits() -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            await anyio.Event().wait()
        finally:
            done.append("cleared")

    rest = begun(work())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_await, rest)
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert done == ["cleared"]


async def test_a_body_larger_than_what_a_connection_takes_at_once_arrives_whole() -> None:
    body = bytes(range(256)) * 40_000
    app, net = web.Application(client_max_size=len(body)), real_world().net

    async def told(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app.router.add_post("/", told)
    async with (
        net.serve_http(app, "127.0.0.1", 0) as port,
        net.http_session(timeout_s=60.0) as session,
        session.post(f"http://127.0.0.1:{port}/", data=io.BytesIO(body)) as response,
    ):
        assert await response.read() == body


async def _await(rest: object) -> None:
    await rest  # type: ignore[misc]
