"""Conditional orders, partial stops and targets, trailing stops: what fires when, and what goes with it."""

from typing import Any

import pytest

from playd.venues.exchange import arrivals
from playd.venues.exchange.amends import amend
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.trading_stop import set_trading_stop
from tests.exchange_kit import START_MS, SYMBOL, Market, rows

WIDE = (50_000.0, 50_300.0, 49_700.0, 50_100.0)
"""The path goes to the low after a third, to the high after two thirds, then to the close."""


def holding(side: str = "Buy", qty: str = "0.1", **more: Any) -> Market:
    """A position from 50,000, the minute of its entry closed, nothing said yet."""
    market = Market(slippage_bps=0.0)
    market.order(side, qty, **more)
    market.flat_minute()
    market.executions.clear()
    return market


def protect(market: Market, **wish: str) -> None:
    set_trading_stop(market.books, market.account, {"category": "linear", "symbol": SYMBOL, "positionIdx": 0, **wish})
    market.take()


def told(market: Market, kind: str) -> list[str]:
    """The states of the orders of one kind as the stream told them."""
    return [row["orderStatus"] for row in rows(market.frames, "order") if row["stopOrderType"] == kind]


# Conditional orders


def test_a_conditional_order_waits_triggers_and_fills_under_one_id() -> None:
    market = Market(slippage_bps=2.0)
    order = market.order("Buy", "0.1", triggerPrice="50200", triggerDirection=1, triggerBy="MarkPrice", orderLinkId="c")
    assert (order.status, order.create_type, market.account.orders) == (
        "Untriggered",
        "CreateByStopOrder",
        {order.order_id: order},
    )

    market.minute(*WIDE)

    assert told(market, "Stop") == ["Untriggered", "Triggered", "Filled"]
    (execution,) = market.executions
    assert (execution["execPrice"], execution["orderId"], execution["stopOrderType"]) == ("50210.1", order.order_id, "Stop")
    shown = [(row["triggerBy"], row["price"]) for row in rows(market.frames, "order")]
    assert shown == [("MarkPrice", "0"), *[("MarkPrice", "52710.0")] * 2], "protected around the price at which it triggers"


def test_an_open_beyond_the_trigger_fires_at_the_open() -> None:
    market = Market(slippage_bps=0.0)
    market.order("Sell", "0.1", triggerPrice="49500", triggerDirection=2)

    market.open(49_400.0, 49_450.0, 49_390.0, 49_400.0)

    assert (market.executions[0]["execPrice"], market.executions[0]["execTime"]) == ("49400.0", str(START_MS))


def test_a_triggered_limit_order_rests_from_its_trigger_on() -> None:
    market = Market(slippage_bps=0.0)
    order = market.order("Buy", "0.1", orderType="Limit", price="49850", triggerPrice="49750", triggerDirection=2)
    resting = market.order("Buy", "0.1", orderType="Limit", price="49740", triggerPrice="49760", triggerDirection=2)

    market.minute(*WIDE)

    assert (order.status, resting.status) == ("Filled", "Filled")
    assert [(row["execPrice"], row["isMaker"]) for row in market.executions] == [("49750.0", False), ("49740.0", True)]
    assert told(market, "Stop").count("New") == 1


def test_triggers_fire_in_the_order_of_the_path_and_meet_what_came_before_them() -> None:
    market = holding(stopLoss="49750")
    late = market.order("Sell", "0.1", triggerPrice="50250", triggerDirection=1, reduceOnly=True)
    early = market.order("Sell", "0.04", triggerPrice="49800", triggerDirection=2, reduceOnly=True)

    market.minute(*WIDE)

    assert [(row["orderId"] == early.order_id, row["execPrice"], row["execQty"]) for row in market.executions] == [
        (True, "49800.0", "0.040"),
        (False, "49750.0", "0.060"),
    ]
    assert (late.status, late.cancel_type) == ("Cancelled", "CancelByReduceOnly")


def test_a_conditional_order_holds_no_margin_and_is_cancelled_when_it_cannot_be_paid() -> None:
    market = Market(wallet="100", slippage_bps=0.0)
    order = market.order("Buy", "1", triggerPrice="50200", triggerDirection=1)

    market.minute(*WIDE)

    assert (order.status, order.reject_reason, market.executions) == ("Cancelled", "EC_Others", [])


def test_a_conditional_closing_order_outlives_its_position_and_dies_when_it_fires() -> None:
    market = holding()
    order = market.order("Sell", "0.1", triggerPrice="49800", triggerDirection=2, closeOnTrigger=True)
    market.order("Sell", "0.1", reduceOnly=True)
    market.flat_minute()
    assert order.status == "Untriggered"

    market.minute(*WIDE)

    assert (order.status, order.cancel_type, market.position.steps) == ("Cancelled", "CancelByReduceOnly", 0)


