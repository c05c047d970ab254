"""What may be changed about an open order, and with which words the rest is refused."""

from decimal import Decimal
from typing import Any

import pytest

from playd.venues.exchange import modes
from playd.venues.exchange.amends import amend
from playd.venues.exchange.listing import MarketTerms, RiskTier
from playd.venues.exchange.model import Order
from playd.venues.exchange.refusal import NOTIONAL_TOO_SMALL, TIER_LEVERAGE, Refusal
from tests.exchange_kit import SYMBOL, Market


def change(market: Market, order: Order, **wish: Any) -> None:
    try:
        amend(market.books, market.account, {"category": "linear", "symbol": SYMBOL, "orderId": order.order_id, **wish})
    finally:
        market.take()


def code(market: Market, order: Order, **wish: Any) -> int:
    with pytest.raises(Refusal) as caught:
        change(market, order, **wish)
    return caught.value.code


@pytest.mark.parametrize("zero", ["0", 0, 0.0])
def test_price_and_quantity_change_and_a_better_price_meets_the_market_at_once(zero: object) -> None:
    market = Market(slippage_bps=0.0)
    order = market.limit("Buy", "0.1", "49000", stopLoss="48000")
    market.open(50_000.0, 50_100.0, 49_900.0, 50_050.0)
    change(market, order, price="49100", qty="0.2", takeProfit="51000", stopLoss=zero)
    assert (order.status, order.qty_steps, order.price_ticks, order.stop_ticks, order.target_ticks) == (
        *("New", 200, 491_000),
        *(0, 510_000),
    )

    change(market, order, price="50001")

    assert (order.status, market.executions[0]["execPrice"], market.executions[0]["isMaker"]) == ("Filled", "50000.0", False)


def test_a_post_only_order_that_is_amended_across_the_price_is_cancelled() -> None:
    market = Market()
    order = market.limit("Buy", "0.1", "49000", "PostOnly")
    market.open(50_000.0, 50_100.0, 49_900.0, 50_050.0)
    change(market, order, price="50010")
    assert (order.status, order.reject_reason) == ("Cancelled", "EC_PostOnlyWillTakeLiquidity")


def test_what_cannot_be_amended_is_refused_with_its_code() -> None:
    market = Market(wallet="1000")
    order = market.limit("Buy", "0.1", "49000")
    assert code(market, order) == 10001
    assert code(market, order, price="49000", qty="0.1") == 10001
    assert code(market, order, qty="0.3") == 110007
    assert code(market, order, stopLoss="49000") == 10001
    assert code(market, market.order("Buy", "0.01"), qty="0.02") == 110001
    market.flat_minute()
    order.filled_steps, order.status = 40, type(order.status).PARTIALLY_FILLED
    assert code(market, order, qty="0.04") == 110064
    assert code(market, order, stopLoss="48000") == 110059
    assert (order.qty_steps, order.price_ticks, order.stop_ticks) == (100, 490_000, 0)


def test_a_conditional_order_changes_its_trigger_on_the_right_side_only() -> None:
    market = Market()
    order = market.order("Buy", "0.1", triggerPrice="51000", triggerDirection=1)
    change(market, order, triggerPrice="50500", triggerBy="IndexPrice", qty="0.2")
    assert (order.trigger_ticks, order.trigger_by, order.qty_steps, order.status) == (505_000, "IndexPrice", 200, "Untriggered")
    assert code(market, order, triggerPrice="49000") == 110092
    change(market, order, triggerPrice="49000", triggerDirection=2)
    assert (order.trigger_ticks, order.trigger_direction) == (490_000, 2)


def test_the_trigger_of_a_stop_stays_on_its_side_and_its_quantity_is_that_of_the_position() -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49000")
    market.flat_minute()
    (stop,) = market.account.orders.values()
    change(market, stop, triggerPrice="49500")
    assert (stop.trigger_ticks, market.frames[-1].data[0]["stopLoss"]) == (495_000, "49500.0")
    assert code(market, stop, triggerPrice="50001") == 10001
    assert code(market, stop, qty="0.05") == 10001


def test_resting_reduce_only_orders_never_exceed_the_position_and_the_worse_is_cut() -> None:
    market = Market(slippage_bps=0.0)
    market.order("Buy", "0.1")
    market.flat_minute()
    near = market.limit("Sell", "0.07", "50500", reduceOnly=True)
    far = market.limit("Sell", "0.07", "50900", reduceOnly=True)
    market.flat_minute()
    assert (near.qty_steps, far.qty_steps) == (70, 30)

    market.order("Sell", "0.05", reduceOnly=True)
    market.flat_minute()

    assert (near.qty_steps, far.status, far.cancel_type) == (50, "Cancelled", "CancelByReduceOnly")


def test_an_amended_order_keeps_the_least_value_and_the_leverage_of_its_tier() -> None:
    tiers = (RiskTier(10_000.0, 0.005, Decimal(100)), RiskTier(1_000_000.0, 0.05, Decimal(5)))
    market = Market(terms=MarketTerms(tiers=tiers))
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    order = market.limit("Buy", "0.1", "45000")
    assert code(market, order, price="49") == NOTIONAL_TOO_SMALL
    assert code(market, order, qty="0.3") == TIER_LEVERAGE
    change(market, order, qty="0.2")
    assert order.qty_steps == 200


def test_what_rests_on_a_side_counts_for_the_tier_of_the_next_order_and_of_the_leverage() -> None:
    tiers = (RiskTier(10_000.0, 0.005, Decimal(100)), RiskTier(1_000_000.0, 0.05, Decimal(5)))
    market = Market(terms=MarketTerms(tiers=tiers))
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    market.limit("Buy", "0.15", "45000")
    with pytest.raises(Refusal, match=str(TIER_LEVERAGE)):
        market.limit("Buy", "0.15", "45000")
    market.limit("Sell", "0.15", "55000")
    wish = {"category": "linear", "symbol": SYMBOL}
    modes.set_leverage(market.books, market.account, {**wish, "buyLeverage": "5", "sellLeverage": "5"})
    market.limit("Buy", "0.15", "45000")
    with pytest.raises(Refusal, match="110013"):
        modes.set_leverage(market.books, market.account, {**wish, "buyLeverage": "10", "sellLeverage": "10"})
