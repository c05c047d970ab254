"""A small scripted venue on loopback: it records what it was asked and answers what the test says."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import orjson
from aiohttp import WSMsgType, web

from playd.core.modes import Environment
from playd.core.secret import Secret
from playd.venues.bybit.environment import Hosts, VenueAccount, local_hosts, venue_account
from playd.venues.port import Priority
from playd.world.ports import World

KEY = "SIMKEYSIMKEYSIMKEY"
SECRET = "SIMSECRETSIMSECRETSIMSECRET"
TIME_MS = 1_704_067_200_000
"""The virtual world's first instant."""


@dataclass(frozen=True)
class Seen:
    """One request as it arrived, raw."""

    method: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> dict[str, Any]:
        return orjson.loads(self.body)  # type: ignore[no-any-return]

    @property
    def params(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.query.split("&") if pair)


def ok(result: Mapping[str, Any] | None = None, **headers: str) -> web.Response:
    return code(0, "OK", result, **headers)


def code(
    number: int, text: str, result: Mapping[str, Any] | None = None, *, time_ms: int = TIME_MS, **headers: str
) -> web.Response:
    body = {"retCode": number, "retMsg": text, "result": result or {}, "retExtInfo": {}, "time": time_ms}
    return web.json_response(body, headers={name.replace("_", "-"): value for name, value in headers.items()})


Answer = Callable[[Seen], web.Response | Awaitable[web.Response]]


class Socket:
    """The server's end of one WebSocket. Acknowledges everything unless the test says otherwise."""

    def __init__(self, ws: web.WebSocketResponse, refused: Mapping[str, str], mute: set[str]) -> None:
        self.ws = ws
        self.frames: list[dict[str, Any]] = []
        self._refused = refused
        self._mute = mute
        self._heard = anyio.Event()

    async def send(self, frame: Mapping[str, Any]) -> None:
        await self.ws.send_str(orjson.dumps(frame).decode())

    async def heard(self, op: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until `count` frames with this `op` have arrived."""
        while len(found := [frame for frame in self.frames if frame.get("op") == op]) < count:
            await self._heard.wait()
        return found

    async def serve(self) -> None:
        async for message in self.ws:
            if message.type is not WSMsgType.TEXT:
                continue
            frame = orjson.loads(message.data)
            self.frames.append(frame)
            if frame.get("op") not in self._mute:
                await self._acknowledge(frame)
            heard, self._heard = self._heard, anyio.Event()
            heard.set()

    async def _acknowledge(self, frame: dict[str, Any]) -> None:
        op, args = frame.get("op"), frame.get("args") or [""]
        if op == "ping":
            await self.send({"op": "pong", "args": ["1"], "conn_id": "c", "req_id": ""})
        elif op in ("auth", "subscribe", "unsubscribe"):
            name = op if op == "auth" else str(args[0])
            text = self._refused.get(name)
            await self.send(
                {"success": text is None, "ret_msg": text or "", "op": op, "conn_id": "c", "req_id": frame.get("req_id", "")}
            )


@dataclass
class FakeBybit:
    """
    Set `answer` for REST; `refused` maps topics (or `auth`) to refusal texts; ops in `mute` get no acknowledgement.

    `/playd/market`, which only a simulated market has, is answered with `market_now_ms` and not recorded.
    """

    answer: Answer = lambda seen: ok()
    refused: dict[str, str] = field(default_factory=dict)
    mute: set[str] = field(default_factory=set)
    market_first_ms: int = 0
    market_now_ms: int = TIME_MS
    seen: list[Seen] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)
    _connected: anyio.Event = field(default_factory=anyio.Event)

    async def socket(self, number: int) -> Socket:
        """The socket of the n-th connect, from 1 on."""
        while len(self.sockets) < number:
            await self._connected.wait()
        return self.sockets[number - 1]

    @asynccontextmanager
    async def running(self, world: World) -> AsyncIterator[Hosts]:
        app = web.Application()
        app.router.add_get("/v5/private", self._websocket)
        app.router.add_get("/v5/public/linear", self._websocket)
        app.router.add_get("/playd/market", self._market)
        app.router.add_route("*", "/{path:.*}", self._rest)
        async with world.net.serve_http(app, "127.0.0.1", 0) as port:
            yield local_hosts(port)

    async def _market(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"first_ms": self.market_first_ms, "market_now_ms": self.market_now_ms})

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.method, request.path, request.rel_url.raw_query_string, await request.read(), request.headers)
        self.seen.append(seen)
        answer = self.answer(seen)
        return answer if isinstance(answer, web.Response) else await answer

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        socket = Socket(ws, self.refused, self.mute)
        self.sockets.append(socket)
        connected, self._connected = self._connected, anyio.Event()
        connected.set()
        await socket.serve()
        return ws


@dataclass
class FreeBudget:
    """A budget that never waits and records what it was told."""

    taken: list[tuple[str, Priority]] = field(default_factory=list)
    learned: list[dict[str, Any]] = field(default_factory=list)
    bans: int = 0

    async def take(self, endpoint: str, priority: Priority, *, owner: str = "") -> None:
        self.taken.append((endpoint, priority))

    def take_now(self, endpoint: str, priority: Priority, *, owner: str = "") -> bool:
        self.taken.append((endpoint, priority))
        return True

    def learn(self, endpoint: str, *, limit: int | None, left: int | None, reset_ms: int | None, code: int | None) -> None:
        self.learned.append({"endpoint": endpoint, "limit": limit, "left": left, "reset_ms": reset_ms, "code": code})

    def banned(self) -> None:
        self.bans += 1

    @property
    def banned_for_s(self) -> float:
        return 0.0

    @property
    def entries_paused_for_s(self) -> float:
        return 0.0

    @property
    def missing_stops(self) -> int:
        return 0


def account(hosts: Hosts, *, lock_step: bool = False) -> VenueAccount:
    return venue_account("sim", Environment.LOCAL, hosts, Secret(KEY), Secret(SECRET), lock_step=lock_step)
