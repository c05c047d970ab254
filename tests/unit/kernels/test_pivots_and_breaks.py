"""Pivots, waves, breaks, levels and zones on candles drawn by hand (play-language 6.2-6.7). `o` is a close, `|` the range."""

import numpy as np
import pytest

from playd.kernels.structures.spec import BEARISH, BULLISH, NONE, Settings
from tests.drawn_candles import FIRST_INDEX, drawn
from tests.kernel_runs import Floats, prefixed, run_structure

NAN = float("nan")


def bars(highs: list[float], lows: list[float] | None = None, closes: list[float] | None = None) -> dict[str, Floats]:
    """Candles by their highs; lows two below and closes one below unless given."""
    lows = lows or [high - 2 for high in highs]
    closes = closes or [(high + low) / 2 for high, low in zip(highs, lows, strict=True)]
    return drawn([(close, high, low, close) for high, low, close in zip(highs, lows, closes, strict=True)])


def swing_of(rows: dict[str, Floats], **params: float | str | bool) -> dict[str, Floats]:
    return run_structure("swing", rows, {"left": 1, "right": 1, **params})


def told(pivots: dict[int, tuple[str, float]], count: int) -> dict[str, Floats]:
    """What a swing says that knows these pivots: bar of its knowledge to side and level. It lies one bar before."""
    names = {"H": ("high_level", "high_idx"), "L": ("low_level", "low_idx")}
    rows = {name: np.full(count, NAN) for pair in names.values() for name in pair}
    for bar, (side, level) in sorted(pivots.items()):
        rows[names[side][0]][bar:], rows[names[side][1]][bar:] = level, FIRST_INDEX + bar - 1
    return prefixed("swing", rows)


def test_a_high_is_known_when_the_bars_after_it_have_passed() -> None:
    #  15       |
    #  13       |  |
    #  12    |  |  |
    #  11    |  |  |  |
    #  10 |  |  |  |  |
    #     0  1  2  3  4   left = right = 2: bar 2 is known at bar 4
    found = run_structure("swing", bars([10, 12, 15, 13, 11]), {"left": 2, "right": 2})
    assert np.array_equal(found["high_level"], [NAN, NAN, NAN, NAN, 15.0], equal_nan=True)
    assert np.array_equal(found["high_idx"], [NAN, NAN, NAN, NAN, FIRST_INDEX + 2], equal_nan=True)
    assert found["high_accepted"].tolist() == [0, 0, 0, 0, 1]
    assert found["last_confirmed_pivot_type"].tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("highs", [[10, 15, 15, 13, 11], [10, 12, 15, 15, 11], [15, 12, 15, 13, 11], [10, 12, 15, 13, 15]])
def test_an_equal_high_in_the_window_makes_no_pivot(highs: list[float]) -> None:
    assert run_structure("swing", bars(highs), {"left": 2, "right": 2})["high_version"][-1] == 0


def test_both_ends_of_a_wide_bar_are_pivots_and_the_high_comes_first() -> None:
    #  12    |
    #  11 |  |  |
    #  10 |  |  |
    #   9    |       the high waits, then the low makes the pair: bearish
    found = swing_of(bars([11, 12, 11], [10, 9, 10]))
    assert (found["high_accepted"][2], found["low_accepted"][2]) == (1, 1)
    assert found["pair_direction"][2] == BEARISH
    assert found["last_confirmed_pivot_type"][2] == 2


def test_a_pair_is_made_of_the_newest_pivots_even_of_less_extreme_ones() -> None:
    #  14    H
    #  12          H                 the second high replaces the first one
    #   8                L           bar 6: pair 12 → 8, bearish
    #       1     3     5     bars of the pivots
    highs, lows = [10, 14, 10, 12, 10, 9, 10.0], [9, 9.5, 9, 9, 9, 8, 9.0]
    found = swing_of(bars(highs, lows))
    assert (found["pair_high_level"][-1], found["pair_low_level"][-1]) == (12.0, 8.0)
    assert (found["pair_direction"][-1], found["pair_version"][-1]) == (BEARISH, 1)


