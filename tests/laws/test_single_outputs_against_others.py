"""Indicators of one output agree with TA-Lib, and where it has no such function with a plain batch formula."""

from collections.abc import Callable
from math import exp

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.kernels.catalog import CATALOG
from playd.kernels.spec import Params
from tests.indicator_kit import BARS, assert_same, markets, windows
from tests.kernel_runs import Floats, Rows, run_indicator
from tests.oracle.indicators import ema

laws = settings(deadline=None, max_examples=25, print_blob=True)
lengths = st.integers(2, 60)

Reference = Callable[..., Floats]


def value(name: str, rows: Rows, **params: float) -> Floats:
    given_params: Params = params
    return run_indicator(CATALOG[name], rows, given_params)["value"]


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("wma", talib.WMA),
        ("dema", talib.DEMA),
        ("tema", talib.TEMA),
        ("trima", talib.TRIMA),
        ("kama", talib.KAMA),
        ("linreg", talib.LINEARREG),
        ("mom", talib.MOM),
        ("roc", talib.ROC),
        ("cmo", talib.CMO),
    ],
)
@laws
@given(rows=markets(), length=lengths)
def test_indicators_of_one_series_equal_talib(name: str, reference: Reference, rows: Rows, length: int) -> None:
    scale = 100.0 if name == "cmo" else 0.0
    assert_same(value(name, rows, length=length), reference(rows["close"], length), scale=scale)


@pytest.mark.parametrize(
    ("name", "reference", "scale"), [("cci", talib.CCI, 1e5), ("willr", talib.WILLR, 1e3), ("natr", talib.NATR, 0.0)]
)
@laws
@given(rows=markets(), length=lengths)
def test_indicators_of_high_low_close_equal_talib(
    name: str, reference: Reference, scale: float, rows: Rows, length: int
) -> None:
    expected = reference(rows["high"], rows["low"], rows["close"], length)
    assert_same(value(name, rows, length=length), expected, scale=scale)


@laws
@given(markets(), lengths)
def test_midprice_and_mfi_equal_talib(rows: Rows, length: int) -> None:
    """Volumes are large enough for flows above 1: releases of TA-Lib differ in what they do below."""
    high, low, close, volume = rows["high"], rows["low"], rows["close"], rows["volume"] * 1e4
    assert_same(value("midprice", rows, length=length), talib.MIDPRICE(high, low, length))
    found = value("mfi", {**rows, "volume": volume}, length=length)
    assert_same(found, talib.MFI(high, low, close, volume, length), scale=1e4)


@laws
@given(markets())
def test_obv_and_ohlc4_equal_talib(rows: Rows) -> None:
    assert_same(value("obv", rows), talib.OBV(rows["close"], rows["volume"]))
    assert_same(value("ohlc4", rows), talib.AVGPRICE(rows["open"], rows["high"], rows["low"], rows["close"]))


@laws
@given(markets(), st.integers(1, 20), st.integers(0, 20), st.integers(1, 20))
def test_uo_equals_talib(rows: Rows, fast: int, further: int, beyond: int) -> None:
    """TA-Lib sorts its three lengths; the order is theirs to keep here."""
    medium, slow = fast + further, fast + further + beyond
    expected = talib.ULTOSC(rows["high"], rows["low"], rows["close"], fast, medium, slow)
    assert_same(value("uo", rows, fast=fast, medium=medium, slow=slow), expected, scale=100)


@laws
@given(markets(), lengths)
def test_zlma_equals_the_batch_formula(rows: Rows, length: int) -> None:
    close, lag = rows["close"], (length - 1) // 2
    series = np.full(BARS, np.nan)
    series[lag:] = 2 * close[lag:] - close[: BARS - lag]
    assert_same(value("zlma", rows, length=length), np.array(ema(series.tolist(), length)), scale=rows["close"].max())


@laws
@given(markets(), st.integers(1, 60), st.floats(0.5, 20), st.floats(0, 1))
def test_alma_equals_the_batch_formula(rows: Rows, length: int, sigma: float, offset: float) -> None:
    peak, width = offset * (length - 1), length / sigma
    weights = np.array([exp(-((k - peak) ** 2) / (2 * width**2)) for k in range(length)])
    expected = np.full(BARS, np.nan)
    expected[length - 1 :] = windows(rows["close"], length) @ weights / weights.sum()
    assert_same(value("alma", rows, length=length, sigma=sigma, offset=offset), expected)


@laws
@given(markets(), st.integers(1, 60))
def test_cmf_equals_the_batch_formula(rows: Rows, length: int) -> None:
    high, low, close, volume = rows["high"], rows["low"], rows["close"], rows["volume"]
    flow = volume * (2 * close - low - high) / (high - low)
    expected = np.full(BARS, np.nan)
    expected[length - 1 :] = windows(flow, length).sum(axis=1) / windows(volume, length).sum(axis=1)
    assert_same(value("cmf", rows, length=length), expected, scale=1e2)


def test_a_bar_without_range_adds_nothing_to_cmf() -> None:
    high, low, close = np.array([2.0, 1.0, 3.0]), np.array([1.0, 1.0, 1.0]), np.array([2.0, 1.0, 1.5])
    rows = {"high": high, "low": low, "close": close, "volume": np.array([3.0, 5.0, 4.0]), "index": np.arange(3.0)}
    assert value("cmf", rows, length=2).tolist()[1:] == [3 / 8, -2 / 9]


def test_without_volume_cmf_is_missing_and_comes_back() -> None:
    volume = np.array([1.0, 0.0, 0.0, 0.0, 2.0])
    rows = {"high": np.full(5, 2.0), "low": np.ones(5), "close": np.full(5, 2.0), "volume": volume, "index": np.arange(5.0)}
    np.testing.assert_array_equal(value("cmf", rows, length=2), [np.nan, 1.0, np.nan, np.nan, 1.0])


def test_a_divisor_of_zero_gives_the_flat_value_of_the_table() -> None:
    zero, index = np.zeros(4), np.arange(4.0)
    assert value("roc", {"src": zero}, length=2).tolist()[2:] == [0.0, 0.0]
    rows = {"high": zero, "low": zero, "close": zero, "volume": zero, "index": index}
    assert value("natr", rows, length=2).tolist()[2:] == [0.0, 0.0]
    assert value("mfi", rows, length=2).tolist()[2:] == [0.0, 0.0]


def test_money_flow_below_one_counts_as_none() -> None:
    price = np.array([1.0, 2.0, 3.0, 4.0])
    rows = {"high": price, "low": price, "close": price, "volume": np.array([1.0, 0.1, 0.1, 0.3]), "index": np.arange(4.0)}
    assert value("mfi", rows, length=2).tolist()[2:] == [0.0, 100.0]


def test_kama_follows_a_straight_rise_and_a_standstill_at_full_pace() -> None:
    """ER = 1: c = (2/3)², also when nothing has moved."""
    rows = {"src": np.array([1.0, 2.0, 3.0, 4.0, 4.0, 4.0]), "index": np.arange(6.0)}
    found, mean, expected = value("kama", rows, length=2), 2.0, []
    for x, efficiency in ((3.0, 1.0), (4.0, 1.0), (4.0, 1.0), (4.0, 1.0)):
        mean += (efficiency * (2 / 3 - 2 / 31) + 2 / 31) ** 2 * (x - mean)
        expected.append(mean)
    assert found[2:].tolist() == pytest.approx(expected, rel=1e-12)
