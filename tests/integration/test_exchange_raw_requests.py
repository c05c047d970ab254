"""Requests as other people's clients write them, byte by byte: what no client library of this suite would send."""

import gzip
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePath
from typing import Any

import anyio
import pytest

from playd.world.real import real_world
from tests.integration.exchange_bench import Bench, Socket, bench_at

pytestmark = pytest.mark.anyio

BTC = "category=linear&symbol=BTCUSDT"
LIMIT = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "1000"}
EMPTY = (
    *("takeProfit", "stopLoss", "tpslMode", "triggerPrice", "timeInForce", "smpType", "slippageToleranceType", "triggerBy"),
    *("bboSideType", "tpOrderType", "slOrderType", "tpLimitPrice", "slTriggerBy", "orderFilter", "marketUnit", "orderLinkId"),
)


@asynccontextmanager
async def opened(path: PurePath) -> AsyncIterator["Raw"]:
    async with bench_at(real_world(), path / "exchange.sqlite", held=True, rate_limits=False) as bench:
        yield Raw(bench)


class Raw:
    """Writes requests and reads replies without a client."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def headers(self, payload: str, *, window: str = "5000", hashed: str | None = None) -> dict[str, str]:
        """Of a signed request; a window of "" is not sent, and `hashed` in its place."""
        stamp = str(int(time.time() * 1000))
        sign = self.bench.signature(f"{stamp}{self.bench.key}{window if hashed is None else hashed}{payload}")
        headers = {"X-BAPI-API-KEY": self.bench.key, "X-BAPI-TIMESTAMP": stamp, "X-BAPI-SIGN": sign}
        return {**headers, "X-BAPI-RECV-WINDOW": window} if window else headers

    async def send(self, line: str, headers: dict[str, str], body: bytes = b"", *, version: str = "1.1") -> tuple[int, Any]:
        """Status and body of one request on a connection of its own; an envelope as its `retCode`."""
        length = {"Content-Length": str(len(body))} if body else {}
        lines = [f"{line} HTTP/{version}", *(f"{name}: {value}" for name, value in {**headers, **length}.items())]
        async with await anyio.connect_tcp("127.0.0.1", self.bench.info.port) as stream:
            await stream.send("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
            reply = b""
            with anyio.fail_after(60.0):
                async for part in stream:
                    reply += part
        reply = reply.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        head, _, text = reply.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(text)["retCode"] if text.startswith(b"{") else text.decode()

    async def create(self, body: str, **more: str) -> tuple[int, Any]:
        return await self.send("POST /v5/order/create", {"Host": "x", **self.headers(body), **more}, body.encode())


async def test_a_request_is_read_however_its_bytes_are_arranged(tmp_path: PurePath) -> None:
    async with opened(tmp_path) as raw:
        line, host = f"GET /v5/order/realtime?{BTC}", {"Host": "x"}
        signed = raw.headers(BTC)
        for headers in (
            signed,
            {name.lower(): value for name, value in signed.items()},
            {name.title(): value for name, value in signed.items()},
            {**signed, "Accept-Encoding": "gzip, deflate, br", "User-Agent": "Go-http-client/1.1"},
            raw.headers(BTC, window="", hashed=""),  # a Go client that sends no window signs nothing in its place
            raw.headers(BTC, window="", hashed="5000"),
        ):
            assert await raw.send(line, {**host, **headers}) == (200, 0), headers
        assert await raw.send(line, signed, version="1.0") == (200, 0)
        assert await raw.send(f"GET http://x{line[4:]}", {**host, **signed}) == (200, 0)
        twice = f"{BTC}&symbol=ETHUSDT&cursor=page_token%253D0&cursor=%zz"
        assert await raw.send(f"GET /v5/order/realtime?{twice}", {**host, **raw.headers(twice)}) == (200, 0)
        assert (await raw.send(line, {**host, **raw.headers(BTC, window="", hashed="7")}))[1] == 10004
        in_query = f"{BTC}&api_key={raw.bench.key}&timestamp={signed['X-BAPI-TIMESTAMP']}&sign={signed['X-BAPI-SIGN']}"
        assert (await raw.send(f"GET /v5/order/realtime?{in_query}", host))[0] == 401
        assert (await raw.send(line, {**host, **signed}, b"{}"))[0] == 403
        assert (await raw.send(line.replace("v5", "V5"), {**host, **signed}))[0] == 404
        assert (await raw.send(line, {**host, **signed, "X-BAPI-SIGN": "schlüssel"}))[1] == 10004
        assert (await raw.send(line, {**host, **signed, "X-BAPI-API-KEY": "schlüssel"}))[1] == 10003


async def test_an_order_is_taken_from_whatever_json_says_the_same(tmp_path: PurePath) -> None:
    async with opened(tmp_path) as raw:
        nulls = dict.fromkeys(("orderLinkId", "positionIdx", "triggerPrice", "tpslMode", "reduceOnly"))
        for wish in (
            {**LIMIT, "qty": 0.01, "price": 1000, "positionIdx": "0", "reduceOnly": "false", "isLeverage": 0},
            {**LIMIT, **dict.fromkeys(EMPTY, ""), "triggerDirection": 0},
            {**LIMIT, **nulls, "unknown": {"a": [1]}},
            {**LIMIT, "orderType": "Market", "price": "0", "takeProfit": "0", "stopLoss": "0", "triggerPrice": "0"},
        ):
            assert await raw.create(json.dumps(wish)) == (200, 0), wish
        text = json.dumps(LIMIT)
        assert await raw.create(text.replace("0.01", "1e-2").replace('"1e-2"', "1e-2")) == (200, 0)
        for kind in ("application/x-www-form-urlencoded", "text/plain; charset=utf-16"):
            assert await raw.create(text, **{"Content-Type": kind}) == (200, 0)
        assert await raw.create(text, Expect="100-continue") == (200, 0)
        line, headers = "POST /v5/order/create", {"Host": "x", **raw.headers(text)}
        packed = {**headers, "Content-Encoding": "gzip"}
        assert await raw.send(line, packed, gzip.compress(text.encode())) == (200, 0)
        assert (await raw.send(line, packed, b"hello"))[0] == 400
        in_query = f"{line}?{BTC}&side=Buy&orderType=Market&qty=0.01"
        assert (await raw.send(in_query, {"Host": "x", **raw.headers("")}))[1] == 10001
        for body in ("[1]", "null", '{"a":', '"x"', json.dumps({**LIMIT, "symbol": {"a": 1}})):
            assert await raw.create(body) == (200, 10001), body
        rows = (await raw.bench.get("/v5/order/realtime", BTC))["result"]["list"]
        assert {(row["qty"], row["price"], row["reduceOnly"]) for row in rows if row["orderType"] == "Limit"} == {
            ("0.010", "1000.0", False)
        }
        assert len(rows) == 9


async def test_frames_of_other_clients_are_answered_in_kind(tmp_path: PurePath) -> None:
    async with opened(tmp_path) as raw:
        bench = raw.bench
        public = await bench.public("tickers.BTCUSDT")
        assert (await public.read())["type"] == "snapshot"
        await public.ws.send_str("ping")
        assert (await public.read())["success"] is False
        await public.ws.send_bytes(b'{"op":"ping","req_id":7}')
        assert (await public.read())["req_id"] == 7
        for topics in (("publicTrade.BTCUSDT",), ("kline.1.BTCUSDT", "kline.5.BTCUSDT")):  # in batches
            assert (await public.ask("subscribe", *topics, req_id=topics[0]))["req_id"] == topics[0]
        expires = str(int(time.time() * 1000) + 10_000)
        for sign, success in (("schlüssel", False), (bench.signature(f"GET/realtime{expires}"), True)):
            private = Socket(await bench.session.ws_connect(f"{bench.info.private_url}?max_active_time=1m"))
            assert (await private.ask("auth", bench.key, expires, sign))["success"] is success
        trade = Socket(await bench.session.ws_connect(bench.info.private_url.replace("private", "trade")))
        assert (await trade.ask("auth", bench.key, expires, bench.signature(f"GET/realtime{expires}")))["retCode"] == 0
        now_ms = int(time.time() * 1000)
        for header, code in (
            ({"X-BAPI-TIMESTAMP": now_ms, "X-BAPI-RECV-WINDOW": 60_000}, 0),
            ({"X-BAPI-TIMESTAMP": str(now_ms), "X-BAPI-RECV-WINDOW": "60000", "Referer": "bot"}, 0),
            ({"X-BAPI-TIMESTAMP": str(now_ms - 60_000)}, 10002),
            ({}, 10001),
            (None, 10001),
        ):
            assert (await trade.ask("order.create", {**LIMIT, "qty": 0.01}, header=header))["retCode"] == code, header


async def test_settings_that_the_venue_still_takes_do_what_they_do_there(tmp_path: PurePath) -> None:
    async with opened(tmp_path) as raw:
        bench, at = raw.bench, {"category": "linear", "symbol": "BTCUSDT"}
        limit = await bench.post("/v5/position/set-risk-limit", **at, riskId=1, positionIdx=0)
        assert limit["result"] == {"category": "linear", "riskId": 1, "riskLimitValue": "200000000"}
        assert (await bench.post("/v5/position/set-risk-limit", **at, riskId=99))["retCode"] == 10001
        for mode, code in (("Full", 34040), ("Partial", 0), ("Partial", 34040), ("Both", 10001)):
            assert (await bench.post("/v5/position/set-tpsl-mode", **at, tpSlMode=mode))["retCode"] == code
        modes = []
        for said in ({}, {"tpslMode": "Full"}):
            order = await bench.post("/v5/order/create", **LIMIT, stopLoss="900", **said)
            (row,) = (await bench.get("/v5/order/realtime", f"{BTC}&orderId={order['result']['orderId']}"))["result"]["list"]
            modes.append(row["tpslMode"])
        assert modes == ["Partial", "Full"]
        assert (await bench.post("/v5/position/move-positions", fromUid="1", toUid="2", list=[]))["retCode"] == 10001
        for path, key in (
            *(("/v5/user/query-sub-members", "subMembers"), ("/v5/user/submembers", "subMembers")),
            *(("/v5/user/sub-apikeys", "result"), ("/v5/position/move-history", "list")),
            ("/v5/asset/transfer/query-sub-member-list", "subMemberIds"),
        ):
            assert (await bench.get(path))["result"][key] == []
