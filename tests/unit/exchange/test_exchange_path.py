"""A slow market ends positions when its path reaches them, with the very fills of the candle's close."""

import asyncio
from decimal import Decimal
from pathlib import PurePath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playd.core.candles import Candles
from playd.core.timeframes import MINUTE_MS
from playd.market.feed import RecordedFeed
from playd.market.walk import WalkedCandle
from playd.venues.exchange import arrivals, path
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.listing import MarketTerms
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.exchange_kit import BTC, START_MS, SYMBOL, Market, rows
from tests.virtual_time import LoopClock, in_virtual_time

FRAMES = 12


def holding(stop: str = "49800", target: str = "50200") -> Market:
    """A long from 50,000, the minute of its entry just open."""
    market = Market(slippage_bps=0.0)
    market.order("Buy", "0.1", stopLoss=stop, takeProfit=target)
    return market


def test_a_stop_trades_within_the_minute_at_the_stop_and_at_the_moment_of_the_path() -> None:
    market = holding()
    market.open(50_000.0, 50_100.0, 49_700.0, 50_050.0)
    assert market.follow(0.2) == []

    execution = rows(market.follow(0.3), "execution")[0]

    assert (execution["execPrice"], execution["stopOrderType"]) == ("49800.0", "StopLoss")
    assert execution["execTime"] == str(START_MS + 18_000)
    assert market.position.steps == 0
    assert rows(market.close(), "execution") == []


def test_a_target_that_the_path_passes_trades_at_once_unless_the_candle_reaches_the_stop_later() -> None:
    calm = holding()
    calm.open(50_000.0, 50_300.0, 49_900.0, 49_950.0)
    assert rows(calm.follow(0.4), "execution")[0]["execPrice"] == "50200.0"

    wild = holding()
    wild.open(50_000.0, 50_300.0, 49_700.0, 49_750.0)
    assert rows(wild.follow(0.4), "execution") == []
    assert rows(wild.follow(0.7), "execution")[0]["execPrice"] == "49800.0"


def test_a_position_opened_inside_the_minute_meets_only_what_comes_after_it() -> None:
    market = Market(slippage_bps=0.0)
    market.open(50_000.0, 50_400.0, 49_700.0, 50_000.0)
    market.move(0.5)
    market.order("Buy", "0.1", stopLoss="49800")
    assert market.follow(0.6) == []
    assert market.position.steps == 100


def test_a_resting_limit_fills_when_the_path_comes_to_it_and_before_the_stop_that_the_candle_reaches() -> None:
    market = holding()
    market.limit("Buy", "0.1", "49750")
    market.open(50_000.0, 50_100.0, 49_700.0, 50_050.0)
    assert market.follow(0.25) == []  # below the stop, above the limit, which comes first

    fills = rows(market.follow(0.3), "execution")

    assert [(row["execPrice"], row["execQty"], row["isMaker"]) for row in fills] == [
        ("49750.0", "0.100", True),
        ("49800.0", "0.200", False),
    ]
    assert rows(market.close(), "execution") == []


def test_what_is_told_inside_a_candle_is_a_multiple_of_the_tick() -> None:
    market = Market()
    market.open(50_000.0, 50_007.3, 49_999.1, 50_003.3)
    market.move(0.1234)
    market.order("Buy", "0.1", stopLoss="49000")
    market.move(0.5678)
    market.order("Buy", "0.1", stopLoss="49100")
    told = [row["lastPriceOnCreated"] for row in rows(market.frames, "order")]
    told += [row["markPrice"] for topic in ("position", "execution") for row in rows(market.frames, topic)]
    assert len(told) >= 8
    assert [text for text in told if not text or Decimal(text) % BTC.tick] == []


@pytest.mark.parametrize("followed", [False, True])
def test_several_limits_fill_in_the_order_in_which_the_path_comes_to_them(followed: bool) -> None:
    market = holding()
    for price in ("49750", "49900"):
        market.limit("Buy", "0.1", price)
    market.open(50_000.0, 50_100.0, 49_700.0, 50_050.0)
    if followed:
        parts = [[row["execPrice"] for row in rows(market.follow(at), "execution")] for at in (0.1, 0.12, 0.26, 0.28)]
        assert parts == [[], ["49900.0"], [], ["49750.0", "49800.0"]]
    told = market.frames + market.close()
    assert [row["execPrice"] for row in rows(told, "execution")][1:4] == ["49900.0", "49750.0", "49800.0"]


def test_a_limit_that_the_candle_does_not_reach_holds_nothing_up() -> None:
    market = holding()
    market.limit("Buy", "0.1", "49000")
    market.open(50_000.0, 50_100.0, 49_700.0, 50_050.0)
    assert rows(market.follow(0.3), "execution")[0]["execPrice"] == "49800.0"


def test_a_position_that_a_limit_opened_on_the_way_meets_no_target_in_that_candle() -> None:
    market = Market(slippage_bps=0.0)
    market.limit("Buy", "0.1", "49900", stopLoss="49000", takeProfit="50050")
    market.open(50_000.0, 50_100.0, 49_800.0, 50_090.0)
    assert [row["execPrice"] for row in rows(market.follow(0.4), "execution")] == ["49900.0"]
    assert rows(market.follow(0.95) + market.close(), "execution") == []
    assert rows(market.minute(50_090.0, 50_100.0, 50_080.0, 50_090.0), "execution")[0]["stopOrderType"] == "TakeProfit"


