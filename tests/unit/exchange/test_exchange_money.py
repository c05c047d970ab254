"""Fees, profit, funding, liquidation, and the law that the wallet is the sum of its log."""

from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.venues.exchange import arrivals
from playd.venues.exchange.listing import MarketTerms, RiskTier
from playd.venues.exchange.margin import available, margin_of
from playd.venues.exchange.other_prices import Basis
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.text import exact_sum
from tests.exchange_kit import SYMBOL, Market, rows


def test_closed_profit_is_gross_less_both_fees() -> None:
    market = Market(slippage_bps=0.0)
    market.order("Buy", "0.1")
    market.flat_minute(50_000.0)
    market.order("Sell", "0.1", reduceOnly=True)
    market.flat_minute(50_500.0)

    row = market.closed_pnl[0]
    assert (float(row["openFee"]), float(row["closeFee"])) == (0.1 * 50_000.0 * 0.00055, 0.1 * 50_500.0 * 0.00055)
    assert Decimal(row["closedPnl"]) == 50 - Decimal(row["openFee"]) - Decimal(row["closeFee"])
    assert (row["avgEntryPrice"], row["avgExitPrice"], row["side"]) == ("50000", "50500.0", "Sell")
    assert market.account.wallet == 100_000 + Decimal(row["closedPnl"])


def test_isolated_margin_of_a_position() -> None:
    market = Market(slippage_bps=0.0)
    market.order("Buy", "1")
    market.flat_minute(50_000.0)

    margin = margin_of(market.account, market.position, market.books.listings)

    assert (margin.initial, margin.liquidation_text) == (Decimal("5024.75"), "45226.1")
    assert available(market.account, market.books.listings) == market.account.wallet - Decimal("5024.75")


def test_funding_is_paid_by_who_holds_before_the_stamp_and_received_by_shorts() -> None:
    for side, change in (("Buy", "-0.6"), ("Sell", "0.6")):
        market = Market(slippage_bps=0.0)
        market.order(side, "0.12")
        market.minute(50_000.0, 50_000.0, 50_000.0, 50_000.0, funding=0.0001)
        assert [row["type"] for row in market.log] == ["TRADE"]

        frames = market.minute(50_000.0, 50_000.0, 50_000.0, 50_000.0, funding=0.0001)

        execution, log = rows(frames, "execution")[0], market.log[-1]
        assert (execution["execType"], execution["execQty"], execution["orderType"]) == ("Funding", "0.120", "UNKNOWN")
        assert Decimal(execution["execFee"]) == -Decimal(change)
        assert (log["type"], log["funding"], log["change"]) == ("SETTLEMENT", change, change)
        assert [frame.topic for frame in frames] == ["execution", "position", "wallet"]


def test_a_liquidation_settles_at_the_bankruptcy_price_and_cancels_what_rests() -> None:
    market = Market(slippage_bps=0.0)
    market.order("Buy", "1", takeProfit="60000")
    resting = market.limit("Buy", "0.1", "40000")
    market.flat_minute(50_000.0)
    before = market.account.wallet

    market.minute(50_000.0, 50_000.0, 45_226.0, 46_000.0)

    execution = market.executions[-1]
    assert (execution["execType"], execution["execPrice"], execution["createType"]) == (
        "BustTrade",
        "45000.0",
        "CreateByTakeOver_PassThrough",
    )
    assert (resting.status, resting.cancel_type) == ("Cancelled", "CancelAllBeforeLiq")
    assert market.account.wallet - before == Decimal("-5024.75")
    assert (market.position.steps, market.log[-1]["type"]) == (0, "LIQUIDATION")


_STEP = st.tuples(
    st.sampled_from(["Buy", "Sell"]),
    st.integers(1, 400),
    st.sampled_from(["market", "reduce", "limit", "stops"]),
    st.integers(-300, 300),
    st.tuples(st.integers(0, 250), st.integers(0, 250)),
    st.sampled_from([None, 0.0001, -0.0003]),
    st.booleans(),
)


def _ask(market: Market, side: str, steps: int, kind: str, price: float) -> None:
    qty, sign = f"{steps / 1000:.3f}", 1 if side == "Buy" else -1
    with suppress(Refusal):
        if kind == "market":
            market.order(side, qty)
        elif kind == "reduce":
            market.order(side, qty, reduceOnly=True)
        elif kind == "limit":
            market.limit(side, qty, f"{price - sign * 7.5:.1f}", stopLoss=f"{price - sign * 40:.1f}")
        else:
            market.order(side, qty, stopLoss=f"{price - sign * 12.3:.1f}", takeProfit=f"{price + sign * 20:.1f}")


