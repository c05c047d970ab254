"""The first ten indicators agree with TA-Lib within 1e-9 relative, where it has none with a plain batch formula."""

from math import fsum, sqrt

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playd.kernels.catalog import CATALOG
from tests.indicator_kit import assert_same, markets, spiky, windows
from tests.kernel_runs import Floats, Rows, run_indicator, walk

laws = settings(deadline=None, max_examples=40, print_blob=True)
lengths = st.integers(2, 60)


@laws
@given(markets(), lengths)
def test_averages_equal_talib(rows: Rows, length: int) -> None:
    close = rows["close"]
    assert_same(run_indicator(CATALOG["ema"], rows, {"length": length})["value"], talib.EMA(close, length))
    assert_same(run_indicator(CATALOG["sma"], rows, {"length": length})["value"], talib.SMA(close, length))


@laws
@given(markets(), lengths)
def test_rsi_and_atr_equal_talib(rows: Rows, length: int) -> None:
    found = run_indicator(CATALOG["rsi"], rows, {"length": length})["value"]
    assert_same(found, talib.RSI(rows["close"], length))
    found = run_indicator(CATALOG["atr"], rows, {"length": length})["value"]
    assert_same(found, talib.ATR(rows["high"], rows["low"], rows["close"], length))


@laws
@given(markets(), st.integers(2, 30), st.integers(1, 30), st.integers(2, 20))
def test_macd_equals_talib(rows: Rows, fast: int, further: int, signal: int) -> None:
    found = run_indicator(CATALOG["macd"], rows, {"fast": fast, "slow": fast + further, "signal": signal})
    expected = talib.MACD(rows["close"], fast, fast + further, signal)
    for values, reference in zip(found.values(), expected, strict=True):
        assert_same(values, reference, scale=100 * rows["close"].max())


@laws
@given(markets(), st.integers(2, 60))
def test_adx_equals_talib(rows: Rows, length: int) -> None:
    found = run_indicator(CATALOG["adx"], rows, {"length": length})
    high, low, close = rows["high"], rows["low"], rows["close"]
    assert_same(found["dmp"], talib.PLUS_DI(high, low, close, length))
    assert_same(found["dmn"], talib.MINUS_DI(high, low, close, length))
    assert_same(found["adx"], talib.ADX(high, low, close, length), scale=100)
    assert_same(found["adxr"], talib.ADXR(high, low, close, length), scale=100)


@laws
@given(markets(), lengths, lengths)
def test_donchian_equals_talib(rows: Rows, lower: int, upper: int) -> None:
    found = run_indicator(CATALOG["donchian"], rows, {"lower_length": lower, "upper_length": upper})
    first = max(lower, upper) - 1
    least, highest = talib.MIN(rows["low"], lower), talib.MAX(rows["high"], upper)
    least[:first] = highest[:first] = np.nan
    assert_same(found["lower"], least)
    assert_same(found["upper"], highest)
    assert_same(found["middle"], (least + highest) / 2)


@laws
@given(markets(), lengths, st.floats(0.1, 10))
def test_bbands_equal_talib_and_the_batch_formula(rows: Rows, length: int, std: float) -> None:
    close = rows["close"]
    found = run_indicator(CATALOG["bbands"], rows, {"length": length, "std": std})
    mean, deviation = windows(close, length).mean(axis=1), windows(close, length).std(axis=1)
    lower, upper = mean - std * deviation, mean + std * deviation
    expected = {
        "lower": lower,
        "middle": mean,
        "upper": upper,
        "bandwidth": 100 * (upper - lower) / mean,
        "percent_b": (close[length - 1 :] - lower) / (upper - lower),
    }
    for name, values in expected.items():
        size = {"lower": 1e-3 * mean.max(), "percent_b": 1e2 * upper / (upper - lower)}.get(name, 0.0)
        assert np.all(np.isnan(found[name][: length - 1]))
        assert_same(found[name][length - 1 :], values, scale=size)
    for name, values in zip(("upper", "middle", "lower"), talib.BBANDS(close, length, std, std), strict=True):
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-9 * close.max(), equal_nan=True)


