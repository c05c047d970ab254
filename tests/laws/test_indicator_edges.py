"""Where indicators could go wrong and no walk would show it: flat bars, no volume, equal extremes, calendars, cancellation."""

from datetime import UTC, datetime
from math import fsum, sqrt

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.kernels.catalog import CATALOG
from playd.kernels.spec import Scalar
from tests.indicator_kit import BARS, assert_same, markets, spiky
from tests.kernel_runs import Floats, Rows, candle_rows, run_indicator, walk
from tests.oracle import calendar
from tests.oracle.references import profile_at


def run(name: str, rows: Rows, **params: Scalar) -> dict[str, Floats]:
    return run_indicator(CATALOG[name], rows, params)


def value(name: str, rows: Rows, **params: Scalar) -> Floats:
    return run(name, rows, **params)["value"]


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


def test_typical_prices_that_differ_in_their_last_bit_are_equal_for_mfi() -> None:
    """As in TA-Lib: 3.8598 + 3.844 + 3.8562 and 3.8603 + 3.8423 + 3.8574 are the same sum of ticks."""
    high, low, close = (np.array(row) for row in ([3.8558, 3.8598, 3.8603], [3.8435, 3.844, 3.8423], [3.8457, 3.8562, 3.8574]))
    rows = {"high": high, "low": low, "close": close, "volume": np.full(3, 1000.0), "index": np.arange(3.0)}
    assert (high[2] + low[2] + close[2]) / 3 != (high[1] + low[1] + close[1]) / 3
    assert value("mfi", rows, length=2)[2] == 100.0
    again = {name: np.concatenate((row, row[::-1])) for name, row in rows.items()}
    again["index"] = np.arange(6.0)
    expected = talib.MFI(again["high"], again["low"], again["close"], again["volume"], 2)
    np.testing.assert_allclose(value("mfi", again, length=2)[2:], expected[2:], rtol=1e-12)


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e6])
def test_they_are_equal_at_every_price(factor: float) -> None:
    """Bars of ETH whose sums are 4803.72 twice; their typical prices differ by 2.3e-13."""
    high, low, close = (
        np.array(row) * factor for row in ([1602.0, 1603.49, 1601.91], [1598.23, 1600.03, 1599.96], [1601.84, 1600.2, 1601.85])
    )
    rows = {"high": high, "low": low, "close": close, "volume": np.full(3, 1000.0) / factor, "index": np.arange(3.0)}
    found = value("mfi", rows, length=2)[2]
    assert found == 100.0
    assert found == pytest.approx(talib.MFI(high, low, close, rows["volume"], 2)[2], rel=1e-12)


def test_a_standstill_has_no_range_of_its_rsi() -> None:
    """Both of its averages shrink by the same factor, and what their rounding leaves is no swing."""
    rows = walk(300, seed=11)
    rows["src"][100:] = rows["src"][99]
    found = run("stochrsi", rows, k=1, d=1)["k"]
    assert np.all(found[120:] == 0.0)
    np.testing.assert_allclose(found, talib.STOCHRSI(rows["src"], 14, 14, 1)[0], atol=1e-7)


def test_beside_a_second_symbol_a_standstill_has_no_slope_and_no_score() -> None:
    """β is 0 exactly, and so the spread does not move with the other symbol's rounding."""
    rows = walk(120, seed=12)
    rows["close"][40:100] = rows["close"][39]
    spread = run("spread", rows, beta="ols", length=20)["value"]
    assert np.all(spread[60:100] == np.log(rows["close"][39]))
    assert np.isnan(run("zscore", rows, beta="ols", length=20)["value"][80:100]).all()


def test_kama_follows_a_straight_rise_and_a_standstill_at_full_pace() -> None:
    """ER = 1: c = (2/3)², also when nothing has moved."""
    rows = {"src": np.array([1.0, 2.0, 3.0, 4.0, 4.0, 4.0]), "index": np.arange(6.0)}
    found, mean, expected = value("kama", rows, length=2), 2.0, []
    for x, efficiency in ((3.0, 1.0), (4.0, 1.0), (4.0, 1.0), (4.0, 1.0)):
        mean += (efficiency * (2 / 3 - 2 / 31) + 2 / 31) ** 2 * (x - mean)
        expected.append(mean)
    assert found[2:].tolist() == pytest.approx(expected, rel=1e-12)


def test_a_market_that_only_rises_has_no_range_of_its_rsi() -> None:
    """Whatever the steps: rsi is 100 to the last bit, so raw is 0 and not the quotient of two rounding errors."""
    close = np.cumsum(np.random.default_rng(1).random(200))
    found = run("stochrsi", {"src": close, "index": np.arange(200.0)})
    assert np.all(found["k"][31:] == 0.0)


def test_the_newest_of_equal_extremes_counts() -> None:
    high, low = np.array([5.0, 9.0, 5.0, 9.0, 5.0, 5.0]), np.array([1.0, 1.0, 4.0, 4.0, 4.0, 4.0])
    found = run("aroon", {"high": high, "low": low}, length=4)
    assert found["up"][4:].tolist() == [75.0, 50.0]
    assert found["down"][4:].tolist() == [25.0, 0.0]


def test_with_equal_accelerations_psar_is_talibs_sar() -> None:
    rows = walk(BARS, seed=3)
    found = run("psar", rows)
    either = np.where(np.isnan(found["long"]), found["short"], found["long"])
    assert_same(either, talib.SAR(rows["high"], rows["low"], 0.02, 0.2))


