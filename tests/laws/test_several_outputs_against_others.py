"""Indicators of several outputs agree with TA-Lib, and where it has no such function with a plain batch formula."""

from datetime import UTC, datetime, timedelta
from math import floor, log

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from talib._ta_lib import MA_Type

from playd.kernels.catalog import CATALOG
from playd.kernels.spec import Scalar
from tests.indicator_kit import BARS, assert_same, markets, windows
from tests.kernel_runs import Floats, Rows, candle_rows, run_indicator, walk
from tests.oracle import indicators as oracle

laws = settings(deadline=None, max_examples=25, print_blob=True)
lengths = st.integers(2, 60)
short = st.integers(1, 20)


def run(name: str, rows: Rows, **params: Scalar) -> dict[str, Floats]:
    return run_indicator(CATALOG[name], rows, params)


def ema(values: Floats, length: int) -> Floats:
    return np.array(oracle.ema(values.tolist(), length))


def padded(values: Floats, bars: int = BARS) -> Floats:
    """Values at the end of `bars` bars, missing before."""
    return np.concatenate([np.full(bars - len(values), np.nan), values])


def mean_of_last(values: Floats, length: int) -> Floats:
    """Plain means; a window with a missing value is missing."""
    return padded(windows(values, length).mean(axis=1), len(values))


def true_range(rows: Rows) -> Floats:
    return np.array(oracle.true_range(rows["high"].tolist(), rows["low"].tolist(), rows["close"].tolist()))


@laws
@given(markets(), st.integers(2, 30), st.integers(1, 30), st.integers(1, 20))
def test_ppo_equals_talib(rows: Rows, fast: int, further: int, signal: int) -> None:
    found = run("ppo", rows, fast=fast, slow=fast + further, signal=signal)
    line = talib.PPO(rows["close"], fast, fast + further, MA_Type.EMA)
    assert_same(found["ppo"], line, scale=1e3)
    assert_same(found["signal"], ema(line, signal), scale=1e3)
    assert_same(found["histogram"], line - ema(line, signal), scale=1e3)


@laws
@given(markets(), st.integers(1, 40), short)
def test_trix_equals_talib(rows: Rows, length: int, signal: int) -> None:
    found = run("trix", rows, length=length, signal=signal)
    line = talib.TRIX(rows["close"], length)
    assert_same(found["trix"], line, scale=1e4)
    assert_same(found["signal"], mean_of_last(line, signal), scale=1e4)


@laws
@given(markets(), st.integers(1, 40), short, short)
def test_stoch_equals_talib(rows: Rows, k: int, smooth_k: int, d: int) -> None:
    found = run("stoch", rows, k=k, smooth_k=smooth_k, d=d)
    quick, slow = talib.STOCH(rows["high"], rows["low"], rows["close"], k, smooth_k, MA_Type.SMA, d, MA_Type.SMA)
    assert_same(found["k"], quick, scale=1e4)
    assert_same(found["d"], slow, scale=1e4)


@laws
@given(markets(), st.integers(1, 40), st.integers(2, 40), short)
def test_stochrsi_equals_talib(rows: Rows, length: int, rsi_length: int, d: int) -> None:
    found = run("stochrsi", rows, length=length, rsi_length=rsi_length, k=1, d=d)
    quick, slow = talib.STOCHRSI(rows["close"], rsi_length, length, d, MA_Type.SMA)
    assert_same(found["k"], padded(quick), scale=1e7)
    assert_same(found["d"], padded(slow), scale=1e7)


@laws
@given(markets(), st.integers(1, 30), st.integers(2, 30), short, short)
def test_stochrsi_smooths_the_raw_one(rows: Rows, length: int, rsi_length: int, k: int, d: int) -> None:
    raw = run("stochrsi", rows, length=length, rsi_length=rsi_length, k=1, d=1)["k"]
    found = run("stochrsi", rows, length=length, rsi_length=rsi_length, k=k, d=d)
    slow = mean_of_last(mean_of_last(raw, k), d)
    assert_same(found["k"], np.where(np.isnan(slow), np.nan, mean_of_last(raw, k)), scale=1e4)
    assert_same(found["d"], slow, scale=1e4)


