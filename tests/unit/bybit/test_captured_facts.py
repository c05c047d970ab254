"""
What real frames of the venue were seen to be like, and the documents do not say: such frames are read without loss.

The frames are of our own making, field for field as the venue writes them.
"""

from decimal import Decimal
from typing import Any, Final

import pytest

from playd.core.errors import Doubtful
from playd.core.orders import MOVES_POSITION, Side
from playd.orders.machine import OrderEvent, event_of_status
from playd.venues.bybit.rows import (
    account_info_from,
    execution_from,
    instrument_from,
    key_info_from,
    order_from,
    position_from,
    tells_of_usdt,
    transaction_from,
    wallet_from,
)

Frame = dict[str, Any]

NOW: Final = "1790000001005"
NO_TRIGGER: Final[Frame] = {"triggerPrice": "", "triggerBy": "", "triggerDirection": 0, "tpslMode": "UNKNOWN"}


def order_row(**told: Any) -> Frame:
    """An order as the private stream tells it, with every field that comes along."""
    return {
        **{"category": "linear", "symbol": "SOLUSDT", "orderId": "3f0c-1", "orderLinkId": "", "blockTradeId": ""},
        **{"side": "Sell", "positionIdx": 0, "orderStatus": "Filled", "cancelType": "UNKNOWN", "rejectReason": "EC_NoError"},
        **{"timeInForce": "IOC", "isLeverage": "", "price": "0", "qty": "0.7", "avgPrice": "", "leavesQty": "0"},
        **{"leavesValue": "0", "cumExecQty": "0", "cumExecValue": "0", "cumExecFee": "0", "orderType": "Market"},
        **{"stopOrderType": "", "orderIv": "", "takeProfit": "", "stopLoss": "", "tpTriggerBy": "", "slTriggerBy": ""},
        **{"placeType": "", "lastPriceOnCreated": "151.2", "closeOnTrigger": False, "reduceOnly": False, "smpGroup": 0},
        **{"smpType": "None", "smpOrderId": "", "slLimitPrice": "0", "tpLimitPrice": "0", "createType": "CreateByUser"},
        **{"marketUnit": "", "createdTime": NOW, "updatedTime": NOW, "feeCurrency": "", "closedPnl": "0"},
        **{"slippageTolerance": "0", "slippageToleranceType": "UNKNOWN", "cumFeeDetail": {}, **NO_TRIGGER},
        **told,
    }


def trailing_row(**told: Any) -> Frame:
    """A trailing stop that waits."""
    trigger = {"triggerPrice": "148.35", "triggerBy": "LastPrice", "triggerDirection": 2}
    closing = {"reduceOnly": True, "closeOnTrigger": True, "stopOrderType": "TrailingStop", "leavesQty": "0.7"}
    return order_row(orderStatus="Untriggered", createType="CreateByTrailingStop", **trigger, **closing) | told


def execution_row(**told: Any) -> Frame:
    """A fill as the private stream tells it: without the currency of its fee."""
    return {
        **{"category": "linear", "symbol": "SOLUSDT", "closedSize": "0", "execFee": "0.0582604", "execId": "77aa-1"},
        **{"execPrice": "151.326", "execQty": "0.7", "execType": "Trade", "execValue": "105.9282", "feeRate": "0.00055"},
        **{"tradeIv": "", "markIv": "", "blockTradeId": "", "markPrice": "151.33", "indexPrice": "", "underlyingPrice": ""},
        **{"leavesQty": "0", "orderId": "3f0c-1", "orderLinkId": "pde-7", "orderPrice": "158.87", "orderQty": "0.7"},
        **{"orderType": "Market", "stopOrderType": "UNKNOWN", "side": "Buy", "execTime": NOW, "isLeverage": "0"},
        **{"isMaker": False, "seq": 227_000_000_131, "marketUnit": "", "createType": "CreateByUser"},
        **told,
    }


