"""The way through a candle, and candles of slower intervals."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playd.core.candles import Candle, Candles
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.market.synthetic import MORE_SYMBOLS, SyntheticFeed
from playd.matching.depth import DepthProfile
from playd.venues.exchange import klines, path
from playd.venues.exchange.book_stream import BookStream
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import ENDLESS, Listing, MarketTerms
from playd.venues.exchange.market_trades import trades
from playd.venues.exchange.minute import close_minute, move_inside, open_minute
from playd.venues.exchange.streams import PublicStreams
from playd.venues.exchange.tape import Tape
from playd.venues.exchange.text import float_text
from playd.venues.exchange.topics import Topics
from tests.exchange_kit import SYMBOL, Market

FEED = SyntheticFeed(3)
_PRICE = st.integers(1, 1_000_000).map(lambda ticks: ticks / 10)
_FRACTION = st.floats(0.0, 1.0)


@st.composite
def _candles(draw: st.DrawFn) -> Candle:
    first, last, one, other = (draw(_PRICE) for _ in range(4))
    return Candle(0, first, max(first, last, one, other), min(first, last, one, other), last, 1.0)


@given(_candles())
def test_the_whole_way_is_the_candle(candle: Candle) -> None:
    whole = path.part(candle, 0.0, 1.0)
    assert (whole.open, whole.high, whole.low, whole.close) == (candle.open, candle.high, candle.low, candle.close)


@given(_candles(), _FRACTION, _FRACTION)
def test_two_parts_together_reach_as_far_as_the_whole(candle: Candle, one: float, other: float) -> None:
    left, right = path.part(candle, 0.0, one), path.part(candle, one, 1.0)
    assert left.close == right.open == path.price_at(candle, one)
    assert (max(left.high, right.high), min(left.low, right.low)) == (candle.high, candle.low)
    inner = path.part(candle, min(one, other), max(one, other))
    assert candle.low <= inner.low <= inner.high <= candle.high


def _base(start_ms: int, count: int, step_ms: int = MINUTE_MS) -> Candles:
    times = start_ms + np.arange(count, dtype=np.int64) * step_ms
    close = 100.0 + np.sin(np.arange(count)) * 5
    open_ = np.concatenate(([100.0], close[:-1]))
    return Candles(
        "X", step_ms, times, open_, np.maximum(open_, close) + 1, np.minimum(open_, close) - 1, close, np.ones(count)
    )


def test_slower_candles_take_open_extremes_close_and_volume() -> None:
    base = _base(0, 60)
    slow = klines.roll_up(base, "15")
    assert list(slow.open_time_ms) == [0, 900_000, 1_800_000, 2_700_000]
    for index in range(4):
        rows = slice(index * 15, index * 15 + 15)
        got = slow.at(index)
        want = (base.open[rows][0], base.high[rows].max(), base.low[rows].min(), base.close[rows][-1], 15.0)
        assert (got.open, got.high, got.low, got.close, got.volume) == want


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    sunday_ms = 1_704_585_600_000  # 2024-01-07
    assert klines.open_of("W", sunday_ms) == 1_704_067_200_000  # Monday 2024-01-01
    assert klines.end_of("W", 1_704_067_200_000) == sunday_ms + DAY_MS
    assert klines.open_of("M", sunday_ms) == 1_704_067_200_000
    assert klines.end_of("M", 1_704_067_200_000) == 1_706_745_600_000  # 2024-02-01


@given(st.integers(0, 3 * DAY_MS // MINUTE_MS), _FRACTION)
def test_a_candle_in_progress_is_told_as_it_is_read(minutes: int, fraction: float) -> None:
    open_ms = FEED.start_ms + minutes * MINUTE_MS
    books = Books({"BTCUSDT": FEED.instrument("BTCUSDT")}, {"BTCUSDT": 1.0}, now_ms=open_ms, id_seed="")
    tape = Tape(books, FEED)
    open_minute(books, open_ms, {"BTCUSDT": FEED.opening_at(open_ms)["BTCUSDT"]}, {})
    move_inside(books, fraction, MINUTE_MS)
    for interval in ("1", "5", "60", "D", "W"):
        begin_ms = klines.open_of(interval, open_ms)
        read, told = tape.candles("BTCUSDT", interval, begin_ms, begin_ms).at(-1), tape.in_progress("BTCUSDT", interval)
        assert told is not None
        assert told.volume == pytest.approx(read.volume, rel=1e-12)
        assert replace(told, volume=read.volume) == read


def test_trades_are_the_same_however_the_candle_is_cut() -> None:
    candle = Candle(0, 100.0, 103.0, 98.0, 101.0, 7.0)
    listing = Listing(FEED.instrument("BTCUSDT"), 100.0)
    whole = list(trades(listing, candle, MINUTE_MS, 0.0, 1.0))
    for parts in (1, 7, 60, 240):
        cuts = [number / parts for number in range(parts + 1)]
        assert [each for cut in pairwise(cuts) for each in trades(listing, candle, MINUTE_MS, *cut)] == whole


def test_the_first_level_is_told_again_when_it_has_stood_for_three_seconds() -> None:
    market, told, now = Market(), list[dict[str, Any]](), [0]
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    topics, listener = Topics(), SimpleNamespace(topics=set(), send_bytes=lambda frame: told.append(orjson.loads(frame)))
    stream = BookStream(topics, market.books, Tape(market.books, FEED), lambda: now[0])
    for depth in ("1", "50"):
        topics.add(f"orderbook.{depth}.{SYMBOL}", listener)  # type: ignore[arg-type]
        stream.first_frame(f"orderbook.{depth}.{SYMBOL}")
    for now[0] in (0, 2_999, 3_000, 3_001, 6_000):
        stream.tell(SYMBOL)
    assert [(frame["topic"], frame["type"], frame["data"]["u"]) for frame in told] == [
        (f"orderbook.1.{SYMBOL}", "snapshot", 1)
    ] * 2


def test_a_ticker_says_which_way_its_price_went() -> None:
    market, told = Market(), list[dict[str, Any]]()
    market.open(50_000.0, 50_100.0, 49_900.0, 50_000.0)
    topics, listener = (
        Topics(),
        SimpleNamespace(topics=set(), send_bytes=lambda frame: told.append(orjson.loads(frame)["data"])),
    )
    tape = Tape(market.books, FEED)
    streams = PublicStreams(topics, market.books, FEED, tape, lambda: 0)
    topics.add(f"tickers.{SYMBOL}", listener)  # type: ignore[arg-type]
    first = streams.first_frame(f"tickers.{SYMBOL}")
    assert first is not None
    price, ways = float(first["data"]["lastPrice"]), set()
    for step in range(1, 20):
        told.clear()
        market.move(step / 20)
        streams.tell_move()
        for row in told:
            assert ("tickDirection" in row) <= ("lastPrice" in row)
            if "tickDirection" in row:
                ways.add(row["tickDirection"])
                assert (row["tickDirection"] == "PlusTick") is (float(row["lastPrice"]) > price)
            price = float(row.get("lastPrice", price))
    assert ways == {"PlusTick", "MinusTick"}
    assert "tickDirection" not in tape.ticker(SYMBOL)  # REST has none


def test_the_numbers_of_the_day_follow_a_candle_some_symbols_a_frame() -> None:
    feed = SyntheticFeed(3, symbols=MORE_SYMBOLS[:12])
    open_ms = feed.start_ms
    books = Books(
        {name: feed.instrument(name) for name in feed.symbols}, dict.fromkeys(feed.symbols, 1.0), now_ms=0, id_seed=""
    )
    told: list[dict[str, Any]] = []
    topics, listener = Topics(), SimpleNamespace(topics=set(), send_bytes=lambda frame: told.append(orjson.loads(frame)))
    streams = PublicStreams(topics, books, feed, Tape(books, feed), lambda: 0)
    for minute in range(2):
        candles = feed.opening_at(open_ms + minute * MINUTE_MS)
        open_minute(books, open_ms + minute * MINUTE_MS, candles, {})
        for name in feed.symbols if minute == 0 else ():
            topics.add(f"tickers.{name}", listener)  # type: ignore[arg-type]
            streams.first_frame(f"tickers.{name}")
        of_day = []
        for frame in range(4):
            told.clear()
            move_inside(books, frame / 4, MINUTE_MS)
            streams.tell_move()
            of_day.append([row["data"]["symbol"] for row in told if "volume24h" in row["data"]])
        assert [len(names) for names in of_day] == ([0, 0, 0, 0] if minute == 0 else [5, 5, 2, 0])
        assert sorted(name for names in of_day for name in names) == (sorted(feed.symbols) if minute else [])
        close_minute(books, MINUTE_MS)
        streams.tell_close(candles)


@pytest.mark.parametrize("terms", [ENDLESS, MarketTerms(DepthProfile(level_usdt=5_000.0))])
@pytest.mark.parametrize("price", [50_000.0, 50_000.05])
def test_an_order_at_the_best_price_of_its_side_rests_and_one_across_trades_inside_the_book(
    terms: MarketTerms, price: float
) -> None:
    market = Market(slippage_bps=0.0, terms=terms)
    market.open(price, price, price, price)
    tape = Tape(market.books, FEED)
    book = tape.order_book(SYMBOL, 1)
    (bid, bid_size), (ask, ask_size) = book["b"][0], book["a"][0]
    shown = tape.quote(SYMBOL)
    assert [shown[name] for name in ("bid1Price", "bid1Size", "ask1Price", "ask1Size")] == [bid, bid_size, ask, ask_size]
    for side, own, other in (("Buy", bid, ask), ("Sell", ask, bid)):
        assert market.limit(side, "0.01", own, "PostOnly").status == "New"
        assert market.limit(side, "0.01", other, "PostOnly").reject_reason == "EC_PostOnlyWillTakeLiquidity"
        assert market.limit(side, "0.01", other, "IOC").status == "Filled"
        assert float(bid) <= float(market.executions[-1]["execPrice"]) <= float(ask)


def test_the_book_by_rest_has_the_number_of_the_deepest_topic_and_is_what_its_listeners_have() -> None:
    market = Market()
    market.open(50_000.0, 50_100.0, 50_000.0, 50_100.0)
    topics, listener = Topics(), SimpleNamespace(topics=set(), send_bytes=lambda frame: None)
    stream = BookStream(topics, market.books, Tape(market.books, FEED), lambda: 0)
    assert stream.by_rest(SYMBOL, 2)["u"] == 1
    topics.add(f"orderbook.1000.{SYMBOL}", listener)  # type: ignore[arg-type]
    first = stream.first_frame(f"orderbook.1000.{SYMBOL}")["data"]
    move_inside(market.books, 0.5, MINUTE_MS)
    assert stream.by_rest(SYMBOL, 2) == {**first, "b": first["b"][:2], "a": first["a"][:2]}
    stream.tell(SYMBOL)
    later = stream.by_rest(SYMBOL, 2)
    assert (later["u"], later["b"] != first["b"][:2]) == (first["u"] + 1, True)


def test_the_market_visits_those_who_hold_or_want_something() -> None:
    market = Market()
    idle, waiting, flat = (market.join(uid) for uid in (1002, 1003, 1004))
    market.order("Buy", "0.1")
    market.order("Buy", "0.1", by=flat)
    market.limit("Buy", "0.1", "40000", by=waiting)
    market.flat_minute()
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    market.order("Sell", "0.1", by=flat, reduceOnly=True)
    assert market.books.engaged() == {SYMBOL: [market.account, waiting]}
    assert idle.orders == {}


def test_a_market_offers_its_step_and_every_multiple() -> None:
    assert klines.offered(5 * MINUTE_MS) == ("5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")


@pytest.mark.parametrize(("value", "text"), [(1e-06, "0.000001"), (50000.0, "50000"), (0.1, "0.1"), (1e22, "1" + "0" * 22)])
def test_numbers_travel_without_exponent(value: float, text: str) -> None:
    assert float_text(value) == text
    assert float(text) == value