def test_a_market_that_only_rises_has_no_range_of_its_rsi() -> None:
    """Whatever the steps: rsi is 100 to the last bit, so raw is 0 and not the quotient of two rounding errors."""
    close = np.cumsum(np.random.default_rng(1).random(200))
    found = run("stochrsi", {"src": close, "index": np.arange(200.0)})
    assert np.all(found["k"][31:] == 0.0)


@laws
@given(markets(), lengths)
def test_aroon_equals_talib(rows: Rows, length: int) -> None:
    high, low = rows["high"].round(6), rows["low"].round(6)  # rounded, so that there are equal extremes
    found = run("aroon", {"high": high, "low": low}, length=length)
    down, up = talib.AROON(high, low, length)
    assert_same(found["up"], up)
    assert_same(found["down"], down)
    assert_same(found["osc"], talib.AROONOSC(high, low, length), scale=100)


def test_the_newest_of_equal_extremes_counts() -> None:
    high, low = np.array([5.0, 9.0, 5.0, 9.0, 5.0, 5.0]), np.array([1.0, 1.0, 4.0, 4.0, 4.0, 4.0])
    found = run("aroon", {"high": high, "low": low}, length=4)
    assert found["up"][4:].tolist() == [75.0, 50.0]
    assert found["down"][4:].tolist() == [25.0, 0.0]


@laws
@given(markets(), st.floats(0.001, 0.3), st.floats(0.001, 0.1), st.floats(0.05, 0.5))
def test_psar_equals_talib(rows: Rows, af0: float, af: float, max_af: float) -> None:
    found = run("psar", rows, af0=af0, af=af, max_af=max_af)
    expected = talib.SAREXT(rows["high"], rows["low"], 0, 0, af0, af, max_af, af0, af, max_af)
    assert_same(found["long"], np.where(expected > 0, expected, np.nan))
    assert_same(found["short"], np.where(expected < 0, -expected, np.nan))
    assert_same(found["direction"], np.sign(expected))
    side = found["direction"]
    turned = np.concatenate([side[1:2] * 0, side[2:] != side[1:-1]])
    assert np.array_equal(found["reversal"][2:], turned[1:])
    assert np.all((found["af"][1:] >= min(af0, max_af)) & (found["af"][1:] <= max_af))


def test_with_equal_accelerations_psar_is_talibs_sar() -> None:
    rows = walk(BARS, seed=3)
    found = run("psar", rows)
    either = np.where(np.isnan(found["long"]), found["short"], found["long"])
    assert_same(either, talib.SAR(rows["high"], rows["low"], 0.02, 0.2))


@laws
@given(markets(), lengths)
def test_dm_equals_talib(rows: Rows, length: int) -> None:
    found = run("dm", rows, length=length)
    assert_same(found["dmp"], talib.PLUS_DM(rows["high"], rows["low"], length))
    assert_same(found["dmn"], talib.MINUS_DM(rows["high"], rows["low"], length))


@laws
@given(markets(), short, short, short)
def test_tsi_equals_the_batch_formula(rows: Rows, fast: int, slow: int, signal: int) -> None:
    found = run("tsi", rows, fast=fast, slow=slow, signal=signal)
    longer, shorter = max(fast, slow), min(fast, slow)
    move = np.concatenate([[np.nan], np.diff(rows["close"])])
    line = 100 * ema(ema(move, longer), shorter) / ema(ema(np.abs(move), longer), shorter)
    assert_same(found["tsi"], line, scale=1e4)
    assert_same(found["signal"], ema(line, signal), scale=1e4)


@laws
@given(markets(), st.integers(1, 60), st.floats(0.1, 5))
def test_kc_equals_the_batch_formula(rows: Rows, length: int, scalar: float) -> None:
    found = run("kc", rows, length=length, scalar=scalar)
    width = scalar * ema(true_range(rows), length)
    basis = np.where(np.isnan(width), np.nan, ema(rows["close"], length))
    for name, expected in (("lower", basis - width), ("basis", basis), ("upper", basis + width)):
        assert_same(found[name], expected, scale=1e2 * rows["close"].max())