def test_a_market_order_tells_its_protection_price_and_what_it_got() -> None:
    paid = {"avgPrice": "151.326", "cumExecQty": "0.7", "cumExecValue": "105.9282", "cumExecFee": "0.0582604"}
    order = order_from(order_row(side="Buy", price="158.87", orderLinkId="pde-7", **paid))
    assert (order.status, order.price, order.avg_price, order.cum_qty) == (
        *("Filled", Decimal("158.87"), Decimal("151.326")),
        Decimal("0.7"),
    )
    assert (order.stop_order_type, order.cancel_type, order.trigger_price) == ("", "", 0)


def test_a_level_that_waits_is_an_order_without_link_id_and_price_and_follows_the_market_under_one_id() -> None:
    before, after = order_from(trailing_row()), order_from(trailing_row(triggerPrice="149.02"))
    assert (before.link_id, before.price, before.avg_price, before.cum_qty, before.qty) == ("", 0, 0, 0, Decimal("0.7"))
    assert (before.side, before.status, before.stop_order_type, before.create_type, before.reduce_only) == (
        *(Side.SELL, "Untriggered", "TrailingStop", "CreateByTrailingStop"),
        True,
    )
    assert before.venue_order_id == after.venue_order_id
    assert (before.trigger_price, after.trigger_price) == (Decimal("148.35"), Decimal("149.02"))


def test_one_frame_tells_of_the_order_that_closed_and_of_the_level_that_went_with_the_position() -> None:
    cleared = {"orderStatus": "Deactivated", "cancelType": "CancelByTpSlTsClear", "leavesQty": "0", "tpslMode": "Full"}
    closing = {"orderId": "3f0c-2", "avgPrice": "149.8", "cumExecQty": "0.7", "closedPnl": "-1.18413"}
    level, order = map(order_from, (trailing_row(**cleared), order_row(**closing)))
    assert (level.status, level.cancel_type, level.cum_qty) == ("Deactivated", "CancelByTpSlTsClear", 0)
    assert (order.status, order.cum_qty, order.reduce_only) == ("Filled", Decimal("0.7"), False)


def test_an_order_that_its_owner_took_back_keeps_its_quantity_and_says_who_it_was() -> None:
    taken_back = {"orderStatus": "Cancelled", "cancelType": "CancelByUser", "rejectReason": "EC_PerCancelRequest"}
    order = order_from(order_row(orderType="Limit", timeInForce="GTC", price="99", **taken_back))
    assert (order.status, order.cancel_type, order.reject_reason) == tuple(taken_back.values())
    assert (order.qty, order.cum_qty) == (Decimal("0.7"), 0)


def test_an_order_that_was_filled_before_its_cancel_came_is_filled_whatever_is_said_of_the_cancel() -> None:
    filled = {"avgPrice": "151.326", "cumExecQty": "0.7", "orderType": "Limit", "timeInForce": "GTC", "price": "151.4"}
    too_late = {"cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist"}
    first, second = order_from(order_row(**filled)), order_from(order_row(**filled, **too_late))
    assert (second.status, second.cum_qty) == (first.status, first.cum_qty) == ("Filled", Decimal("0.7"))
    assert event_of_status(second.status) is OrderEvent.SEEN_FILLED


def test_a_fill_s_unknown_kind_of_stop_and_its_missing_currency_are_empty() -> None:
    execution = execution_from(execution_row())
    assert (execution.stop_order_type, execution.fee_currency, execution.seq) == ("", "", 227_000_000_131)


