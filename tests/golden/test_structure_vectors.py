"""
The published vectors of swing, trend, market_structure, fibonacci and zone (play-language 16.3): first events, how many there
are, and the state after the last bar. Events are `bar:what`, bars counted from the first of the series.
"""

from collections.abc import Iterable
from functools import cache

import pytest

from playd.kernels.structures.spec import BIASES, Settings
from tests.kernel_runs import Floats, Rows, prefixed, run_structure, series_of_the_language

ROWS = series_of_the_language()
FIRST_INDEX = 1_928_544


@cache
def swing() -> dict[str, Floats]:
    return run_structure("swing", ROWS, {"left": 3, "right": 3})


def using_swing(name: str, params: Settings) -> dict[str, Floats]:
    return run_structure(name, ROWS, params, prefixed("swing", swing()))


def pivots(found: Rows) -> list[str]:
    sides = (("high", "H"), ("low", "L"))
    return [
        f"{bar}:{letter}@{found[f'{side}_idx'][bar] - FIRST_INDEX:.0f}"
        for bar in range(200)
        for side, letter in sides
        if found[f"{side}_accepted"][bar]
    ]


def changes(states: Iterable[str]) -> list[str]:
    listed = list(states)
    return [f"{bar}:{state}" for bar, state in enumerate(listed) if bar == 0 or state != listed[bar - 1]]


def begins(events: list[str], text: str, total: int) -> bool:
    expected = text.split()
    return events[: len(expected)] == expected and len(events) == total


SWING = """
    7:H@4 12:L@9 15:H@12 24:L@21 27:H@24 32:L@29 40:H@37 44:L@41 47:H@44 56:L@53 60:H@57 64:L@61 72:H@69 76:L@73 80:H@77 88:L@85
    92:H@89 96:L@93 104:H@101 108:L@105 112:H@109 120:L@117 125:H@122 128:L@125 135:H@132 140:L@137"""
ZIGZAG = """
    15:H@14 30:L@21 46:H@37 56:L@53 72:H@69 87:L@85 104:H@101 119:L@117 135:H@132 151:L@149 167:H@164 183:L@179 199:H@196"""
TREND = """
    0:0/0 12:-1/0 15:1/1 24:0/0 27:-1/1 32:0/0 40:1/1 44:1/2 47:0/0 56:-1/1 60:-1/2 64:0/0 72:1/1 76:1/2 80:0/0 88:-1/1 92:-1/2
    96:0/0 104:1/1 108:1/2 112:0/0 120:-1/1 125:-1/2 128:0/0 135:1/1 140:1/2"""
BREAKS = {
    True: "15:BOS- 35:CHoCH+ 62:BOS+ 94:BOS+ 126:BOS+ 160:BOS+ 177:CHoCH-",
    False: "12:BOS+ 15:CHoCH- 47:BOS- 66:CHoCH+ 94:BOS+ 126:BOS+ 160:BOS+ 177:CHoCH-",
}
ZONE = """
    0:none 14:active@9 16:broken@9 24:active@21 32:active@29 44:active@41 48:broken@41 56:active@53 64:active@61 76:active@73
    79:broken@73 88:active@85 96:active@93 108:active@105 111:broken@105 120:active@117 128:active@125 140:active@137
    143:broken@137 152:active@149 160:active@157 172:active@169 175:broken@169 182:active@179 192:active@189"""


def test_fractal_pivots() -> None:
    assert begins(pivots(swing()), SWING, 34)


def test_zigzag_pivots() -> None:
    found = run_structure("swing", ROWS, {"mode": "atr_zigzag", "atr_multiplier": 2.0})
    assert begins(pivots(found), ZIGZAG, 13)


def test_trend() -> None:
    found = using_swing("trend", {})
    states = (f"{way:.0f}/{strength:.0f}" for way, strength in zip(found["direction"], found["strength"], strict=True))
    assert begins(changes(states), TREND, 31)
    last = {name: found[name][-1] for name in ("bars_in_trend", "wave_count", "version", "last_hh", "last_hl")}
    assert last == {"bars_in_trend": 25, "wave_count": 2, "version": 22, "last_hh": 1, "last_hl": 1}


@pytest.mark.parametrize("by_close", BREAKS)
def test_market_structure(by_close: bool) -> None:
    found = using_swing("market_structure", {"confirmation_close": by_close})
    sign = {BIASES.index("bullish"): "+", BIASES.index("bearish"): "-"}
    events = [
        f"{bar}:{word}{sign[int(found[f'{word.lower()}_direction'][bar])]}"
        for bar in range(200)
        for word in ("BOS", "CHoCH")
        if found[f"{word.lower()}_this_bar"][bar]
    ]
    assert events == BREAKS[by_close].split()
    if by_close:
        assert (found["bias"][-1], found["version"][-1]) == (-1, 7)
        assert found["break_level_high"][-1] == pytest.approx(121.078226, abs=5e-7)
        assert found["break_level_low"][-1] == pytest.approx(106.109932, abs=5e-7)


def test_zone() -> None:
    found = using_swing("zone", {"zone_type": "demand", "width_atr": 1.0})
    words = ("none", "active", "broken")
    states = (
        words[int(state)] + ("" if state == 0 else f"@{anchor - FIRST_INDEX:.0f}")
        for state, anchor in zip(found["state"], found["anchor_idx"], strict=True)
    )
    assert changes(states) == ZONE.split()


def test_the_swing_after_the_last_bar() -> None:
    found = {name: row[-1] for name, row in swing().items()}
    assert found["high_level"] == pytest.approx(121.078226, abs=5e-7)
    assert found["low_level"] == pytest.approx(106.109932, abs=5e-7)
    assert BIASES[int(found["pair_direction"])] == "bullish"
    assert (found["pair_version"], found["version"]) == (30, 34)


def test_fibonacci_after_the_last_bar() -> None:
    found = using_swing("fibonacci", {"levels": (0.382, 0.618)})
    assert found["level[0.382]"][-1] == pytest.approx(115.360338, abs=5e-7)
    assert found["level[0.618]"][-1] == pytest.approx(111.827820, abs=5e-7)
