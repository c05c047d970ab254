"""Structures over the conformance series of the language: the events that it publishes, to the bar (16.1, 16.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sin
from typing import Final

import numpy as np

from playd.core.candles import Candles
from playd.kernels.catalog import STRUCTURES
from playd.kernels.compiled import Row
from playd.kernels.spec import Value
from playd.kernels.structures.spec import BIASES
from playd.research.validation.kernel_cases import rows_of, structure_case
from playd.research.validation.verdict import Verdict

_FIRST_INDEX: Final = 1_928_544
_STEP_MS: Final = 900_000
_BARS: Final = 200

Columns = Mapping[str, Row]
Params = Mapping[str, Value]


def conformance_series() -> Candles:
    """200 bars of 15 minutes from 2025-01-01 00:00 UTC."""
    close = [100 + 8 * sin(i / 5) + 3 * sin(i / 1.7) + 0.05 * i for i in range(_BARS)]
    open_ = [close[max(i - 1, 0)] for i in range(_BARS)]
    high = [max(open_[i], close[i]) + 0.5 + 0.3 * ((7 * i % 5) / 5) for i in range(_BARS)]
    low = [min(open_[i], close[i]) - 0.5 - 0.3 * ((3 * i % 4) / 4) for i in range(_BARS)]
    volume = [1000.0 + 37 * (13 * i % 11) for i in range(_BARS)]
    times = (_FIRST_INDEX + np.arange(_BARS, dtype=np.int64)) * _STEP_MS
    return Candles("BTCUSDT", _STEP_MS, times, *(np.array(row) for row in (open_, high, low, close, volume)))


def _pivots(found: Columns) -> list[str]:
    sides = (("high", "H"), ("low", "L"))
    return [
        f"{bar}:{letter}@{found[f'{side}_idx'][bar] - _FIRST_INDEX:.0f}"
        for bar in range(_BARS)
        for side, letter in sides
        if found[f"{side}_accepted"][bar]
    ]


def _changes(states: list[str]) -> list[str]:
    return [f"{bar}:{state}" for bar, state in enumerate(states) if bar == 0 or state != states[bar - 1]]


def _trends(found: Columns) -> list[str]:
    both = zip(found["direction"], found["strength"], strict=True)
    return _changes([f"{direction:.0f}/{strength:.0f}" for direction, strength in both])


def _breaks(found: Columns) -> list[str]:
    sign = {BIASES.index("bullish"): "+", BIASES.index("bearish"): "-"}
    return [
        f"{bar}:{word}{sign[int(found[f'{word.lower()}_direction'][bar])]}"
        for bar in range(_BARS)
        for word in ("BOS", "CHoCH")
        if found[f"{word.lower()}_this_bar"][bar]
    ]


def _zones(found: Columns) -> list[str]:
    words, both = ("none", "active", "broken"), zip(found["state"], found["anchor_idx"], strict=True)
    return _changes([words[int(s)] + ("" if s == 0 else f"@{anchor - _FIRST_INDEX:.0f}") for s, anchor in both])


def _counts(found: Columns) -> list[str]:
    return _changes([f"{count:.0f}" for count in found["active_count"]])


def _depths(found: Columns) -> list[str]:
    words = STRUCTURES["premium_discount"].outputs(STRUCTURES["premium_discount"].settled({}))
    names = next(output.words for output in words if output.name == "zone")
    return _changes([names[int(place)] for place in found["zone"]])


def _flagged(flag: str, direction: str) -> Callable[[Columns], list[str]]:
    return lambda found: [f"{bar}:{found[direction][bar]:.0f}" for bar in range(_BARS) if found[flag][bar]]


def _liquidity(found: Columns) -> list[str]:
    sign = {1.0: "+", -1.0: "-"}
    return [
        text
        for bar in range(_BARS)
        for text in (
            *((f"{bar}:new",) if found["new_zone_this_bar"][bar] else ()),
            *((f"{bar}:sweep{sign[float(found['sweep_direction'][bar])]}",) if found["sweep_this_bar"][bar] else ()),
        )
    ]


@dataclass(frozen=True, slots=True)
class Vector:
    """A structure with parameters: its first events, `bar:what` with blanks between, and how many there are over the series."""

    kind: str
    params: Params
    events: Callable[[Columns], list[str]]
    first: str
    total: int


_STRONG: Final[Params] = {"body_atr_min": 1.0, "wick_ratio_max": 0.8}
_SWING: Final[Params] = {"left": 3, "right": 3}
_DERIVED: Final[Params] = {
    "levels": (0.382, 0.5, 0.618),
    "max_active": 5,
    "width_pct": 0.01,
    "break_tolerance_pct": 0.02,
}

_SWINGS: Final = """
    7:H@4 12:L@9 15:H@12 24:L@21 27:H@24 32:L@29 40:H@37 44:L@41 47:H@44 56:L@53 60:H@57 64:L@61 72:H@69 76:L@73 80:H@77 88:L@85
    92:H@89 96:L@93 104:H@101 108:L@105 112:H@109 120:L@117 125:H@122 128:L@125 135:H@132 140:L@137"""
_ZIGZAGS: Final = """
    15:H@14 30:L@21 46:H@37 56:L@53 72:H@69 87:L@85 104:H@101 119:L@117 135:H@132 151:L@149 167:H@164 183:L@179 199:H@196"""
_TRENDS: Final = """
    0:0/0 12:-1/0 15:1/1 24:0/0 27:-1/1 32:0/0 40:1/1 44:1/2 47:0/0 56:-1/1 60:-1/2 64:0/0 72:1/1 76:1/2 80:0/0 88:-1/1 92:-1/2
    96:0/0 104:1/1 108:1/2 112:0/0 120:-1/1 125:-1/2 128:0/0 135:1/1 140:1/2"""
_BREAKS_BY_CLOSE: Final = "15:BOS- 35:CHoCH+ 62:BOS+ 94:BOS+ 126:BOS+ 160:BOS+ 177:CHoCH-"
_BREAKS_BY_WICK: Final = "12:BOS+ 15:CHoCH- 47:BOS- 66:CHoCH+ 94:BOS+ 126:BOS+ 160:BOS+ 177:CHoCH-"
_DEMANDS: Final = """
    0:none 14:active@9 16:broken@9 24:active@21 32:active@29 44:active@41 48:broken@41 56:active@53 64:active@61 76:active@73
    79:broken@73 88:active@85 96:active@93 108:active@105 111:broken@105 120:active@117 128:active@125 140:active@137
    143:broken@137 152:active@149 160:active@157 172:active@169 175:broken@169 182:active@179 192:active@189"""
_ALIVE: Final = """
    0:0 12:3 16:0 24:3 25:1 26:0 27:3 30:2 31:0 32:3 33:0 40:3 41:0 44:3 48:0 56:3 57:1 60:3 62:1 63:0 64:3 65:0 72:3 73:1
    75:0 76:3 78:2 79:0"""
_DISPLACED: Final = """
    15:-1 16:-1 17:-1 31:1 32:1 33:1 47:-1 48:-1 49:-1 63:1 64:1 65:1 79:-1 80:-1 81:-1 95:1 96:1 97:1 111:-1 112:-1 113:-1
    127:1 128:1 129:1 144:-1 145:-1"""
_GAPS: Final = """
    2:1 3:1 4:1 15:-1 16:-1 17:-1 18:-1 19:-1 20:-1 31:1 32:1 33:1 34:1 35:1 36:1 47:-1 48:-1 49:-1 50:-1 51:-1 52:-1 55:1
    56:1 63:1 64:1 65:1"""
_SWEEPS: Final = """
    15:new 32:new 35:sweep+ 40:new 44:new 47:sweep- 60:new 62:sweep+ 66:sweep+ 72:new 76:new 79:sweep- 83:sweep- 88:new 92:new
    92:sweep+ 96:new 97:sweep+ 104:new 108:new 110:sweep- 112:new 114:sweep- 125:new 125:sweep+ 128:new"""
_DEPTHS: Final = """
    0:none 12:premium 13:equilibrium 15:discount 27:equilibrium 30:premium 44:equilibrium 46:discount 56:equilibrium
    59:discount 60:equilibrium 62:premium 72:equilibrium 75:premium 76:equilibrium 78:discount 88:equilibrium 92:premium
    104:equilibrium 109:discount 120:equilibrium 125:premium"""

VECTORS: Final = (
    Vector("swing", _SWING, _pivots, _SWINGS, 34),
    Vector("swing", {"mode": "atr_zigzag", "atr_multiplier": 2.0}, _pivots, _ZIGZAGS, 13),
    Vector("trend", {}, _trends, _TRENDS, 31),
    Vector("market_structure", {}, _breaks, _BREAKS_BY_CLOSE, 7),
    Vector("market_structure", {"confirmation_close": False}, _breaks, _BREAKS_BY_WICK, 8),
    Vector("zone", {"zone_type": "demand", "width_atr": 1.0}, _zones, _DEMANDS, 25),
    Vector("derived_zone", _DERIVED, _counts, _ALIVE, 71),
    Vector("displacement", _STRONG, _flagged("is_displacement", "direction"), _DISPLACED, 33),
    Vector("order_block", _STRONG, _flagged("new_this_bar", "new_direction"), _DISPLACED, 33),
    Vector("fair_value_gap", {}, _flagged("new_this_bar", "new_direction"), _GAPS, 94),
    Vector("liquidity_zones", {"tolerance_atr": 1.0}, _liquidity, _SWEEPS, 43),
    Vector("premium_discount", {}, _depths, _DEPTHS, 31),
    Vector("breaker_block", {}, _flagged("new_this_bar", "new_direction"), "", 0),
)


def check_structures() -> Verdict:
    """Every published vector."""
    verdict, rows = Verdict("cases"), rows_of(conformance_series())
    for vector in VECTORS:
        verdict.checked += 1
        found = vector.events(columns_of(vector.kind, vector.params, rows))
        wanted = vector.first.split()
        for place, event in enumerate(wanted):
            if found[place : place + 1] != [event]:
                verdict.faults.append(f"{vector.kind}: {' '.join(found[place : place + 1]) or 'no event'} where {event}")
                break
        verdict.expect(len(found) == vector.total, f"{vector.kind}: {len(found)} events where {vector.total}")
    return verdict


def columns_of(kind: str, params: Params, rows: Columns) -> Columns:
    """Outputs of a structure over the series, with what the vectors give those that it uses."""
    written = {"swing": _SWING, "displacement": _STRONG, "order_block": _STRONG, kind: params}
    case = structure_case(STRUCTURES[kind], rows, written)
    return dict(zip(case.outputs, case.run(), strict=True))
