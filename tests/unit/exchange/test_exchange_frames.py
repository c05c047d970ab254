"""A market from a file of captured public frames: real field names and orders, as the venue sends them."""

from pathlib import PurePath
from typing import Any

import orjson
import pytest

from playd.core.errors import CandleError
from playd.core.timeframes import MINUTE_MS
from playd.venues.exchange import path
from playd.venues.exchange.books import Books
from playd.venues.exchange.frame_feed import FrameFeed
from playd.venues.exchange.frame_file import FrameFile, frame_line, heading_line
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.market_trades import trades
from playd.venues.exchange.minute import meet_path, move_inside, open_minute
from playd.venues.exchange.words import MARK_PRICE
from playd.world.virtual import virtual_world
from tests.exchange_kit import Market

OPEN_MS = 1_790_000_040_000
FILE = PurePath("/frames.jsonl")


def trade(after_s: float, price: str, volume: str = "0.050", side: str = "Buy") -> dict[str, Any]:
    time_ms = OPEN_MS + round(after_s * 1000)
    row = {"T": time_ms, "s": "BTCUSDT", "S": side, "v": volume, "p": price, "L": "PlusTick", "i": "7", "BT": False, "seq": 1}
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": time_ms + 2, "data": [row]}


def ticker(after_s: float, **fields: str) -> dict[str, Any]:
    data = {"symbol": "BTCUSDT", **fields}
    return {"topic": "tickers.BTCUSDT", "type": "delta", "data": data, "cs": 1, "ts": OPEN_MS + round(after_s * 1000)}


def kline(minute: int, *numbers: str) -> dict[str, Any]:
    start_ms = OPEN_MS + minute * MINUTE_MS
    values = dict(zip(("open", "high", "low", "close", "volume"), numbers, strict=True))
    row = {"start": start_ms, "end": start_ms + 59_999, "interval": "1", **values, "turnover": "0", "confirm": True}
    row["timestamp"] = start_ms + 59_980
    return {"topic": "kline.1.BTCUSDT", "type": "snapshot", "ts": start_ms + 60_003, "data": [row]}


FRAMES = [
    {"success": True, "ret_msg": "", "conn_id": "c-1", "req_id": "s1", "op": "subscribe"},
    ticker(0.5, markPrice="60000", indexPrice="60001", fundingRate="0.0001", nextFundingTime=str(OPEN_MS + MINUTE_MS)),
    trade(6, "60000.10", "0.5"),
    trade(12, "60040.10", "0.1"),
    {
        "topic": "orderbook.50.BTCUSDT",
        "type": "snapshot",
        "ts": 1,
        "data": {"s": "BTCUSDT", "b": [], "a": [], "u": 1, "seq": 1},
    },
    ticker(15, markPrice="60020"),
    trade(30, "59980.10", "0.2", "Sell"),
    kline(0, "60000.1", "60050.2", "59980.1", "59990.3", "1.2"),
    trade(66, "59990.30"),
    kline(1, "59990.3", "59990.3", "59990.3", "59990.3", "0.050"),
    trade(121, "60000.30"),
]


def feed_of(*lines: bytes) -> FrameFeed:
    world = virtual_world()
    file = world.disk.open_append(FILE)
    for line in lines:
        file.write(line)
    return FrameFeed(FrameFile(world.disk, FILE))


def bare(frame: dict[str, Any]) -> bytes:
    return orjson.dumps(frame) + b"\n"


def test_frames_make_the_candles_that_the_venue_told_and_the_way_of_its_trades() -> None:
    feed = feed_of(*map(bare, FRAMES))

    candles = feed.candles("BTCUSDT", OPEN_MS, OPEN_MS + 10 * MINUTE_MS)
    assert len(candles) == 2  # the third minute was not heard to its end
    first = candles.at(0)
    assert (first.open, first.high, first.low, first.close, first.volume) == (60000.1, 60050.2, 59980.1, 59990.3, 1.2)
    walked = feed.opening_at(OPEN_MS)["BTCUSDT"]
    assert [path.price_at(walked, second / 60) for second in (6, 12, 30)] == [60000.1, 60040.1, 59980.1]
    listing = Books({"BTCUSDT": feed.instrument("BTCUSDT")}, {"BTCUSDT": 1.0}, now_ms=0, id_seed="").listings["BTCUSDT"]
    told = [(each.time_ms - OPEN_MS, each.volume, each.side) for each in trades(listing, walked, MINUTE_MS, 0.0, 0.6)]
    assert told == [(6000, 0.5, "Buy"), (12000, 0.1, "Buy"), (30000, 0.2, "Sell")]
    assert (feed.start_ms, feed.funding_rate("BTCUSDT", OPEN_MS + MINUTE_MS)) == (OPEN_MS, 0.0001)


