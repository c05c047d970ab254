"""Derived zones, liquidity and premium on closes and pivots drawn by hand (play-language 6.8, 6.12, 6.13)."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pytest

from playd.kernels.structures.spec import Settings
from tests.drawn_candles import FIRST_INDEX, Candle, at_close, drawn, mirrored, on_a_grid, steps
from tests.kernel_runs import Floats, prefixed, run_structure, walk

NAN = float("nan")
NONE, ACTIVE, BROKEN = 0, 1, 2


def same(found: Floats, *expected: float) -> bool:
    return np.allclose(found, expected, rtol=0.0, atol=1e-12, equal_nan=True)


def pair(versions: Sequence[float], *, high: float = 110, low: float = 100) -> dict[str, Floats]:
    """A swing whose pair 100–110 (high on bar 990, low on bar 980) is there from version 1 on."""
    there = np.array(versions) > 0
    levels = {"high_level": high, "low_level": low, "high_idx": 990, "low_idx": 980}
    columns = {f"{prefix}{name}": np.where(there, value, NAN) for prefix in ("", "pair_") for name, value in levels.items()}
    return prefixed("swing", {**columns, "version": steps(*versions), "pair_version": steps(*versions)})


def zones(closes: Sequence[float], versions: Sequence[float], **params: float | tuple[float, ...] | str) -> dict[str, Floats]:
    settings: Settings = {"levels": (0.5,), "max_active": 2, "width_pct": 0.01, **params}
    return run_structure("derived_zone", at_close(*closes), settings, pair(versions))


#  pair 100 – 110, ratio 0.5: centre 110 − 0.5·10 = 105, width 1 %
#
#  106.0                     x          106 > 105.525·1.001 = 105.6305: broken
#  105.525  ────────────────────
#  105.0              x    x            inside: two touches
#  104.475  ────────────────────
#  104.44        x                      104.44 ≥ 104.475·0.999 = 104.3705: below, but not yet broken
def test_a_zone_counts_closes_inside_and_breaks_beyond_its_tolerance() -> None:
    found = zones([104.44, 105, 105, 106, 105], [1, 1, 1, 1, 1])
    assert same(found["zone[0].lower"], *[104.475] * 5)
    assert same(found["zone[0].upper"], *[105.525] * 5)
    assert same(found["zone[0].inside"], 0, 1, 1, 0, 0)
    assert same(found["zone[0].touched_this_bar"], 0, 1, 1, 0, 0)
    assert same(found["zone[0].touch_count"], 0, 1, 2, 2, 2)
    assert same(found["zone[0].last_touch_age"], NAN, 0, 0, 1, 1)
    assert same(found["zone[0].age_bars"], 0, 1, 2, 3, 4)
    assert same(found["zone[0].state"], ACTIVE, ACTIVE, ACTIVE, BROKEN, BROKEN)
    assert same(found["active_count"], 1, 1, 1, 0, 0)
    assert same(found["any_inside"], 0, 1, 1, 0, 0)
    assert same(found["first_active_lower"], 104.475, 104.475, 104.475, NAN, NAN)
    assert same(found["first_active_idx"], 0, 0, 0, NAN, NAN)
    assert same(found["zone[1].state"], NONE, NONE, NONE, NONE, NONE)
    assert same(found["zone[1].upper"], NAN, NAN, NAN, NAN, NAN)


def test_a_zone_never_breaks_on_the_bar_that_makes_it() -> None:
    found = zones([90, 104.5], [1, 1])
    assert same(found["zone[0].state"], ACTIVE, ACTIVE)
    assert same(zones([90, 90], [1, 1])["zone[0].state"], ACTIVE, BROKEN)


def test_the_last_ratio_ends_in_slot_0_and_old_zones_move_back() -> None:
    """Ratios 0.25 and 0.75: centres 107.5 and 102.5. A new pair on bar 2 makes two more."""
    found = zones([105, 105, 105], [0, 1, 2], levels=(0.25, 0.75), max_active=3, break_tolerance_pct=0.1)
    centres = [(found[f"zone[{n}].lower"] + found[f"zone[{n}].upper"]) / 2 for n in range(3)]
    assert same(centres[0], NAN, 102.5, 102.5)
    assert same(centres[1], NAN, 107.5, 107.5)
    assert same(centres[2], NAN, NAN, 102.5)
    assert same(found["zone[2].age_bars"], NAN, NAN, 1)
    assert same(found["zone[0].anchor_idx"], NAN, FIRST_INDEX + 1, FIRST_INDEX + 2)
    assert same(found["source_version"], 0, 1, 2)
    assert same(found["active_count"], 0, 2, 3)


def test_the_first_active_zone_is_the_lowest_slot_that_is_not_broken() -> None:
    """Slot 0 (centre 102.5) breaks at 105, slot 1 (107.5 ± 0.54, tolerance 1.1 %) is left."""
    found = zones([105, 106, 106], [1, 1, 1], levels=(0.25, 0.75), break_tolerance_pct=0.011)
    assert same(found["zone[0].state"], ACTIVE, BROKEN, BROKEN)
    assert same(found["first_active_idx"], 0, 1, 1)
    assert same(found["newest_active_idx"], 0, 1, 1)
    assert found["first_active_upper"][-1] == pytest.approx(107.5 * 1.005)


def test_extension_zones_lie_beyond_the_high() -> None:
    found = zones([115], [1], mode="extension")
    assert (found["zone[0].lower"] + found["zone[0].upper"]) / 2 == pytest.approx(115.0)


@pytest.mark.parametrize(("mode", "ratio"), [("retracement", 0.5), ("extension", -0.272), ("retracement", 1.6180339)])
def test_a_zone_is_named_by_a_digest_of_what_made_it(mode: str, ratio: float) -> None:
    """The text holds the version and indices of the swing, and the ratio in millionths."""
    found = zones([105], [7], mode=mode, levels=(ratio,))
    text = f"derived_zone|7|990|980|{round(ratio * 10**6)}|{mode}"
    assert found["zone[0].instance_id"][0] == int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")


@pytest.mark.parametrize("high", [100, 99, NAN])
def test_a_swing_without_height_makes_no_zone(high: float) -> None:
    found = run_structure("derived_zone", at_close(100), {"levels": (0.5,), "max_active": 1}, pair([1], high=high))
    assert same(found["active_count"], 0)
    assert same(found["source_version"], 1)


def pivots(highs: Sequence[float], lows: Sequence[float] | None = None) -> dict[str, Floats]:
    """A swing that confirms a pivot wherever the level written for the bar is not the one before."""

    def side(name: str, levels: Sequence[float]) -> dict[str, Floats]:
        column = np.array(levels, dtype=np.float64)
        before = np.concatenate(([NAN], column[:-1]))
        changed = ~np.isnan(column) & (column != before)
        return {f"{name}_level": column, f"{name}_version": np.cumsum(changed).astype(np.float64)}

    return prefixed("swing", {**side("high", highs), **side("low", lows or [NAN] * len(highs))})


#  110.25                          |     sweeps: above 110.1 + 0.1·ATR
#  110.2          v                |     second swing high: 0.2 from the first, within 0.3·ATR
#  110.1          ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┼     the level, their mean
#  110.0    v          |           |     first swing high
#  bar      0     1    2     3     4
def test_two_equal_highs_are_liquidity_until_a_wick_takes_it() -> None:
    flat: Candle = (109, 109, 109, 109)
    bars: list[Candle] = [flat, flat, (109, 110, 109, 109), flat, (109, 110.25, 109, 109)]
    found = run_structure("liquidity_zones", drawn(bars), {}, pivots([110.0, 110.2, 110.2, 110.2, 110.2]))
    assert same(found["new_zone_this_bar"], 0, 1, 0, 0, 0)
    assert same(found["nearest_high_level"], NAN, 110.1, 110.1, 110.1, NAN)
    assert same(found["nearest_high_touches"], 0, 2, 2, 2, 0)
    assert same(found["sweep_this_bar"], 0, 0, 0, 0, 1)
    assert same(found["sweep_direction"], 0, 0, 0, 0, 1)
    assert same(found["swept_level"], NAN, NAN, NAN, NAN, 110.1)
    assert same(found["version"], 0, 1, 1, 1, 2)


def test_highs_too_far_apart_are_no_liquidity() -> None:
    found = run_structure("liquidity_zones", at_close(109, 109), {}, pivots([110.0, 110.31]))
    assert same(found["new_zone_this_bar"], 0, 0)


def test_a_third_touch_moves_the_level_and_makes_no_new_zone() -> None:
    """110.0 and 110.25 have the mean 110.125; with 110.05 it is 110.1, near enough to be the same zone."""
    found = run_structure("liquidity_zones", at_close(109, 109, 109), {}, pivots([110.0, 110.25, 110.05]))
    assert same(found["new_zone_this_bar"], 0, 1, 0)
    assert same(found["nearest_high_level"], NAN, 110.125, 110.1)
    assert same(found["nearest_high_touches"], 0, 2, 3)
    assert same(found["version"], 0, 1, 1)


def test_a_zone_can_be_swept_on_the_bar_that_makes_it() -> None:
    """The swing high is confirmed late; the bar that confirms it may be above already."""
    bars: list[Candle] = [(109, 109, 109, 109), (111, 111, 111, 111)]
    found = run_structure("liquidity_zones", drawn(bars), {}, pivots([110.0, 110.2]))
    assert same(found["new_zone_this_bar"], 0, 1)
    assert same(found["sweep_this_bar"], 0, 1)
    assert same(found["version"], 0, 2)


def test_only_the_newest_zones_of_a_side_are_kept() -> None:
    """Pairs of highs at 110, 120, 130; room for two zones."""
    highs = [110, 110.1, 120, 120.1, 130, 130.1]
    found = run_structure("liquidity_zones", at_close(*[105] * 6), {"max_active": 2}, pivots(highs))
    assert same(found["nearest_high_level"], NAN, 110.05, 110.05, 110.05, 110.05, 120.05)
    assert same(found["version"], 0, 1, 1, 2, 2, 3)


def test_pivots_older_than_the_history_are_forgotten() -> None:
    """With room for two pivots, the third at 110 finds only the one at 120 beside itself."""
    found = run_structure("liquidity_zones", at_close(*[105] * 3), {"max_swing_history": 2}, pivots([110, 120, 110.1]))
    assert same(found["new_zone_this_bar"], 0, 0, 0)
    found = run_structure("liquidity_zones", at_close(*[105] * 3), {"max_swing_history": 3}, pivots([110, 120, 110.1]))
    assert same(found["new_zone_this_bar"], 0, 0, 1)


def test_without_atr_pivots_wait_and_nothing_is_swept() -> None:
    """ATR on bars 0, 3 and 4. The high of bar 1 joins on bar 3; its level is taken by the wick of bar 4, not of bar 2."""
    flat: Candle = (109, 109, 109, 109)
    bars: list[Candle] = [flat, flat, (109, 112, 109, 109), flat, (109, 112, 109, 109)]
    rows = {**drawn(bars), "atr": steps(1, NAN, 0, 1, 1)}
    found = run_structure("liquidity_zones", rows, {}, pivots([110.0, 110.2, 110.2, 110.2, 110.2]))
    assert same(found["new_zone_this_bar"], 0, 0, 0, 1, 0)
    assert same(found["sweep_this_bar"], 0, 0, 0, 0, 1)


def test_of_both_sides_swept_the_lows_are_shown() -> None:
    """One bar takes the highs at 110.05 and the lows at 100.05: the last one processed is the low."""
    bars: list[Candle] = [(105, 105, 105, 105), (105, 105, 105, 105), (105, 112, 98, 105)]
    swing = pivots([110.0, 110.1, 110.1], [100.0, 100.1, 100.1])
    found = run_structure("liquidity_zones", drawn(bars), {}, swing)
    assert same(found["sweep_direction"], 0, 0, -1)
    assert same(found["swept_level"], NAN, NAN, 100.05)
    assert same(found["version"], 0, 2, 4)


def test_upside_down_highs_are_lows() -> None:
    rows = on_a_grid(walk(600, 7, step=0.01))
    rows["atr"] = np.full(600, 1.0)
    params: Settings = {"tolerance_atr": 1.0}
    outputs = []
    for market in (rows, mirrored(rows, 100.0)):
        swing = run_structure("swing", market, {"left": 2, "right": 2})
        outputs.append(run_structure("liquidity_zones", market, params, prefixed("swing", swing)))
    found, turned = outputs
    assert found["sweep_this_bar"].sum() > 20
    assert np.array_equal(found["new_zone_this_bar"], turned["new_zone_this_bar"])
    assert np.array_equal(found["version"], turned["version"])
    assert np.array_equal(found["nearest_high_touches"], turned["nearest_low_touches"])
    np.testing.assert_allclose(found["nearest_high_level"], 200 - turned["nearest_low_level"], rtol=0, atol=1e-9)


#  pair 100 – 110
#  108     x            premium: at or above 107.5
#  107.5   ──────
#  105        x         equilibrium
#  102.5   ──────
#  102           x      discount: at or below 102.5
def test_premium_is_the_upper_quarter_and_discount_the_lower() -> None:
    closes = [108, 105, 102, 107.5, 102.5, 120, 90]
    swing = pair([1] * len(closes))
    found = run_structure("premium_discount", at_close(*closes), {}, swing)
    premium, discount, equilibrium = 1, 2, 3
    assert same(found["zone"], premium, equilibrium, discount, premium, discount, premium, discount)
    assert same(found["depth_pct"], 0.8, 0.5, 0.2, 0.75, 0.25, 1.0, 0.0)
    assert same(found["version"], 1, 2, 3, 4, 5, 6, 7)
    assert same(found["equilibrium"], *[105] * 7)
    assert same(found["premium_level"], *[107.5] * 7)
    assert same(found["discount_level"], *[102.5] * 7)


def test_before_the_first_pair_there_is_no_premium() -> None:
    found = run_structure("premium_discount", at_close(108, 108), {}, pair([0, 1]))
    assert same(found["zone"], 0, 1)
    assert same(found["depth_pct"], NAN, 0.8)
    assert same(found["version"], 0, 1)


@pytest.mark.parametrize("high", [100.0, 99.0])
def test_a_pair_without_height_is_equilibrium_at_its_low(high: float) -> None:
    found = run_structure("premium_discount", at_close(108), {}, pair([1], high=high))
    assert same(found["zone"], 3)
    assert same(found["depth_pct"], 0.5)
    assert same(found["premium_level"], 100)
