"""Hedge and one-way, isolated and cross, leverage and tiers, and liquidation in each."""

from decimal import Decimal
from typing import Any

import pytest

from playd.cli.exchange import read_tiers
from playd.core.errors import SettingsError
from playd.matching.money import bankruptcy_price, cross_terms, liquidation_price
from playd.venues.exchange import modes
from playd.venues.exchange.listing import MarketTerms, RiskTier
from playd.venues.exchange.margin import available, margin_of, risk_of
from playd.venues.exchange.model import Position
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.rows import wallet_row
from playd.venues.exchange.text import exact_sum
from playd.venues.exchange.trading_stop import set_trading_stop
from playd.venues.exchange.words import CROSS, ISOLATED
from tests.exchange_kit import SYMBOL, Market, rows

TIERS = (
    RiskTier(100_000.0, 0.005, Decimal(100)),
    RiskTier(200_000.0, 0.01, Decimal(50)),
    RiskTier(1_000_000.0, 0.02, Decimal(10)),
)


def hedged() -> Market:
    market = Market(slippage_bps=0.0)
    modes.switch_mode(market.books, market.account, {"category": "linear", "symbol": SYMBOL, "mode": 3})
    return market


def crossed(wallet: str) -> Market:
    market = Market(slippage_bps=0.0, wallet=wallet)
    modes.set_margin_mode(market.books, market.account, {"setMarginMode": CROSS})
    return market


def place(market: Market, idx: int) -> Position:
    return market.books.position(market.account, SYMBOL, idx)


def code(market: Market, call: Any, **wish: Any) -> int:
    with pytest.raises(Refusal) as caught:
        call(market.books, market.account, {"category": "linear", "symbol": SYMBOL, **wish})
    return caught.value.code


# Hedge mode


def test_in_hedge_mode_a_long_and_a_short_stand_side_by_side_each_with_its_stop() -> None:
    market = hedged()
    market.order("Buy", "0.2", positionIdx=1, stopLoss="49000")
    market.order("Sell", "0.3", positionIdx=2, stopLoss="51000")
    market.flat_minute()

    assert [(each.steps, each.idx) for each in modes.positions_of(market.books, market.account, SYMBOL)] == [
        (200, 1),
        (-300, 2),
    ]
    assert {row["positionIdx"] for row in rows(market.frames, "position")} == {1, 2}
    request = {"category": "linear", "symbol": SYMBOL, "positionIdx": 2, "stopLoss": "50900"}
    set_trading_stop(market.books, market.account, request)
    stops = [(order.position_idx, order.side, order.trigger_ticks) for order in market.account.orders.values()]
    assert stops == [(1, "Sell", 490_000), (2, "Buy", 509_000)]

    market.minute(50_000.0, 50_950.0, 50_000.0, 50_000.0)

    assert (place(market, 1).steps, place(market, 2).steps) == (200, 0)
    assert [row["execPrice"] for row in market.executions[2:]] == ["50900.0"]


def test_the_closing_side_of_a_place_never_opens_anything() -> None:
    market = hedged()
    market.order("Buy", "0.2", positionIdx=1)
    market.flat_minute()
    with pytest.raises(Refusal, match="110017"):
        market.order("Buy", "0.1", positionIdx=2)

    order = market.order("Sell", "0.5", positionIdx=1)
    market.flat_minute()

    assert (order.filled_steps, order.status, place(market, 1).steps) == (200, "Filled", 0)


def test_the_mode_of_a_symbol_changes_only_when_it_is_empty() -> None:
    market = Market()
    assert code(market, modes.switch_mode, mode=0) == 110025
    with pytest.raises(Refusal, match="position idx not match position mode"):
        market.order("Buy", "0.1", positionIdx=1)
    resting = market.limit("Buy", "0.1", "49000")
    assert code(market, modes.switch_mode, mode=3) == 110028
    market.minute(50_000.0, 50_000.0, 49_000.0, 49_000.0)
    assert resting.status == "Filled"
    assert code(market, modes.switch_mode, mode=3) == 110024
    market.order("Sell", "0.1", reduceOnly=True)
    market.flat_minute()

    for _ in range(2):  # asking again for what is set is no mistake by coin
        modes.switch_mode(market.books, market.account, {"category": "linear", "coin": "USDT", "mode": 3})

    with pytest.raises(Refusal, match="position idx not match position mode"):
        market.order("Buy", "0.1")
    assert market.order("Buy", "0.1", positionIdx=1).status == "New"


