"""A market with an end: levels, partial fills, price-time priority, bands."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playd.core.orders import Side
from playd.matching.depth import DepthProfile, level_steps, walk
from playd.venues.exchange.books import Books
from playd.venues.exchange.liquidity import levels
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.model import Account, Order
from playd.venues.exchange.records import Records
from playd.world.virtual import virtual_world
from tests.exchange_kit import BTC, START_MS, SYMBOL, Market, rows

SHALLOW = MarketTerms(DepthProfile(level_usdt=5_000.0, gap_bps=2.0, growth=0.0, spread=0.0, levels=5))
"""Five levels of 0.1 each, 10 USDT apart, around 50,000."""


def shallow(**more: object) -> Market:
    market = Market(slippage_bps=0.0, terms=SHALLOW, **more)  # type: ignore[arg-type]
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    return market


def fills(market: Market, order: Order) -> list[tuple[str, str]]:
    return [(row["execPrice"], row["execQty"]) for row in market.executions if row["orderId"] == order.order_id]


def test_a_large_market_order_pays_more_at_every_level_and_leaves_less_to_the_next() -> None:
    market = shallow()
    first = market.order("Buy", "0.25")
    second = market.order("Buy", "0.1")

    assert fills(market, first) == [("50000.0", "0.100"), ("50010.0", "0.100"), ("50020.0", "0.050")]
    assert fills(market, second) == [("50020.0", "0.050"), ("50030.0", "0.050")]
    states = [row["orderStatus"] for row in rows(market.frames, "order") if row["orderId"] == first.order_id]
    assert (states, first.status) == (["PartiallyFilled", "PartiallyFilled", "Filled"], "Filled")
    assert rows(market.frames, "order")[2]["avgPrice"] == "50008"

    market.close()
    market.flat_minute()
    third = market.order("Sell", "0.1")
    market.flat_minute()
    assert fills(market, third) == [("50000.0", "0.100")]


@pytest.mark.parametrize(
    ("tif", "price", "filled", "outcome"),
    [
        ("IOC", "50010", 200, ("Cancelled", "EC_CancelForNoFullFill")),
        ("FOK", "50010", 0, ("Cancelled", "EC_CancelForNoFullFill")),
        ("FOK", "50020", 300, ("Filled", "EC_NoError")),
        ("GTC", "50010", 200, ("PartiallyFilled", "EC_NoError")),
    ],
)
def test_a_limit_order_takes_the_levels_within_its_price(tif: str, price: str, filled: int, outcome: tuple[str, str]) -> None:
    market = shallow()
    order = market.limit("Buy", "0.3", price, tif)
    assert (order.filled_steps, (order.status, order.reject_reason)) == (filled, outcome)
    assert market.position.steps == filled


def test_a_market_order_that_finds_no_more_is_cancelled_with_what_it_has() -> None:
    market = shallow()
    order = market.order("Sell", "0.9")
    assert (order.status, order.filled_steps, order.reject_reason) == ("Cancelled", 500, "EC_CancelForNoFullFill")
    assert rows(market.frames, "order")[-1]["leavesQty"] == "0"


def test_a_tolerance_ends_the_walk() -> None:
    market = shallow()
    order = market.order("Buy", "0.3", slippageToleranceType="TickSize", slippageTolerance="100")
    assert (order.status, order.filled_steps) == ("Cancelled", 200)
    assert rows(market.frames, "order")[-1]["slippageTolerance"] == "100"


def test_a_stop_walks_the_levels_too_and_closed_profit_is_one_row() -> None:
    market = Market(slippage_bps=0.0, terms=SHALLOW)
    market.order("Buy", "0.3", stopLoss="49900")
    market.flat_minute()

    market.minute(50_000.0, 50_000.0, 49_890.0, 49_890.0)

    assert [row["execPrice"] for row in market.executions[3:]] == ["49900.0", "49890.0", "49880.0"]
    (row,) = market.closed_pnl
    assert (row["closedSize"], row["fillCount"], row["avgExitPrice"], row["cumExitValue"]) == (
        *("0.300", "3"),
        *("49890.0", "14967"),
    )
    assert market.position.steps == 0


def test_resting_orders_share_the_volume_by_price_then_time_whoever_they_belong_to() -> None:
    market = Market(slippage_bps=0.0, terms=MarketTerms(participation=0.5))
    other = market.join(1002)
    early = market.limit("Buy", "0.2", "49900")
    late = market.order("Buy", "0.2", orderType="Limit", price="49900", by=other)
    better = market.order("Buy", "0.1", orderType="Limit", price="49950", by=other)
    market.flat_minute()

    for volume in (0.4, 0.4, 1.0):
        market.open(50_000.0, 50_000.0, 49_900.0, 50_000.0, volume=volume)
        market.close()
        seen = [order.filled_steps for order in (better, early, late)]
        assert sum(seen) == {0.4: sum(seen), 1.0: 500}[volume]
        assert sum(seen) in (200, 400, 500)
        assert seen in ([100, 100, 0], [100, 200, 100], [100, 200, 200])

    assert [order.status for order in (better, early, late)] == ["Filled"] * 3


def test_a_taker_meets_the_better_resting_orders_of_users() -> None:
    market = Market(slippage_bps=0.0, terms=SHALLOW)
    other = market.join(1002)
    near = market.order("Sell", "0.05", orderType="Limit", price="50005", by=other)
    level = market.order("Sell", "0.05", orderType="Limit", price="50010", by=other)
    own = market.limit("Sell", "0.05", "50006")
    assert own.smp == "None"
    market.flat_minute()
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    assert levels(market.books, market.books.listings[SYMBOL], Side.BUY, 500_000)[:4] == [
        (500_000, 100),
        (500_050, 50),
        (500_060, 50),
        (500_100, 150),
    ]

    order = market.order("Buy", "0.27")

    assert fills(market, order) == [
        ("50000.0", "0.100"),
        ("50005.0", "0.050"),
        ("50006.0", "0.050"),
        ("50010.0", "0.050"),
        ("50010.0", "0.020"),
    ]
    assert (near.status, level.status, own.status) == ("Filled", "Filled", "Filled")
    assert market.position.steps == 220
    assert other.positions[SYMBOL].steps == -100
    assert [row["isMaker"] for row in market.executions if row["orderId"] == near.order_id] == [True]


def test_prices_outside_the_band_move_to_its_edge_and_market_orders_stop_there() -> None:
    profile = DepthProfile(level_usdt=5_000.0, gap_bps=50.0, growth=0.0, spread=0.0)
    market = Market(slippage_bps=0.0, terms=MarketTerms(profile, price_band=True))
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    assert market.limit("Buy", "0.01", "40000").price_ticks == 400_000
    assert market.limit("Sell", "0.01", "40000", "PostOnly").price_ticks == 495_000

    order = market.order("Buy", "1")

    assert (order.status, fills(market, order)[-1][0]) == ("Cancelled", "51000.0")


@given(st.integers(0, 5), st.integers(0, 40), st.sampled_from([1, -1]))
def test_levels_are_a_function_of_their_seed_and_what_is_taken_is_gone_from_the_front(
    seed: int, taken: int, direction: int
) -> None:
    profile = DepthProfile(level_usdt=1_000.0, levels=6, seed=seed)
    sizes = level_steps(profile, "BTCUSDT/Buy/0", 50_000.0, 0.001)
    assert sizes == level_steps(profile, "BTCUSDT/Buy/0", 50_000.0, 0.001)
    assert all(10 <= size <= 52 for size in sizes)

    left = list(walk(sizes, taken, 3, 1_000, direction))

    assert sum(steps for steps, _ in left) == max(sum(sizes) - taken, 0)
    assert all((after - before) * direction == 3 for (_, before), (_, after) in pairwise(left))


def _kept(market: Market) -> Iterator[Books]:
    """The books as a new process finds them."""
    world = virtual_world()
    path = PurePath("/state/records.sqlite")
    world.disk.mkdir(path.parent)
    records = Records.open(world.disk, path)
    market.books.changes.accounts |= set(market.books.accounts)
    market.books.changes.positions |= {(market.account.uid, place) for place in market.account.positions}
    market.books.changes.orders |= market.account.orders
    records.write(market.books.take_changes(), market.books)
    books = Books({SYMBOL: BTC}, {SYMBOL: 50_000.0}, now_ms=START_MS, id_seed="test", terms=market.books.terms)
    records.restore(books, 60_000)
    yield books
    records.close()


def test_what_is_taken_and_every_kind_of_order_outlives_the_process() -> None:
    market = shallow()
    market.order("Buy", "0.25", stopLoss="49000", takeProfit="51000", tpslMode="Partial")
    market.limit("Buy", "0.35", "50030")
    market.order("Sell", "0.1", triggerPrice="49000", triggerDirection=2, reduceOnly=True)

    (books,) = _kept(market)

    account: Account = books.accounts[1001]
    assert books.listings[SYMBOL].gone == market.books.listings[SYMBOL].gone
    assert books.listings[SYMBOL].gone.taken[Side.BUY] == 400
    assert account.orders == market.account.orders
    assert account.positions == market.account.positions
    assert account.wallet < Decimal(100_000)