@pytest.mark.parametrize("order_id", ["1790006400-SOLUSDT-1001-Buy", "842b-f865"])
def test_funding_comes_as_an_execution_of_the_size_held_that_moves_nothing(order_id: str) -> None:
    names = ("feeCurrency", "createType")
    bare = {name: value for name, value in execution_row().items() if name not in names}
    nothing = {"orderType": "UNKNOWN", "orderPrice": "0", "orderQty": "0", "orderLinkId": ""}
    funding = execution_from({**bare, **nothing, "orderId": order_id, "execType": "Funding", "execFee": "0.0105933"})
    assert funding.exec_type not in MOVES_POSITION
    assert (funding.qty, funding.price, funding.fee) == (Decimal("0.7"), Decimal("151.326"), Decimal("0.0105933"))
    assert (funding.link_id, funding.create_type, funding.fee_currency) == ("", "", "")


TAX: Final = [{"feeCoin": "USDT", "feeType": "GST", "subFeeType": "IND_GST", "feeRate": "0.000099", "fee": "0.0104869"}]
TAX_TEXT: Final = '[{"feeCoin":"USDT","feeType":"GST","subFeeType":"IND_GST","feeRate":"0.000099","fee":"0.0104869"}]'


@pytest.mark.parametrize(
    ("extra", "more"),
    [("", "0"), (None, "0"), ([], "0"), (TAX, "0.0104869"), (TAX_TEXT, "0.0104869"), ([{**TAX[0], "feeCoin": "MNT"}], "0")],
)
def test_what_is_charged_beside_the_fee_is_paid_too(extra: object, more: str) -> None:
    assert execution_from(execution_row(extraFees=extra)).fee == Decimal("0.0582604") + Decimal(more)
    log = {"type": "TRADE", "symbol": "SOLUSDT", "tradeId": "77aa-1", "fee": "0.0582604", "funding": "", "extraFees": extra}
    assert transaction_from(log).fee == Decimal("0.0582604") + Decimal(more)
    assert [transaction_from(log | told).category for told in ({}, {"category": "spot"})] == ["", "spot"]


def test_a_fee_that_is_paid_in_another_coin_costs_no_usdt() -> None:
    execution = execution_from(execution_row(execFee="0.0512", feeCurrency="MNT"))
    assert (execution.fee, execution.fee_currency, execution.fee_usdt) == (Decimal("0.0512"), "MNT", 0)
    assert execution_from(execution_row()).fee_usdt == Decimal("0.0582604")


@pytest.mark.parametrize("extra", ["gst", 3, ["gst"], [{"feeCoin": "USDT", "fee": "much"}]])
def test_a_charge_that_cannot_be_read_is_doubt(extra: object) -> None:
    with pytest.raises(Doubtful):
        execution_from(execution_row(extraFees=extra))


def coin_row(coin: str, **told: str) -> Frame:
    """A coin of a wallet frame of today: what could be withdrawn or borrowed is left empty."""
    return {
        **{"coin": coin, "equity": "75.5", "usdValue": "75.48", "walletBalance": "75.5", "availableToWithdraw": ""},
        **{"availableToBorrow": "", "borrowAmount": "0", "accruedInterest": "0", "totalOrderIM": "0", "bonus": "0"},
        **{"totalPositionIM": "10.59", "totalPositionMM": "0.61", "unrealisedPnl": "0", "cumRealisedPnl": "-3.1"},
        **{"collateralSwitch": True, "marginCollateral": True, "locked": "0", "spotHedgingQty": "0", "spotBorrow": "0"},
        **told,
    }


def test_a_wallet_frame_names_the_coins_that_changed_and_no_others() -> None:
    account = {"accountType": "UNIFIED", "totalEquity": "160.2", "totalAvailableBalance": "64.89", "accountIMRate": "0.1403"}
    assert not tells_of_usdt({**account, "coin": [coin_row("USDC", equity="-0.07", walletBalance="-0.07")]})
    changed = {**account, "coin": [coin_row("USDC"), coin_row("USDT")]}
    assert tells_of_usdt(changed)
    assert wallet_from(changed, isolated=True, time_ms=1).available_usdt == Decimal("64.91")