@laws
@given(markets(), st.integers(1, 30), st.floats(0.5, 4), st.integers(2, 30), st.floats(0.5, 4))
def test_squeeze_equals_the_batch_formula(rows: Rows, bands: int, std: float, channel: int, scalar: float) -> None:
    found = run("squeeze", rows, bb_length=bands, bb_std=std, kc_length=channel, kc_scalar=scalar)
    close = rows["close"]
    deviation = std * padded(windows(close, bands).std(axis=1))
    outer, middle = mean_of_last(close, bands), mean_of_last(close, channel)
    reach = scalar * mean_of_last(true_range(rows), channel)
    known = ~np.isnan(deviation + reach)
    inside = (outer - deviation > middle - reach) & (outer + deviation < middle + reach)
    outside = (outer - deviation < middle - reach) & (outer + deviation > middle + reach)
    assert_same(found["on"], np.where(known, inside, np.nan))
    assert_same(found["off"], np.where(known, outside, np.nan))
    assert_same(found["no_sqz"], np.where(known, ~inside & ~outside, np.nan))
    highest, least = windows(rows["high"], channel).max(axis=1), windows(rows["low"], channel).min(axis=1)
    momentum = close[channel - 1 :] - ((highest + least) / 2 + middle[channel - 1 :]) / 2
    assert_same(found["sqz"], padded(talib.LINEARREG(momentum, channel)), scale=1e2 * close.max())


@laws
@given(markets(), lengths)
def test_vortex_equals_the_batch_formula(rows: Rows, length: int) -> None:
    found = run("vortex", rows, length=length)
    high, low = rows["high"], rows["low"]
    moved = windows(true_range(rows)[1:], length).sum(axis=1)
    for name, steps in (("vip", high[1:] - low[:-1]), ("vim", low[1:] - high[:-1])):
        assert_same(found[name], padded(windows(np.abs(steps), length).sum(axis=1) / moved))


@laws
@given(markets(), st.integers(1, 40))
def test_fisher_equals_the_batch_formula(rows: Rows, length: int) -> None:
    found = run("fisher", rows, length=length)
    middle = (rows["high"] + rows["low"]) / 2
    place, last, line = 0.0, 0.0, []
    for window in windows(middle, length):
        place = 0.66 * ((window[-1] - window.min()) / max(np.ptp(window), 0.001) - 0.5) + 0.67 * place
        place = 0.999 if place > 0.99 else -0.999 if place < -0.99 else place
        last = 0.5 * log((1 + place) / (1 - place)) + 0.5 * last
        line.append(last)
    assert_same(found["fisher"], padded(np.array(line)), scale=1e3)
    assert_same(found["signal"], padded(np.array(line[:-1])), scale=1e3)


@laws
@given(markets(), st.integers(1, 30), st.integers(1, 30), short)
def test_kvo_equals_the_batch_formula(rows: Rows, fast: int, further: int, signal: int) -> None:
    found = run("kvo", rows, fast=fast, slow=fast + further, signal=signal)
    price = (rows["high"] + rows["low"] + rows["close"]) / 3
    flow = np.concatenate([[np.nan], np.where(np.diff(price) >= 0, rows["volume"][1:], -rows["volume"][1:])])
    line = ema(flow, fast) - ema(flow, fast + further)
    assert_same(found["kvo"], line, scale=1e4)
    assert_same(found["signal"], ema(line, signal), scale=1e4)


def batch_profile(rows: Rows, t: int, buckets: int, lookback: int, share: float) -> list[float]:
    """The six outputs at bar t, bucket by bucket."""
    bars = range(t - lookback + 1, t + 1)
    bottom, top = min(rows["low"][k] for k in bars), max(rows["high"][k] for k in bars)
    width = (top - bottom) / buckets
    ends = {k: [min(buckets - 1, floor((rows[side][k] - bottom) / width)) for side in ("low", "high")] for k in bars}
    volumes = []
    for one in range(buckets):
        inside = [k for k in bars if ends[k][0] <= one <= ends[k][1]]
        volumes.append(sum((rows["volume"][k] / (ends[k][1] - ends[k][0] + 1) for k in inside), 0.0))
    fullest = volumes.index(max(volumes))
    area = {fullest}
    held = volumes[fullest]
    while held < share * sum(volumes) and len(area) < buckets:
        neighbours = [one for one in (max(area) + 1, min(area) - 1) if 0 <= one < buckets]
        chosen = max(neighbours, key=lambda one: volumes[one])  # the first of equal ones, which is the upper
        area.add(chosen)
        held += volumes[chosen]
    poc, vah, val = (bottom + (one + 0.5) * width for one in (fullest, max(area), min(area)))
    close = rows["close"][t]
    return [poc, vah, val, volumes[fullest], float(close > poc), float(val <= close <= vah)]