def test_strict_alternation_takes_a_second_high_only_when_it_is_higher() -> None:
    highs = [10, 14, 10, 12, 10, 15, 10.0]
    lows = [9, 9, 9, 9, 9, 9, 9.0]
    found = swing_of(bars(highs, lows), strict_alternation=True)
    assert found["high_accepted"].tolist() == [0, 0, 1, 0, 0, 0, 1]
    assert found["high_replaced_pending"].tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_filters_compare_with_the_last_pivot_of_the_same_side() -> None:
    highs = [100, 110, 100, 111, 100, 114, 100.0]  # moves of 1 and of 4 from 110; ATR 1 → 2 ATR asked for
    lows = [99.0] * 7
    for params in ({"min_atr_move": 2.0}, {"min_pct_move": 2.0}):
        found = swing_of(bars(highs, lows), **params)
        assert found["high_accepted"].tolist() == [0, 0, 1, 0, 0, 0, 1]
        assert found["high_significance"][-1] == 4.0
        assert found["high_is_major"].tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_a_zigzag_turns_when_price_comes_back_by_two_atr() -> None:
    #  15          |
    #  13       |  |
    #  12.5        |  |     low 12.5 < 15 − 2: the high of bar 2 is known at bar 3
    #  10 |                 a later high above 12.5 + 2 makes bar 3 a low
    #     0  1  2  3  4
    found = run_structure(
        "swing", bars([10.5, 13, 15, 14, 15.5], [9.5, 11.5, 13.5, 12.5, 14]), {"mode": "atr_zigzag", "atr_multiplier": 2}
    )
    assert np.array_equal(found["high_level"], [NAN, NAN, NAN, 15.0, 15.0], equal_nan=True)
    assert np.array_equal(found["low_idx"], [NAN, NAN, NAN, NAN, FIRST_INDEX + 3], equal_nan=True)


def test_waves_of_a_rising_market() -> None:
    #                 110
    #       100      /          L 90, H 100, L 95, H 110
    #      /   \   /            after H 100: one wave, up; after L 95 > 90: HL; after H 110: HH and HL, twice
    #    90     95
    swing = told({0: ("L", 90), 1: ("H", 100), 2: ("L", 95), 4: ("H", 110)}, 5)
    found = run_structure("trend", bars([1.0] * 5), {}, swing)
    assert found["direction"].tolist() == [0, 1, 1, 1, 1]
    assert found["strength"].tolist() == [0, 0, 1, 1, 2]
    assert found["wave_count"].tolist() == [0, 1, 1, 1, 2]
    assert found["bars_in_trend"].tolist() == [0, 0, 1, 2, 3]
    assert found["last_hl"].tolist() == [0, 0, 1, 1, 1]
    assert found["last_hh"].tolist() == [0, 0, 0, 0, 1]


def test_equal_ends_are_neither_higher_nor_lower() -> None:
    swing = told({0: ("L", 90), 1: ("H", 100), 2: ("L", 90), 3: ("H", 100)}, 4)
    found = run_structure("trend", bars([1.0] * 4), {}, swing)
    assert found["direction"].tolist() == [0, 1, 0, 0]
    assert found["wave_count"].tolist() == [0, 1, 0, 0]


def structure(closes: list[float], pivots: dict[int, tuple[str, float]], **params: bool) -> dict[str, Floats]:
    rows = bars([close + 5 for close in closes], [close - 5 for close in closes], closes)
    return run_structure("market_structure", rows, dict(params), told(pivots, len(closes)))


PIVOTS = {0: ("H", 110.0), 1: ("L", 100.0)}


def test_a_close_beyond_a_pivot_is_a_break_and_one_beyond_the_anchor_a_change_of_character() -> None:
    #  111         o           bar 2: BOS up, the low of 100 is the anchor
    #  110 ------- H
    #  100 ------- L
    #   99            o        bar 3: CHoCH down
    #   98               o     bar 4: nothing, no new low to break
    found = structure([105, 105, 111, 99, 98], PIVOTS)
    assert found["bias"].tolist() == [0, 0, 1, -1, -1]
    assert found["bos_this_bar"].tolist() == [0, 0, 1, 0, 0]
    assert found["choch_this_bar"].tolist() == [0, 0, 0, 1, 0]
    assert found["bos_direction"].tolist() == [NONE, NONE, BULLISH, BULLISH, BULLISH]
    assert found["choch_direction"].tolist() == [NONE, NONE, NONE, BEARISH, BEARISH]
    assert (found["last_bos_level"][-1], found["last_choch_level"][-1]) == (110.0, 100.0)
    assert (found["last_bos_idx"][-1], found["last_choch_idx"][-1]) == (FIRST_INDEX + 2, FIRST_INDEX + 3)
    assert found["version"].tolist() == [0, 0, 1, 2, 2]