def test_of_equally_full_buckets_the_lowest_is_the_point_of_control() -> None:
    """One bar over ten buckets; the value area then grows upwards first, as each neighbour holds as much."""
    one = np.array([100.0, 100.0])
    rows = candle_rows(one, one + 5, one - 5, one, np.array([500.0, 500.0]))
    found = run("volume_profile", rows, num_buckets=10, lookback=2, value_area_pct=0.3)
    assert [values[1] for values in found.values()] == [95.5, 97.5, 95.5, 100.0, 1.0, 0.0]


@pytest.mark.parametrize(("buckets", "share", "held"), [(50, 0.7, 35), (5, 0.4, 2), (10, 0.3, 3), (7, 1.0, 7)])
def test_of_equally_full_buckets_a_value_area_holds_no_more_than_it_must(buckets: int, share: float, held: int) -> None:
    one = np.array([100.0, 100.0])
    rows = candle_rows(one, one + 7, one - 3, one, np.array([33.3, 100.1]))
    found = run("volume_profile", rows, num_buckets=buckets, lookback=2, value_area_pct=share)
    assert (found["vah"][1] - found["val"][1]) / (10 / buckets) + 1 == pytest.approx(held)


def test_profiles_stand_long_changes_of_volume() -> None:
    """What has been counted in large quanta is counted anew in small ones, and back, so that nothing is lost."""
    rows = walk(3000, seed=4, step=1e-5)
    for factor, part in ((1e12, slice(500, 700)), (1e-9, slice(1200, 1500)), (0.0, slice(2000, 2100))):
        rows["volume"][part] *= factor
    rows["high"][::50] = rows["high"].max()  # the range stands
    rows["low"][::50] = rows["low"].min()
    found = run("volume_profile", rows, num_buckets=9, lookback=60)
    for t in (*range(59, 3000, 41), 559, 699, 759, 1259, 1499, 1559, 2099, 2105):
        known = rows["volume"][t - 59 : t + 1].sum() > 0
        assert known != np.isnan(found["poc"][t])
        if known:
            read = profile_at(rows, t, 60, 9, 0.7)
            assert [values[t] for values in found.values()] == pytest.approx(read, rel=1e-9), t


def test_without_volume_a_profile_is_missing() -> None:
    rows = {**walk(10, seed=1), "volume": np.zeros(10)}
    assert all(np.all(np.isnan(values)) for values in run("volume_profile", rows, lookback=3).values())


def test_volumes_that_cannot_be_do_not_lead_out_of_the_buckets() -> None:
    """Negative ones, as bad data may hold: the value area ends with the range, and nothing beside it is read or written."""
    rows = walk(60, seed=2)
    rows["volume"] = np.where(np.arange(60) % 3 == 0, 500.0, -200.0)
    found = run("volume_profile", rows, num_buckets=5, lookback=7, value_area_pct=1.0)
    known = ~np.isnan(found["poc"])
    assert known.any()
    assert np.all(found["val"][known] >= rows["low"].min())
    assert np.all(found["vah"][known] <= rows["high"].max())


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


def calendar_rows(first: str, hours: float, bars: int) -> dict[str, Floats]:
    """Bars that open so many hours apart, with every fifth one and the twelfth day absent."""
    begin = datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp() * 1000
    keep = [k for k in range(bars) if k % 5 != 3 and int(k * hours / 24) != 11]
    rows = {name: row[keep].copy() for name, row in walk(keep[-1] + 1, seed=int(4 * hours)).items()}
    rows["time"] = begin + np.array(keep) * hours * 3_600_000.0
    return rows


@pytest.mark.parametrize("anchor", CATALOG["vwap"].params[0].words)
@pytest.mark.parametrize("hours", [0.25, 1, 12])
def test_a_vwap_starts_over_where_the_calendar_does(anchor: str, hours: float) -> None:
    """Begins 2024-02-27 12:00 UTC, so that a leap day, a month and a week end inside the longer ones."""
    rows = calendar_rows("2024-02-27T12:00", hours, 400)
    read = calendar.vwap(rows, anchor)["value"]
    assert hours < 1 or not np.all(np.isnan(read))
    assert_same(value("vwap", rows, anchor=anchor), read)


@pytest.mark.parametrize("first", ["2024-02-25T22:00", "2024-02-26T00:00", "2024-12-29T00:00", "2024-12-31T13:00"])
@pytest.mark.parametrize("hours", [1, 4, 12])
def test_session_levels_equal_the_calendar(first: str, hours: int) -> None:
    """Around a leap day and a new year."""
    begin = datetime.fromisoformat(first)
    rows = calendar_rows(begin.replace(hour=begin.hour - begin.hour % hours).isoformat(), hours, 30 * 24 // hours)
    read = calendar.session_levels(rows)
    assert not any(np.all(np.isnan(values)) for values in read.values())
    for name, values in run("session_levels", rows).items():
        assert_same(values, read[name])


@settings(deadline=None, max_examples=20, print_blob=True)
@given(markets(), st.integers(2, 60), st.floats(0.1, 10))
def test_bbands_equal_talibs_where_those_are_well_conditioned(rows: Rows, length: int, std: float) -> None:
    close = rows["close"]
    found = run("bbands", rows, length=length, std=std)
    for name, values in zip(("upper", "middle", "lower"), talib.BBANDS(close, length, std, std), strict=True):
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-9 * close.max(), equal_nan=True)
