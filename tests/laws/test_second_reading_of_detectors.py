"""Detectors find, bar for bar and bit for bit, what their literal second reading finds in random markets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from playd.kernels.catalog import CATALOG
from tests.kernel_runs import Floats, prefixed, run_indicator, run_structure, walk
from tests.oracle import detectors

BARS = 500
MARKETS = [
    (seed, step, sides) for seed, (step, sides) in enumerate([(0.002, (2, 2)), (0.01, (1, 1)), (0.03, (4, 3)), (0.001, (2, 1))])
]

Outputs = Mapping[str, Any]


class Market:
    """Candles, what a swing and a market structure say about them, and an ATR that is missing at times."""

    def __init__(self, seed: int, step: float, left: int, right: int) -> None:
        self.rows = walk(BARS, seed, price=100.0, step=step)
        self.rows["atr"] = run_indicator(CATALOG["atr"], self.rows)["value"]
        self.rows["atr"][200:230] = np.nan
        self.rows["atr"][300:303] = 0.0
        self.swing = run_structure("swing", self.rows, {"left": left, "right": right})
        self.turns = run_structure("market_structure", self.rows, {}, prefixed("swing", self.swing))


@pytest.fixture(params=MARKETS, ids=lambda market: f"seed{market[0]}")
def market(request: pytest.FixtureRequest) -> Market:
    seed, step, (left, right) = request.param
    return Market(seed, step, left, right)


def assert_same(found: Mapping[str, Floats], read: Outputs, *, event: str, least: int = 1) -> None:
    """Equal columns, and not because nothing happened."""
    assert np.count_nonzero(np.nan_to_num(found[event])) >= least, f"{event} never happened"
    for name, column in found.items():
        assert np.array_equal(column, np.array(read[name]), equal_nan=True), name


def test_displacement(market: Market) -> None:
    for params in ({}, {"body_atr_min": 0.5, "wick_ratio_max": 2.0}, {"body_atr_min": 1.0, "wick_ratio_max": 0.0}):
        found = run_structure("displacement", market.rows, params)
        assert_same(found, detectors.displacement(market.rows, **params), event="body_atr_ratio")


def test_fair_value_gap(market: Market) -> None:
    for params in ({}, {"max_active": 1}, {"min_gap_atr": 0.3, "max_active": 3}, {"max_active": 64}):
        found = run_structure("fair_value_gap", market.rows, params)
        assert_same(found, detectors.fair_value_gap(market.rows, **params), event="new_this_bar", least=10)


BLOCKS: list[dict[str, Any]] = [
    {"body_atr_min": 0.5, "wick_ratio_max": 1.0},
    {"body_atr_min": 0.3, "require_displacement": False, "max_active": 1},
    {"body_atr_min": 0.6, "wick_ratio_max": 5.0, "use_body": False, "lookback": 1, "max_active": 8},
    {"body_atr_min": 0.1, "require_displacement": False, "lookback": 20, "max_active": 64},
]


def test_order_block(market: Market) -> None:
    for params in BLOCKS:
        found = run_structure("order_block", market.rows, params)
        assert_same(found, detectors.order_block(market.rows, **params), event="any_invalidated_this_bar")


def test_order_block_with_a_displacement_of_its_own(market: Market) -> None:
    trigger = run_structure("displacement", market.rows, {"body_atr_min": 0.4, "wick_ratio_max": 3.0})
    literal = {name: list(column) for name, column in trigger.items()}
    for params in ({"use_body": False}, {"require_displacement": False, "body_atr_min": 0.8}):
        found = run_structure("order_block", market.rows, params, prefixed("displacement", trigger))
        assert_same(found, detectors.order_block(market.rows, literal, **params), event="new_this_bar", least=3)


def test_breaker_block(market: Market) -> None:
    """The market's own changes of character are too rare to fill the slots, so they are drawn."""
    random = np.random.default_rng(1)
    drawn = {"choch_this_bar": (random.random(BARS) < 0.5).astype(np.float64)}
    blocks = run_structure("order_block", market.rows, BLOCKS[3])
    for turns, params, least in ((market.turns, {}, 0), (drawn, {}, 3), (drawn, {"max_active": 1}, 3)):
        found = run_structure(
            "breaker_block", market.rows, params, {**prefixed("order_block", blocks), **prefixed("market_structure", turns)}
        )
        assert_same(found, detectors.breaker_block(market.rows, blocks, turns, **params), event="new_this_bar", least=least)


def test_premium_discount(market: Market) -> None:
    found = run_structure("premium_discount", market.rows, {}, prefixed("swing", market.swing))
    assert_same(found, detectors.premium_discount(market.rows, market.swing), event="zone", least=100)


@pytest.mark.parametrize(
    "params",
    [
        {"levels": (0.382, 0.5, 0.618), "max_active": 5},
        {"levels": (0.5,), "max_active": 1, "width_pct": 0.02, "break_tolerance_pct": 0.0},
        {"levels": (0.0, 1.0), "max_active": 4, "width_pct": 0.01, "break_tolerance_pct": 0.02, "use_paired_source": False},
        {
            "levels": (-0.272, 0.618, 1.618),
            "max_active": 8,
            "mode": "extension",
            "width_pct": 0.05,
            "break_tolerance_pct": 0.05,
        },
    ],
    ids=["default", "one", "unpaired", "extension"],
)
def test_derived_zone(market: Market, params: dict[str, Any]) -> None:
    found = run_structure("derived_zone", market.rows, params, prefixed("swing", market.swing))
    assert_same(found, detectors.derived_zone(market.rows, market.swing, **params), event="active_count", least=5)


def test_liquidity_zones(market: Market) -> None:
    every: list[dict[str, Any]] = [
        {},
        {"tolerance_atr": 1.0, "sweep_atr": 0.0, "max_active": 1},
        {"tolerance_atr": 2.0, "min_touches": 3, "max_active": 2, "max_swing_history": 5, "sweep_atr": 1.0},
        {"tolerance_atr": 0.8, "max_swing_history": 2, "max_active": 64},
    ]
    for params in every:
        found = run_structure("liquidity_zones", market.rows, params, prefixed("swing", market.swing))
        assert_same(found, detectors.liquidity_zones(market.rows, market.swing, **params), event="sweep_this_bar", least=3)


def test_the_second_readings_differ_when_a_rule_does(market: Market) -> None:
    """The comparison can fail: one parameter apart, nearly every detector says something else."""
    gap = run_structure("fair_value_gap", market.rows)
    with pytest.raises(AssertionError):
        assert_same(gap, detectors.fair_value_gap(market.rows, max_active=4), event="new_this_bar")
