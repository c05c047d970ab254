"""Reading the venue's rows: absence in all its spellings, money, keys; and calls as pybit describes them."""

import logging
from decimal import Decimal
from typing import Any

import pytest

from playd.core.candles import Candle
from playd.core.canonical import digest
from playd.core.errors import Doubtful
from playd.core.orders import Side
from playd.venues.bybit.calls import CALLS, Call
from playd.venues.bybit.numbers import decimal, integer, optional_decimal
from playd.venues.bybit.rows import (
    candle_from,
    execution_from,
    instrument_from,
    key_info_from,
    order_from,
    position_from,
    tells_of_usdt,
    tier_from,
    wallet_from,
)
from playd.venues.port import RiskTier


@pytest.mark.parametrize("row", [{}, {"x": ""}, {"x": None}])
def test_absence_has_three_spellings(row: dict[str, Any]) -> None:
    assert optional_decimal(row, "x") is None
    assert decimal(row, "x") == 0
    assert integer(row, "x", 7) == 7


@pytest.mark.parametrize("zero", ["0", "0.00", 0, 0.0])
def test_zero_is_a_value_however_it_is_written(zero: object) -> None:
    assert optional_decimal({"x": zero}, "x") == 0


def test_numbers_keep_every_digit() -> None:
    text = "1.65000275000000000000001"
    assert str(decimal({"x": text}, "x")) == text
    assert float(decimal({"x": repr(0.1 + 0.2)}, "x")) == 0.1 + 0.2


@pytest.mark.parametrize("value", ["abc", "NaN", "Infinity", [1], "1,5", "1e999999", "1e-999999"])
def test_what_is_no_number_is_doubt(value: object) -> None:
    with pytest.raises(Doubtful, match="field x"):
        decimal({"x": value}, "x")


def test_an_order_row_of_the_plainest_and_the_oddest_kind_is_read() -> None:
    row = {
        "orderId": "v",
        "orderLinkId": "l",
        "symbol": "BTCUSDT",
        "side": "Sell",
        "orderType": "Market",
        "orderStatus": "Untriggered",
        "qty": "0.05",
        "price": "",
        "triggerPrice": "59000.5",
        "avgPrice": "",
        "stopOrderType": "UNKNOWN",
        "cancelType": "UNKNOWN",
        "takeProfit": None,
        "stopLoss": "0.00",
        "reduceOnly": True,
        "createdTime": "1790000001005",
    }
    order = order_from(row)
    assert (order.side, order.qty, order.price, order.trigger_price) == (Side.SELL, Decimal("0.05"), 0, Decimal("59000.5"))
    assert (order.stop_order_type, order.cancel_type, order.stop, order.target) == ("", "", 0, 0)
    assert (order.reduce_only, order.created_ms, order.updated_ms) == (True, 1790000001005, 0)


def test_what_the_venue_said_of_an_order_or_an_execution_has_the_digest_of_its_row() -> None:
    told = {"symbol": "BTCUSDT", "side": "Buy", "timeInForce": "GTC", "triggerBy": "LastPrice", "closeOnTrigger": True}
    order = order_from({**told, "orderId": "v"})
    assert (order.time_in_force, order.trigger_by, order.close_on_trigger) == ("GTC", "LastPrice", True)
    again = order_from({"orderId": "v", **told})  # whatever the order of its fields, and whoever told it
    assert order.raw_digest == again.raw_digest == digest({**told, "orderId": "v"})
    assert order_from({**told, "orderId": "w"}).raw_digest != order.raw_digest
    row = {"execId": "e", "symbol": "BTCUSDT", "side": "Buy", "execQty": "1", "execPrice": "2"}
    assert execution_from(row).raw_digest == digest(row)


def test_a_row_without_a_side_is_doubt_except_for_a_flat_position() -> None:
    with pytest.raises(Doubtful, match="side"):
        order_from({"symbol": "BTCUSDT", "side": ""})
    flat = position_from({"symbol": "BTCUSDT", "side": "", "size": "0", "liqPrice": "", "avgPrice": "0"})
    assert (flat.side, flat.signed_qty, flat.liq_price) == (None, 0, 0)


def test_a_position_has_its_entry_price_under_either_name() -> None:
    row = {"symbol": "BTCUSDT", "side": "Sell", "size": "2"}
    assert position_from({**row, "avgPrice": "3"}).entry_price == 3
    streamed = position_from({**row, "entryPrice": "4"})
    assert (streamed.entry_price, streamed.signed_qty) == (4, -2)


def test_funding_is_an_execution_that_says_so() -> None:
    row = {"execId": "f", "symbol": "BTCUSDT", "side": "Buy", "execType": "Funding", "execQty": "3", "execFee": "-0.5"}
    funding = execution_from({**row, "orderLinkId": "", "stopOrderType": "UNKNOWN", "seq": 12})
    assert (funding.exec_type, funding.fee, funding.stop_order_type, funding.seq) == ("Funding", Decimal("-0.5"), "", 12)


def test_price_limits_are_read_where_the_venue_states_them() -> None:
    row = {"symbol": "X", "priceFilter": {"tickSize": "0.1"}, "lotSizeFilter": {"qtyStep": "1"}}
    stated = instrument_from({**row, "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"}})
    silent = instrument_from({**row, "riskParameters": {"priceLimitRatioX": "", "priceLimitRatioY": ""}})
    assert (stated.price_limit_ratio, silent.price_limit_ratio) == (Decimal("0.01"), None)