def test_an_untriggered_order_is_deactivated_by_its_user() -> None:
    market = Market()
    order = market.order("Buy", "0.1", triggerPrice="51000", triggerDirection=1)

    arrivals.cancel(market.books, market.account, {"symbol": SYMBOL, "orderId": order.order_id})

    assert (order.status, order.cancel_type) == ("Deactivated", "CancelByUser")


def test_ten_conditional_orders_may_wait_for_a_symbol() -> None:
    market = Market()
    for _ in range(10):
        market.order("Buy", "0.1", triggerPrice="51000", triggerDirection=1)
    with pytest.raises(Refusal) as caught:
        market.order("Buy", "0.1", triggerPrice="51000", triggerDirection=1)
    assert caught.value.code == 110009
    assert market.limit("Buy", "0.1", "49000").status == "New"


def test_the_moment_of_being_told_does_not_change_what_triggers_do() -> None:
    fills = []
    for followed in (False, True):
        market = holding(stopLoss="49710")
        market.order("Buy", "0.2", triggerPrice="50200", triggerDirection=1, stopLoss="50150", tpslMode="Partial")
        market.order("Sell", "0.05", triggerPrice="49900", triggerDirection=2, reduceOnly=True)
        protect(market, trailingStop="500")
        for candle in (WIDE, (50_100.0, 50_110.0, 49_650.0, 49_700.0)):
            market.open(*candle)
            for frame in range(12 if followed else 0):
                market.follow(frame / 12)
            market.close()
        fills.append([(row["execPrice"], row["execQty"], row["side"], row["stopOrderType"]) for row in market.executions])
    assert fills[0] == fills[1]
    assert len(fills[0]) == 4


# Partial stops and targets


def test_partial_levels_grow_with_their_entry_and_one_leg_ends_the_other() -> None:
    market = holding(tpslMode="Partial", stopLoss="49800", takeProfit="50200")
    legs = {order.stop_kind: order for order in market.account.orders.values()}
    assert {kind: order.qty_steps for kind, order in legs.items()} == {"PartialStopLoss": 100, "PartialTakeProfit": 100}
    assert {order.create_type for order in legs.values()} == {"CreateByPartialStopLoss", "CreateByPartialTakeProfit"}

    market.minute(*WIDE)

    stop, target = legs["PartialStopLoss"], legs["PartialTakeProfit"]
    assert (stop.status, target.status, target.cancel_type) == (
        "Filled",
        "Deactivated",
        "CancelByOCOTpCanceledBySlTriggered",
    )
    assert (market.executions[0]["execPrice"], market.position.steps) == ("49800.0", 0)


def test_a_limit_target_rests_at_its_limit_and_a_limit_stop_takes_at_its_trigger() -> None:
    market = holding(qty="0.2")
    limits = {"tpOrderType": "Limit", "slOrderType": "Limit", "tpLimitPrice": "50250", "slLimitPrice": "49750"}
    protect(market, tpslMode="Partial", takeProfit="50200", tpSize="0.05", tpOrderType="Limit", tpLimitPrice="50250")
    protect(market, tpslMode="Partial", stopLoss="49800", takeProfit="50900", tpSize="0.05", slSize="0.05", **limits)

    market.minute(*WIDE)

    assert [(row["execPrice"], row["isMaker"], row["execQty"]) for row in market.executions] == [
        ("49800.0", False, "0.050"),
        ("50250.0", True, "0.050"),
    ]
    assert market.position.steps == 100
    assert market.account.orders == {}


def test_partial_levels_go_with_the_position_and_are_bounded() -> None:
    market = holding()
    with pytest.raises(Refusal, match="tpSize and slSize"):
        protect(market, tpslMode="Partial", stopLoss="49000", takeProfit="51000", tpSize="0.05", slSize="0.04")
    with pytest.raises(Refusal, match="not a part"):
        protect(market, tpslMode="Partial", stopLoss="49000", slSize="0.101")
    for _ in range(10):
        protect(market, tpslMode="Partial", stopLoss="49000", takeProfit="51000", tpSize="0.05", slSize="0.05")
    with pytest.raises(Refusal) as caught:
        protect(market, tpslMode="Partial", stopLoss="49000", slSize="0.05")
    assert caught.value.code == 110061

    market.order("Sell", "0.1", reduceOnly=True)
    frames = market.flat_minute()

    ended = [row["cancelType"] for row in rows(frames, "order") if row["orderStatus"] == "Deactivated"]
    assert (ended, market.account.orders) == (["CancelByTpSlTsClear"] * 20, {})


