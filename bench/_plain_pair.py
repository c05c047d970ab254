"""What HTTP alone costs here: an aiohttp server that answers every order alike, and a client that signs one body for it."""

import hmac
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import aiohttp
import anyio
import orjson
from aiohttp import web

PATH = "/v5/order/create"
ORDER = {"category": "linear", "symbol": "S00USDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "50"}
REPLY = {"retCode": 0, "retMsg": "OK", "result": {"orderId": "0" * 36, "orderLinkId": "b-1"}, "retExtInfo": {}, "time": 1}


class Pace(NamedTuple):
    """Round trips per second of all tasks together, and what one costs this process of processor time."""

    per_s: float
    processor_ms: float


async def serve() -> None:
    """Serve until killed; the first line of the output is the port."""
    text = orjson.dumps(REPLY)

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=text, content_type="application/json")

    app = web.Application()
    app.router.add_post(PATH, take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await anyio.sleep_forever()


@contextmanager
def plain_server() -> Iterator[str]:
    """The address of one in a process of its own while the block lasts."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}{PATH}"
        finally:
            process.terminate()
            process.wait(30)


async def plain_pace(session: aiohttp.ClientSession, url: str, tasks: int, seconds: float) -> Pace:
    """How so many tasks at once get on."""
    began_s, used_s, done = time.perf_counter(), time.process_time(), 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() - began_s < seconds:
            body = orjson.dumps(ORDER)
            headers = {"Content-Type": "application/json", "X-BAPI-SIGN": hmac.digest(b"secret", body, "sha256").hex()}
            async with session.post(url, data=body, headers=headers) as response:
                orjson.loads(await response.read())
            done += 1

    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(one)
    return Pace(done / (time.perf_counter() - began_s), (time.process_time() - used_s) / done * 1e3)


if __name__ == "__main__":
    anyio.run(serve)
