"""
Health and metrics over HTTP, read only, served by the loop that trades: an answer proves that it turns.

`/livez`, `/readyz`, `/healthz`, `/healthz/NAME`, `/metrics`. An address that others can reach needs a token. A port that is
taken costs the view, never trading: it is an incident, and tried again each minute.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import anyio
import orjson
import structlog

from playd.control.context import Daemon
from playd.control.health import alive, health, instance_health, ready_checks
from playd.control.metrics import metrics_text
from playd.core.errors import SettingsError
from playd.core.secret import Secret
from playd.orders.halts import ALL
from playd.settings import Loaded
from playd.world.ports import World
from playd.world.private_file import read_private

if TYPE_CHECKING:
    from aiohttp import web

AGAIN_AFTER_S: Final = 60.0
CREDENTIAL: Final = "http-token"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to serve, and the token every request must bear, None where none is asked for."""

    host: str
    port: int
    token: Secret | None


def listening(world: World, loaded: Loaded) -> Listening | None:
    """
    Where the settings want it served; None for nowhere.

    Raises `SettingsError` for an address that is none, or for one that others can reach without a token, `CredentialError`.
    """
    settings = loaded.settings.http
    if not settings.listen:
        return None
    host, _, port = settings.listen.rpartition(":")
    try:
        address = ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        raise SettingsError(
            f"http.listen {settings.listen!r}: expected an IP address and a port, such as 127.0.0.1:9707"
        ) from None
    path = settings.token_credential
    directory = loaded.locations.credentials_dir
    if path is None and directory is not None and world.disk.exists(directory / CREDENTIAL):
        path = directory / CREDENTIAL
    token = Secret(read_private(world, path).strip()) if path is not None else None
    if not address.is_loopback and (token is None or len(token.reveal()) < 16):
        raise SettingsError(f"http.listen {settings.listen}: others can reach it; name a token of 16 characters or more")
    return Listening(str(address), number, token)


async def serve(world: World, daemon: Daemon, where: Listening) -> None:
    """Serve until cancelled."""
    while True:
        try:
            async with world.net.serve_http(_application(daemon, where.token), where.host, where.port) as port:
                daemon.ops.incidents.resolve("HTTP_DOWN", ALL, "served again")
                _log.info("http.up", msg=f"http://{where.host}:{port}/healthz", value=port)
                await anyio.sleep_forever()
        except OSError as error:
            text = f"{where.host}:{where.port}: {error.strerror or error}; health and metrics are not served"
            daemon.ops.incidents.open("HTTP_DOWN", "warning", ALL, text)
            _log.warning("http.down", msg=text)
        await anyio.sleep(AGAIN_AFTER_S)


def _application(daemon: Daemon, token: Secret | None) -> "web.Application":
    from aiohttp import web

    def answer(status: int, body: Any) -> web.Response:
        return web.Response(status=status, body=orjson.dumps(body) + b"\n", content_type="application/json")

    async def livez(_: web.Request) -> web.Response:
        good = alive(daemon)
        return answer(200 if good else 503, {"alive": good})

    async def readyz(_: web.Request) -> web.Response:
        checks = ready_checks(daemon)
        good = all(check.ok for check in checks)
        return answer(200 if good else 503, {"ready": good, "checks": [check.as_json() for check in checks]})

    async def healthz(_: web.Request) -> web.Response:
        body = await health(daemon)
        good = body["ready"] and all(each["healthy"] for each in body["instances"])
        return answer(200 if good else 503, body)

    async def one(request: web.Request) -> web.Response:
        slot = daemon.supervisor.slots.get(request.match_info["name"])
        if slot is None:
            return answer(404, {"error": f"no instance {request.match_info['name']}"})
        body = instance_health(daemon, slot)
        return answer(200 if body["healthy"] else 503, body)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=(await metrics_text(daemon)).encode(), headers={"Content-Type": METRICS_TYPE})

    app = web.Application(middlewares=[_token_middleware(token)] if token is not None else [])
    for path, handler in (
        ("/livez", livez),
        ("/readyz", readyz),
        ("/healthz", healthz),
        ("/healthz/{name}", one),
        ("/metrics", metrics),
    ):
        app.router.add_get(path, handler)
    return app


def _token_middleware(token: Secret) -> Any:
    from aiohttp import web

    @web.middleware
    async def checked(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), token.reveal().encode()):
            return web.Response(status=401, text="a bearer token is needed\n")
        found: web.StreamResponse = await handler(request)
        return found

    return checked