def test_only_isolated_hedge_mode_has_a_leverage_for_each_side() -> None:
    market = hedged()
    wish = {"category": "linear", "symbol": SYMBOL, "buyLeverage": "5", "sellLeverage": "7"}
    modes.set_leverage(market.books, market.account, wish)
    assert (place(market, 1).leverage, place(market, 2).leverage) == (5, 7)
    assert code(crossed("1000"), modes.set_leverage, buyLeverage="5", sellLeverage="7") == 10001


# Cross margin


@pytest.mark.parametrize("direction", [1, -1])
def test_cross_terms_liquidate_where_equity_is_maintenance_and_settle_where_nothing_is_left(direction: int) -> None:
    qty, entry, equity, taker = 1.0, 50_000.0, 5_000.0, 0.00055
    leverage, rate, deduction = cross_terms(direction, qty, entry, equity, 0.005, 10.0, taker)

    end = liquidation_price(direction, qty, entry, leverage, rate, deduction)
    left = equity + direction * qty * (end - entry)
    assert left == pytest.approx(qty * end * (0.005 + taker) - 10.0, abs=1e-6)
    bust = bankruptcy_price(direction, entry, leverage)
    assert equity + direction * qty * (bust - entry) == pytest.approx(qty * bust * taker, abs=1e-6)


def test_in_cross_margin_profit_is_available_and_the_row_says_the_rates() -> None:
    market = crossed("10000")
    market.order("Buy", "1")
    market.flat_minute(50_000.0)
    market.minute(50_000.0, 52_000.0, 50_000.0, 52_000.0)

    margin = margin_of(market.account, market.position, market.books.listings)
    assert margin.initial == Decimal("5225.74")
    free = available(market.account, market.books.listings)
    assert free == exact_sum(market.account.wallet, Decimal(2000), -margin.initial)
    row = wallet_row(market.account, market.books.listings)
    assert Decimal(row["totalAvailableBalance"]) == free
    assert float(row["accountIMRate"]) == pytest.approx(5225.74 / float(row["totalMarginBalance"]), abs=1e-7)


def test_a_cross_account_is_liquidated_as_a_whole_and_its_wallet_ends_at_nothing() -> None:
    market = crossed("5100")
    market.order("Buy", "1", takeProfit="60000")
    resting = market.limit("Buy", "0.001", "40000")
    market.flat_minute(50_000.0)
    risk = risk_of(market.account, market.position, market.books.listings)
    end = liquidation_price(1, 1.0, 50_000.0, risk.leverage, risk.mm_rate, risk.deduction_usdt)

    market.minute(50_000.0, 50_000.0, end + 1.0, 50_000.0)
    assert market.position.steps == 1000
    market.minute(50_000.0, 50_000.0, end - 1.0, 50_000.0)

    assert (market.position.steps, resting.cancel_type) == (0, "CancelAllBeforeLiq")
    assert market.executions[-1]["execType"] == "BustTrade"
    assert abs(market.account.wallet) < Decimal("0.2")


def test_another_mode_needs_margin_there_and_the_same_one_changes_nothing() -> None:
    market = crossed("10000")
    market.order("Buy", "1")
    market.flat_minute(50_000.0)
    market.minute(50_000.0, 56_000.0, 50_000.0, 56_000.0)
    market.order("Buy", "1.2")
    market.flat_minute(56_000.0)
    assert market.position.steps == 2200

    assert code(market, modes.set_margin_mode, setMarginMode=ISOLATED) == 3400045
    modes.set_margin_mode(market.books, market.account, {"setMarginMode": CROSS})
    assert code(market, modes.set_margin_mode, setMarginMode="PORTFOLIO_MARGIN") == 3400045
    assert code(market, modes.set_margin_mode, setMarginMode="NO_MARGIN") == 10001
    with pytest.raises(Refusal) as refused:
        modes.set_margin_mode(market.books, market.account, {"setMarginMode": "PORTFOLIO_MARGIN"})
    reason = {"reasonCode": "3400045", "reasonMsg": "the local exchange has no portfolio margin"}
    assert refused.value.result == {"reasons": [reason]}