@pytest.mark.parametrize(("low", "at"), [(49_950.0, 0.7), (49_700.0, None)])
def test_a_limit_that_reduces_fills_on_the_way_unless_the_candle_goes_on_to_the_stop(low: float, at: float | None) -> None:
    market = holding(target="51000")
    market.flat_minute()
    market.limit("Sell", "0.1", "50080", reduceOnly=True)
    market.open(50_000.0, 50_100.0, low, 50_050.0)  # first to the low, then to the high
    met = [row["execPrice"] for row in rows(market.follow(0.3), "execution")]
    assert met == ([] if at else ["49800.0"])
    assert [row["execPrice"] for row in rows(market.follow(0.7), "execution")] == (["50080.0"] if at else [])


_CANDLE = st.tuples(st.integers(-900, 900), st.integers(0, 900), st.integers(0, 900))
_LEVELS = st.tuples(st.booleans(), st.integers(10, 900), st.integers(10, 900))
_LIMITS = st.lists(st.tuples(st.booleans(), st.integers(1, 900), st.booleans()), max_size=3)
"""Of each: whether it buys, how far from the price it rests, whether it only reduces."""


@pytest.mark.slow
@given(
    st.lists(st.tuples(_CANDLE, _LEVELS, st.integers(1, FRAMES), _LIMITS), min_size=1, max_size=12),
    st.sampled_from((0.0, 0.02, 0.1)),
)
def test_followed_or_not_the_fills_are_the_same(
    minutes: list[tuple[tuple[int, int, int], tuple[bool, int, int], int, list[tuple[bool, int, bool]]]], participation: float
) -> None:
    slow, fast = (Market(wallet="3000", terms=MarketTerms(participation=participation)) for _ in range(2))
    ticks = 500_000
    for (move, up, down), (long, stop, target), frames, limits in minutes:
        close = ticks + move
        candle = ticks / 10, (max(ticks, close) + up) / 10, (min(ticks, close) - down) / 10, close / 10
        for market in (slow, fast):
            if market.position.steps == 0:
                sign = 1 if long else -1
                texts = {"stopLoss": f"{(ticks - sign * stop) / 10:.1f}", "takeProfit": f"{(ticks + sign * target) / 10:.1f}"}
                market.order("Buy" if long else "Sell", "0.100", **texts)
            for buys, away, reduces in limits:
                if reduces and market.position.steps * (1 if buys else -1) >= 0:
                    continue
                price = f"{(ticks - away if buys else ticks + away) / 10:.1f}"
                market.limit("Buy" if buys else "Sell", "0.050", price, reduceOnly=reduces)
            market.open(*candle)
            for frame in range(frames if market is slow else 0):
                market.follow(frame / frames)
            market.close()
        ticks = close
    told = [
        [(row["execPrice"], row["execQty"], row["execFee"], row["stopOrderType"]) for row in market.executions]
        for market in (slow, fast)
    ]
    assert told[0] == told[1]
    assert slow.account.wallet == fast.account.wallet


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, (15.0, 20.0)), (29.0, (0.5, 0.8)), (30.0, (2.0, 2.1))])
def test_a_stop_is_told_within_seconds_on_a_slow_market_and_at_the_close_on_a_fast_one(
    speed: float, seconds: tuple[float, float]
) -> None:
    """The path of the second candle passes the stop after a quarter of it."""
    times = np.array([START_MS - START_MS % MINUTE_MS + each * MINUTE_MS for each in range(3)], np.int64)
    opens = np.full(3, 50_000.0)
    lows = np.array([50_000.0, 49_700.0, 50_000.0])
    candles = Candles(SYMBOL, MINUTE_MS, times, opens, opens, lows, opens, np.ones(3))

    async def body() -> None:
        virtual = virtual_world()
        world = World(LoopClock(), virtual.disk, virtual.net, virtual.random, virtual.env, virtual.process)
        world.disk.mkdir(PurePath("/x"))
        feed = RecordedFeed([candles], history_ms=MINUTE_MS, instruments={SYMBOL: BTC})
        floor = Floor(world, feed, ExchangeConfig(records_path=PurePath("/x/records.sqlite"), speed=speed))
        floor.create_account("test", wallet_usdt=Decimal(100_000))
        (account,) = floor.books.accounts.values()
        wish = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "0.1", "stopLoss": "49775"}
        arrivals.create(floor.books, account, wish, lambda _account, _link_id: False)
        floor.apply()
        told: list[tuple[float, int]] = []

        def apply() -> None:
            floor.apply()
            told.append((asyncio.get_running_loop().time(), account.positions[SYMBOL].steps))

        floor.market.apply = apply
        await floor.market.run()
        assert told[0] == (0.0, 100)
        assert seconds[0] <= next(at_s for at_s, steps in told if steps == 0) <= seconds[1]
        floor.records.close()

    in_virtual_time(body)


def test_a_level_inside_a_spike_of_one_moment_is_reached_by_a_stretch_that_ends_there() -> None:
    fractions, prices = (0.0, 0.9, 0.9, 0.9), (100.0, 100.0, 103.0, 101.0)
    spike = WalkedCandle(
        0, 100.0, 103.0, 100.0, 101.0, 1.0, fractions=fractions, prices=prices, volumes=(0.0,) * 4, bought=(1,) * 4
    )
    touch = path.first_touch(spike, 0.0, 1.0, 102.0, rising=True)
    assert touch == path.Touch(0.9, 102.0)
    assert path.first_touch(spike, 0.0, touch.fraction, 102.0, rising=True) == touch
