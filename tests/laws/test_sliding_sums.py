"""What is carried from bar to bar stays within a billionth of the sums over each window, on series that ruin naive sliding."""

from collections.abc import Callable
from math import fsum

import numpy as np
import pytest

from playd.kernels.catalog import CATALOG
from tests.indicator_kit import spiky
from tests.kernel_runs import Floats, Rows, run_indicator

LENGTHS = (2, 3, 20, 200)
SEEDS = (1, 2, 3)


def rows_of(seed: int) -> Rows:
    """Candles around the spiky series, without range where it is flat; spiky volumes."""
    close = spiky(seed)
    width = np.where(np.diff(close, prepend=0.0) == 0.0, 0.0, 1e-4 * close)
    place = np.random.default_rng(seed).random(len(close))
    index = np.arange(777.0, 777.0 + len(close))
    low = close - place * width
    return {"high": low + width, "low": low, "close": close, "src": close, "volume": 1e6 * spiky(seed + 10), "index": index}


def compare(name: str, seed: int, length: int, direct: Callable[[int], float], first: int, size: float) -> None:
    """Every bar against `direct`; `size` is that of terms whose difference is taken, relative to the result's own scale."""
    rows = rows_of(seed)
    outputs = run_indicator(CATALOG[name], rows, {"length": length})
    found = next(iter(outputs.values()))
    for t in range(first, len(found)):
        expected = direct(t)
        assert found[t] == pytest.approx(expected, rel=1e-9, abs=1e-13 * size, nan_ok=True), t


def weighted(window: Floats, weights: Floats) -> float:
    return fsum((window * weights).tolist()) / fsum(weights.tolist())


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_weighted_averages(seed: int, length: int) -> None:
    close = spiky(seed)
    ramp = np.arange(1.0, length + 1)
    triangle = np.minimum(ramp, ramp[::-1])
    line = 2 * (3 * ramp - length - 1) / (length * (length + 1))
    compare("wma", seed, length, lambda t: weighted(close[t - length + 1 : t + 1], ramp), length - 1, 0)
    compare("trima", seed, length, lambda t: weighted(close[t - length + 1 : t + 1], triangle), length - 1, 0)
    found = run_indicator(CATALOG["linreg"], rows_of(seed), {"length": length})["value"]
    for t in range(length - 1, len(close)):
        window = close[t - length + 1 : t + 1]
        assert found[t] == pytest.approx(fsum((line * window).tolist()), rel=0, abs=1e-9 * window.mean()), t


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_flows(seed: int, length: int) -> None:
    rows = rows_of(seed)
    high, low, close, volume = rows["high"], rows["low"], rows["close"], rows["volume"]
    width = np.where(high > low, high - low, 1.0)
    flow = np.where(high > low, volume * (2 * close - low - high) / width, 0.0)

    def cmf(t: int) -> float:
        inside = slice(t - length + 1, t + 1)
        return fsum(flow[inside].tolist()) / fsum(volume[inside].tolist())

    compare("cmf", seed, length, cmf, length - 1, 1e2)
    price = (high + low + close) / 3
    money, rises = price * volume, np.sign(np.diff(price, prepend=np.nan))

    def mfi(t: int) -> float:
        inside = range(t - length + 1, t + 1)
        up, down = (fsum(money[k] for k in inside if rises[k] == side) for side in (1, -1))
        return 100 * up / (up + down) if up + down >= 1 else 0.0

    compare("mfi", seed, length, mfi, length, 0)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_ranges(seed: int, length: int) -> None:
    """In the flat stretch nothing may be left of the sums: a divisor of 0 is 0 exactly."""
    rows = rows_of(seed)
    high, low, close = rows["high"], rows["low"], rows["close"]
    last = np.concatenate([[np.nan], close[:-1]])
    moved = np.maximum(high, last) - np.minimum(low, last)
    bought = close - np.minimum(low, last)
    up = np.abs(high - np.concatenate([[np.nan], low[:-1]]))

    def total(row: Floats, t: int, bars: int) -> float:
        return fsum(row[t - bars + 1 : t + 1].tolist())

    def vip(t: int) -> float:
        below = total(moved, t, length)
        return total(up, t, length) / below if below else np.nan

    def pressure(t: int, bars: int) -> float:
        below = total(moved, t, bars)
        return total(bought, t, bars) / below if below else 0.0

    compare("vortex", seed, length, vip, length, 0)
    found = run_indicator(CATALOG["uo"], rows, {"fast": 1, "medium": 2, "slow": length})["value"]
    for t in range(length, len(close)):
        expected = 100 * (4 * pressure(t, 1) + 2 * pressure(t, 2) + pressure(t, length)) / 7
        assert found[t] == pytest.approx(expected, rel=1e-9, abs=1e-11), t
    assert length >= 200 or (
        found[880] == 0.0 and np.isnan(run_indicator(CATALOG["vortex"], rows, {"length": length})["vip"][880])
    )


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_kama_by_the_direct_path(seed: int, length: int) -> None:
    rows = rows_of(seed)
    close, mean = rows["close"], rows["close"][length - 1]
    found = run_indicator(CATALOG["kama"], rows, {"length": length})["value"]
    steps = np.abs(np.diff(close, prepend=np.nan))
    for t in range(length, len(close)):
        path, gone = fsum(steps[t - length + 1 : t + 1].tolist()), close[t] - close[t - length]
        efficiency = 1.0 if path in (0.0, gone) or path <= gone else abs(gone / path)
        mean += (efficiency * (2 / 3 - 2 / 31) + 2 / 31) ** 2 * (close[t] - mean)
        assert found[t] == pytest.approx(mean, rel=1e-9, abs=0), t


@pytest.mark.parametrize("length", [2, 20])
@pytest.mark.parametrize("seed", SEEDS)
def test_smoothed_oscillators_and_the_squeeze(seed: int, length: int) -> None:
    rows = rows_of(seed)
    high, low, close = rows["high"], rows["low"], rows["close"]
    bars = len(close)
    raw = run_indicator(CATALOG["stoch"], rows, {"k": length, "smooth_k": 1, "d": 1})["k"]
    smooth = run_indicator(CATALOG["stoch"], rows, {"k": length, "smooth_k": length, "d": 1})["k"]
    for t in range(2 * length - 2, bars):
        assert smooth[t] == pytest.approx(fsum(raw[t - length + 1 : t + 1].tolist()) / length, rel=1e-9, abs=1e-11), t
    found = run_indicator(CATALOG["squeeze"], rows, {"bb_length": length, "kc_length": length, "bb_std": 1.0})
    moved = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    for t in range(length, bars):
        inside = slice(t - length + 1, t + 1)
        deviation = float(close[inside].std()) if np.ptp(close[inside]) else 0.0
        reach = 1.5 * fsum(moved[t - length : t].tolist()) / length
        if abs(deviation - reach) > 1e-9 * (deviation + reach) or reach == 0.0:
            on, off = float(deviation < reach), float(deviation > reach)
            assert [found["on"][t], found["off"][t], found["no_sqz"][t]] == [on, off, 1.0 - on - off], t