# Tiers


def test_a_larger_position_needs_more_margin_and_has_less_leverage() -> None:
    market = Market(slippage_bps=0.0, terms=MarketTerms(tiers=TIERS))
    wish = {"category": "linear", "symbol": SYMBOL, "buyLeverage": "40", "sellLeverage": "40"}
    modes.set_leverage(market.books, market.account, wish)
    with pytest.raises(Refusal, match="110090"):
        market.order("Buy", "4.1")
    market.order("Buy", "3")
    market.flat_minute(50_000.0)

    row = market.books.position_row(market.account, market.position)
    assert (row["riskId"], row["riskLimitValue"]) == (2, "200000")
    closing_fee = 150_000.0 * (1 - 1 / 40) * 0.00055
    assert float(row["positionMM"]) == pytest.approx(150_000.0 * 0.01 - 100_000.0 * 0.005 + closing_fee)
    assert code(market, modes.set_leverage, buyLeverage="51", sellLeverage="51") == 110013


def test_leverage_is_not_lowered_beyond_the_balance() -> None:
    market = Market(slippage_bps=0.0, wallet="5100")
    market.order("Buy", "1")
    market.flat_minute(50_000.0)
    assert code(market, modes.set_leverage, buyLeverage="5", sellLeverage="5") == 110007
    assert market.position.leverage == 10


@pytest.mark.parametrize(
    ("text", "word"),
    [("2000000:0.005", "LIMIT:RATE:LEVERAGE"), ("0:0.005:100", "above 0"), ("2e6:0.005:50,3e6:0.01:60", "must fall")],
)
def test_tiers_that_cannot_be_are_refused(text: str, word: str) -> None:
    assert read_tiers("100000:0.005:100,200000:0.01:50,1000000:0.02:10") == TIERS
    with pytest.raises(SettingsError, match=word):
        read_tiers(text)


def test_a_venue_without_insurance_passes_a_liquidation_on_to_the_best_of_the_other_side() -> None:
    market = Market(slippage_bps=0.0, wallet="6000", terms=MarketTerms(insured=False))
    rich, late = market.join(1002), market.join(1003)
    market.order("Buy", "1")
    market.order("Sell", "0.6", by=rich, stopLoss="60000")
    market.flat_minute(50_000.0)
    market.order("Sell", "0.6", by=late)
    resting = market.order("Sell", "0.1", by=rich, orderType="Limit", price="55000")
    market.flat_minute(49_000.0)
    ranks = [
        market.books.position_row(each, each.positions[SYMBOL])["adlRankIndicator"] for each in (rich, late, market.account)
    ]
    assert ranks == [5, 3, 5], "each side has a queue of its own"

    market.minute(49_000.0, 49_000.0, 45_200.0, 45_300.0)

    adl = [row for row in market.executions if row["execType"] == "AdlTrade"]
    assert [(row["execPrice"], row["execQty"], row["createType"]) for row in adl] == [
        ("45000.0", "0.600", "CreateByAdl_PassThrough"),
        ("45000.0", "0.400", "CreateByAdl_PassThrough"),
    ]
    assert (resting.status, resting.cancel_type) == ("Cancelled", "CancelAllBeforeAdl")
    told = [row["positionStatus"] for frame in market.frames if frame.uid == 1002 for row in frame.data if "entryPrice" in row]
    assert told.count("Adl") == 1
    assert told[-1] == "Normal"
    assert [each.positions[SYMBOL].steps for each in (market.account, rich, late)] == [0, 0, -200]
    assert (rich.orders, [row["type"] for row in market.log][-2:]) == ({}, ["ADL", "ADL"])
