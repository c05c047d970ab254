"""Margin that is put into an isolated position by hand or by itself, and taken out again."""

from decimal import Decimal

import pytest

from playd.venues.exchange.added_margin import add_margin, set_auto_margin
from playd.venues.exchange.margin import available, margin_of
from playd.venues.exchange.modes import set_margin_mode
from playd.venues.exchange.refusal import Refusal
from tests.exchange_kit import SYMBOL, Market, rows

FEE = 0.00055


def held(wallet: str = "100000", side: str = "Buy") -> Market:
    """A position of 1 at 50,000 with a leverage of 10."""
    market = Market(slippage_bps=0.0, wallet=wallet)
    market.order(side, "1")
    market.flat_minute()
    return market


def add(market: Market, margin: str) -> None:
    try:
        add_margin(market.books, market.account, {"category": "linear", "symbol": SYMBOL, "margin": margin, "positionIdx": 0})
    finally:
        market.take()


def liquidation(market: Market) -> float:
    return float(margin_of(market.account, market.position, market.books.listings).liquidation_text)


@pytest.mark.parametrize(
    ("side", "price"),
    [
        ("Buy", (50_000 * 0.9 - 2_000 / (1 - FEE)) / (1 - 0.005)),
        ("Sell", (50_000 * 1.1 + 2_000 / (1 + FEE)) / (1 + 0.005)),
    ],
)
def test_added_margin_moves_the_liquidation_and_is_held_back(side: str, price: float) -> None:
    market = held(side=side)
    free, before = available(market.account, market.books.listings), liquidation(market)

    add(market, "2000")

    assert liquidation(market) == pytest.approx(price, abs=0.1) != before
    assert available(market.account, market.books.listings) == free - 2_000
    told = rows(market.frames, "position")[-1]
    assert Decimal(told["positionIM"]) == Decimal(rows(market.frames, "wallet")[-1]["coin"][0]["totalPositionIM"])
    add(market, "-2000")
    assert (liquidation(market), available(market.account, market.books.listings)) == (before, free)


@pytest.mark.parametrize("margin", ["1e25", "0.00001", "0"])
def test_a_margin_that_cannot_be_is_refused(margin: str) -> None:
    with pytest.raises(Refusal):
        add(held(), margin)


def test_a_liquidation_settles_where_the_added_margin_is_gone_too() -> None:
    market = held()
    before = market.account.wallet
    add(market, "2000")

    market.minute(50_000.0, 50_000.0, 43_000.0, 46_000.0)

    fee = Decimal(market.executions[-1]["execFee"])
    assert (market.executions[-1]["execType"], market.executions[-1]["execPrice"]) == ("BustTrade", "43000.0")
    assert before - market.account.wallet - fee == 7_000


def test_what_is_closed_gives_its_share_back() -> None:
    market = held()
    add(market, "2000")
    market.order("Sell", "0.25", reduceOnly=True)
    market.flat_minute()
    assert market.position.extra_margin == 1_500
    market.order("Sell", "2")
    market.flat_minute()
    assert (market.position.steps, market.position.extra_margin) == (-1_250, 0)


def test_a_share_of_more_money_than_there_is_can_be_given_back() -> None:
    market = held()
    market.account.wallet += Decimal("1e16")
    add(market, "1e15")
    market.order("Sell", "0.25", reduceOnly=True)
    market.flat_minute()
    assert market.position.extra_margin == Decimal("0.75e15")


@pytest.mark.parametrize(
    ("margin", "code"),
    [("0", 10001), ("", 10001), ("1.00001", 10001), ("95000", 110014), ("-0.0001", 110006), ("1e9999999", 10001)],
)
def test_margin_that_cannot_be_moved_is_refused(margin: str, code: int) -> None:
    market = held()
    with pytest.raises(Refusal) as caught:
        add(market, margin)
    assert caught.value.code == code
    assert market.position.extra_margin == 0


def test_margin_that_keeps_a_position_alive_cannot_be_taken_out() -> None:
    market = held()
    add(market, "3000")
    market.open(44_000.0, 44_000.0, 44_000.0, 44_000.0)
    with pytest.raises(Refusal) as caught:
        add(market, "-2900")
    assert (caught.value.code, market.position.extra_margin) == (110046, 3_000)


def test_flat_and_cross_positions_take_no_margin() -> None:
    flat = Market()
    for market, code in ((flat, 10001), (held(), 110076)):
        if code == 110076:
            set_margin_mode(market.books, market.account, {"setMarginMode": "REGULAR_MARGIN"})
        with pytest.raises(Refusal) as caught:
            add(market, "10")
        assert caught.value.code == code


def test_cross_margin_takes_the_added_margin_back_into_the_balance() -> None:
    market = held()
    add(market, "2000")
    set_margin_mode(market.books, market.account, {"setMarginMode": "REGULAR_MARGIN"})
    assert market.position.extra_margin == 0


@pytest.mark.parametrize(("wallet", "steps"), [("100000", 1000), ("6000", 0)])
@pytest.mark.parametrize("followed", [False, True])
def test_free_balance_goes_in_by_itself_as_far_as_it_reaches(wallet: str, steps: int, followed: bool) -> None:
    market = held(wallet)
    set_auto_margin(market.books, market.account, {"category": "linear", "symbol": SYMBOL, "autoAddMargin": 1})

    market.open(50_000.0, 50_000.0, 42_000.0, 42_500.0)
    for part in range(10 if followed else 0):
        market.follow(part / 10)
    market.close()

    assert market.position.steps == steps
    assert rows(market.frames, "position")[-1]["autoAddMargin"] == 1
    log = sum(Decimal(row["change"]) for row in market.log)
    assert market.account.wallet == Decimal(wallet) + log
    if steps:
        assert liquidation(market) < 42_000.0 < 45_226.0
