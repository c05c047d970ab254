"""The synthetic market is the same for ever; recorded candles come as they were."""

from pathlib import PurePath
from typing import Any

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.errors import CandleError
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.market import synthetic
from playd.market.candle_file import COLUMNS
from playd.market.feed import RecordedFeed
from playd.market.source import MarketChoice, open_feed
from playd.market.synthetic import SyntheticFeed
from playd.world.virtual import virtual_world

HOUR_MS = 60 * MINUTE_MS


def test_any_stretch_is_the_same_whenever_it_is_drawn() -> None:
    one, other = SyntheticFeed(11), SyntheticFeed(11)
    far_ms = one.start_ms + 400 * DAY_MS
    later = other.candles("SOLUSDT", far_ms, far_ms + HOUR_MS)
    for day in range(12):
        one.candles("SOLUSDT", one.start_ms + day * DAY_MS, one.start_ms + (day + 1) * DAY_MS)
    again = one.candles("SOLUSDT", far_ms - DAY_MS, far_ms + DAY_MS).between(far_ms, far_ms + HOUR_MS)
    assert len(later) == 60
    for name in COLUMNS:
        assert getattr(later, name).tobytes() == getattr(again, name).tobytes()
    assert one.opening_at(far_ms)["SOLUSDT"] == later.at(0)


def test_a_day_is_drawn_in_the_last_minutes_before_it_a_symbol_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = synthetic._draw_candles

    def counted(seed: int, number: int, *more: Any) -> Candles:
        drawn.append(number)
        return draw(seed, number, *more)

    monkeypatch.setattr(synthetic, "_draw_candles", counted)
    feed = SyntheticFeed(11)
    per_minute = []
    for minute in range(-7, 2):
        drawn.clear()
        feed.opening_at(feed.start_ms + DAY_MS + minute * MINUTE_MS)
        per_minute.append(len(drawn))
    assert per_minute == [5, 0, 1, 1, 1, 1, 1, 0, 0]


def test_seeds_and_symbols_differ_but_symbols_move_together() -> None:
    feed = SyntheticFeed(11)
    returns = {symbol: np.diff(np.log(feed.candles(symbol, feed.first_ms, feed.start_ms).close)) for symbol in feed.symbols}
    together = np.corrcoef(list(returns.values()))
    assert together[0, 1:].min() > 0.3
    assert together[np.triu_indices(5, 1)].max() < 0.97
    other = SyntheticFeed(12)
    assert other.opening_at(other.start_ms) != feed.opening_at(feed.start_ms)


def test_candles_are_possible_on_the_grid_and_without_gaps() -> None:
    feed = SyntheticFeed(3)
    assert feed.start_ms - feed.first_ms == 30 * DAY_MS
    for symbol in feed.symbols:
        candles = feed.candles(symbol, feed.start_ms - 2 * DAY_MS, feed.start_ms + 2 * DAY_MS)
        assert np.all(np.diff(candles.open_time_ms) == MINUTE_MS)
        assert np.array_equal(candles.open[1:], candles.close[:-1])
        assert np.all(candles.high >= np.maximum(candles.open, candles.close))
        assert np.all(candles.low <= np.minimum(candles.open, candles.close))
        assert candles.low.min() > 0
        assert candles.volume.min() > 0
        num, den = feed.instrument(symbol).tick_fraction
        for name in ("open", "high", "low", "close"):
            prices = getattr(candles, name)
            assert np.array_equal(np.rint(prices * den / num) * num / den, prices)


def test_every_market_hour_has_something_to_trade() -> None:
    """The fast average crosses the slow one about three times an hour, and an hour spans more than a percent."""
    feed = SyntheticFeed(3)
    for symbol in feed.symbols:
        close = feed.candles(symbol, feed.first_ms, feed.start_ms).close
        above = _ema(close, 9) > _ema(close, 21)
        assert 2.0 < np.count_nonzero(np.diff(above)) / (len(close) / 60) < 5.0
        hours = close[: len(close) // 60 * 60].reshape(-1, 60)
        assert np.median(hours.max(axis=1) / hours.min(axis=1) - 1) > 0.01


def _ema(values: np.ndarray, length: int) -> np.ndarray:
    weight, out, last = 2 / (length + 1), np.empty_like(values), values[0]
    for index, value in enumerate(values):
        last += weight * (value - last)
        out[index] = last
    return out


def _series(symbol: str, rows: list[int], step_ms: int = MINUTE_MS) -> Candles:
    times = np.array(rows, dtype=np.int64) * step_ms
    ones = np.ones(len(rows))
    return Candles(symbol, step_ms, times, ones * 10, ones * 12, ones * 9, ones * 11, ones)


def test_recorded_series_are_merged_by_time_and_gaps_stay_gaps() -> None:
    feed = RecordedFeed([_series("AUSDT", [10, 11, 13]), _series("BUSDT", [11, 14])], history_ms=90_000)
    assert feed.start_ms == 12 * MINUTE_MS
    opens = []
    next_ms = feed.next_open_ms(feed.start_ms)
    while next_ms is not None:
        opens.append((next_ms // MINUTE_MS, sorted(feed.opening_at(next_ms))))
        next_ms = feed.next_open_ms(next_ms + MINUTE_MS)
    assert opens == [(13, ["AUSDT"]), (14, ["BUSDT"])]
    assert str(feed.instrument("AUSDT").tick) == "0.0001"


def test_series_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(CandleError, match="one length"):
        RecordedFeed([_series("AUSDT", [1, 2]), _series("BUSDT", [1, 2], 5 * MINUTE_MS)], history_ms=0)
    with pytest.raises(CandleError, match="symbol of its own"):
        RecordedFeed([_series("AUSDT", [1, 2]), _series("AUSDT", [3, 4])], history_ms=0)
    with pytest.raises(CandleError, match="symbol of its own"):
        RecordedFeed([_series("", [1, 2])], history_ms=0)


def test_candles_for_declared_plays_are_refused_when_none_is_declared() -> None:
    choice = MarketChoice([PurePath("/BTCUSDT-1m.parquet")], as_wanted=True)
    with pytest.raises(CandleError, match="--as-declared: found no declared Play"):
        open_feed(virtual_world().disk, choice)
