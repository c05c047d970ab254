"""ratio, spread and zscore are what plain formulas over each window give, on quiet, wild, flat and broken markets (5.5)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.kernels.catalog import CATALOG
from tests.indicator_kit import spiky
from tests.kernel_runs import Floats, Rows, run_indicator, walk
from tests.oracle.pairs import scores, slopes

BARS = 260
laws = settings(deadline=None, max_examples=25, print_blob=True)
lengths = st.integers(2, 60)


@st.composite
def pairs(draw: st.DrawFn) -> Rows:
    """Two walks that share most of their way, with a stretch in which the second does not move, and holes in both."""
    seed, price = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([1e-4, 1.0, 65_000.0]))
    random = np.random.default_rng(seed)
    reference = walk(BARS, seed, price=price, step=draw(st.sampled_from([1e-4, 0.01])))["close"]
    close = (reference / price) ** 0.8 * np.exp(np.cumsum(random.normal(0, 1e-3, BARS)))
    start = random.integers(0, BARS)
    reference[start : start + draw(st.sampled_from([0, 70]))] = reference[start]
    holes = draw(st.integers(0, 2))
    close[random.integers(0, BARS, holes)] = np.nan
    reference[random.integers(0, BARS, holes)] = np.nan
    return {"close": close, "reference": reference, "index": np.arange(777.0, 777.0 + BARS)}


def assert_near(found: Floats, expected: Floats, size: float) -> None:
    """Within `size` of the larger of 1 and the value: the slope of two points that hardly differ is as large as one likes."""
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected) / np.maximum(np.abs(expected), 1.0), initial=0.0) <= size


@laws
@given(pairs(), lengths)
def test_spread_with_a_slope_by_least_squares(rows: Rows, length: int) -> None:
    expected = np.log(rows["close"]) - slopes(rows, length) * np.log(rows["reference"])
    found = run_indicator(CATALOG["spread"], rows, {"beta": "ols", "length": length})["value"]
    assert_near(found, expected, 1e-8 * float(np.nanmax(np.abs(np.log(rows["reference"])), initial=1.0)))


@laws
@given(pairs(), lengths, st.sampled_from([1.0, 0.8, -2.0]))
def test_zscore_of_a_spread_with_a_given_slope(rows: Rows, length: int, beta: float) -> None:
    expected = scores(np.log(rows["close"]) - beta * np.log(rows["reference"]), length)
    assert_near(run_indicator(CATALOG["zscore"], rows, {"beta": beta, "length": length})["value"], expected, 1e-6)


@laws
@given(pairs(), lengths)
def test_zscore_of_the_ratio(rows: Rows, length: int) -> None:
    ratio = run_indicator(CATALOG["ratio"], rows)["value"]
    assert np.array_equal(ratio, rows["close"] / rows["reference"], equal_nan=True)
    assert_near(run_indicator(CATALOG["zscore"], rows, {"of": "ratio", "length": length})["value"], scores(ratio, length), 1e-6)


@pytest.mark.parametrize("length", [2, 20, 200])
def test_what_slides_does_not_drift(length: int) -> None:
    """Quiet stretches behind spikes of ten thousand times their size, where a naive sliding sum keeps only noise."""
    rows = {"close": spiky(1), "reference": spiky(2), "index": np.arange(777.0, 2777.0)}
    found = run_indicator(CATALOG["spread"], rows, {"beta": "ols", "length": length})["value"]
    assert_near(found, np.log(rows["close"]) - slopes(rows, length) * np.log(rows["reference"]), 1e-8)
    found = run_indicator(CATALOG["zscore"], rows, {"length": length})["value"]
    assert_near(found, scores(np.log(rows["close"]) - np.log(rows["reference"]), length), 1e-8)


def test_the_example_of_the_language() -> None:
    """Length 3, c − r = 0.01, 0.02, 0.06: mean 0.03, deviation 0.0216025, score 1.388730."""
    rows = {"close": np.exp([0.01, 0.02, 0.06]), "reference": np.ones(3), "index": np.arange(3.0)}
    assert run_indicator(CATALOG["zscore"], rows, {"length": 3})["value"][2] == pytest.approx(1.388730, abs=1e-6)


def test_zscore_with_least_squares_begins_when_both_windows_are_full() -> None:
    rows = walk(60, 5)
    values = run_indicator(CATALOG["zscore"], rows, {"beta": "ols", "length": 10})["value"]
    assert np.flatnonzero(~np.isnan(values))[0] == 2 * (10 - 1)
