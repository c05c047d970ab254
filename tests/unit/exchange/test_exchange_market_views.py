"""The way through a candle, and candles of slower intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playd.core.candles import Candle, Candles
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.venues.exchange import klines, path
from playd.venues.exchange.text import float_text

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


def test_a_market_offers_its_step_and_every_multiple() -> None:
    assert klines.offered(5 * MINUTE_MS) == ("5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")


@pytest.mark.parametrize(("value", "text"), [(1e-06, "0.000001"), (50000.0, "50000"), (0.1, "0.1"), (1e22, "1" + "0" * 22)])
def test_numbers_travel_without_exponent(value: float, text: str) -> None:
    assert float_text(value) == text
    assert float(text) == value
