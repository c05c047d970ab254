"""ccxt and ccxt.pro, unmodified, against the local exchange, with the settings that `daemon/exchange-clients.md` gives."""

import warnings
from collections.abc import AsyncIterator, Awaitable, Iterator
from itertools import pairwise
from typing import Any

import anyio
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what other people's modules say while they are imported is not ours
    import ccxt
    import ccxt.pro

from tests.client_settings import json_of, python_of
from tests.integration.exchange_server import Server, exchange_server

pytestmark = pytest.mark.slow

BTC = "BTC/USDT:USDT"
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with exchange_server(tmp_path_factory.mktemp("exchange"), rate_limits=False, frame_every_s=0.05) as running:
        yield running


def patient(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of the page, for a machine that may be busy with something else for a while."""
    options = {**settings["options"], "recvWindow": 60_000}
    return {**settings, "options": options, "timeout": 60_000, "enableRateLimit": False}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    """A client that has loaded its markets."""
    settings = python_of("ccxt, ccxt.pro", **server.access)["CCXT"]
    exchange = ccxt.bybit(patient(settings))
    exchange.load_markets()
    yield exchange
    exchange.close()
    exchange.session.close()


@pytest.fixture(scope="module")
def last(client: Any) -> float:
    return float(client.fetch_ticker(BTC)["last"])


def test_the_table_for_freqtrade_says_what_the_one_for_ccxt_says(server: Server) -> None:
    table = json_of("freqtrade", **server.access)["exchange"]["ccxt_config"]["urls"]
    assert table == python_of("ccxt, ccxt.pro", **server.access)["CCXT"]["urls"]


def test_it_finds_the_market_as_it_is(client: Any, last: float) -> None:
    market = client.market(BTC)
    assert (market["linear"], market["settle"], market["active"]) == (True, "USDT", True)
    assert {"USDT", "BTC"} <= set(client.fetch_currencies())
    assert client.fetch_status()["status"] == "ok"
    assert abs(client.fetch_time() - client.milliseconds()) < 60_000
    book = client.fetch_order_book(BTC, 5)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert set(client.fetch_tickers([BTC, "ETH/USDT:USDT"])) == {BTC, "ETH/USDT:USDT"}
    candles = client.fetch_ohlcv(BTC, "1m", None, 5)
    assert [later[0] - earlier[0] for earlier, later in pairwise(candles)] == [60_000] * 4
    assert len(client.fetch_mark_ohlcv(BTC, "5m", None, 3)) == 3
    trades = client.fetch_trades(BTC, None, 50)
    assert len({trade["id"] for trade in trades}) == 50
    assert last * 0.9 < trades[-1]["price"] < last * 1.1
    assert client.fetch_funding_rate(BTC)["fundingTimestamp"] > candles[-1][0]
    assert client.fetch_funding_rate_history(BTC) == []
    assert client.fetch_open_interest(BTC)["openInterestAmount"] == 0.0
    assert client.fetch_leverage_tiers([BTC])[BTC][0]["maxLeverage"] == 100.0
    assert client.fetch_trading_fee(BTC)["taker"] == 0.00055


def test_it_sets_leverage_and_modes(client: Any) -> None:
    client.set_leverage(5, BTC)
    with pytest.raises(ccxt.BadRequest, match="110043"):
        client.set_leverage(5, BTC)
    assert client.fetch_leverage(BTC)["longLeverage"] == 5.0
    client.set_margin_mode("isolated", BTC, {"leverage": 5})
    with pytest.raises(ccxt.NoChange):
        client.set_position_mode(False, BTC)
    client.set_margin_mode("cross")
    assert client.privateGetV5AccountInfo()["result"]["marginMode"] == "REGULAR_MARGIN"
    client.set_margin_mode("isolated")


def test_it_holds_both_sides_in_hedge_mode(client: Any) -> None:
    eth = "ETH/USDT:USDT"
    client.set_position_mode(True, eth)
    client.create_order(eth, "market", "buy", 0.1, None, {"positionIdx": 1})
    client.create_order(eth, "market", "sell", 0.2, None, {"hedged": True})
    held = {row["side"]: row["contracts"] for row in client.fetch_positions([eth])}
    assert held == {"long": 0.1, "short": 0.2}
    with pytest.raises(ccxt.ExchangeError, match="110024"):
        client.set_position_mode(False, eth)
    client.create_order(eth, "market", "sell", 0.1, None, {"positionIdx": 1, "reduceOnly": True})
    client.create_order(eth, "market", "buy", 0.2, None, {"positionIdx": 2, "reduceOnly": True})
    client.set_position_mode(False, eth)


@pytest.mark.parametrize(
    ("kind", "share", "params", "status"),
    [
        ("market", None, {}, "closed"),
        ("limit", 0.95, {}, "open"),
        ("limit", 0.95, {"postOnly": True}, "open"),
        ("limit", 1.05, {"postOnly": True}, "canceled"),
        ("limit", 1.005, {"timeInForce": "IOC"}, "closed"),
        ("limit", 0.95, {"timeInForce": "IOC"}, "canceled"),
        ("limit", 1.005, {"timeInForce": "FOK"}, "closed"),
        ("limit", 0.95, {"timeInForce": "FOK"}, "canceled"),
    ],
)
def test_an_order_of_each_kind_ends_as_it_should(
    client: Any, last: float, kind: str, share: float | None, params: dict[str, Any], status: str
) -> None:
    price = None if share is None else client.price_to_precision(BTC, last * share)
    made = client.create_order(BTC, kind, "buy", 0.01, price, params)
    order = client.fetch_order(made["id"], BTC, {"acknowledged": True})
    assert (order["status"], order["amount"], order["side"]) == (status, 0.01, "buy")
    if status == "open":
        client.edit_order(made["id"], BTC, kind, "buy", 0.02, price)
        assert client.fetch_open_order(made["id"], BTC)["amount"] == 0.02
        client.cancel_order(made["id"], BTC)
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(made["id"], BTC)


def test_orders_that_wait_for_a_price_are_listed_changed_and_taken_back(client: Any, last: float) -> None:
    below, above = (float(client.price_to_precision(BTC, last * share)) for share in (0.9, 1.1))
    client.create_order(BTC, "market", "buy", 0.03)
    waiting = {
        "stop market": client.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": below}),
        "target market": client.create_order(BTC, "market", "sell", 0.01, None, {"takeProfitPrice": above}),
        "reduce-only": client.create_order(
            BTC, "market", "sell", 0.01, None, {"triggerPrice": below, "triggerDirection": "below", "reduceOnly": True}
        ),
        "limit": client.create_order(BTC, "limit", "buy", 0.01, below, {"triggerPrice": above, "triggerDirection": "above"}),
    }
    found = {order["id"]: order for order in client.fetch_open_orders(BTC, None, 50, {"trigger": True})}
    assert {order["id"] for order in waiting.values()} <= set(found)
    assert {found[order["id"]]["triggerPrice"] for order in waiting.values()} == {below, above}
    client.edit_order(waiting["limit"]["id"], BTC, "limit", "buy", 0.02, below - 10)
    client.cancel_order(waiting["stop market"]["id"], BTC)
    client.create_order(BTC, "market", "sell", 0.01, None, {"trailingAmount": "500"})
    assert client.fetch_position(BTC)["info"]["trailingStop"] == "500.0"
    client.cancel_all_orders(BTC)
    assert client.fetch_open_orders(BTC, None, 50, {"trigger": True}) == []
    client.create_order(BTC, "market", "sell", 0.03, None, {"reduceOnly": True})


def test_it_reads_back_what_it_has_traded_and_the_sums_agree(client: Any, last: float) -> None:
    stop, target = (client.price_to_precision(BTC, last * share) for share in (0.8, 1.3))
    attached = {"stopLoss": {"triggerPrice": stop}, "takeProfit": {"triggerPrice": target}}
    entry = client.create_order(BTC, "market", "buy", 0.02, None, attached)
    trades = client.fetch_my_trades(BTC)
    (mine,) = [trade for trade in trades if trade["order"] == entry["id"]]
    assert (mine["takerOrMaker"], mine["fee"]["currency"]) == ("taker", "USDT")
    assert client.fetch_order_trades(entry["id"], BTC)[0]["id"] == mine["id"]
    held = sum(trade["amount"] if trade["side"] == "buy" else -trade["amount"] for trade in trades)
    position = client.fetch_position(BTC)
    assert (position["side"], position["contracts"]) == ("long", pytest.approx(held))
    assert (position["stopLossPrice"], position["takeProfitPrice"]) == (float(stop), float(target))
    assert [row["symbol"] for row in client.fetch_positions()] == [BTC]
    limits = [{"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": float(stop) - step} for step in (0, 10)]
    resting = {order["id"] for order in client.create_orders(limits)}
    assert resting <= {order["id"] for order in client.fetch_open_orders(BTC)}
    assert {order["id"] for order in client.cancel_orders(list(resting), BTC)} == resting
    client.create_order(BTC, "market", "sell", position["contracts"], None, {"reduceOnly": True})
    assert client.fetch_positions() == []
    client.cancel_all_orders(BTC)
    assert client.fetch_open_orders(BTC) == []
    assert entry["id"] in {order["id"] for order in client.fetch_closed_orders(BTC)}
    assert resting <= {order["id"] for order in client.fetch_canceled_orders(BTC)}
    assert client.fetch_positions_history([BTC])[0]["symbol"] == BTC
    ledger = client.fetch_ledger(None, None, 50)
    assert sum(row["amount"] * (1 if row["direction"] == "in" else -1) for row in ledger) == pytest.approx(
        client.fetch_balance()["USDT"]["total"]
    )


@pytest.fixture
async def watcher(server: Server) -> AsyncIterator[Any]:
    exchange = ccxt.pro.bybit(patient(python_of("ccxt, ccxt.pro", **server.access)["CCXT"]))
    yield exchange
    await exchange.close()


async def _all(**asked: Awaitable[Any]) -> dict[str, Any]:
    """What several waits end with, by name."""
    found: dict[str, Any] = {}

    async def keep(name: str, wait: Awaitable[Any]) -> None:
        found[name] = await wait

    with anyio.fail_after(DEADLINE_S):
        async with anyio.create_task_group() as tasks:
            for name, wait in asked.items():
                tasks.start_soon(keep, name, wait)
    return found


@pytest.mark.anyio
async def test_it_watches_the_market(watcher: Any) -> None:
    await watcher.load_markets()
    seen = await _all(
        ticker=watcher.watch_ticker(BTC),
        candles=watcher.watch_ohlcv(BTC, "1m"),
        trades=watcher.watch_trades(BTC),
        book=watcher.watch_order_book(BTC),
    )
    assert seen["book"]["bids"][0][0] < seen["book"]["asks"][0][0]
    assert seen["ticker"]["last"] == pytest.approx(seen["book"]["bids"][0][0], rel=0.01)
    assert seen["candles"][-1][2] >= seen["candles"][-1][3]
    assert seen["trades"][-1]["amount"] > 0.0
    later = await _all(book=watcher.watch_order_book(BTC))
    assert later["book"]["bids"][0][0] < later["book"]["asks"][0][0]


async def _listening(server: Server, *topics: str) -> None:
    """Wait until somebody listens to each of the topics."""
    while not all(server.exchange.topics.clients(topic) for topic in topics):  # noqa: ASYNC110 - the list of another thread
        await anyio.sleep(0.01)


@pytest.mark.anyio
async def test_it_trades_by_websocket_and_hears_of_it(watcher: Any, server: Server) -> None:
    await watcher.load_markets()
    await watcher.watch_positions([BTC])  # the first answer is what REST says, changes come after it
    heard: dict[str, Any] = {}

    async def hear(name: str, wait: Awaitable[Any]) -> None:
        heard[name] = await wait

    with anyio.fail_after(DEADLINE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hear, "positions", watcher.watch_positions([BTC]))
            tasks.start_soon(hear, "orders", watcher.watch_orders(BTC))
            tasks.start_soon(hear, "trades", watcher.watch_my_trades(BTC))
            tasks.start_soon(hear, "balance", watcher.watch_balance())
            await _listening(server, "order", "execution", "position", "wallet")
            made = await watcher.create_order_ws(BTC, "market", "buy", 0.01)
    assert heard["orders"][-1]["id"] == heard["trades"][-1]["order"] == made["id"]
    assert heard["positions"][-1]["contracts"] > 0.0
    assert heard["balance"]["USDT"]["total"] > 0.0
    with anyio.fail_after(DEADLINE_S):
        limit = await watcher.create_order_ws(BTC, "limit", "sell", 0.01, 90_000)
        assert (await watcher.edit_order_ws(limit["id"], BTC, "limit", "sell", 0.01, 91_000))["id"] == limit["id"]
        assert (await watcher.cancel_order_ws(limit["id"], BTC))["id"] == limit["id"]
        with pytest.raises(ccxt.OrderNotFound):
            await watcher.cancel_order_ws(limit["id"], BTC)