@settings(laws, max_examples=12)
@given(markets(), st.integers(2, 60), st.integers(2, 40), st.floats(0.01, 1))
def test_volume_profile_equals_the_batch_formula(rows: Rows, buckets: int, lookback: int, share: float) -> None:
    found = run("volume_profile", rows, num_buckets=buckets, lookback=lookback, value_area_pct=share)
    for t in (lookback - 1, *range(lookback, BARS, 37)):
        assert [values[t] for values in found.values()] == pytest.approx(
            batch_profile(rows, t, buckets, lookback, share), rel=1e-9
        )


def test_of_equally_full_buckets_the_lowest_is_the_point_of_control() -> None:
    """One bar over ten buckets; the value area then grows upwards first, as each neighbour holds as much."""
    one = np.array([100.0, 100.0])
    rows = candle_rows(one, one + 5, one - 5, one, np.array([500.0, 500.0]))
    found = run("volume_profile", rows, num_buckets=10, lookback=2, value_area_pct=0.3)
    assert [values[1] for values in found.values()] == [95.5, 97.5, 95.5, 100.0, 1.0, 0.0]


def test_without_volume_a_profile_is_missing() -> None:
    rows = {**walk(10, seed=1), "volume": np.zeros(10)}
    assert all(np.all(np.isnan(values)) for values in run("volume_profile", rows, lookback=3).values())


def batch_levels(rows: Rows, opens: list[datetime], t: int) -> list[float]:
    """The six outputs at bar t, by the calendar."""
    day = opens[t].replace(hour=0, minute=0)
    week = day - timedelta(days=day.weekday())

    def extremes(start: datetime, end: datetime) -> list[float]:
        inside = [k for k in range(t + 1) if start <= opens[k] < end]
        if not inside or (inside[0] == 0 and opens[0] != start):
            return [np.nan, np.nan]
        return [max(rows["high"][k] for k in inside), min(rows["low"][k] for k in inside)]

    now = day + timedelta(days=1)
    return [*extremes(day - timedelta(days=1), day), *extremes(day, now), *extremes(week - timedelta(days=7), week)]


@pytest.mark.parametrize("first", ["2024-02-25T22:00", "2024-02-26T00:00", "2024-12-29T00:00", "2024-12-31T13:00"])
@pytest.mark.parametrize("hours", [1, 4, 12])
def test_session_levels_equal_the_calendar(first: str, hours: int) -> None:
    """Around a leap day and a new year, with every fifth bar and one whole day absent."""
    begin = datetime.fromisoformat(first).replace(tzinfo=UTC, minute=0)
    begin = begin.replace(hour=begin.hour - begin.hour % hours)
    keep = [k for k in range(30 * 24 // hours) if k % 5 != 3 and (k * hours) // 24 != 11]
    opens = [begin + timedelta(hours=hours * k) for k in keep]
    rows = {name: row[keep].copy() for name, row in walk(keep[-1] + 1, seed=hours).items()}
    rows["time"] = np.array([one.timestamp() * 1000 for one in opens])
    found = np.array(list(run("session_levels", rows).values()))
    expected = np.array([batch_levels(rows, opens, t) for t in range(len(opens))]).T
    assert not np.any(np.all(np.isnan(expected), axis=1))
    assert_same(found, expected)


def test_volumes_that_cannot_be_do_not_lead_out_of_the_buckets() -> None:
    """Negative ones, as bad data may hold: the value area ends with the range, and nothing beside it is read or written."""
    rows = walk(60, seed=2)
    rows["volume"] = np.where(np.arange(60) % 3 == 0, 500.0, -200.0)
    found = run("volume_profile", rows, num_buckets=5, lookback=7, value_area_pct=1.0)
    known = ~np.isnan(found["poc"])
    assert known.any()
    assert np.all(found["val"][known] >= rows["low"].min())
    assert np.all(found["vah"][known] <= rows["high"].max())