@settings(max_examples=60, deadline=None)
@given(st.lists(_STEP, min_size=1, max_size=25))
def test_the_wallet_is_the_exact_sum_of_its_log_and_the_position_that_of_its_fills(steps: list[tuple[Any, ...]]) -> None:
    market = Market(wallet="9000", taker_bps=5.7, maker_bps=-0.3, slippage_bps=1.3)
    price = 50_000.0
    for side, count, kind, move, (up, down), funding, midway in steps:
        close = round(price + move, 1)
        high, low = max(price, close) + up / 10, min(price, close) - down / 10
        if midway:
            market.open(price, round(high, 1), round(low, 1), close, funding=funding)
            market.move(0.37)
            _ask(market, side, count, kind, market.books.listings[SYMBOL].last)
            market.close()
        else:
            _ask(market, side, count, kind, price)
            market.minute(price, round(high, 1), round(low, 1), close, funding=funding)
        price = close

    trades = [row for row in market.executions if row["execType"] != "Funding"]
    bought = exact_sum(*(Decimal(row["execQty"]) * (1 if row["side"] == "Buy" else -1) for row in trades))
    changes = exact_sum(Decimal(9000), *(Decimal(row["change"]) for row in market.log))
    assert market.account.wallet == changes
    assert market.position.steps == bought * 1000
    assert all(Decimal(row["cashBalance"]) == changes for row in market.log[-1:])
    sequences = [row["seq"] for row in market.executions]
    assert all(earlier < later for earlier, later in pairwise(sequences))
    _check_books(market)
    if market.position.steps == 0:
        net = exact_sum(*(Decimal(row["closedPnl"]) for row in market.closed_pnl))
        funding_paid = exact_sum(*(-Decimal(row["funding"]) for row in market.log if row["funding"]))
        assert exact_sum(Decimal(9000), net, -funding_paid) == market.account.wallet


def _check_books(market: Market) -> None:
    """What must hold at any time: stops fit the position, a flat position has none, nothing open is over."""
    position, orders = market.position, market.account.orders
    stops = [order for order in orders.values() if order.stop_kind]
    assert {order.order_id for order in stops} == {each for each in (position.stop_id, position.target_id) if each}
    assert all(order.qty_steps == abs(position.steps) and order.side is not position.side for order in stops)
    assert all(order.status.open for order in orders.values())
    assert (position.entry == 0) == (position.steps == 0)
    assert position.open_fee == 0 or position.steps


def test_cancelled_orders_give_their_margin_back() -> None:
    market = Market()
    free = available(market.account, market.books.listings)
    order = market.limit("Buy", "0.5", "49000")
    assert available(market.account, market.books.listings) < free

    arrivals.cancel(market.books, market.account, {"symbol": SYMBOL, "orderId": order.order_id})

    assert available(market.account, market.books.listings) == free


TIERS = (RiskTier(20_000.0, 0.005, Decimal(100)), RiskTier(40_000.0, 0.02, Decimal(50)), RiskTier(80_000.0, 0.05, Decimal(20)))


@pytest.mark.parametrize(("low", "steps", "parts"), [(45_600.0, 800, 1), (45_400.0, 400, 2), (44_900.0, 0, 3)])
@pytest.mark.parametrize("prices", [None, Basis(0.0)])
def test_a_large_position_is_sold_tier_by_tier_before_it_is_taken_over(
    low: float, steps: int, parts: int, prices: Basis | None
) -> None:
    market = Market(slippage_bps=0.0, terms=MarketTerms(tiers=TIERS, prices=prices))
    market.order("Buy", "1", takeProfit="60000")
    market.flat_minute(50_000.0)

    market.minute(50_000.0, 50_000.0, low, 48_000.0)

    liquidated = market.executions[1:]
    assert [row["createType"] for row in liquidated] == ["CreateByLiq", "CreateByLiq", "CreateByTakeOver_PassThrough"][:parts]
    assert (market.position.steps, bool(market.position.target_id)) == (steps, steps > 0)
    at = [float(row["execPrice"]) for row in liquidated]
    assert at == sorted(at, reverse=True)
    assert all(price >= 45_000.0 for price in at)
    assert market.account.wallet == 100_000 + sum(Decimal(row["change"]) for row in market.log)