def test_a_level_breaks_once_and_again_after_a_new_pivot() -> None:
    found = structure([105, 105, 111, 112, 112, 116], PIVOTS | {4: ("H", 115.0)})
    assert found["bos_this_bar"].tolist() == [0, 0, 1, 0, 0, 1]
    assert np.array_equal(found["break_level_high"], [110, 110, NAN, NAN, 115, NAN], equal_nan=True)


def test_wicks_break_when_closes_are_not_asked_for() -> None:
    closes = [105.0, 105.0, 106.0]  # high of the last bar: 111
    assert structure(closes, PIVOTS)["bos_this_bar"].tolist() == [0, 0, 0]
    assert structure(closes, PIVOTS, confirmation_close=False)["bos_this_bar"].tolist() == [0, 0, 1]


PAIR = {
    **told({0: ("L", 100), 1: ("H", 110)}, 4),
    **prefixed("swing", {"pair_high_level": np.array([NAN, 110, 110, 110]), "pair_low_level": np.array([NAN, 100, 100, 100])}),
    **prefixed("swing", {"pair_direction": np.array([0.0, 1, 1, 1]), "pair_version": np.array([0.0, 1, 1, 1])}),
}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, 103.82),
        ({"mode": "extension"}, 116.18),
        ({"mode": "extension_up"}, 116.18),
        ({"mode": "extension_down"}, 93.82),
        ({"use_paired_anchor": False}, 103.82),
    ],
)
def test_levels_between_and_beyond_the_anchors(params: Settings, expected: float) -> None:
    found = run_structure("fibonacci", bars([1.0] * 4), {"levels": (0.618, -0.272), **params}, PAIR)
    assert np.allclose(found["level[0.618]"], [NAN, expected, expected, expected], rtol=0, atol=1e-9, equal_nan=True)
    if params.get("mode", "retracement") == "retracement":
        assert found["level[-0.272]"][-1] == pytest.approx(112.72)
    assert found["anchor_hash"].tolist() == [0, *[0 if "use_paired_anchor" in params else 1] * 3]


def test_levels_of_a_trend_stay_while_it_has_no_direction() -> None:
    later = dict(PAIR)
    later["swing.pair_version"] = np.array([0.0, 1, 2, 2])
    later["swing.pair_high_level"] = np.array([NAN, 110, 120, 120])
    later |= prefixed("trend", {"direction": np.array([0.0, 1, 0, -1]), "version": np.array([0.0, 1, 2, 3])})
    found = run_structure("fibonacci", bars([1.0] * 4), {"levels": (0.5,), "use_trend_anchor": True}, later)
    assert np.array_equal(found["level[0.5]"], [NAN, 105, 105, 110], equal_nan=True)
    assert found["anchor_direction"].tolist() == [NONE, BULLISH, BULLISH, BEARISH]
    assert found["anchor_trend_direction"].tolist() == [0, 1, 1, -1]


def test_a_demand_zone_lies_below_the_low_until_a_close_goes_through() -> None:
    #  100 ---- L -----   upper
    #   97 ------------   lower: 1.5 ATR of 2 below
    #   96.9          o   broken
    rows = bars([105.0] * 4, [96.0] * 4, [104, 97, 104, 96.9]) | {"atr": np.full(4, 2.0)}
    params: Settings = {"zone_type": "demand", "width_atr": 1.5}
    found = run_structure("zone", rows, params, told({1: ("L", 100)}, 4))
    assert found["state"].tolist() == [0, 1, 1, 2]
    assert (found["lower"][1], found["upper"][1], found["anchor_idx"][1]) == (97.0, 100.0, FIRST_INDEX)
    assert found["version"].tolist() == [0, 1, 1, 2]


def test_a_zone_waits_for_its_atr() -> None:
    rows = bars([105.0] * 4) | {"atr": np.array([NAN, NAN, 0.0, 1.0])}
    found = run_structure("zone", rows, {"zone_type": "supply", "width_atr": 1}, told({1: ("H", 110)}, 4))
    assert found["state"].tolist() == [0, 0, 0, 1]
    assert (found["lower"][3], found["upper"][3]) == (110.0, 111.0)


def test_a_rolling_window_begins_with_what_there_is() -> None:
    params: Settings = {"size": 2, "mode": "max", "source": "high"}
    rows = bars([1.0, 5.0, 3.0])
    assert run_structure("rolling_window", rows, params)["value"].tolist() == [1, 5, 5]
    before = run_structure("rolling_window", rows, {**params, "exclude_current": True})["value"]
    assert np.array_equal(before, [NAN, 1, 5], equal_nan=True)
