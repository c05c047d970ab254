"""Orders of one user that would meet, orders that vanish under a taker, and prices taken from the book."""

from typing import Any

import pytest

from playd.matching.depth import DepthProfile
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.refusal import Refusal
from tests.exchange_kit import Market, rows

SHALLOW = MarketTerms(DepthProfile(level_usdt=5_000.0, gap_bps=2.0, growth=0.0, spread=0.0, levels=5))
"""Five levels of 0.1 each, 10 USDT apart, around 50,000."""


def shallow() -> Market:
    market = Market(slippage_bps=0.0, terms=SHALLOW)
    market.flat_minute()
    return market


def open_flat(market: Market) -> None:
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)


@pytest.mark.parametrize(
    ("smp", "maker", "taker", "filled"),
    [
        ("None", "Filled", "Filled", 200),
        ("CancelMaker", "Cancelled", "Filled", 200),
        ("CancelTaker", "New", "Cancelled", 100),
        ("CancelBoth", "Cancelled", "Cancelled", 100),
    ],
)
def test_the_incoming_order_says_how_two_orders_of_one_user_are_kept_apart(
    smp: str, maker: str, taker: str, filled: int
) -> None:
    market = shallow()
    resting = market.limit("Sell", "0.05", "50005", smpType="CancelBoth")
    open_flat(market)

    incoming = market.order("Buy", "0.2", smpType=smp)

    assert (resting.status, incoming.status, incoming.filled_steps) == (maker, taker, filled)
    for order, other in ((resting, incoming), (incoming, resting)):
        (told, *_) = [row for row in reversed(rows(market.frames, "order")) if row["orderId"] == order.order_id]
        apart = order.status == "Cancelled"
        assert (told["cancelType"] == "CancelBySmp", told["smpOrderId"]) == (apart, other.order_id if apart else "")
    assert market.position.steps == filled - (50 if smp == "None" else 0)
    ends = [
        place for place, frame in enumerate(market.frames) if any(row.get("cancelType") == "CancelBySmp" for row in frame.data)
    ]
    assert all(market.frames[place + 1].topic == "position" for place in ends)
    freed = all("wallet" in [frame.topic for frame in market.frames[place + 1 : place + 3]] for place in ends)
    assert freed is (maker != "New")  # a market order holds nothing back


def test_an_order_that_may_fill_in_part_only_still_does_not_pass_through_one_of_its_user() -> None:
    market = shallow()
    market.books.fill_share = lambda _account, _order: 0.9
    resting = market.limit("Sell", "0.05", "50005")
    open_flat(market)
    incoming = market.order("Buy", "0.2", smpType="CancelMaker")
    assert (resting.status, incoming.filled_steps) == ("Cancelled", 180)


def test_all_or_nothing_does_not_count_on_what_it_will_not_meet() -> None:
    market = shallow()
    market.limit("Sell", "0.5", "50005")
    open_flat(market)
    assert market.limit("Buy", "0.7", "50040", "FOK", smpType="CancelMaker").status == "Cancelled"
    assert market.limit("Buy", "0.7", "50040", "FOK").status == "Filled"


def test_a_word_that_is_none_of_the_four_is_refused() -> None:
    with pytest.raises(Refusal, match="smpType"):
        Market().order("Buy", "0.1", smpType="CancelNobody")


def test_an_order_that_a_fill_before_it_took_away_is_not_met_and_the_rest_comes_from_the_market() -> None:
    market = shallow()
    other = market.join(1002)
    market.order("Buy", "0.1", by=other)
    market.flat_minute()
    ends = market.order("Sell", "0.1", by=other, orderType="Limit", price="50010", reduceOnly=True)
    closes = market.order("Sell", "0.1", by=other, orderType="Limit", price="50005")
    market.flat_minute()
    open_flat(market)

    order = market.order("Buy", "0.35")

    found = [(row["execPrice"], row["execQty"]) for row in market.executions if row["orderId"] == order.order_id]
    assert found == [("50000.0", "0.100"), ("50005.0", "0.100"), *[("50010.0", "0.050")] * 2, ("50020.0", "0.050")]
    assert (closes.status, ends.status, ends.cancel_type) == ("Filled", "Cancelled", "CancelByReduceOnly")
    assert (other.positions["BTCUSDT"].steps, ends.filled_steps) == (0, 0)


@pytest.mark.parametrize(
    ("side", "kind", "level", "price"),
    [
        ("Buy", "Queue", "1", 499_999),
        ("Buy", "Queue", "3", 499_799),
        ("Sell", "Queue", "1", 500_001),
        ("Sell", "Counterparty", "2", 499_899),
    ],
)
def test_a_limit_order_takes_its_price_from_the_book(side: str, kind: str, level: str, price: int) -> None:
    market = shallow()
    open_flat(market)
    order = market.limit(side, "0.01", "1", bboSideType=kind, bboLevel=level)
    assert (order.price_ticks, order.create_type) == (price, "CreateByBboOrder")


@pytest.mark.parametrize(
    "wish",
    [
        {"bboSideType": "Queue"},
        {"bboSideType": "Queue", "bboLevel": "6"},
        {"bboSideType": "Any", "bboLevel": "1"},
        {"bboSideType": "Queue", "bboLevel": "1", "triggerPrice": "51000", "triggerDirection": 1},
    ],
)
def test_a_level_that_is_not_said_right_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="bbo"):
        shallow().limit("Buy", "0.01", "49000", **wish)


def test_a_level_beyond_the_end_of_the_book_is_refused() -> None:
    market = Market(terms=MarketTerms(DepthProfile(level_usdt=5_000.0, levels=2)))
    with pytest.raises(Refusal, match="110118"):
        market.limit("Buy", "0.01", "", bboSideType="Counterparty", bboLevel="3")
