"""
The published vectors of the structures (play-language 16.3): their events, which the product itself holds and checks, and the
state after the last bar.
"""

import pytest

from playd.kernels.catalog import STRUCTURES
from playd.kernels.structures.spec import BIASES
from playd.research.validation.kernel_cases import rows_of
from playd.research.validation.structure_vectors import VECTORS, check_structures, columns_of, conformance_series
from tests.kernel_runs import run_structure, same_bits

ROWS = rows_of(conformance_series())


def last_of(vector_of: str) -> dict[str, float]:
    """Outputs of a structure after the last bar, with the parameters of its first vector."""
    vector = next(one for one in VECTORS if one.kind == vector_of)
    return {name: float(row[-1]) for name, row in columns_of(vector.kind, vector.params, ROWS).items()}


def test_every_structure_with_events_finds_those_published() -> None:
    assert check_structures().faults == []
    assert {vector.kind for vector in VECTORS} == set(STRUCTURES) - {"fibonacci", "rolling_window"}


PUBLISHED: dict[str, dict[str, float]] = {
    "swing": {"high_level": 121.078226, "low_level": 106.109932, "pair_version": 30, "version": 34},
    "trend": {"bars_in_trend": 25, "wave_count": 2, "version": 22, "last_hh": 1, "last_hl": 1},
    "market_structure": {"bias": -1, "break_level_high": 121.078226, "break_level_low": 106.109932, "version": 7},
    "derived_zone": {"zone[0].lower": 111.268681, "zone[0].upper": 112.386959, "zone[0].state": 1},
    "fair_value_gap": {"active_bull_count": 1, "active_bear_count": 2},
    "order_block": {"active_bull_count": 2, "active_bear_count": 0},
    "premium_discount": {"equilibrium": 113.594079, "depth_pct": 0.571136},
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_after_the_last_bar_a_structure_says_what_is_published(kind: str) -> None:
    found = last_of(kind)
    assert {name: found[name] for name in PUBLISHED[kind]} == pytest.approx(PUBLISHED[kind], abs=5e-7)


def test_the_last_pair_is_bullish() -> None:
    assert BIASES[int(last_of("swing")["pair_direction"])] == "bullish"


def test_fibonacci_after_the_last_bar() -> None:
    found = columns_of("fibonacci", {"levels": (0.382, 0.618)}, ROWS)
    assert found["level[0.382]"][-1] == pytest.approx(115.360338, abs=5e-7)
    assert found["level[0.618]"][-1] == pytest.approx(111.827820, abs=5e-7)


def test_an_order_block_that_tests_displacements_itself_finds_the_same() -> None:
    strong = next(vector.params for vector in VECTORS if vector.kind == "order_block")
    given, own = columns_of("order_block", strong, ROWS), run_structure("order_block", ROWS, strong)
    assert all(same_bits(given[name], own[name]) for name in own)