def test_a_leg_that_is_amended_or_cancelled_alone_no_longer_ends_the_other() -> None:
    market = holding(tpslMode="Partial", stopLoss="49800", takeProfit="50200")
    stop, target = market.account.orders.values()
    amend(market.books, market.account, {"symbol": SYMBOL, "orderId": target.order_id, "triggerPrice": "50250", "qty": "0.04"})

    market.minute(50_000.0, 50_260.0, 49_990.0, 50_000.0)

    assert (target.status, stop.status, market.position.steps) == ("Filled", "Untriggered", 60)


# Trailing stops


def test_a_trailing_stop_follows_the_best_price_and_tells_every_move() -> None:
    market = holding()
    protect(market, trailingStop="250")
    (order,) = market.account.orders.values()
    assert (order.stop_kind, order.trigger_ticks, order.trigger_direction) == ("TrailingStop", 497_500, 2)

    market.minute(50_000.0, 50_400.0, 49_900.0, 50_350.0)
    assert (order.trigger_ticks, rows(market.frames, "order")[-1]["triggerPrice"]) == (501_500, "50150.0")
    assert rows(market.frames, "position")[-1]["trailingStop"] == "250.0"

    market.minute(50_350.0, 50_350.0, 50_000.0, 50_000.0)

    assert (market.executions[0]["execPrice"], market.position.steps, order.status) == ("50150.0", 0, "Filled")


def test_a_trailing_stop_sleeps_until_its_active_price_and_may_trigger_in_the_same_minute() -> None:
    market = holding("Sell")
    protect(market, trailingStop="100", activePrice="49800")
    (order,) = market.account.orders.values()
    market.minute(50_000.0, 50_290.0, 49_810.0, 50_000.0)
    assert (order.status, order.trigger_ticks) == ("Untriggered", 0)

    market.minute(*WIDE)

    assert market.executions[0]["execPrice"] == "49800.0"


def test_an_open_beyond_a_trailing_stop_fires_at_the_open() -> None:
    market = holding()
    protect(market, trailingStop="100")
    market.open(49_800.0, 49_900.0, 49_800.0, 49_900.0)
    assert market.executions[0]["execPrice"] == "49800.0"


def test_zero_removes_a_trailing_stop_and_the_same_again_changes_nothing() -> None:
    market = holding(stopLoss="49000")
    protect(market, trailingStop="100")
    for wish in ({"trailingStop": "100"}, {"stopLoss": "49000"}):
        with pytest.raises(Refusal) as caught:
            protect(market, **wish)
        assert caught.value.code == 34040

    protect(market, trailingStop="0")

    assert (told(market, "TrailingStop"), market.position.trailing_id) == (["Untriggered", "Deactivated"], "")
    assert [order.stop_kind for order in market.account.orders.values()] == ["StopLoss"]


# A limit that only reduces is met at an open as the language meets limit targets


def target_waits(**stop: Any) -> Market:
    """A long from 50,000 and, since the close, a limit at 50,200 to close it."""
    market = holding(tpslMode="Full", **stop)
    market.limit("Sell", "0.1", "50200", reduceOnly=True)
    return market


def test_an_open_beyond_a_limit_that_reduces_fills_it_there_as_a_maker() -> None:
    market = target_waits()
    market.open(50_300.0, 50_400.0, 50_250.0, 50_300.0)
    (done,) = market.executions
    assert (done["execPrice"], done["isMaker"], done["orderType"]) == ("50300.0", True, "Limit")


@pytest.mark.parametrize(("low", "price", "kind"), [(49_700.0, "49800.0", "StopLoss"), (49_900.0, "50200.0", "UNKNOWN")])
def test_an_open_at_its_price_leaves_it_behind_the_stop_of_the_candle(low: float, price: str, kind: str) -> None:
    market = target_waits(stopLoss="49800")
    market.minute(50_200.0, 50_250.0, low, 50_000.0)
    (done,) = market.executions
    assert (done["execPrice"], done["stopOrderType"], market.position.steps) == (price, kind, 0)


def test_an_exit_at_the_market_goes_before_it_whichever_came_first() -> None:
    market = target_waits()
    market.order("Sell", "0.04", reduceOnly=True)
    market.open(50_300.0, 50_400.0, 50_250.0, 50_300.0)
    assert [(each["execQty"], each["isMaker"]) for each in market.executions] == [("0.040", False), ("0.060", True)]