def position_row(**told: Any) -> Frame:
    """A position as the private stream tells it."""
    return {
        **{"positionIdx": 1, "tradeMode": 0, "riskId": 116, "riskLimitValue": "200000", "symbol": "SOLUSDT", "side": "Buy"},
        **{"size": "0.7", "entryPrice": "151.326", "sessionAvgPrice": "", "leverage": "10", "positionValue": "105.9282"},
        **{"positionBalance": "0", "markPrice": "151.33", "positionIM": "10.65", "positionMM": "0.59", "takeProfit": "0"},
        **{"positionIMByMp": "10.65", "positionMMByMp": "0.59", "stopLoss": "148.3", "trailingStop": "0", "bustPrice": ""},
        **{"unrealisedPnl": "0.0028", "cumRealisedPnl": "-9.1", "curRealisedPnl": "-0.0582604", "createdTime": NOW},
        **{"updatedTime": NOW, "tpslMode": "Full", "liqPrice": "", "category": "linear", "positionStatus": "Normal"},
        **{"adlRankIndicator": 2, "autoAddMargin": 0, "leverageSysUpdatedTime": "", "mmrSysUpdatedTime": ""},
        **{"seq": 227_000_000_131, "isReduceOnly": False, "breakEvenPrice": "151.49"},
        **told,
    }


def test_in_hedge_mode_one_frame_tells_of_the_side_that_is_held_and_of_the_empty_one() -> None:
    no_margin = {"positionIM": "", "positionMM": "", "positionIMByMp": "", "positionMMByMp": ""}
    empty = position_row(positionIdx=2, side="", size="0", entryPrice="0", liqPrice="0", stopLoss="0", **no_margin)
    held, flat = position_from(position_row()), position_from(empty)
    assert (held.position_idx, held.signed_qty, held.stop, held.target, held.liq_price) == (
        *(1, Decimal("0.7"), Decimal("148.3")),
        *(0, 0),
    )
    assert (flat.position_idx, flat.side, flat.signed_qty, flat.stop, flat.liq_price) == (2, None, 0, 0, 0)


def test_a_key_bound_to_addresses_shows_days_before_its_beginning_and_a_level_that_is_a_word() -> None:
    rights = {"ContractTrade": ["Order", "Position"], "Wallet": ["AccountTransfer"], "Derivatives": ["DerivativesTrade"]}
    ends = {"deadlineDay": -2, "expiredAt": "1970-01-01T00:00:00Z", "vipLevel": "PRO-1", "parentUid": "0"}
    key = key_info_from({"userID": 1001, "readOnly": 0, "permissions": rights, "ips": ["10.0.0.7"], "uta": 1, **ends})
    assert (key.uid, key.days_left, key.can_trade, key.can_withdraw) == ("1001", None, True, True)


def test_an_instrument_without_a_largest_market_order_and_an_account_of_an_older_kind_are_read() -> None:
    lot = {"maxOrderQty": "100", "minOrderQty": "0.001", "qtyStep": "0.001", "minNotionalValue": "1"}
    rules = instrument_from(
        {
            **{"symbol": "SOLUSDT", "status": "Trading", "launchTime": "0", "deliveryTime": "0", "deliveryFeeRate": ""},
            **{"priceFilter": {"minPrice": "0.01", "maxPrice": "1000", "tickSize": "0.01"}, "lotSizeFilter": lot},
            **{"leverageFilter": {"minLeverage": "1", "maxLeverage": "10"}, "fundingInterval": 480, "symbolType": "stock"},
        }
    )
    assert (rules.max_market_qty, rules.min_notional_usdt, rules.max_leverage) == (100, 1, 10)
    assert rules.funding_interval_min == 480
    assert (rules.min_price, rules.max_price, rules.price_limit_ratio) == (Decimal("0.01"), 1000, None)
    info = account_info_from({"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 4, "updatedTime": NOW, "timeWindow": 10})
    assert (info.margin_mode, info.unified_status) == ("REGULAR_MARGIN", 4)