def batch_supertrend(rows: Rows, length: int, multiplier: float) -> dict[str, Floats]:
    high, low, close = rows["high"], rows["low"], rows["close"]
    width = multiplier * talib.ATR(high, low, close, length)
    raw_lower, raw_upper = (high + low) / 2 - width, (high + low) / 2 + width
    lower, upper, direction = raw_lower.copy(), raw_upper.copy(), np.full(len(close), np.nan)
    direction[length] = -1
    for t in range(length + 1, len(close)):
        if not (raw_lower[t] > lower[t - 1] or close[t - 1] < lower[t - 1]):
            lower[t] = lower[t - 1]
        if not (raw_upper[t] < upper[t - 1] or close[t - 1] > upper[t - 1]):
            upper[t] = upper[t - 1]
        if direction[t - 1] == -1:
            direction[t] = 1 if close[t] > upper[t] else -1
        else:
            direction[t] = -1 if close[t] < lower[t] else 1
    return {
        "trend": np.where(direction == 1, lower, upper),
        "direction": direction,
        "long": np.where(direction == 1, lower, np.nan),
        "short": np.where(direction == -1, upper, np.nan),
    }


@laws
@given(markets(), st.integers(1, 40), st.floats(0.5, 5))
def test_supertrend_equals_the_batch_formula(rows: Rows, length: int, multiplier: float) -> None:
    found = run_indicator(CATALOG["supertrend"], rows, {"length": length, "multiplier": multiplier})
    for name, values in batch_supertrend(rows, length, multiplier).items():
        assert_same(found[name], values)


def period_of(anchor: str, opens_min: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number that changes exactly where a period of the anchor begins; from open times in minutes."""
    if anchor == "M":
        return opens_min.astype("datetime64[m]").astype("datetime64[M]").astype(np.int64)
    if anchor == "W":
        return (opens_min // 1440 - 4) // 7
    return opens_min // (1440 if anchor == "D" else 60 * int(anchor.removesuffix("h")))


@pytest.mark.parametrize("anchor", CATALOG["vwap"].params[0].words)
@pytest.mark.parametrize("step_minutes", [15, 60, 720])
def test_vwap_equals_the_batch_formula(anchor: str, step_minutes: int) -> None:
    """Begins 2024-02-27 05:00 UTC, so that a leap day, a month and a week end inside; every seventh bar is absent."""
    bars = 2000
    opens = (28_483_500 // step_minutes + np.arange(bars)) * step_minutes
    keep = np.arange(bars) % 7 != 3
    rows = {name: row[keep] for name, row in walk(bars, seed=step_minutes).items()}
    opens = opens[keep]
    rows["time"] = opens * 60_000.0
    period = period_of(anchor, opens)
    weighted = (rows["high"] + rows["low"] + rows["close"]) / 3 * rows["volume"]
    expected = np.full(len(opens), np.nan)
    at_boundary = period_of(anchor, opens[:1] - 1)[0] != period[0]
    for one in np.unique(period):
        inside = period == one
        if one != period[0] or at_boundary:
            expected[inside] = np.cumsum(weighted[inside]) / np.cumsum(rows["volume"][inside])
    assert not np.all(np.isnan(expected))
    assert_same(run_indicator(CATALOG["vwap"], rows, {"anchor": anchor})["value"], expected)


@pytest.mark.parametrize("length", [2, 3, 20, 200])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sliding_sums_stay_within_a_billionth_of_the_direct_sum(seed: int, length: int) -> None:
    values = spiky(seed)
    rows = {"src": values, "index": np.arange(777.0, 777.0 + len(values))}
    sma = run_indicator(CATALOG["sma"], rows, {"length": length})["value"]
    bands = run_indicator(CATALOG["bbands"], rows, {"length": length, "std": 1.0})
    assert np.array_equal(sma, bands["middle"], equal_nan=True)
    for t in range(length - 1, len(values)):
        window = values[t - length + 1 : t + 1].tolist()
        mean = fsum(window) / length
        assert sma[t] == pytest.approx(mean, rel=1e-9, abs=0)
        deviation = sqrt(fsum((value - mean) ** 2 for value in window) / length)
        found = bands["bandwidth"][t] * mean / 200
        if len(set(window)) == 1:
            assert bands["upper"][t] == bands["lower"][t]
        else:
            assert found == pytest.approx(deviation, rel=1e-9, abs=1e-15 * max(window))