def test_a_candle_without_its_last_word_is_left_out_unless_the_capture_tells_no_candles() -> None:
    second = kline(1, "59990.3", "59990.3", "59990.3", "59990.3", "0.050")
    lost = [*(frame for frame in FRAMES if frame != second), kline(2, "60000.3", "60000.3", "60000.3", "60000.3", "0.1")]
    trades_alone = [frame for frame in FRAMES if "kline" not in frame.get("topic", "")]
    for frames, expected in ((lost, [0, 2]), (trades_alone, [0, 1])):
        candles = feed_of(*map(bare, frames)).candles("BTCUSDT", OPEN_MS, OPEN_MS + 10 * MINUTE_MS)
        assert [(int(open_ms) - OPEN_MS) // MINUTE_MS for open_ms in candles.open_time_ms] == expected


def test_a_capture_that_is_wrapped_says_the_same_and_brings_rules_and_history() -> None:
    rules = {
        "symbol": "BTCUSDT",
        "status": "Trading",
        "fundingInterval": 60,
        "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "100", "minNotionalValue": "5"},
        "leverageFilter": {"maxLeverage": "50"},
    }
    earlier = feed_of(*map(bare, FRAMES)).candles("BTCUSDT", OPEN_MS, OPEN_MS + MINUTE_MS).at(0)
    before = type(earlier)(OPEN_MS - MINUTE_MS, 60000.0, 60001.0, 59999.0, 60000.1, 3.0)
    heading = heading_line(
        simulated=False,
        instruments=[rules],
        candles={"BTCUSDT": [before]},
        funding_rates={"BTCUSDT": {OPEN_MS - 10 * MINUTE_MS: 0.0002}},
    )
    feed = feed_of(heading, *(frame_line(frame, OPEN_MS) for frame in FRAMES), b'{"half a line')

    assert feed.candles("BTCUSDT", 0, OPEN_MS + MINUTE_MS).at(0) == before
    assert feed.candles("BTCUSDT", 0, OPEN_MS + MINUTE_MS).at(1) == earlier
    assert (feed.first_ms, feed.start_ms) == (OPEN_MS - MINUTE_MS, OPEN_MS)
    assert (str(feed.instrument("BTCUSDT").tick), feed.instrument("BTCUSDT").funding_interval_min) == ("0.10", 60)
    assert feed.funding_rate("BTCUSDT", OPEN_MS - 10 * MINUTE_MS) == 0.0002


def test_a_stop_that_looks_at_the_mark_follows_the_mark_of_the_tickers() -> None:
    feed = feed_of(*map(bare, FRAMES))
    market = Market(last=60_000.1, terms=MarketTerms(prices=feed.prices))
    market.books.time.open_ms = OPEN_MS - MINUTE_MS
    open_minute(market.books, OPEN_MS, feed.opening_at(OPEN_MS), {})
    market.order("Buy", "0.1")
    sold = market.order("Sell", "0.1", triggerPrice="60015", triggerDirection=1, triggerBy=MARK_PRICE, reduceOnly=True)

    move_inside(market.books, 13 / 60, MINUTE_MS)  # the last price has been above it by then
    meet_path(market.books)
    assert sold.status == "Untriggered"
    move_inside(market.books, 16 / 60, MINUTE_MS)
    meet_path(market.books)
    assert sold.status == "Filled"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([b""], "no frames"),
        ([bare(FRAMES[2]), b"{nonsense\n"], "line 2: not JSON"),
        ([bare(FRAMES[2]), b"[1]\n"], "line 2: expected a JSON object"),
        ([bare({**FRAMES[2], "data": [{"T": 1, "p": "x", "v": "1"}]})], "line 1: field p is not a number"),
        ([b'{"playd_frames": 9}\n'], "line 1: frames of format 9"),
        ([b'{"playd_frames": 1, "instruments": [{"symbol": "BTCUSDT"}]}\n'], "line 1: the heading is not readable"),
        ([bare(FRAMES[2])], "no candle of any symbol was heard to its end"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(lines: list[bytes], says: str) -> None:
    with pytest.raises(CandleError, match=f"/frames.jsonl: {says}"):
        feed_of(*lines)
