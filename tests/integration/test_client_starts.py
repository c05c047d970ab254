"""
The start-ups of nautilus_trader and of freqtrade, request by request as they were recorded, with the fields that each refuses
to do without.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import pytest

from playd.world.real import real_world
from tests import client_rows as rows
from tests.integration.exchange_bench import Bench, Socket, bench_at

pytestmark = pytest.mark.anyio

BTC = {"category": "linear", "symbol": "BTCUSDT"}


@pytest.fixture
def path(tmp_path: PurePath) -> PurePath:
    return tmp_path / "exchange.sqlite"


class Compact(Bench):
    """Compact JSON and lower-case header names, as neither pybit nor the tests of the wire send them."""

    def signed(self, payload: str, *, window: str = "60000") -> dict[str, str]:
        return {name.lower(): value for name, value in super().signed(payload, window=window).items()}

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        text = json.dumps(body, separators=(",", ":"))
        headers = {**self.signed(text), "content-type": "application/json"}
        async with self.session.post(self.info.rest_url + path, data=text, headers=headers) as response:
            return await response.json()  # type: ignore[no-any-return]

    async def open(self, path: str, query: str) -> dict[str, Any]:
        """An unsigned request."""
        async with self.session.get(f"{self.info.rest_url}{path}?{query}") as response:
            return await response.json()  # type: ignore[no-any-return]


def compact(bench: Bench) -> Compact:
    return Compact(bench.exchange, bench.info, bench.session, bench.key, bench.secret)


def checked(reply: Mapping[str, Any], fields: rows.Fields, *, least: int = 1) -> list[dict[str, Any]]:
    """The rows of a reply, each with all that is demanded."""
    assert reply["retCode"] == 0, reply
    assert type(reply["time"]) is int
    found: list[dict[str, Any]] = reply["result"]["list"]
    assert len(found) >= least
    _demand(found, fields)
    return found


def _demand(found: Sequence[Mapping[str, Any]], fields: rows.Fields) -> None:
    faults = {row.get("symbol", ""): missing for row in found if (missing := rows.faults_of(row, fields))}
    assert faults == {}


async def _frames(socket: Socket, wanted: Mapping[str, rows.Fields]) -> None:
    """Read until every topic was seen, each row of every frame with all that is demanded."""
    unseen = dict(wanted)
    while unseen:
        frame = await socket.read()
        topic = frame.get("topic")
        if topic in wanted:
            data = frame["data"]
            _demand(data if isinstance(data, list) else [data], wanted[topic])
            unseen.pop(topic, None)


async def test_nautilus_trader_starts_trades_and_is_told(path: PurePath) -> None:
    async with bench_at(real_world(), path, speed=6.0, lockstep=False, frame_every_s=0.05) as plain:
        bench = compact(plain)
        checked(await bench.get("/v5/account/fee-rate", "category=linear"), rows.FEE, least=5)
        checked(await bench.open("/v5/market/instruments-info", "category=linear&limit=1000"), rows.INSTRUMENT, least=5)
        (wallet,) = checked(await bench.get("/v5/account/wallet-balance", "accountType=UNIFIED"), rows.WALLET)
        _demand(wallet["coin"], rows.COIN)
        _demand([(await bench.get("/v5/user/query-api"))["result"]], rows.KEY)
        assert (await bench.post("/v5/position/set-leverage", **BTC, buyLeverage="10", sellLeverage="10"))["retCode"] == 110043
        assert (await bench.post("/v5/position/switch-mode", category="linear", symbol="BTCUSDT", mode=0))["retCode"] == 110025
        assert (await bench.post("/v5/account/set-margin-mode", setMarginMode="ISOLATED_MARGIN"))["retCode"] == 0

        private = await bench.private()
        for topic in ("order", "execution", "position", "wallet"):
            assert (await private.ask("subscribe", topic, req_id=topic))["req_id"] == topic
        trade = Socket(await bench.session.ws_connect(bench.info.private_url.replace("private", "trade")))
        expires = int(time.time() * 1000) + 60_000
        answer = await trade.ask("auth", bench.key, expires, bench.signature(f"GET/realtime{expires}"))
        assert (answer["op"], answer["retCode"]) == ("auth", 0)
        assert (await private.ask("ping"))["op"] == "pong"

        public = await bench.public()
        market = {
            "tickers.BTCUSDT": rows.texts("symbol"),
            "publicTrade.BTCUSDT": rows.TRADE_FRAME,
            "kline.1.BTCUSDT": rows.KLINE_FRAME,
            "orderbook.50.BTCUSDT": rows.BOOK_FRAME,
        }
        for topic in market:
            await public.ws.send_json({"op": "subscribe", "args": [topic], "req_id": topic})
        await _frames(public, market)

        stop = {"tpslMode": "Full", "stopLoss": "30000", "slTriggerBy": "MarkPrice"}
        wish = {**BTC, "side": "Buy", "orderType": "Market", "qty": "0.01", "orderLinkId": "O-1", "isLeverage": 0, **stop}
        stamp = str(int(time.time() * 1000))
        header = {"X-BAPI-TIMESTAMP": stamp, "X-BAPI-RECV-WINDOW": "60000", "Referer": "broker"}
        made = await trade.ask("order.create", wish, reqId="r-1", header=header)
        assert (made["retCode"], made["reqId"], made["data"]["orderLinkId"]) == (0, "r-1", "O-1")
        told = {"order": rows.ORDER_FRAME, "execution": rows.EXECUTION_FRAME, "position": rows.POSITION_FRAME}
        await _frames(private, {**told, "wallet": {name: kind for name, kind in rows.WALLET.items() if name != "totalPerpUPL"}})
        await bench.order("Buy", "0.01", orderType="Limit", price="40000", timeInForce="PostOnly", orderLinkId="O-2")

        for coin, least in (("USDT", 1), ("USDC", 0)):
            query = f"category=linear&settleCoin={coin}&limit=50"
            checked(await bench.get("/v5/order/realtime", query), rows.ORDER, least=least)
            checked(await bench.get("/v5/order/realtime", f"{query}&orderFilter=StopOrder"), rows.ORDER, least=least)
            start_ms = bench.exchange.books.time.now_ms - 3_600_000
            history = f"category=linear&settleCoin={coin}&openOnly=0&startTime={start_ms}&limit=50"
            checked(await bench.get("/v5/order/history", history), rows.ORDER, least=least)
            held = f"category=linear&settleCoin={coin}&limit=200"
            checked(await bench.get("/v5/position/list", held), rows.POSITION, least=least)
            filled = f"category=linear&settleCoin={coin}&startTime={start_ms}&limit=100"
            checked(await bench.get("/v5/execution/list", filled), rows.EXECUTION, least=least)
        named = await bench.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT-LINEAR&orderLinkId=O-2")
        assert [row["orderLinkId"] for row in checked(named, rows.ORDER)] == ["O-2"]
        ended = await bench.post("/v5/order/cancel-all", category="linear", symbol="BTCUSDT")
        assert ended["result"]["success"] == "1"


async def _told(socket: Socket, topic: str) -> list[dict[str, Any]]:
    """The rows of the next frame of a topic, each with all that is demanded."""
    while (frame := await socket.read()).get("topic") != topic:
        pass
    _demand(frame["data"], rows.ORDER_FRAME)
    found: list[dict[str, Any]] = frame["data"]
    return found


async def test_nautilus_trader_trails_a_position_and_sends_lists(path: PurePath) -> None:
    """Bodies as its sessions sent them: parameters of spot and of stops that a plain order does not have."""
    plain_of = {**BTC, "isLeverage": 0, "marketUnit": "baseCoin", "timeInForce": "GTC"}
    async with bench_at(real_world(), path, held=True, lockstep=False, speed=1.0) as plain:
        bench = compact(plain)
        private = await bench.private("order")
        bench.exchange.release()
        public = await bench.public("kline.1.BTCUSDT")
        await public.read()
        assert (await bench.post("/v5/order/create", **plain_of, side="Buy", orderType="Market", qty="0.020"))["retCode"] == 0
        await _told(private, "order")
        stops = {"tpTriggerBy": "LastPrice", "slTriggerBy": "LastPrice", "tpslMode": "Full", "slSize": "0.010"}
        for active in ({}, {"activePrice": "90000"}):
            trail = {"positionIdx": 0, "trailingStop": "500", "slOrderType": "Market", **stops, **active}
            assert (await bench.post("/v5/position/trading-stop", **BTC, **trail))["retCode"] == 0
            (order,) = await _told(private, "order")
            assert (order["orderStatus"], order["stopOrderType"], order["qty"]) == ("Untriggered", "TrailingStop", "0.020")
        while order["triggerPrice"] != "89500.0":  # before, it may have followed the market
            (order,) = await _told(private, "order")
        query = "category=linear&settleCoin=USDT&limit=50"
        checked(await bench.get("/v5/order/realtime", query), rows.ORDER)
        touched = {**plain_of, **stops, "side": "Buy", "orderType": "Market", "qty": "0.010", "triggerDirection": 1}
        made = await bench.post("/v5/order/create", **touched, triggerPrice="95000", triggerBy="LastPrice", orderLinkId="O-1")
        (order,) = await _told(private, "order")
        assert (made["retCode"], order["stopOrderType"], order["triggerPrice"]) == (0, "Stop", "95000.0")
        both = {**BTC, "orderId": order["orderId"], "orderLinkId": "O-1"}
        assert (await bench.post("/v5/order/amend", **both, triggerPrice="96000"))["retCode"] == 0
        assert (await bench.post("/v5/order/cancel", **both))["retCode"] == 0
        limit = {name: value for name, value in plain_of.items() if name != "category"}
        limit |= {"side": "Buy", "orderType": "Limit", "qty": "0.010", "price": "40000"}
        items = [{**limit, "orderLinkId": f"O-{number}"} for number in (2, 3)]
        listed = await bench.post("/v5/order/create-batch", category="linear", request=items)
        assert [word["code"] for word in listed["retExtInfo"]["list"]] == [0, 0]
        named = [
            {"symbol": "BTCUSDT", "orderId": row["orderId"], "orderLinkId": row["orderLinkId"]}
            for row in listed["result"]["list"]
        ]
        ended = await bench.post("/v5/order/cancel-batch", category="linear", request=named)
        assert [row["orderLinkId"] for row in ended["result"]["list"]] == ["O-2", "O-3"]


async def test_freqtrade_replaces_its_stop_and_takes_it_back_after_the_exit(path: PurePath) -> None:
    async with bench_at(real_world(), path, speed=1.0, lockstep=False) as plain:
        bench = compact(plain)
        await bench.post("/v5/order/create", **BTC, side="Buy", orderType="Market", qty="0.014", position_idx=0)
        stop = {**BTC, "side": "Sell", "orderType": "Market", "qty": "0.014", "triggerDirection": 2, "reduceOnly": True}
        ids = []
        for trigger in ("40000", "40100"):
            for earlier in ids[-1:]:
                assert (await bench.post("/v5/order/cancel", **BTC, orderId=earlier))["result"]["orderId"] == earlier
            ids.append((await bench.post("/v5/order/create", **stop, triggerPrice=trigger))["result"]["orderId"])
        exit_ = {**BTC, "side": "Sell", "qty": "0.014", "reduceOnly": True, "position_idx": 0}
        assert (await bench.post("/v5/order/create", **exit_, orderType="Market"))["retCode"] == 0
        # A conditional order outlives the position; whoever sent it takes it back.
        for order_id, status in zip(ids, ("Deactivated", "Untriggered"), strict=True):
            (row,) = checked(
                await bench.get("/v5/order/realtime", f"symbol=BTCUSDT&orderId={order_id}&category=linear"), rows.ORDER
            )
            assert (row["orderStatus"], row["reduceOnly"], row["triggerBy"]) == (status, True, "LastPrice")
        assert (await bench.post("/v5/order/cancel", **BTC, orderId=ids[-1]))["retCode"] == 0
        assert (await bench.post("/v5/order/create", **exit_, orderType="Market"))["retCode"] == 110017
        held = await bench.get("/v5/position/list", "symbol=BTCUSDT&limit=200&category=linear")
        assert checked(held, rows.POSITION)[0]["size"] == "0"


async def test_freqtrade_starts_enters_and_looks_around(path: PurePath) -> None:
    async with bench_at(real_world(), path, speed=1.0, lockstep=False) as plain:
        bench = compact(plain)
        assert {"name", "coin", "chains"} <= set((await bench.get("/v5/asset/coin/query-info"))["result"]["rows"][0])
        assert (await bench.open("/v5/market/instruments-info", "category=spot"))["result"]["list"] == []
        for category in ("linear", "inverse"):
            for status, least in (("", 5), ("&status=PreLaunch", 0)):
                reply = await bench.open("/v5/market/instruments-info", f"category={category}&limit=1000{status}")
                checked(reply, rows.INSTRUMENT, least=least if category == "linear" else 0)
        for coin in ("BTC", "ETH", "SOL", "XRP", "MNT", "DOGE"):
            checked(await bench.open("/v5/market/instruments-info", f"category=option&baseCoin={coin}"), {}, least=0)
        assert abs(int((await bench.open("/v5/market/time", ""))["result"]["timeSecond"]) - time.time()) < 60
        tiers = rows.texts(
            "symbol riskLimitValue maintenanceMargin initialMargin maxLeverage mmDeduction", id=int, isLowestRisk=int
        )
        limits = await bench.open("/v5/market/risk-limit", "category=linear")
        assert {row["symbol"] for row in checked(limits, tiers, least=5)} >= {"BTCUSDT", "DOGEUSDT"}
        assert limits["result"]["nextPageCursor"] == ""
        assert (await bench.post("/v5/position/switch-mode", mode=0, coin="USDT", category="linear"))["retCode"] == 0
        assert (await bench.get("/v5/user/query-api"))["result"]["uta"] == 1
        assert (await bench.get("/v5/account/info"))["result"]["unifiedMarginStatus"] in (5, 6)

        margin = await bench.post("/v5/account/set-margin-mode", setMarginMode="ISOLATED_MARGIN", leverage=3)
        assert margin["result"] == {"reasons": []}
        assert (await bench.post("/v5/position/set-leverage", **BTC, buyLeverage="3", sellLeverage="3"))["retCode"] == 0
        entry = {**BTC, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "90000", "timeInForce": "GTC"}
        made = await bench.post("/v5/order/create", **entry, position_idx=0)
        guard = {"triggerPrice": "30000", "triggerDirection": 2, "triggerBy": "LastPrice", "reduceOnly": True}
        wish = {**BTC, "side": "Sell", "orderType": "Market", "qty": "0.01", "position_idx": 0, **guard}
        stop = await bench.post("/v5/order/create", **wish)
        assert (made["retCode"], stop["retCode"]) == (0, 0)
        for answer, status in ((made, "Filled"), (stop, "Untriggered")):
            query = f"category=linear&symbol=BTCUSDT&orderId={answer['result']['orderId']}"
            (order,) = checked(await bench.get("/v5/order/realtime", query), rows.ORDER)
            assert order["orderStatus"] == status

        for name, columns in (("kline", 7), ("mark-price-kline", 5)):
            candles = await bench.open(f"/v5/market/{name}", "symbol=BTCUSDT&interval=5&limit=1000&category=linear")
            assert {len(row) for row in candles["result"]["list"]} == {columns}
        book = (await bench.open("/v5/market/orderbook", "symbol=BTCUSDT&category=linear&limit=1"))["result"]
        assert (len(book["b"]), len(book["a"])) == (1, 1)
        checked(await bench.open("/v5/market/tickers", "category=linear"), rows.texts("symbol lastPrice markPrice"), least=5)
        checked(await bench.get("/v5/position/list", "category=linear&settleCoin=USDT&limit=200"), rows.POSITION)
        start_ms = bench.exchange.books.time.now_ms - 3_600_000
        fills = f"category=linear&symbol=BTCUSDT&execType=Trade&startTime={start_ms}"
        (fill,) = checked(await bench.get("/v5/execution/list", fills), rows.EXECUTION)
        assert fill["orderId"] == made["result"]["orderId"]
        both = f"startTime={start_ms}&endTime={start_ms + 400 * 86_400_000}"
        stamps = await bench.open("/v5/market/funding/history", f"category=linear&symbol=BTCUSDT&limit=200&{both}")
        checked(stamps, rows.texts("symbol fundingRate fundingRateTimestamp"), least=0)
        wallet = await bench.get("/v5/account/wallet-balance", "accountType=UNIFIED")
        _demand(checked(wallet, rows.WALLET)[0]["coin"], rows.COIN)
