"""Swing, trend and market structure find, bar for bar and bit for bit, what their literal second reading finds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from playd.kernels.catalog import CATALOG
from playd.kernels.structures.spec import Settings
from tests.kernel_runs import Floats, prefixed, run_indicator, run_structure, walk
from tests.oracle import pivots

SWINGS: list[dict[str, Any]] = [
    {"left": 1, "right": 1},
    {"left": 5, "right": 2},
    {"left": 2, "right": 7, "strict_alternation": True},
    {"left": 3, "right": 3, "min_atr_move": 0.8, "major_threshold": 0.5},
    {"left": 2, "right": 2, "min_pct_move": 0.4, "strict_alternation": True},
    {"mode": "atr_zigzag", "atr_multiplier": 1.0},
    {"mode": "atr_zigzag", "atr_multiplier": 2.5, "min_atr_move": 1.5, "strict_alternation": True},
]


def market(seed: int) -> dict[str, Floats]:
    """A walk with equal highs and lows, and an ATR that is missing at times."""
    rows = walk(400, seed, price=100.0, step=0.005)
    for name in ("open", "high", "low", "close"):
        rows[name] = np.round(rows[name], 1)
    rows["atr"] = run_indicator(CATALOG["atr"], rows)["value"]
    rows["atr"][150:160] = np.nan
    rows["atr"][220] = 0.0
    return rows


def assert_same(found: Mapping[str, Floats], read: Mapping[str, list[float]]) -> None:
    assert set(found) == set(read)
    for name, column in found.items():
        assert np.array_equal(column, np.array(read[name]), equal_nan=True), name


@pytest.mark.parametrize("params", SWINGS, ids=lambda params: "-".join(map(str, params.values())))
@pytest.mark.parametrize("seed", range(3))
def test_pivots_waves_and_breaks(seed: int, params: dict[str, Any]) -> None:
    rows = market(seed)
    swing = run_structure("swing", rows, params)
    assert swing["version"][-1] > 5, "too few pivots to compare"
    assert_same(swing, pivots.swing(rows, **params))
    for history in (2, 4, 9):
        found = run_structure("trend", rows, {"wave_history_size": history}, prefixed("swing", swing))
        assert_same(found, pivots.trend(swing, history))
    for by_close in (True, False):
        found = run_structure("market_structure", rows, {"confirmation_close": by_close}, prefixed("swing", swing))
        assert_same(found, pivots.market_structure(rows, swing, by_close))


def test_long_windows_find_what_a_search_finds() -> None:
    rows = market(7)
    for left, right in ((60, 3), (2, 90), (40, 40), (150, 150)):
        found = run_structure("swing", rows, {"left": left, "right": right})
        assert_same(found, pivots.swing(rows, left=left, right=right))


@pytest.mark.parametrize("size", [1, 2, 7, 60, 500])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_rolling_windows_find_what_a_search_finds(size: int, mode: str) -> None:
    low = market(3)["low"]
    extreme = np.min if mode == "min" else np.max
    expected = np.array([extreme(low[max(0, t - size + 1) : t + 1]) for t in range(len(low))])
    params: Settings = {"size": size, "source": "low", "mode": mode}
    assert np.array_equal(run_structure("rolling_window", market(3), params)["value"], expected)
    before = run_structure("rolling_window", market(3), {**params, "exclude_current": True})["value"]
    assert np.isnan(before[0])
    assert np.array_equal(before[1:], expected[:-1])