def test_a_zero_is_no_price_limit() -> None:
    prices = {"tickSize": "0.1", "minPrice": "0", "maxPrice": "0.00"}
    row = {"symbol": "X", "priceFilter": prices, "lotSizeFilter": {"qtyStep": "1"}}
    none = instrument_from({**row, "riskParameters": {"priceLimitRatioX": "0", "priceLimitRatioY": "0"}})
    assert (none.min_price, none.max_price, none.price_limit_ratio) == (None, None, None)


@pytest.mark.parametrize(("limit", "rate"), [("0", "0.005"), ("2000000", "0"), ("2000000", "0.5%"), ("2000000", "1"), ("", "")])
def test_a_tier_whose_rate_is_no_part_of_a_position_is_not_read(limit: str, rate: str) -> None:
    assert tier_from({"riskLimitValue": "2000000", "maintenanceMargin": "0.005"}) == RiskTier(
        Decimal(2_000_000), Decimal("0.005")
    )
    with pytest.raises(Doubtful):
        tier_from({"symbol": "X", "riskLimitValue": limit, "maintenanceMargin": rate})


def test_a_kline_row_and_a_broken_one() -> None:
    assert candle_from(["60000", "1", "3", "0.5", "2", "7", "9"]) == Candle(60_000, 1.0, 3.0, 0.5, 2.0, 7.0)
    with pytest.raises(Doubtful, match="kline"):
        candle_from(["60000", "1", "3"])


COIN = {"coin": "USDT", "equity": "90", "usdValue": "99", "walletBalance": "100", "totalPositionIM": "10", "totalOrderIM": "5"}
ACCOUNT = {"totalAvailableBalance": "55", "accountIMRate": "0.2", "accountMMRate": "0.01"}


def test_what_is_free_follows_the_margin_mode() -> None:
    row = {**ACCOUNT, "coin": [{"coin": "BTC"}, {**COIN, "locked": "1", "bonus": "2", "unrealisedPnl": "-10"}]}
    isolated = wallet_from(row, isolated=True, time_ms=1)
    assert (isolated.available_usdt, isolated.im_rate, isolated.mm_rate) == (82, None, None)
    cross = wallet_from(row, isolated=False, time_ms=1)
    assert (cross.available_usdt, cross.im_rate, cross.mm_rate) == (50, Decimal("0.2"), Decimal("0.01"))
    assert (cross.equity_usdt, cross.balance_usdt, cross.unrealised_usdt) == (90, 100, -10)


def test_an_account_without_the_coin_has_nothing() -> None:
    wallet = wallet_from({"totalAvailableBalance": "", "coin": []}, isolated=False, time_ms=1)
    assert (wallet.balance_usdt, wallet.available_usdt) == (0, 0)


@pytest.mark.parametrize("field", ["equity", "walletBalance"])
@pytest.mark.parametrize("absent", ["", None])
def test_a_coin_without_its_worth_is_doubt_and_no_account_that_lost_everything(field: str, absent: str | None) -> None:
    coin = {**COIN, field: absent}
    with pytest.raises(Doubtful, match="USDT"):
        wallet_from({**ACCOUNT, "coin": [coin]}, isolated=False, time_ms=1)
    assert not tells_of_usdt({"coin": [coin]})
    assert tells_of_usdt({"coin": [COIN]})


def test_an_instrument_that_does_not_say_when_funding_is_due_has_no_interval_of_ours() -> None:
    rules = instrument_from({"symbol": "X", "priceFilter": {"tickSize": "0.1"}, "lotSizeFilter": {"qtyStep": "0.001"}})
    assert rules.funding_interval_min == 0


def test_an_instrument_without_a_tick_is_doubt() -> None:
    with pytest.raises(Doubtful, match="tick"):
        instrument_from({"symbol": "BTCUSDT", "lotSizeFilter": {"qtyStep": "0.001"}})


def test_a_key_is_read_with_its_rights_its_addresses_and_its_days() -> None:
    rights = {"ContractTrade": ["Order", "Position"], "Wallet": []}
    key = key_info_from({"userID": 7, "readOnly": 0, "permissions": rights, "ips": ["*"], "deadlineDay": 30})
    assert (key.uid, key.read_only, key.can_trade, key.can_withdraw, key.bound_to_addresses, key.days_left) == (
        *("7", False, True, False, False),
        30,
    )
    moving = key_info_from({"userID": 7, "readOnly": 1, "permissions": {"Wallet": ["AccountTransfer"]}, "ips": ["1.2.3.4"]})
    assert (moving.read_only, moving.can_trade, moving.can_withdraw) == (True, False, True)
    assert (moving.bound_to_addresses, moving.days_left) == (True, None)
    assert key_info_from({"userID": 7, "ips": ["*"]}).days_left is None, "a key of which no days are told is not at its end"


def test_pybit_describes_a_call_and_does_nothing_else() -> None:
    call = CALLS.get_positions(category="linear", symbol="BTCUSDT", baseCoin=None)
    assert call == Call("GET", "/v5/position/list", {"category": "linear", "symbol": "BTCUSDT"}, signed=True)
    assert CALLS.get_kline(category="linear", symbol="X", interval="1").signed is False
    assert call.with_cursor("a%3D").query["cursor"] == "a%3D"
    assert not hasattr(CALLS, "client")
    assert CALLS.api_secret is None
    assert not [
        name for name in logging.root.manager.loggerDict if name.startswith("pybit") and logging.getLogger(name).handlers
    ]


def test_numbers_below_nothing_are_doubt_where_a_side_says_the_direction() -> None:
    with pytest.raises(Doubtful, match="less than nothing"):
        execution_from({"execId": "e", "symbol": "BTCUSDT", "side": "Buy", "execQty": "-1", "execPrice": "5", "execTime": "1"})
    with pytest.raises(Doubtful, match="size -1"):
        position_from({"symbol": "BTCUSDT", "side": "Buy", "size": "-1"})
