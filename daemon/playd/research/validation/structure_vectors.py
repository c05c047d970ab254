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
    """A structure with parameters: its first events, and how many there are over the series."""

    kind: str
    params: Params
    events: Callable[[Columns], list[str]]
    first: str
    total: int


_STRONG: Final[Params] = {"body_atr_min": 1.0, "wick_ratio_max": 0.8}
_SWING: Final[Params] = {"left": 3, "right": 3}
_DISPLACED: Final = "15:-1 16:-1 17:-1 31:1 32:1 33:1 47:-1 48:-1 49:-1 63:1 64:1 65:1 79:-1 80:-1 81:-1 95:1 96:1 97:1 111:-1"

VECTORS: Final = (
    Vector("swing", _SWING, _pivots, "7:H@4 12:L@9 15:H@12 24:L@21 27:H@24 32:L@29 40:H@37 44:L@41", 34),
    Vector("swing", {"mode": "atr_zigzag", "atr_multiplier": 2.0}, _pivots, "15:H@14 30:L@21 46:H@37 56:L@53 72:H@69", 13),
    Vector("trend", {}, _trends, "0:0/0 12:-1/0 15:1/1 24:0/0 27:-1/1 32:0/0 40:1/1 44:1/2 47:0/0 56:-1/1 60:-1/2", 31),
    Vector("market_structure", {}, _breaks, "15:BOS- 35:CHoCH+ 62:BOS+ 94:BOS+ 126:BOS+ 160:BOS+ 177:CHoCH-", 7),
    Vector(
        "market_structure", {"confirmation_close": False}, _breaks, "12:BOS+ 15:CHoCH- 47:BOS- 66:CHoCH+ 94:BOS+ 126:BOS+", 8
    ),
    Vector(
        "zone",
        {"zone_type": "demand", "width_atr": 1.0},
        _zones,
        "0:none 14:active@9 16:broken@9 24:active@21 32:active@29",
        25,
    ),
    Vector(
        "derived_zone",
        {"levels": (0.382, 0.5, 0.618), "max_active": 5, "width_pct": 0.01, "break_tolerance_pct": 0.02},
        _counts,
        "0:0 12:3 16:0 24:3 25:1 26:0 27:3 30:2 31:0 32:3 33:0 40:3 41:0 44:3 48:0 56:3 57:1 60:3 62:1 63:0",
        71,
    ),
    Vector("displacement", _STRONG, _flagged("is_displacement", "direction"), _DISPLACED, 33),
    Vector("order_block", _STRONG, _flagged("new_this_bar", "new_direction"), _DISPLACED, 33),
    Vector("fair_value_gap", {}, _flagged("new_this_bar", "new_direction"), "2:1 3:1 4:1 15:-1 16:-1 17:-1 18:-1 19:-1", 94),
    Vector("liquidity_zones", {"tolerance_atr": 1.0}, _liquidity, "15:new 32:new 35:sweep+ 40:new 44:new 47:sweep- 60:new", 43),
    Vector("premium_discount", {}, _depths, "0:none 12:premium 13:equilibrium 15:discount 27:equilibrium 30:premium", 31),
    Vector("breaker_block", {}, _flagged("new_this_bar", "new_direction"), "", 0),
)


def check_structures() -> Verdict:
    """Every published vector."""
    verdict, rows = Verdict("cases"), rows_of(conformance_series())
    for vector in VECTORS:
        verdict.checked += 1
        found = _events(vector, rows)
        wanted = vector.first.split()
        verdict.expect(found[: len(wanted)] == wanted, f"{vector.kind}: {' '.join(found[: len(wanted)])} where {vector.first}")
        verdict.expect(len(found) == vector.total, f"{vector.kind}: {len(found)} events where {vector.total}")
    return verdict


def _events(vector: Vector, rows: Columns) -> list[str]:
    written = {"swing": _SWING, "displacement": _STRONG, "order_block": _STRONG, vector.kind: vector.params}
    case = structure_case(STRUCTURES[vector.kind], rows, written)
    return vector.events(dict(zip(case.outputs, case.run(), strict=True)))
