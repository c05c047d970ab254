"""Displacement, fair value gaps, order blocks and breakers on candles drawn by hand (play-language 6.9-6.11, 6.14)."""

import numpy as np
import pytest

from playd.kernels.structures.spec import Settings
from tests.drawn_candles import FIRST_INDEX, Candle, drawn, mirrored, on_a_grid, steps
from tests.kernel_runs import Floats, prefixed, run_structure, walk

NAN = float("nan")


def same(found: Floats, *expected: float) -> bool:
    return np.allclose(found, expected, rtol=0.0, atol=1e-12, equal_nan=True)


def test_a_displacement_has_a_large_body_and_short_wicks() -> None:
    """Bar 1: body 4, ATR 2 → 2.0; wicks 0.2 + 0.2 → 0.1 of the body. Bar 2: body 4 again, but wicks 2 → 0.5."""
    bars: list[Candle] = [(100, 100, 100, 100), (100, 104.2, 99.8, 104), (104, 105, 99, 100), (100, 101, 96, 97)]
    found = run_structure("displacement", drawn(bars, atr=2.0))
    assert same(found["is_displacement"], 0, 1, 0, 0)
    assert same(found["direction"], 0, 1, 0, 0)
    assert same(found["body_atr_ratio"], 0.0, 2.0, 2.0, 1.5)
    assert same(found["wick_ratio"], NAN, 0.1, 0.5, 2 / 3)
    assert same(found["last_idx"], NAN, FIRST_INDEX + 1, FIRST_INDEX + 1, FIRST_INDEX + 1)
    assert same(found["last_direction"], 0, 1, 1, 1)
    assert same(found["version"], 0, 1, 1, 1)


@pytest.mark.parametrize("atr", [NAN, 0.0, -1.0])
def test_without_atr_nothing_is_a_displacement(atr: float) -> None:
    found = run_structure("displacement", drawn([(100, 104, 100, 104)], atr=atr))
    assert same(found["is_displacement"], 0)
    assert same(found["body_atr_ratio"], NAN)
    assert same(found["wick_ratio"], NAN)


#  bar     0    1    2    3
#  103               |
#  102          #    #    #
#  101          #    |    |    the low of bar 2 ┐
#               #         |                     │ bullish gap [100, 101]
#  100     |    #         .    the high of bar 0 ┘
#   99     #    |
GAP: list[Candle] = [(99.2, 100, 98.8, 99.8), (99.8, 102.4, 99.7, 102.2), (102.2, 103, 101, 102.6)]


def test_a_bullish_gap_lies_between_the_first_high_and_the_third_low() -> None:
    found = run_structure("fair_value_gap", drawn(GAP))
    assert same(found["new_this_bar"], 0, 0, 1)
    assert same(found["new_direction"], 0, 0, 1)
    assert same(found["new_upper"], NAN, NAN, 101)
    assert same(found["new_lower"], NAN, NAN, 100)
    assert same(found["active_bull_count"], 0, 0, 1)
    assert same(found["nearest_bull_fill_pct"], NAN, NAN, 0.0)
    assert same(found["nearest_bear_upper"], NAN, NAN, NAN)
    assert same(found["version"], 0, 0, 1)


def test_a_gap_is_filled_by_the_deepest_wick_and_mitigated_at_one_half() -> None:
    """Lows 100.75, 100.9, 100.4: fills 0.25, still 0.25, 0.6."""
    later: list[Candle] = [(102, 102, 100.75, 102), (102, 102, 100.9, 102), (102, 102, 100.4, 102)]
    found = run_structure("fair_value_gap", drawn(GAP + later))
    assert same(found["nearest_bull_fill_pct"][2:], 0.0, 0.25, 0.25, NAN)
    assert same(found["any_mitigated_this_bar"][2:], 0, 0, 0, 1)
    assert same(found["active_bull_count"][2:], 1, 1, 1, 0)
    assert same(found["new_this_bar"][3:], 0, 0, 0)


def test_a_gap_narrower_than_wanted_or_without_atr_is_none() -> None:
    """The gap is 1 wide; ATR 2."""
    for min_gap_atr, atr, expected in ((0.5, 2.0, 1), (0.51, 2.0, 0), (0.1, NAN, 0), (0.0, NAN, 1)):
        found = run_structure("fair_value_gap", drawn(GAP, atr=atr), {"min_gap_atr": min_gap_atr})
        assert found["new_this_bar"][2] == expected, (min_gap_atr, atr)


