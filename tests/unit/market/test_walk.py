"""Candles whose way is known: what trades and candles say becomes one way, with the extremes of both."""

import pytest

from playd.core.candles import Candle, as_candles
from playd.core.timeframes import MINUTE_MS
from playd.market.series import GrowingSeries
from playd.market.walk import Walker
from playd.venues.exchange import path

OPEN_MS = 1_700_000_040_000


def walker(*trades: tuple[int, float, float]) -> Walker:
    found = Walker(MINUTE_MS)
    for after_s, price, volume in trades:
        found.trade(OPEN_MS + after_s * 1000, price, volume)
    return found


def test_a_candle_goes_from_trade_to_trade() -> None:
    walked = walker((6, 100.0, 1.0), (12, 104.0, 2.0), (30, 98.0, 3.0)).walked(OPEN_MS)

    assert walked is not None
    assert (walked.open, walked.high, walked.low, walked.close, walked.volume) == (100.0, 104.0, 98.0, 98.0, 6.0)
    assert [path.price_at(walked, second / 60) for second in (0, 6, 9, 12, 21, 30, 59)] == [100, 100, 100, 104, 104, 98, 98]
    assert [path.volume_at(walked, second / 60) for second in (0, 6, 11, 12, 60)] == [0, 1, 1, 3, 6]
    touch = path.first_touch(walked, 0.0, 1.0, 99.0, rising=False)
    assert touch is not None
    assert touch.fraction == pytest.approx(30 / 60)


def test_what_only_a_candle_says_is_put_in_when_it_is_said() -> None:
    found = walker((6, 100.0, 1.0))
    found.candle(Candle(OPEN_MS, 100.0, 107.0, 99.5, 101.0, 4.0), OPEN_MS + 20_000, closed=False)
    found.trade(OPEN_MS + 40_000, 102.0, 1.0)
    found.candle(Candle(OPEN_MS, 100.0, 107.0, 95.0, 103.0, 9.0), 0, closed=True)
    found.trade(OPEN_MS + 59_000, 120.0, 50.0)

    walked = found.walked(OPEN_MS)

    assert walked is not None
    assert (walked.open, walked.high, walked.low, walked.close, walked.volume) == (100.0, 107.0, 95.0, 103.0, 9.0)
    assert [*dict.fromkeys(walked.prices)] == [100.0, 99.5, 107.0, 101.0, 102.0, 95.0, 103.0]
    assert path.part(walked, 0.0, 25 / 60) == path.PartOfCandle(100.0, 107.0, 99.5, path.price_at(walked, 25 / 60))
    assert found.is_closed(OPEN_MS)


def test_a_candle_that_comes_behind_newer_trades_moves_no_price() -> None:
    found = walker((6, 100.0, 1.0), (10, 103.0, 1.0))
    found.candle(Candle(OPEN_MS, 100.0, 100.0, 100.0, 100.0, 1.0), OPEN_MS + 8_000, closed=False)
    walked = found.walked(OPEN_MS)
    assert walked is not None
    assert [*dict.fromkeys(walked.prices)] == [100.0, 103.0]


def test_a_minute_in_which_nothing_was_heard_is_flat_at_the_last_price() -> None:
    found = walker((6, 100.0, 1.0), (30, 98.0, 3.0))
    walked = found.walked(OPEN_MS + MINUTE_MS)
    assert walked is not None
    assert (walked.open, walked.high, walked.low, walked.close, walked.volume) == (98.0, 98.0, 98.0, 98.0, 0.0)
    assert Walker(MINUTE_MS).walked(OPEN_MS) is None


def test_a_growing_series_keeps_what_it_should_and_views_stay_as_they_were() -> None:
    series = GrowingSeries("BTCUSDT", MINUTE_MS, kept_max=1000)
    candles = [Candle(OPEN_MS + number * MINUTE_MS, *(float(number),) * 5) for number in range(5000)]
    for candle in candles[:1500]:
        series.append(candle)
    early = series.candles
    for candle in (*candles[1400:], candles[-1]):
        series.append(candle)

    assert len(early) == 1500
    assert early.at(1499) == candles[1499]
    kept = series.candles
    assert 1000 <= len(kept) <= 2000
    expected = as_candles("BTCUSDT", MINUTE_MS, candles[-len(kept) :])
    assert (kept.open_time_ms == expected.open_time_ms).all()
    assert (kept.volume == expected.volume).all()
