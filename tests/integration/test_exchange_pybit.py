"""The official connector, unmodified, against the local exchange."""

from decimal import Decimal
from pathlib import PurePath

import anyio
import anyio.to_thread
import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from playd.market.synthetic import SyntheticFeed
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.world.real import real_world

LINEAR = {"category": "linear", "symbol": "BTCUSDT"}


def _trade(rest_url: str, key: str, secret: str) -> None:
    """A round trip as a user of the connector writes it."""
    session = HTTP(api_key=key, api_secret=secret)
    session.endpoint = rest_url
    try:
        assert int(session.get_server_time()["result"]["timeSecond"]) > 1_600_000_000
        rules = session.get_instruments_info(**LINEAR)["result"]["list"][0]
        assert rules["lotSizeFilter"]["qtyStep"] == "0.001"
        last = Decimal(session.get_tickers(**LINEAR)["result"]["list"][0]["lastPrice"])
        assert len(session.get_kline(**LINEAR, interval=1, limit=7)["result"]["list"]) == 7
        assert session.set_leverage(**LINEAR, buyLeverage="5", sellLeverage="5")["retCode"] == 0
        with pytest.raises(InvalidRequestError, match="110043"):
            session.set_leverage(**LINEAR, buyLeverage="5", sellLeverage="5")
        stop, target = Decimal(round(last * Decimal("0.9"))), Decimal(round(last * Decimal("1.1")))
        entry = session.place_order(
            **LINEAR, side="Buy", orderType="Market", qty=0.01, stopLoss=stop, takeProfit=target, orderLinkId="by-pybit"
        )
        assert entry["result"]["orderLinkId"] == "by-pybit"
        position = session.get_positions(**LINEAR)["result"]["list"][0]
        assert (position["side"], position["size"], Decimal(position["stopLoss"])) == ("Buy", "0.010", stop)
        assert session.set_trading_stop(**LINEAR, tpslMode="Full", positionIdx=0, stopLoss=stop - 10)["retCode"] == 0
        resting = session.place_order(**LINEAR, side="Buy", orderType="Limit", qty=0.01, price=stop, timeInForce="PostOnly")
        assert session.amend_order(**LINEAR, orderId=resting["result"]["orderId"], qty=0.02)["retCode"] == 0
        assert session.cancel_order(**LINEAR, orderId=resting["result"]["orderId"])["retCode"] == 0
        session.place_order(**LINEAR, side="Sell", orderType="Market", qty=0.01, reduceOnly=True)
        history = session.get_order_history(**LINEAR)["result"]["list"]
        assert {row["orderStatus"] for row in history} == {"Filled", "Cancelled", "Deactivated"}
        assert len(session.get_executions(**LINEAR, limit=10)["result"]["list"]) == 2
        assert len(session.get_closed_pnl(**LINEAR)["result"]["list"]) == 1
        wallet = session.get_wallet_balance(accountType="UNIFIED", coin="USDT")["result"]["list"][0]["coin"][0]
        log = session.get_transaction_log(accountType="UNIFIED")["result"]["list"]
        assert Decimal(wallet["walletBalance"]) == sum(Decimal(row["change"]) for row in log)
        assert session.get_api_key_information()["result"]["readOnly"] == 0
    finally:
        session.client.close()


@pytest.mark.anyio
async def test_the_official_connector_trades_here(tmp_path: PurePath) -> None:
    """The market stands inside its first minute, so that orders fill when they arrive."""
    config = ExchangeConfig(tmp_path / "exchange.sqlite", speed=1.0, rate_limits=True)
    exchange = Exchange(real_world(), SyntheticFeed(3), config)
    with anyio.fail_after(30):
        async with exchange.running() as info:
            key, secret = exchange.create_account("pybit", wallet_usdt=Decimal(10_000))
            await anyio.to_thread.run_sync(_trade, info.rest_url, key, secret)