#  bar     0    1    2    3    4    5    6
#  110                              #    |   third gap [106, 107]
#  106                         #    #        its lower edge: the high of bar 4
#  104               |    |    #
#  103               #    #    |             second gap [102, 103]: bars 1, 2, 3
#  100     |    #    |                       first gap [100, 101]: bars 0, 1, 2
STAIRS: list[Candle] = [
    (99, 100, 98, 100),
    (100, 102, 100, 102),
    (102, 104, 101, 104),
    (104, 105, 103, 105),
    (105, 106, 102.4, 106),
    (106, 109, 104, 109),
    (109, 111, 107, 110),
]


def test_a_dead_gap_keeps_its_slot() -> None:
    """
    Bar 4 comes down to 102.4: the second gap is filled by (103 − 102.4)/1 = 0.6 and dies, the first lives. The third gap then
    takes the second slot of two, and the first gap is pushed out although only one of the two others lives.
    """
    two = run_structure("fair_value_gap", drawn(STAIRS), {"max_active": 2})
    assert same(two["new_this_bar"], 0, 0, 1, 1, 0, 0, 1)
    assert same(two["active_bull_count"], 0, 0, 1, 2, 1, 1, 1)
    assert two["nearest_bull_lower"][-1] == 106
    three = run_structure("fair_value_gap", drawn(STAIRS), {"max_active": 3})
    assert same(three["active_bull_count"], 0, 0, 1, 2, 1, 1, 2)


def test_the_nearest_gap_is_that_whose_middle_is_nearest() -> None:
    """Closes of bars 2 to 5 are 104, 105, 106, 109; middles 100.5 and, until bar 4 fills it, 102.5."""
    found = run_structure("fair_value_gap", drawn(STAIRS[:6]))
    assert same(found["nearest_bull_lower"][2:], 100, 102, 100, 100)
    assert same(found["nearest_bull_upper"][2:], 101, 103, 101, 101)
    partly = run_structure("fair_value_gap", drawn([*STAIRS[:4], (105, 105, 102.6, 105)]))
    assert partly["nearest_bull_fill_pct"][-1] == pytest.approx(0.4)


def test_upside_down_gaps_and_blocks_change_sides() -> None:
    rows = on_a_grid(walk(400, 5, step=0.01))
    rows["atr"] = np.full(400, 1.0)
    for name, params in (("fair_value_gap", {}), ("order_block", {"body_atr_min": 0.5, "wick_ratio_max": 1.0})):
        settings: Settings = params
        found, turned = run_structure(name, rows, settings), run_structure(name, mirrored(rows, 100.0), settings)
        assert found["new_this_bar"].sum() > 20
        assert np.array_equal(found["new_direction"], -turned["new_direction"])
        assert np.array_equal(found["active_bull_count"], turned["active_bear_count"])
        assert np.array_equal(found["any_mitigated_this_bar"], turned["any_mitigated_this_bar"])
        for level, other in (("upper", "lower"), ("lower", "upper")):
            assert np.array_equal(found[f"new_{level}"], 200 - turned[f"new_{other}"], equal_nan=True)
            assert np.array_equal(found[f"nearest_bull_{level}"], 200 - turned[f"nearest_bear_{other}"], equal_nan=True)


#  bar     0    1    2
#  104          #         displacement: body 4 = 2.0 ATR, wicks 0.1 of it
#  101     #    #         ┐ bar 0 goes down: its body is the block [100, 101]
#  100     #    #         ┘
BLOCK: list[Candle] = [(101, 101.5, 99.5, 100), (100, 104.2, 99.8, 104)]


def test_the_last_candle_against_a_displacement_is_the_block() -> None:
    body = run_structure("order_block", drawn(BLOCK, atr=2.0))
    assert same(body["new_direction"], 0, 1)
    assert same(body["new_upper"], NAN, 101)
    assert same(body["new_lower"], NAN, 100)
    whole = run_structure("order_block", drawn(BLOCK, atr=2.0), {"use_body": False})
    assert same(whole["new_upper"], NAN, 101.5)
    assert same(whole["new_lower"], NAN, 99.5)


def test_a_block_is_mitigated_by_a_touch_and_invalidated_by_a_close_beyond() -> None:
    touched = run_structure("order_block", drawn([*BLOCK, (104, 104, 100.8, 101.5), (101.5, 102, 99, 99)], atr=2.0))
    assert same(touched["any_mitigated_this_bar"], 0, 0, 1, 0)
    assert same(touched["any_invalidated_this_bar"], 0, 0, 0, 0)
    assert same(touched["active_bull_count"], 0, 1, 0, 0)
    failed = run_structure("order_block", drawn([*BLOCK, (104, 107, 97, 99.5), (99.5, 100, 99, 99.2)], atr=2.0))
    assert same(failed["any_mitigated_this_bar"], 0, 0, 0, 0)
    assert same(failed["any_invalidated_this_bar"], 0, 0, 1, 0)
    assert same(failed["last_invalidated_direction"], 0, 0, 1, 0)
    assert same(failed["last_invalidated_upper"], NAN, NAN, 101, NAN)
    assert same(failed["last_invalidated_lower"], NAN, NAN, 100, NAN)


