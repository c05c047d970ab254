"""The HTTP face: routes, envelopes, authentication, rate headers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from aiohttp import web

from playd.core.errors import SettingsError
from playd.venues.exchange import admin, auth, desk, rest_market
from playd.venues.exchange.config import DEMO
from playd.venues.exchange.faults.model import Event, Fault, Seam
from playd.venues.exchange.faults.on_requests import Meeting, request_event
from playd.venues.exchange.faults.on_views import without_hidden
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.private_session import PrivateSession
from playd.venues.exchange.public_session import PublicSession
from playd.venues.exchange.rates import WINDOW_S, rate_headers
from playd.venues.exchange.refusal import PARAMETER, TOO_MANY_VISITS, Refusal
from playd.venues.exchange.requests import Ask, check_category
from playd.venues.exchange.sessions import Session, address_of, serve_socket
from playd.venues.exchange.trade_session import TradeSession

BODY_MAX: Final = 256 * 1024
_NOTHING: Final[Mapping[str, Any]] = {}
_JSON: Final = {"Content-Type": "application/json"}


def build_app(floor: Floor) -> web.Application:
    """Routes of one exchange. Unknown paths answer 404."""
    app = web.Application(client_max_size=BODY_MAX)

    async def rest(request: web.Request) -> web.Response:
        return await _rest(floor, request)

    def socket(kind: type[Session], detail: str = "") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await serve_socket(floor, request, kind, detail)

        return serve

    async def playd(request: web.Request) -> web.Response:
        return await _playd(floor, request)

    async def hang_up(_: web.Application) -> None:
        floor.faults.heal()
        for client in floor.clients:
            client.hang_up()

    for category in ("linear", "spot", "inverse", "option"):
        app.router.add_get(f"/v5/public/{category}", socket(PublicSession, category))
    app.router.add_get("/v5/public/misc/status", socket(PublicSession, "status"))
    app.router.add_get("/v5/private", socket(PrivateSession))
    if floor.config.environment != DEMO:
        app.router.add_get("/v5/trade", socket(TradeSession))
    app.router.add_route("*", "/v5/{path:.*}", rest)
    app.router.add_route("*", "/playd/{path}", playd)
    app.on_shutdown.append(hang_up)
    return app


async def _rest(floor: Floor, request: web.Request) -> web.Response:
    """Every request enters and every reply leaves here; faults on command meet it in between."""
    if not floor.gate.admits_request(address_of(request), floor.world.clock.mono_s()):
        return web.Response(status=403, text="access too frequent")
    try:
        body = await request.read()
    except web.RequestPayloadError:
        return web.Response(status=400, text="400 Bad Request: the body is not what its headers say")
    wire = RestWire(floor, request, body)
    if not floor.faults.listens(Seam.REQUEST) and not floor.faults.listens(Seam.DONE):
        return wire.effect(())
    return await Meeting(floor.faults, wire.event(), wire).reply()


class RestWire:
    """One REST request and the ways to answer it."""

    def __init__(self, floor: Floor, request: web.Request, body: bytes) -> None:
        self._floor = floor
        self._request = request
        self._body = body

    def effect(self, faults: Sequence[Fault]) -> web.Response:
        return _answer(self._floor, self._request, self._body, faults)

    def refuse(self, code: int, text: str, reset_s: float = WINDOW_S) -> web.Response:
        return _refusal(self._floor, self._request.path, code, text, reset_s)

    def status(self, http: int, text: str) -> web.Response:
        return web.Response(status=http, text=text)

    def lost(self) -> web.Response:
        if self._request.transport is not None:
            self._request.transport.abort()
        return web.Response()

    def event(self) -> Event:
        """What the request is about, taken at its word: nobody has looked at its signature yet."""
        try:
            params = _params(self._request, self._body)
        except Refusal:
            params = _NOTHING
        key = self._floor.keys.find(self._request.headers.get("X-BAPI-API-KEY", ""))
        account = self._floor.alias_of(key.uid if key is not None else None)
        return request_event(self._request.path, account, "", params)


def _answer(floor: Floor, request: web.Request, body: bytes, faults: Sequence[Fault]) -> web.Response:
    """Who asks, what for; then the answer."""
    path = request.path
    if request.method == "GET" and body:
        return web.Response(status=403, text="Forbidden: GET with a body")
    public = rest_market.HANDLERS.get(path) if request.method == "GET" else None
    known = desk.READS if request.method == "GET" else desk.WRITES if request.method == "POST" else {}
    if public is None and path not in known:
        return web.Response(status=404, text="404 page not found")
    try:
        if public is not None:
            if not floor.gate.admits_path(address_of(request), path, floor.world.clock.mono_s()):
                raise Refusal(TOO_MANY_VISITS, "Too many visits. Exceeded the API Rate Limit.")
            check_category(path, params := _params(request, body))
            return _reply(floor, result=public(Ask(floor, params)))
        read = auth.read_headers(request.headers)
        if read is None:
            return web.Response(status=401, text="Unauthorized: authentication headers are missing")
        payload = request.raw_path.partition("?")[2].encode() if request.method == "GET" else body
        caller = _authenticate(floor, read, payload, address_of(request))
        answer = desk.serve(floor, path, _params(request, body), caller)
    except Refusal as refusal:
        return _refusal(floor, path, refusal.code, refusal.text)
    headers = rate_headers(answer.allowance, floor.wall_ms())
    now_ms = floor.books.time.now_ms
    result = without_hidden(answer.result, path, faults, now_ms) if answer.code == 0 else answer.result
    return _reply(floor, result, code=answer.code, text=answer.text, extra=answer.extra, headers=headers)


def _authenticate(floor: Floor, signed: auth.SignedHeaders, payload: bytes, address: str) -> desk.Caller:
    wall_ms = floor.wall_ms()
    key = auth.check_key(floor.keys.find(signed.key), floor.config.environment, address, wall_ms)
    auth.check_window(signed.timestamp_ms, signed.window_ms, wall_ms)
    auth.check_signature(signed, key, payload)
    return desk.Caller(floor.books.accounts[key.uid], key, address)


def _params(request: web.Request, body: bytes) -> Mapping[str, Any]:
    if request.method == "GET":
        return request.query
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Refusal(PARAMETER, "params error: the body is not a JSON object")
    return parsed


def _refusal(floor: Floor, path: str, code: int, text: str, reset_s: float = WINDOW_S) -> web.Response:
    """A refusal for which nothing was asked of the desk. One for coming too often says when to come again."""
    headers = rate_headers(floor.rates.spent(path, reset_s), floor.wall_ms()) if code == TOO_MANY_VISITS else _NOTHING
    return _reply(floor, code=code, text=text, headers=headers)


def _reply(
    floor: Floor,
    result: Mapping[str, Any] = _NOTHING,
    *,
    code: int = 0,
    text: str = "OK",
    extra: Mapping[str, Any] = _NOTHING,
    headers: Mapping[str, str] = _NOTHING,
) -> web.Response:
    envelope = {
        "retCode": code,
        "retMsg": text,
        "result": result,
        "retExtInfo": extra,
        "time": floor.wall_ms(),
    }
    return web.Response(body=orjson.dumps(envelope), headers={**_JSON, **headers})


async def _playd(floor: Floor, request: web.Request) -> web.Response:
    """Our own requests: plain JSON, errors as `{"error": text}`."""
    name = request.match_info["path"]
    if (request.method, name) == ("GET", "market"):
        return web.json_response(admin.market_status(floor))
    act = admin.ACTS.get((request.method, name))
    if act is None:
        return web.Response(status=404, text="404 page not found")
    if not admin.may(floor, request):
        return web.json_response({"error": f"header {admin.TOKEN_HEADER} with the admin token is needed"}, status=401)
    try:
        body = dict(request.query) if request.method in ("GET", "DELETE") else orjson.loads(await request.read())
        if not isinstance(body, dict):
            raise SettingsError("the body is not a JSON object")
        return web.json_response(act(floor, body))
    except (SettingsError, orjson.JSONDecodeError) as error:
        return web.json_response({"error": str(error)}, status=400)
