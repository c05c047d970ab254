"""What the venue says no to that an easy-going server would let pass, and the exact words of its sockets."""

import time
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import pytest

from playd.market.synthetic import MORE_SYMBOLS, SyntheticFeed
from playd.venues.exchange.listing import MarketTerms, RiskTier
from playd.world.real import real_world
from tests.integration.exchange_bench import Socket, bench_at

pytestmark = pytest.mark.anyio

BTC = {"symbol": "BTCUSDT"}


@pytest.fixture
def path(tmp_path: PurePath) -> PurePath:
    return tmp_path / "exchange.sqlite"


async def test_a_request_must_name_its_category(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for name in ("order/realtime", "order/history", "execution/list", "position/list", "position/closed-pnl"):
            assert (await bench.get(f"/v5/{name}", "symbol=BTCUSDT"))["retCode"] == 10001
            assert (await bench.get(f"/v5/{name}", "category=linear&symbol=BTCUSDT"))["retCode"] == 0
        for name in ("tickers", "orderbook", "recent-trade", "instruments-info", "risk-limit", "funding/history"):
            assert (await bench.get(f"/v5/market/{name}", "symbol=BTCUSDT"))["retCode"] == 10001
            assert (await bench.get(f"/v5/market/{name}", "category=linear&symbol=BTCUSDT"))["retCode"] == 0
            assert (await bench.get(f"/v5/market/{name}", "category=futures"))["retCode"] == 10001
        assert (await bench.get("/v5/market/kline", "symbol=BTCUSDT&interval=1"))["retCode"] == 0  # linear by default
        order = {**BTC, "side": "Buy", "orderType": "Market", "qty": "0.01"}
        assert (await bench.post("/v5/order/create", **order))["retCode"] == 10001
        assert (await bench.post("/v5/position/set-leverage", **BTC, buyLeverage="3", sellLeverage="3"))["retCode"] == 10001


async def test_fee_rates_are_those_of_the_category_that_is_asked_for(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for query, rows in (("", 5), ("category=linear", 5), ("category=linear&symbol=BTCUSDT", 1), ("category=spot", 0)):
            assert len((await bench.get("/v5/account/fee-rate", query))["result"]["list"]) == rows
        assert (await bench.get("/v5/account/fee-rate", "category=linear&symbol=NOPEUSDT"))["retCode"] == 10001


async def test_private_topics_are_for_all_categories_or_for_one(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for good in (
            ("order.linear", "order.spot"),
            ("execution.fast.inverse",),
            ("position.option", "wallet"),
            ("execution.spot",),
        ):
            socket = await bench.private()
            assert (await socket.ask("subscribe", *good))["success"] is True
        for bad in (("wallet.linear",), ("order", "order.inverse"), ("execution.fast", "execution.fast.linear")):
            socket = await bench.private()
            assert (await socket.ask("subscribe", *bad))["ret_msg"] == f"error:handler not found,topic:{bad[-1]}"


async def test_an_auth_frame_is_answered_in_the_words_of_its_socket(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        expires = int(time.time() * 1000) + 60_000
        signed = [bench.key, expires, bench.signature(f"GET/realtime{expires}")]
        private = Socket(await bench.session.ws_connect(bench.info.private_url))
        answer = await private.ask("auth", *signed)
        assert answer == {"success": True, "ret_msg": "", "op": "auth", "conn_id": answer["conn_id"]}
        assert (await private.ask("auth", *signed, req_id="a1"))["req_id"] == "a1"
        late = [bench.key, expires - 70_000, bench.signature(f"GET/realtime{expires - 70_000}")]
        for args, code in ((late, 10001), (signed[:2], 10001), ([*signed[:2], "0" * 64], 10004), (signed, 0)):
            trade = Socket(await bench.session.ws_connect(bench.info.private_url.replace("private", "trade")))
            answer = await trade.ask("auth", *args)
            assert (answer["retCode"], answer["op"], "reqId" in answer) == (code, "auth", False)
        stamp = {"X-BAPI-TIMESTAMP": str(int(time.time() * 1000)), "X-BAPI-RECV-WINDOW": "60000"}
        wish = {**BTC, "side": "Buy", "orderType": "Market", "qty": "0.01"}
        for category, code in ((None, 10404), ("futures", 10404), ("linear", 0)):
            assert (await trade.ask("order.create", {**wish, "category": category}, header=stamp))["retCode"] == code


async def test_requests_for_another_category_symbol_or_kind_of_account_touch_nothing(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        made = await bench.order("Buy", "0.01", orderType="Limit", price="1000")
        named = {"orderId": made["result"]["orderId"], "category": "linear"}
        for elsewhere in ({"category": "spot"}, {"category": "spot", **BTC}, {"category": "linear", "settleCoin": "USDC"}):
            assert (await bench.post("/v5/order/cancel-all", **elsewhere))["result"] == {"list": [], "success": "1"}
        assert (await bench.post("/v5/order/cancel-all", category="linear", symbol="NOPEUSDT"))["retCode"] == 10001
        for name, more in (("cancel", {}), ("amend", {"qty": "0.02"})):
            assert (await bench.post(f"/v5/order/{name}", **named, symbol="ETHUSDT", **more))["retCode"] == 110001
        leverage = {"category": "linear", **BTC, "buyLeverage": "7.005", "sellLeverage": "7.005"}
        assert (await bench.post("/v5/position/set-leverage", **leverage))["retCode"] == 10001
        beyond = {**leverage, "buyLeverage": "1e30", "sellLeverage": "1e30"}
        assert (await bench.post("/v5/position/set-leverage", **beyond))["retCode"] == 110013
        isolated = {**leverage, "buyLeverage": "7", "sellLeverage": "7", "tradeMode": 1}
        assert (await bench.post("/v5/position/switch-isolated", **isolated))["retCode"] == 100028
        assert (await bench.post("/v5/position/switch-mode", category="inverse", coin="BTC", mode=3))["retCode"] == 110029
        for name in ("transfer/query-inter-transfer-list", "delivery-record", "settlement-record"):
            assert (await bench.get(f"/v5/asset/{name}", "category=linear"))["result"]["list"] == []
        for name in ("delivery-price", "new-delivery-price"):
            assert (await bench.get(f"/v5/market/{name}", "category=linear&baseCoin=BTC"))["result"]["list"] == []
        wallet = (await bench.get("/v5/account/wallet-balance", "accountType=UNIFIED&coin=USDC"))["result"]["list"][0]
        assert [(row["coin"], row["equity"]) for row in wallet["coin"]] == [("USDC", "0")]
        (left,) = (await bench.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT&settleCoin=USDC"))["result"]["list"]
        assert (left["orderStatus"], left["qty"]) == ("New", "0.010")


async def test_arguments_of_spot_are_ignored_and_orders_for_spot_refused(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        limit = {"orderType": "Limit", "price": "1000"}
        for_spot = {"isLeverage": 1, "marketUnit": "quoteCoin", "orderFilter": "tpslOrder", "orderIv": "0.1", "mmp": False}
        assert (await bench.order("Buy", "0.01", **limit, **for_spot))["retCode"] == 0
        for category in ("spot", "inverse", "option"):
            assert (await bench.order("Buy", "0.01", **limit, category=category))["retCode"] == 10001
        (row,) = (await bench.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT"))["result"]["list"]
        assert [row[name] for name in ("qty", "price", "isLeverage", "marketUnit", "orderIv")] == [
            "0.010",
            "1000.0",
            "",
            "",
            "",
        ]


async def test_risk_limits_come_in_pages_of_fifteen_symbols_with_all_tiers_of_each(path: PurePath) -> None:
    tiers = tuple(RiskTier(20_000.0 * step, 0.005 * step, Decimal(100 // step)) for step in (1, 2, 4))
    async with bench_at(
        real_world(), path, SyntheticFeed(3, symbols=MORE_SYMBOLS), held=True, terms=MarketTerms(tiers=tiers)
    ) as bench:
        rows: list[dict[str, Any]] = []
        sizes: list[int] = []
        cursor = ""
        while not sizes or cursor:
            page = (await bench.get("/v5/market/risk-limit", f"category=linear&cursor={cursor}"))["result"]
            rows, sizes, cursor = rows + page["list"], [*sizes, len(page["list"])], page["nextPageCursor"]
        assert (sizes[0], sum(sizes)) == (45, 3 * len(MORE_SYMBOLS))
        assert [(row["id"], row["isLowestRisk"], row["riskLimitValue"]) for row in rows[:3]] == [
            *((1, 1, "20000"), (2, 0, "40000"), (3, 0, "80000")),
        ]
        assert [row["mmDeduction"] for row in rows[:3]] == ["", "100", "500"]
        assert [float(row["initialMargin"]) for row in rows[:3]] == [0.01, 0.02, 0.04]


@pytest.mark.parametrize(("band", "ratios"), [(True, {"0.01", "0.02"}), (False, {""})])
async def test_ratios_of_price_limits_are_stated_where_such_limits_hold(path: PurePath, band: bool, ratios: set[str]) -> None:
    async with bench_at(real_world(), path, held=True, terms=MarketTerms(price_band=band)) as bench:
        (row,) = (await bench.get("/v5/market/instruments-info", "category=linear&symbol=BTCUSDT"))["result"]["list"]
        assert {*row["riskParameters"].values()} == ratios


async def test_what_only_the_stream_says_of_a_row_is_not_in_the_lists_of_rest(path: PurePath) -> None:
    topics = {"order": "order/realtime", "execution": "execution/list", "position": "position/list"}
    async with bench_at(real_world(), path, held=True, lockstep=False) as bench:
        private = await bench.private(*topics)
        order = await bench.order("Buy", "0.01", orderType="Limit", price="99999")  # fills at the next open
        bench.exchange.market.step(1)
        told: dict[str, Any] = {}
        while not (set(topics) <= told.keys() and told["position"]["size"] != "0"):
            frame = await private.read()
            told |= {frame["topic"]: frame["data"][0]} if "topic" in frame else {}
        query = f"category=linear&symbol=BTCUSDT&orderId={order['result']['orderId']}"
        more = {}
        for topic, name in topics.items():
            (row,) = (await bench.get(f"/v5/{name}", query))["result"]["list"]
            more[topic] = told[topic].keys() - row.keys()
            assert row.keys() - told[topic].keys() == ({"avgPrice"} if topic == "position" else set())
        assert more == {
            "order": {"category", "closedPnl", "feeCurrency"},
            "execution": {"category", "execPnl", "isLeverage", "marketUnit"},
            "position": {"category", "entryPrice"},
        }


async def test_a_subscription_to_nothing_is_refused(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        socket = await bench.public()
        for args in ({}, {"args": []}, {"args": "tickers.BTCUSDT"}, {"args": {"topic": "tickers.BTCUSDT"}}):
            await socket.ws.send_json({"op": "subscribe", "req_id": 1, **args})
            answer = await socket.read()
            assert (answer["success"], answer["req_id"]) == (False, 1), args