def test_the_oldest_block_is_judged_on_the_bar_that_pushes_it_out() -> None:
    """Bar 2 falls through the block and is a displacement itself: with one slot, the old block fails and the new one stays."""
    found = run_structure("order_block", drawn([*BLOCK, (104, 104.1, 95.9, 96)], atr=2.0), {"max_active": 1})
    assert same(found["new_direction"], 0, 1, -1)
    assert same(found["last_invalidated_direction"], 0, 0, 1)
    assert (found["new_upper"][2], found["new_lower"][2]) == (104, 100)
    assert (found["active_bull_count"][2], found["active_bear_count"][2]) == (0, 1)


@pytest.mark.parametrize(("dojis", "expected"), [(2, 1), (3, 0)])
def test_the_block_is_looked_for_in_two_bars_more_than_the_look_back(dojis: int, expected: int) -> None:
    """One falling candle, some that neither rise nor fall, then the displacement; look back 1, so three bars are searched."""
    quiet: list[Candle] = [(100, 100.1, 99.9, 100)] * dojis
    found = run_structure("order_block", drawn([BLOCK[0], *quiet, BLOCK[1]], atr=2.0), {"lookback": 1})
    assert found["new_this_bar"][-1] == expected


def test_without_required_displacement_only_the_body_counts() -> None:
    """Body 4 of ATR 2, wicks of 3: no displacement."""
    bars: list[Candle] = [BLOCK[0], (100, 105.5, 98.5, 104)]
    for required, expected in ((True, 0), (False, 1)):
        found = run_structure("order_block", drawn(bars, atr=2.0), {"require_displacement": required})
        assert found["new_this_bar"][1] == expected


def test_the_displacement_that_a_block_uses_is_its_trigger() -> None:
    """The bar would pass the block's own test; the displacement it uses says no, or says that it is there."""
    for says in (0.0, 1.0):
        used = prefixed("displacement", {"is_displacement": steps(0, says), "direction": steps(0, says)})
        found = run_structure("order_block", drawn(BLOCK, atr=NAN), {}, used)
        assert found["new_this_bar"][1] == says


def breakers(bars: list[Candle], failed: list[float], turned: list[float]) -> dict[str, Floats]:
    """Breakers where the bull block [100, 101] is invalidated on the bars that `failed` marks."""
    blocks = {
        "any_invalidated_this_bar": steps(*failed),
        "last_invalidated_direction": steps(*failed),
        "last_invalidated_upper": steps(*(101 if one else NAN for one in failed)),
        "last_invalidated_lower": steps(*(100 if one else NAN for one in failed)),
    }
    turns = {"choch_this_bar": steps(*turned)}
    return run_structure(
        "breaker_block", drawn(bars), {}, {**prefixed("order_block", blocks), **prefixed("market_structure", turns)}
    )


#  bar     0    1    2    3
#  101     |         |
#  100     #         |        a close at 99.5 has broken the bull block [100, 101]; from now on it resists from above
#   99     #    #    #    #
BROKEN: list[Candle] = [(101, 101, 99.4, 99.5), (99.5, 99.6, 98.8, 99), (99, 100.2, 98.9, 99.2), (99.2, 99.3, 98.8, 99)]


def test_a_failed_block_becomes_a_breaker_if_character_changes_on_the_same_bar() -> None:
    found = breakers(BROKEN, [1, 0, 0, 0], [1, 0, 0, 0])
    assert same(found["new_direction"], -1, 0, 0, 0)
    assert same(found["new_upper"], 101, NAN, NAN, NAN)
    assert same(found["new_lower"], 100, NAN, NAN, NAN)
    assert same(found["active_bear_count"], 1, 1, 0, 0)
    assert same(found["any_mitigated_this_bar"], 0, 0, 1, 0)
    assert same(found["version"], 1, 1, 1, 1)


def test_no_breaker_without_both_events_on_one_bar() -> None:
    assert breakers(BROKEN, [1, 0, 0, 0], [0, 1, 1, 1])["version"][-1] == 0
    assert breakers(BROKEN, [0, 0, 0, 0], [1, 1, 1, 1])["version"][-1] == 0


def test_a_breaker_ends_at_a_close_beyond_it() -> None:
    found = breakers([*BROKEN[:2], (99, 101.5, 99, 101.2)], [1, 0, 0], [1, 0, 0])
    assert same(found["active_bear_count"], 1, 1, 0)
    assert same(found["any_mitigated_this_bar"], 0, 0, 0)
