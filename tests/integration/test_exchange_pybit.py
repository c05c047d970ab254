"""The official connector, unmodified, against the local exchange, with the settings that `daemon/exchange-clients.md` gives."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pybit._websocket_trading
import pybit.unified_trading
import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP, WebSocket, WebSocketTrading

from tests.client_settings import python_of
from tests.integration.exchange_server import Server, exchange_server

pytestmark = pytest.mark.slow

LINEAR = {"category": "linear", "symbol": "BTCUSDT"}
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("exchange")
    with exchange_server(directory, rate_limits=False, frame_every_s=0.05) as running:
        yield running


@pytest.fixture(scope="module")
def settings(server: Server) -> Iterator[dict[str, Any]]:
    """What the page sets; the addresses of the sockets are put back at the end."""
    before = pybit.unified_trading.PUBLIC_WSS, pybit.unified_trading.PRIVATE_WSS, pybit._websocket_trading.TRADE_WSS
    yield python_of("pybit", **server.access)
    pybit.unified_trading.PUBLIC_WSS, pybit.unified_trading.PRIVATE_WSS, pybit._websocket_trading.TRADE_WSS = before


@pytest.fixture(scope="module")
def session(settings: dict[str, Any]) -> Iterator[HTTP]:
    settings["session"].recv_window, settings["session"].timeout = 60_000, 60  # a busy machine takes its time
    yield settings["session"]
    settings["session"].client.close()


@pytest.fixture(scope="module")
def last(session: HTTP) -> Decimal:
    return Decimal(session.get_tickers(**LINEAR)["result"]["list"][0]["lastPrice"])


def _rows(reply: dict[str, Any]) -> list[dict[str, Any]]:
    assert reply["retCode"] == 0
    rows: list[dict[str, Any]] = reply["result"]["list"]
    return rows


def test_the_market_by_http(session: HTTP, last: Decimal) -> None:
    assert int(session.get_server_time()["result"]["timeSecond"]) > 1_600_000_000
    assert _rows(session.get_system_status()) == _rows(session.get_announcement(locale="en-US")) == []
    rules = _rows(session.get_instruments_info(**LINEAR))[0]
    assert rules["lotSizeFilter"]["qtyStep"] == "0.001"
    assert _rows(session.get_instruments_info(category="spot")) == []
    first = session.get_instruments_info(category="linear", limit=3)["result"]
    second = session.get_instruments_info(category="linear", limit=3, cursor=first["nextPageCursor"])["result"]
    assert (len(first["list"]), len(second["list"]), second["nextPageCursor"]) == (3, 2, "")
    for klines, columns in (
        (session.get_kline, 7),
        (session.get_mark_price_kline, 5),
        (session.get_index_price_kline, 5),
        (session.get_premium_index_price_kline, 5),
    ):
        rows = _rows(klines(**LINEAR, interval=1, limit=7))
        assert [len(row) for row in rows] == [columns] * 7
        assert [int(row[0]) for row in rows] == sorted((int(row[0]) for row in rows), reverse=True)
    book = session.get_orderbook(**LINEAR, limit=5)["result"]
    assert Decimal(book["b"][0][0]) < Decimal(book["a"][0][0])
    assert len(_rows(session.get_public_trade_history(**LINEAR, limit=130))) == 130
    assert _rows(session.get_funding_rate_history(**LINEAR)) == []
    assert len(_rows(session.get_open_interest(**LINEAR, intervalTime="5min", limit=4))) == 4
    assert _rows(session.get_risk_limit(**LINEAR))[0]["maxLeverage"] == "100"
    band = session.get_price_limit(**LINEAR)["result"]
    assert Decimal(band["sellLmt"]) < last < Decimal(band["buyLmt"])
    assert session.get_index_price_components(indexName="BTCUSDT")["result"]["components"][0]["weight"] == "1"
    assert _rows(session.get_long_short_ratio(**LINEAR, period="1h")) == []
    assert _rows(session.get_insurance()) == _rows(session.get_adl_alert()) == []
    assert _rows(session.get_fee_group_info(productType="contract")) == []


def test_the_account_by_http(session: HTTP) -> None:
    assert session.get_account_info()["result"]["unifiedMarginStatus"] == 5
    assert session.get_api_key_information()["result"]["permissions"]["ContractTrade"] == ["Order", "Position"]
    assert {row["symbol"] for row in _rows(session.get_fee_rates(category="linear"))} >= {"BTCUSDT", "ETHUSDT"}
    assert _rows(session.get_account_instruments_info(**LINEAR))[0]["isPublicRpi"] is False
    assert session.get_user_setting_config()["result"]["lpaPerp"] is False
    assert session.get_smp_group()["result"] == {"smpGroup": 0}
    assert _rows(session.get_collateral_info(currency="USDT"))[0]["collateralRatio"] == "1"
    assert _rows(session.get_borrow_history()) == _rows(session.get_coin_greeks()) == []
    assert Decimal(session.get_transferable_amount(coinName="USDT")["result"]["availableWithdrawal"]) > 0
    assert session.get_coin_info()["result"]["rows"][0]["coin"] == "USDT"
    assert session.get_coins_balance(accountType="UNIFIED", coin="USDT")["result"]["balance"][0]["coin"] == "USDT"
    assert session.set_margin_mode(setMarginMode="ISOLATED_MARGIN")["result"] == {"reasons": []}
    assert session.query_dcp_info()["result"] == {"dcpInfos": []}
    assert session.set_dcp(product="DERIVATIVES", timeWindow=40)["retCode"] == 0
    assert session.query_dcp_info()["result"]["dcpInfos"][0]["timeWindow"] == "40"
    with pytest.raises(InvalidRequestError, match="110025"):
        session.switch_position_mode(category="linear", symbol="BTCUSDT", mode=0)
    wish = {**LINEAR, "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "50000"}
    with pytest.raises(InvalidRequestError, match="10028"):
        session.pre_check_order(**wish)
    session.set_margin_mode(setMarginMode="REGULAR_MARGIN")
    rates = session.pre_check_order(**wish)["result"]
    assert rates["preImrE4"] < rates["postImrE4"]
    assert _rows(session.get_open_orders(**LINEAR)) == []
    session.set_margin_mode(setMarginMode="ISOLATED_MARGIN")
    assert session.set_auto_add_margin(**LINEAR, autoAddMargin=1, positionIdx=0)["retCode"] == 0
    assert _rows(session.get_positions(**LINEAR))[0]["autoAddMargin"] == 1
    assert session.set_auto_add_margin(**LINEAR, autoAddMargin=0, positionIdx=0)["retCode"] == 0
    assert session.confirm_new_risk_limit(**LINEAR)["retCode"] == 0
    assert session.set_limit_price_action(category="linear", modifyEnable=True)["retCode"] == 0


def test_a_round_trip_by_http(session: HTTP, last: Decimal) -> None:
    assert session.set_leverage(**LINEAR, buyLeverage="5", sellLeverage="5")["retCode"] == 0
    with pytest.raises(InvalidRequestError, match="110043"):
        session.set_leverage(**LINEAR, buyLeverage="5", sellLeverage="5")
    stop, target = Decimal(round(last * Decimal("0.9"))), Decimal(round(last * Decimal("1.1")))
    entry = session.place_order(
        **LINEAR, side="Buy", orderType="Market", qty=0.01, stopLoss=stop, takeProfit=target, orderLinkId="by-pybit"
    )
    assert entry["result"]["orderLinkId"] == "by-pybit"
    with pytest.raises(InvalidRequestError, match="110072"):
        session.place_order(**LINEAR, side="Buy", orderType="Market", qty=0.01, orderLinkId="by-pybit")
    position = _rows(session.get_positions(**LINEAR))[0]
    assert (position["side"], position["size"], Decimal(position["stopLoss"])) == ("Buy", "0.010", stop)
    assert session.set_trading_stop(**LINEAR, tpslMode="Full", positionIdx=0, stopLoss=stop - 10)["retCode"] == 0
    resting = session.place_order(**LINEAR, side="Buy", orderType="Limit", qty=0.01, price=stop, timeInForce="PostOnly")
    assert session.amend_order(**LINEAR, orderId=resting["result"]["orderId"], qty=0.02)["retCode"] == 0
    assert resting["result"]["orderId"] in {row["orderId"] for row in _rows(session.get_open_orders(**LINEAR))}
    assert session.cancel_order(**LINEAR, orderId=resting["result"]["orderId"])["retCode"] == 0
    assert session.cancel_all_orders(**LINEAR, orderFilter="Order")["result"]["success"] == "1"
    session.place_order(**LINEAR, side="Sell", orderType="Market", qty=0.01, reduceOnly=True)
    history = _rows(session.get_order_history(**LINEAR))
    assert {row["orderStatus"] for row in history} == {"Filled", "Cancelled", "Deactivated"}
    first = session.get_executions(**LINEAR, limit=1)["result"]
    second = session.get_executions(**LINEAR, limit=1, cursor=first["nextPageCursor"])["result"]
    assert [first["list"][0]["side"], second["list"][0]["side"]] == ["Sell", "Buy"]
    assert len(_rows(session.get_closed_pnl(**LINEAR))) == 1
    wallet = _rows(session.get_wallet_balance(accountType="UNIFIED", coin="USDT"))[0]["coin"][0]
    log = _rows(session.get_transaction_log(accountType="UNIFIED"))
    assert Decimal(wallet["walletBalance"]) == sum(Decimal(row["change"]) for row in log)


def test_a_batch_succeeds_order_by_order(session: HTTP, last: Decimal) -> None:
    price = str(round(last * Decimal("0.9")))
    good = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": price}
    reply = session.place_batch_order(category="linear", request=[{**good, "orderLinkId": "b1"}, {**good, "qty": "0"}])
    assert [word["code"] for word in reply["retExtInfo"]["list"]] == [0, 10001]
    made, refused = _rows(reply)
    assert (made["orderLinkId"], refused["orderId"]) == ("b1", "")
    changes = [{"symbol": "BTCUSDT", "orderId": made["orderId"], "qty": "0.02"}]
    assert _rows(session.amend_batch_order(category="linear", request=changes))[0]["orderId"] == made["orderId"]
    ends = [{"symbol": "BTCUSDT", "orderLinkId": name} for name in ("b1", "nobody")]
    reply = session.cancel_batch_order(category="linear", request=ends)
    assert [word["code"] for word in reply["retExtInfo"]["list"]] == [0, 110001]


class Heard:
    """Frames that callbacks were given, by topic, and a way to wait for them."""

    def __init__(self) -> None:
        self._frames: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def __call__(self, frame: dict[str, Any]) -> None:
        with self._changed:
            self._frames.append(frame)
            self._changed.notify_all()

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first frame that is `wanted`, past or to come."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(wanted, self._frames)), DEADLINE_S), "no such frame came"
            return next(filter(wanted, self._frames))

    def topic(self, topic: str) -> dict[str, Any]:
        return self.until(lambda frame: frame.get("topic") == topic)


def test_the_market_by_websocket(settings: dict[str, Any], last: Decimal) -> None:
    heard, socket = Heard(), WebSocket(channel_type="linear", testnet=False)
    try:
        socket.ticker_stream("BTCUSDT", heard)
        socket.kline_stream(1, "BTCUSDT", heard)
        socket.trade_stream("BTCUSDT", heard)
        socket.orderbook_stream(50, "BTCUSDT", heard)
        socket.all_liquidation_stream("BTCUSDT", heard)
        socket.price_limit_stream("BTCUSDT", heard)
        socket.insurance_pool_stream("USDT", heard)
        assert abs(Decimal(heard.topic("tickers.BTCUSDT")["data"]["lastPrice"]) / last - 1) < Decimal("0.01")
        assert heard.topic("kline.1.BTCUSDT")["data"][0]["confirm"] is False
        assert heard.topic("publicTrade.BTCUSDT")["data"][0]["s"] == "BTCUSDT"
        assert heard.topic("priceLimit.BTCUSDT")["data"]["symbol"] == "BTCUSDT"
        book = heard.until(lambda frame: frame["topic"] == "orderbook.50.BTCUSDT" and frame["data"]["u"] > 3)["data"]
        best = max(Decimal(price) for price, _ in book["b"]), min(Decimal(price) for price, _ in book["a"])
        assert best[0] < best[1]
    finally:
        socket.exit()
    status = WebSocket(channel_type="misc/status", testnet=False)
    try:
        status.system_status_stream(heard)
    finally:
        status.exit()


def test_an_order_by_websocket_and_everything_that_is_told_of_it(server: Server, settings: dict[str, Any]) -> None:
    access = {
        "api_key": server.access["key"],
        "api_secret": server.access["secret"],
        "private_auth_expire": 60,
        "testnet": False,
    }
    heard, answers, errors = Heard(), Heard(), Heard()
    private, trading = WebSocket(channel_type="private", **access), WebSocketTrading(recv_window=60_000, **access)
    try:
        private.order_stream(heard)
        private.execution_stream(heard)
        private.fast_execution_stream(heard)
        private.position_stream(heard)
        private.wallet_stream(heard)
        private.greek_stream(heard)
        wish = {**LINEAR, "side": "Buy", "orderType": "Market", "qty": "0.01", "orderLinkId": "by-socket"}
        server.wait_for_listeners("order", "execution", "execution.fast", "position", "wallet", "greeks")
        trading.place_order(answers, errors, **wish)
        made = answers.until(lambda frame: frame["op"] == "order.create")
        assert (made["retCode"], made["data"]["orderLinkId"]) == (0, "by-socket")
        assert made["header"]["X-Bapi-Limit"]
        order, execution = heard.topic("order"), heard.topic("execution")
        assert order["id"] == execution["id"]
        assert heard.topic("execution.fast")["data"][0]["execId"] == execution["data"][0]["execId"]
        assert heard.topic("position")["data"][0]["side"] == "Buy"
        assert heard.topic("wallet")["data"][0]["coin"][0]["coin"] == "USDT"
        trading.place_order(answers, errors, **wish)
        assert errors.until(lambda frame: frame["op"] == "order.create")["retCode"] == 110072
        trading.amend_order(answers, errors, **LINEAR, orderLinkId="nobody", qty="0.02")
        assert errors.until(lambda frame: frame["op"] == "order.amend")["retCode"] == 110001
        trading.cancel_order(answers, errors, **LINEAR, orderLinkId="nobody")
        assert errors.until(lambda frame: frame["op"] == "order.cancel")["retCode"] == 110001
        item = {"symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.01", "reduceOnly": True}
        trading.place_batch_order(answers, errors, category="linear", request=[item, item])
        batch = answers.until(lambda frame: frame["op"] == "order.create-batch")
        assert [word["code"] for word in batch["retExtInfo"]["list"]] == [0, 110017]
    finally:
        private.exit()
        trading.exit()
