"""A running exchange, a session to reach it, and sockets that are read frame by frame."""

import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import aiohttp
import anyio

from playd.market.feed import CandleFeed
from playd.market.synthetic import SyntheticFeed
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE, ExchangeConfig
from playd.venues.exchange.exchange import Exchange, ExchangeInfo
from playd.world.ports import World
from playd.world.real import real_world

DEADLINE_S = 60.0


@dataclass
class Bench:
    """A running exchange with one account, and a session to reach it."""

    exchange: Exchange
    info: ExchangeInfo
    session: aiohttp.ClientSession
    key: str
    secret: str

    def signature(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def signed(self, payload: str, *, window: str = "60000") -> dict[str, str]:
        stamp = str(int(time.time() * 1000))
        sign = self.signature(f"{stamp}{self.key}{window}{payload}")
        return {
            "X-BAPI-API-KEY": self.key,
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": window,
            "X-BAPI-SIGN": sign,
        }

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        text = json.dumps(body)
        async with self.session.post(self.info.rest_url + path, data=text, headers=self.signed(text)) as response:
            return await response.json()  # type: ignore[no-any-return]

    async def get(self, path: str, query: str = "") -> dict[str, Any]:
        async with self.session.get(f"{self.info.rest_url}{path}?{query}", headers=self.signed(query)) as response:
            return await response.json()  # type: ignore[no-any-return]

    async def order(self, side: str, qty: str, **more: Any) -> dict[str, Any]:
        wish = {"category": "linear", "symbol": "BTCUSDT", "side": side, "orderType": "Market", "qty": qty, **more}
        return await self.post("/v5/order/create", **wish)

    async def private(self, *topics: str) -> "Socket":
        socket = Socket(await self.session.ws_connect(self.info.private_url))
        expires = int(time.time() * 1000) + 60_000
        sign = self.signature(f"GET/realtime{expires}")
        assert (await socket.ask("auth", self.key, expires, sign))["success"]
        if topics:
            assert (await socket.ask("subscribe", *topics))["success"]
        return socket

    async def public(self, *topics: str) -> "Socket":
        socket = Socket(await self.session.ws_connect(self.info.public_url))
        if topics:
            assert (await socket.ask("subscribe", *topics))["success"]
        return socket


class Socket:
    """A client's socket that reads one frame after the other."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def ask(self, op: str, *args: Any, **more: Any) -> dict[str, Any]:
        """Send an operation; the next frame."""
        await self.ws.send_json({"op": op, "args": list(args), **more})
        return await self.read()

    async def read(self) -> dict[str, Any]:
        return await self.ws.receive_json()  # type: ignore[no-any-return]

    async def until_barrier(self) -> tuple[list[dict[str, Any]], int]:
        """Frames up to the next barrier, and its number. The barrier is not answered."""
        frames: list[dict[str, Any]] = []
        while True:
            frame = await self.read()
            if frame.get("op") == "playd.barrier":
                return frames, frame["barrier"]
            frames.append(frame)

    async def echo(self, number: int) -> None:
        await self.ws.send_json({"op": "playd.barrier", "barrier": number})


class StillClock:
    """Stands still where rates are counted, so that whatever a test asks for comes within one second."""

    def mono_s(self) -> float:
        return 0.0

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000


def one_moment() -> World:
    """The real world, in which no time passes between two requests."""
    return replace(real_world(), clock=StillClock())


@contextlib.asynccontextmanager
async def bench_at(world: World, path: PurePath, feed: CandleFeed | None = None, **config: Any) -> AsyncIterator[Bench]:
    wish: dict[str, Any] = {"speed": AS_FAST_AS_POSSIBLE, "lockstep": True, **config}
    exchange = Exchange(world, feed or SyntheticFeed(3), ExchangeConfig(path, **wish))
    with anyio.fail_after(DEADLINE_S):
        async with exchange.running() as info, world.net.http_session(timeout_s=DEADLINE_S) as session:
            key, secret = exchange.create_account("test", wallet_usdt=Decimal(10_000))
            yield Bench(exchange, info, session, key, secret)
