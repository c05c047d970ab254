"""Synthetic markets are the ones of the language: its vector to the digit, and shapes that are what their names say."""

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.market.patterns.candles import synthetic_market
from playd.market.patterns.path import B, closes
from playd.market.patterns.shapes import SHAPES
from playd.plays.words import PATTERNS


def market(pattern: str, bars: int = 200, seed: int = 42, minutes: int = 15) -> Candles:
    return synthetic_market(pattern, seed=seed, exec_minutes=minutes, exec_bars=bars, symbol="BTCUSDT")


def path(pattern: str, bars: int = 400) -> list[float]:
    """Execution closes without any noise, as parts of the first price."""
    zeros = closes(SHAPES[pattern], 0.0, np.zeros(bars), np.full((bars, 3), 0.5))
    return [float(one) for one in zeros / B]


def test_the_vector_of_the_language_is_met_to_the_digit() -> None:
    candles = market("trend_grinding")
    rows = [[candles.open[i], candles.high[i], candles.low[i], candles.close[i], candles.volume[i]] for i in (0, 1)]
    assert rows == [[50000.0, 50009.8, 49993.8, 50002.6, 8.618], [50002.6, 50013.6, 49999.5, 50007.7, 12.740]]
    assert (candles.open[-1], candles.close[-1]) == (54807.4, 54813.5)
    first = slice(0, 15)
    assert (candles.high[first].max(), candles.low[first].min(), candles.close[14]) == (50054.4, 49983.2, 50034.3)
    assert round(float(candles.volume[first].sum()), 3) == 196.478


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_makes_candles_that_are_candles(pattern: str) -> None:
    candles = market(pattern, bars=120, minutes=5)
    assert len(candles) == 600
    rows = np.array([candles.open, candles.high, candles.low, candles.close, candles.volume])
    assert np.isfinite(rows).all()
    assert (rows > 0).all()
    assert (candles.high >= np.maximum(candles.open, candles.close)).all()
    assert (candles.low <= np.minimum(candles.open, candles.close)).all()
    assert (candles.open[1:] == candles.close[:-1]).all()
    again = market(pattern, bars=120, minutes=5)
    assert (again.close == candles.close).all()
    assert (market(pattern, bars=120, minutes=5, seed=7).close != candles.close).any()


@pytest.mark.parametrize(
    ("pattern", "points"),
    [
        ("trend_up_clean", {0.7: 1.2, 0.85: 1.14, 1: 1.14 + 0.8 * 0.2 / 0.7 * 0.15}),
        ("trend_down_clean", {0.7: 0.8, 0.85: 0.86}),
        ("trend_exhaustion", {0.6: 1.2, 0.75: 1.2, 1: 1.08}),
        ("reversal_v_bottom", {0.5: 0.8, 1: 1.0}),
        ("reversal_v_top", {0.5: 1.2, 1: 1.0}),
        ("reversal_double_bottom", {0.25: 0.8, 0.5: 0.9, 0.75: 0.8, 1: 1.0}),
        ("breakout_clean", {0.7: 1.06, 1: 1.16}),
        ("breakout_false", {0.6: 1.04, 0.8: 0.96}),
        ("breakout_retest", {0.5: 1.102}),
        ("vol_spike_recover", {0.5: 0.8, 0.7: 1.0}),
        ("vol_spike_continue", {0.55: 0.8, 1: 0.74}),
        ("liquidity_hunt_lows", {0.6: 0.98 * 0.98, 0.75: 1.0, 1: 1.06}),
        ("liquidity_hunt_highs", {0.6: 1.02 * 1.02, 0.75: 1.0, 1: 0.94}),
        ("accumulation", {1: 1.06}),
        ("mtf_aligned_bear", {1: 0.8}),
        ("mtf_pullback_bull", {0.5: 1.1 - 0.06, 1: 1.2}),
        ("equal_highs_lows", {0.8: 0.95}),
        ("trend_parabolic", {1: 1.5}),
    ],
)
def test_a_pattern_without_noise_goes_where_it_is_said_to_go(pattern: str, points: dict[float, float]) -> None:
    walked = path(pattern)
    for f, price in points.items():
        assert walked[round(f * 400) - 1] == pytest.approx(price, abs=0.004)


def test_a_retest_returns_to_the_order_block() -> None:
    walked = path("ob_retest")
    assert walked[80] == pytest.approx(0.99)
    assert walked[319] == pytest.approx(0.99)
