"""
The published vectors of zones, gaps, blocks, liquidity and premium (play-language 16.3): first events and how many there are.

A swing of three bars on each side, an ATR of 14. Events are `bar:what`, bars counted from the first of the series.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest

from playd.kernels.structures.spec import Settings
from tests.kernel_runs import Floats, Rows, prefixed, run_structure, series_of_the_language

ROWS = series_of_the_language()
STRONG: Settings = {"body_atr_min": 1.0, "wick_ratio_max": 0.8}


@cache
def swing() -> Rows:
    return prefixed("swing", run_structure("swing", ROWS, {"left": 3, "right": 3}))


def changes(column: Floats) -> list[str]:
    """The first value, and every later one that differs from the one before."""
    return [f"{bar}:{value:.0f}" for bar, value in enumerate(column) if bar == 0 or value != column[bar - 1]]


def where(flags: Floats, words: Iterable[object]) -> list[str]:
    return [f"{bar}:{word}" for bar, (flag, word) in enumerate(zip(flags, words, strict=True)) if flag]


def directions(column: Floats) -> list[str]:
    return [f"{value:.0f}" for value in column]


def assert_begins(events: list[str], text: str, total: int) -> None:
    expected = text.split()
    assert events[: len(expected)] == expected
    assert len(events) == total


def test_derived_zone() -> None:
    params: Settings = {"levels": (0.382, 0.5, 0.618), "max_active": 5, "width_pct": 0.01, "break_tolerance_pct": 0.02}
    found = run_structure("derived_zone", ROWS, params, swing())
    expected = """
        0:0 12:3 16:0 24:3 25:1 26:0 27:3 30:2 31:0 32:3 33:0 40:3 41:0 44:3 48:0 56:3 57:1 60:3 62:1 63:0 64:3 65:0 72:3 73:1
        75:0 76:3 78:2 79:0"""
    assert_begins(changes(found["active_count"]), expected, 71)
    assert found["zone[0].lower"][-1] == pytest.approx(111.268681, abs=5e-7)
    assert found["zone[0].upper"][-1] == pytest.approx(112.386959, abs=5e-7)
    assert found["zone[0].state"][-1] == 1.0


DISPLACED = """
    15:-1 16:-1 17:-1 31:1 32:1 33:1 47:-1 48:-1 49:-1 63:1 64:1 65:1 79:-1 80:-1 81:-1 95:1 96:1 97:1 111:-1 112:-1 113:-1
    127:1 128:1 129:1 144:-1 145:-1"""


def test_displacement() -> None:
    found = run_structure("displacement", ROWS, STRONG)
    assert_begins(where(found["is_displacement"], directions(found["direction"])), DISPLACED, 33)


@pytest.mark.parametrize("of_its_own", [True, False])
def test_order_block(of_its_own: bool) -> None:
    """On the bars of the displacements, whether it tests them itself or uses the detector."""
    used = None if of_its_own else prefixed("displacement", run_structure("displacement", ROWS, STRONG))
    found = run_structure("order_block", ROWS, STRONG if of_its_own else {}, used)
    assert_begins(where(found["new_this_bar"], directions(found["new_direction"])), DISPLACED, 33)
    assert (found["active_bull_count"][-1], found["active_bear_count"][-1]) == (2, 0)


def test_fair_value_gap() -> None:
    found = run_structure("fair_value_gap", ROWS)
    expected = """
        2:1 3:1 4:1 15:-1 16:-1 17:-1 18:-1 19:-1 20:-1 31:1 32:1 33:1 34:1 35:1 36:1 47:-1 48:-1 49:-1 50:-1 51:-1 52:-1 55:1
        56:1 63:1 64:1 65:1"""
    assert_begins(where(found["new_this_bar"], directions(found["new_direction"])), expected, 94)
    assert (found["active_bull_count"][-1], found["active_bear_count"][-1]) == (1, 2)


def test_liquidity_zones() -> None:
    found = run_structure("liquidity_zones", ROWS, {"tolerance_atr": 1.0}, swing())
    made = where(found["new_zone_this_bar"], ["new"] * 200)
    signs = np.where(found["sweep_direction"] > 0, "sweep+", "sweep-")
    events = sorted(made + where(found["sweep_this_bar"], signs), key=lambda event: int(event.partition(":")[0]))
    expected = """
        15:new 32:new 35:sweep+ 40:new 44:new 47:sweep- 60:new 62:sweep+ 66:sweep+ 72:new 76:new 79:sweep- 83:sweep- 88:new
        92:new 92:sweep+ 96:new 97:sweep+ 104:new 108:new 110:sweep- 112:new 114:sweep- 125:new 125:sweep+ 128:new"""
    assert_begins(events, expected, 43)


def test_premium_discount() -> None:
    found = run_structure("premium_discount", ROWS, {}, swing())
    words = ("none", "premium", "discount", "equilibrium")
    named = [f"{bar}:{words[int(value)]}" for bar, _, value in (event.partition(":") for event in changes(found["zone"]))]
    expected = """
        0:none 12:premium 13:equilibrium 15:discount 27:equilibrium 30:premium 44:equilibrium 46:discount 56:equilibrium
        59:discount 60:equilibrium 62:premium 72:equilibrium 75:premium 76:equilibrium 78:discount 88:equilibrium 92:premium
        104:equilibrium 109:discount 120:equilibrium 125:premium"""
    assert_begins(named, expected, 31)
    assert found["equilibrium"][-1] == pytest.approx(113.594079, abs=5e-7)
    assert found["depth_pct"][-1] == pytest.approx(0.571136, abs=5e-7)


def test_breaker_block() -> None:
    turns = prefixed("market_structure", run_structure("market_structure", ROWS, {}, swing()))
    blocks = prefixed("order_block", run_structure("order_block", ROWS, STRONG))
    found = run_structure("breaker_block", ROWS, {}, {**turns, **blocks})
    assert turns["market_structure.choch_this_bar"].sum() == 2
    assert found["new_this_bar"].sum() == 0
