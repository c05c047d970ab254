"""The HTTP face: routes, envelopes, authentication, rate headers."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from playd.core.errors import SettingsError
from playd.venues.exchange import admin, auth, desk, rest_market
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.model import Account
from playd.venues.exchange.rates import rate_headers
from playd.venues.exchange.refusal import PARAMETER, UNKNOWN_KEY, Refusal
from playd.venues.exchange.requests import Ask
from playd.venues.exchange.sessions import serve_private, serve_public

BODY_MAX: Final = 256 * 1024
_NOTHING: Final[Mapping[str, Any]] = {}


def build_app(floor: Floor) -> web.Application:
    """Routes of one exchange. Unknown paths answer 404."""
    app = web.Application(client_max_size=BODY_MAX)

    async def rest(request: web.Request) -> web.Response:
        return await _rest(floor, request)

    async def public(request: web.Request) -> web.WebSocketResponse:
        return await serve_public(floor, request)

    async def private(request: web.Request) -> web.WebSocketResponse:
        return await serve_private(floor, request)

    async def playd(request: web.Request) -> web.Response:
        return await _playd(floor, request)

    async def hang_up(_: web.Application) -> None:
        for client in floor.clients:
            client.hang_up()

    app.router.add_get("/v5/public/linear", public)
    app.router.add_get("/v5/private", private)
    app.router.add_route("*", "/v5/{path:.*}", rest)
    app.router.add_get("/playd/market", playd)
    app.router.add_post("/playd/{path:market|accounts}", playd)
    app.on_shutdown.append(hang_up)
    return app


async def _rest(floor: Floor, request: web.Request) -> web.Response:
    """One request: who asks, what for; then the answer. Every request enters and every reply leaves here."""
    path = request.path
    body = await request.read()
    if request.method == "GET" and body:
        return web.Response(status=403, text="Forbidden: GET with a body")
    public = rest_market.HANDLERS.get(path) if request.method == "GET" else None
    known = desk.READS if request.method == "GET" else desk.WRITES if request.method == "POST" else {}
    if public is None and path not in known:
        return web.Response(status=404, text="404 page not found")
    try:
        if public is not None:
            return _reply(floor, result=public(Ask(floor, _params(request, body))))
        read = auth.read_headers(request.headers)
        if read is None:
            return web.Response(status=401, text="Unauthorized: authentication headers are missing")
        payload = request.raw_path.partition("?")[2].encode() if request.method == "GET" else body
        account = _authenticate(floor, read, payload)
        answer = desk.serve(floor, path, _params(request, body), account)
    except Refusal as refusal:
        return _reply(floor, code=refusal.code, text=refusal.text)
    headers = rate_headers(answer.allowance, floor.world.clock.wall_ms())
    return _reply(floor, answer.result, code=answer.code, text=answer.text, extra=answer.extra, headers=headers)


def _authenticate(floor: Floor, signed: auth.SignedHeaders, payload: bytes) -> Account:
    account = floor.account_of_key(signed.key)
    if account is None:
        raise Refusal(UNKNOWN_KEY, "API key is invalid.")
    auth.check_window(signed, floor.world.clock.wall_ms())
    auth.check_signature(signed, account.secret, payload)
    return account


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
        "time": floor.world.clock.wall_ms(),
    }
    return web.Response(body=orjson.dumps(envelope), content_type="application/json", headers=headers)


async def _playd(floor: Floor, request: web.Request) -> web.Response:
    """Our own requests: plain JSON, errors as `{"error": text}`."""
    if request.method == "GET":
        return web.json_response(admin.market_status(floor))
    if not admin.may(floor, request):
        return web.json_response({"error": f"header {admin.TOKEN_HEADER} with the admin token is needed"}, status=401)
    act = admin.create_account if request.match_info["path"] == "accounts" else admin.steer_market
    try:
        body = orjson.loads(await request.read())
        if not isinstance(body, dict):
            raise SettingsError("the body is not a JSON object")
        return web.json_response(act(floor, body))
    except (SettingsError, orjson.JSONDecodeError) as error:
        return web.json_response({"error": str(error)}, status=400)
