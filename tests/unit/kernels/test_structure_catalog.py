"""The catalog of structures says what the tables of the Play language say (6.2-6.14): defaults, outputs, dependencies."""

import pytest

from playd.kernels.catalog import STRUCTURES
from playd.kernels.structures.spec import Settings

FIELDS: dict[str, tuple[Settings, str]] = {
    "swing": (
        {"left": 5, "right": 5},
        """high_level:F low_level:F high_idx:I low_idx:I version:I high_version:I low_version:I last_confirmed_pivot_idx:I
        last_confirmed_pivot_type:E high_significance:F low_significance:F high_is_major:B low_is_major:B high_accepted:B
        low_accepted:B high_replaced_pending:B low_replaced_pending:B pair_high_level:F pair_low_level:F pair_high_idx:I
        pair_low_idx:I pair_direction:E pair_version:I pair_anchor_hash:E""",
    ),
    "trend": (
        {},
        """direction:I strength:I bars_in_trend:I wave_count:I last_wave_direction:E last_hh:B last_hl:B last_lh:B last_ll:B
        version:I""",
    ),
    "market_structure": (
        {},
        """bias:I bos_this_bar:B choch_this_bar:B bos_direction:E choch_direction:E last_bos_idx:I last_choch_idx:I
        last_bos_level:F last_choch_level:F break_level_high:F break_level_low:F version:I""",
    ),
    "fibonacci": (
        {"levels": (0.5, -0.272)},
        """level[0.5]:F level[-0.272]:F anchor_high:F anchor_low:F range:F anchor_direction:E anchor_hash:E
        anchor_trend_direction:I""",
    ),
    "zone": ({"zone_type": "demand", "width_atr": 1.0}, "state:E upper:F lower:F anchor_idx:I version:I"),
    "rolling_window": ({"size": 3, "source": "high", "mode": "max"}, "value:F"),
    "derived_zone": (
        {"levels": (0.5,), "max_active": 1},
        """zone[0].lower:F zone[0].upper:F zone[0].state:E zone[0].anchor_idx:I zone[0].age_bars:I zone[0].touch_count:I
        zone[0].last_touch_age:I zone[0].instance_id:I zone[0].touched_this_bar:B zone[0].inside:B active_count:I any_active:B
        any_touched:B any_inside:B first_active_lower:F first_active_upper:F first_active_idx:I newest_active_idx:I
        source_version:I""",
    ),
    "displacement": (
        {},
        "is_displacement:B direction:I body_atr_ratio:F wick_ratio:F last_idx:I last_direction:I version:I",
    ),
    "fair_value_gap": (
        {},
        """new_this_bar:B new_direction:I new_upper:F new_lower:F nearest_bull_upper:F nearest_bull_lower:F nearest_bear_upper:F
        nearest_bear_lower:F active_bull_count:I active_bear_count:I any_mitigated_this_bar:B nearest_bull_fill_pct:F
        nearest_bear_fill_pct:F version:I""",
    ),
    "order_block": (
        {},
        """new_this_bar:B new_direction:I new_upper:F new_lower:F nearest_bull_upper:F nearest_bull_lower:F nearest_bear_upper:F
        nearest_bear_lower:F active_bull_count:I active_bear_count:I any_mitigated_this_bar:B any_invalidated_this_bar:B
        last_invalidated_direction:I last_invalidated_upper:F last_invalidated_lower:F version:I""",
    ),
    "liquidity_zones": (
        {},
        """new_zone_this_bar:B sweep_this_bar:B sweep_direction:I swept_level:F nearest_high_level:F nearest_low_level:F
        nearest_high_touches:I nearest_low_touches:I version:I""",
    ),
    "premium_discount": ({}, "equilibrium:F premium_level:F discount_level:F zone:E depth_pct:F version:I"),
    "breaker_block": (
        {},
        """new_this_bar:B new_direction:I new_upper:F new_lower:F nearest_bull_upper:F nearest_bull_lower:F nearest_bear_upper:F
        nearest_bear_lower:F active_bull_count:I active_bear_count:I any_mitigated_this_bar:B version:I""",
    ),
}

DEFAULTS: dict[str, Settings] = {
    "swing": {"mode": "fractal", "atr_multiplier": 2.0, "major_threshold": 1.5, "strict_alternation": False},
    "trend": {"wave_history_size": 4},
    "market_structure": {"confirmation_close": True},
    "fibonacci": {"mode": "retracement", "use_trend_anchor": False},
    "zone": {},
    "rolling_window": {"exclude_current": False},
    "derived_zone": {"mode": "retracement", "width_pct": 0.002, "use_paired_source": True, "break_tolerance_pct": 0.001},
    "displacement": {"body_atr_min": 1.5, "wick_ratio_max": 0.4},
    "fair_value_gap": {"min_gap_atr": 0, "max_active": 5},
    "order_block": {
        **{"use_body": True, "require_displacement": True, "body_atr_min": 1.5, "wick_ratio_max": 0.4, "max_active": 5},
        "lookback": 3,
    },
    "liquidity_zones": {
        **{"tolerance_atr": 0.3, "sweep_atr": 0.1, "min_touches": 2, "max_active": 5, "max_swing_history": 20},
    },
    "premium_discount": {},
    "breaker_block": {"max_active": 5},
}

ON_A_SWING = ("trend", "market_structure", "fibonacci", "zone", "derived_zone", "liquidity_zones", "premium_discount")
NEEDS = {**{name: {"swing"} for name in ON_A_SWING}, "breaker_block": {"order_block", "market_structure"}}


def test_the_catalog_holds_the_thirteen_detectors_of_the_language() -> None:
    assert set(STRUCTURES) == set(FIELDS) == set(DEFAULTS)
    assert len(STRUCTURES) == 13


@pytest.mark.parametrize("name", FIELDS)
def test_outputs_and_their_types_are_those_of_the_table(name: str) -> None:
    written, fields = FIELDS[name]
    spec = STRUCTURES[name]
    found = {f"{output.name}:{output.type[0]}" for output in spec.outputs(spec.settled(written))}
    assert found == set(fields.split())


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_those_of_the_table(name: str) -> None:
    found = {param.name: param.default for param in STRUCTURES[name].params if param.default is not None}
    assert found == DEFAULTS[name]


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_detector_needs_the_structures_that_the_language_names(name: str) -> None:
    spec = STRUCTURES[name]
    settled = spec.settled(FIELDS[name][0])
    assert {use.kind for use in spec.uses if use.needed(settled)} == NEEDS.get(name, set())


def test_a_trend_anchor_needs_a_trend_and_is_then_not_paired() -> None:
    spec = STRUCTURES["fibonacci"]
    settled = spec.settled({"levels": (0.5,), "use_trend_anchor": True})
    assert {use.kind for use in spec.uses if use.needed(settled)} == {"swing", "trend"}
    assert settled["use_paired_anchor"] is False
    assert spec.settled({"levels": (0.5,)})["use_paired_anchor"] is True
