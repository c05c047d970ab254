"""
fibonacci: levels at ratios of the distance between two pivots of a swing (play-language 6.5).

The anchors are the last pair of opposite pivots, or that pair whenever the trend has a direction, or the last high and the last
low. The levels stay until the anchors change. No delay beyond that of the swing.
"""

from collections.abc import Collection, Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ColumnType, ParamSpec
from playd.kernels.structures.carried import PIVOTS, finite, is_new, show
from playd.kernels.structures.spec import (
    BEARISH,
    BULLISH,
    NONE,
    Complaint,
    Output,
    Settings,
    StructureSpec,
    Use,
    count_out,
    float_out,
    level_name,
    number,
    numbers,
    word_out,
)
from playd.kernels.structures.swing import ANCHOR_TEXT

HIGH, LOW, RANGE, DIRECTION, ANCHOR, TREND = range(6)
"""Outputs before the levels, and places of their present values in the state."""

LEVELS = 6

BEGUN, SEEN_PAIR, SEEN_TREND, SEEN_HIGH, SEEN_LOW = range(5)
"""Places in the memory, which lies in the state behind the levels: what of the swing and the trend was seen last."""

MEMORY = 5

MODES = ("retracement", "extension", "extension_up", "extension_down")
RETRACEMENT, EXTENSION, EXTENSION_UP, EXTENSION_DOWN = 0.0, 1.0, 2.0, 3.0
UNPAIRED, PAIRED, BY_TREND = 0.0, 1.0, 2.0

MODE, SOURCE, RATIOS = 0, 1, 2
"""Places in the params. SOURCE: UNPAIRED, PAIRED or BY_TREND."""


@part
def _price(ratio: float, mode: float, high: float, low: float, direction: float) -> float:
    """The level at a ratio."""
    reach = ratio * (high - low)
    if mode == RETRACEMENT:
        return finite(high - reach)
    if mode == EXTENSION_DOWN or (mode == EXTENSION and direction == BEARISH):
        return finite(low - reach)
    return finite(high + reach)


@part
def _anchor(state: Row, params: Row, high: float, low: float, direction: float, pair: float, trend: float) -> None:
    """New anchors, unless one is missing."""
    span = high - low
    if span != span:
        return
    state[HIGH], state[LOW], state[RANGE] = high, low, finite(span)
    state[DIRECTION], state[ANCHOR], state[TREND] = direction, pair, trend
    for k in range(len(params) - RATIOS):
        state[LEVELS + k] = _price(params[RATIOS + k], params[MODE], high, low, direction)


@part
def _word_of(trend: float) -> float:
    return BULLISH if trend > 0.0 else BEARISH


def fibonacci(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: the swing's high_level, low_level, high_idx, low_idx, pair_high_level, pair_low_level, pair_direction, pair_version,
    the trend's direction, version. Params: mode, source, ratios. State: outputs, memory.
    """
    highs, lows, high_idx, low_idx, pair_highs, pair_lows = inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]
    directions, pairs, trends, trend_versions = inputs[6], inputs[7], inputs[8], inputs[9]
    source = params[SOURCE]
    count = LEVELS + len(params) - RATIOS
    memory = state[count:]
    if memory[BEGUN] == 0.0 and lo < hi:
        memory[BEGUN] = 1.0
        state[HIGH] = state[LOW] = state[RANGE] = MISSING
        state[LEVELS:count] = MISSING
    for t in range(lo, hi):
        if source == UNPAIRED:
            high, low = high_idx[t], low_idx[t]
            if is_new(high, memory[SEEN_HIGH]) or is_new(low, memory[SEEN_LOW]):
                memory[SEEN_HIGH], memory[SEEN_LOW] = high, low
                _anchor(state, params, highs[t], lows[t], NONE, 0.0, 0.0)
        elif source == PAIRED:
            if pairs[t] != memory[SEEN_PAIR]:
                memory[SEEN_PAIR] = pairs[t]
                _anchor(state, params, pair_highs[t], pair_lows[t], directions[t], pairs[t], 0.0)
        elif pairs[t] != memory[SEEN_PAIR] or trend_versions[t] != memory[SEEN_TREND]:
            memory[SEEN_PAIR], memory[SEEN_TREND] = pairs[t], trend_versions[t]
            if trends[t] != 0.0:
                _anchor(state, params, pair_highs[t], pair_lows[t], _word_of(trends[t]), 0.0, trends[t])
        show(outputs, t, state, count)


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (
        *(float_out("anchor_high"), float_out("anchor_low"), float_out("range")),
        word_out("anchor_direction"),
        Output("anchor_hash", ColumnType.ENUM, text=ANCHOR_TEXT),
        count_out("anchor_trend_direction"),
        *(float_out(level_name(ratio)) for ratio in numbers(params, "levels")),
    )


def _pack(params: Settings, used: Collection[str]) -> Row:
    paired = PAIRED if params["use_paired_anchor"] else UNPAIRED
    source = BY_TREND if params["use_trend_anchor"] else paired
    return np.array([MODES.index(str(params["mode"])), source, *numbers(params, "levels")], dtype=np.float64)


def _settle(params: Settings) -> Settings:
    if params["use_paired_anchor"] is None:
        return {**params, "use_paired_anchor": not number(params, "use_trend_anchor")}
    return params


def _by_trend(params: Settings) -> bool:
    return bool(params["use_trend_anchor"])


def _check(written: Settings) -> tuple[Complaint, ...]:
    paired, by_trend = written.get("use_paired_anchor"), written.get("use_trend_anchor")
    if paired and by_trend:
        text = "found use_paired_anchor and use_trend_anchor both true, which contradict each other, expected one of them"
        return (Complaint("E314", "use_paired_anchor", text),)
    if paired is False and not by_trend and written.get("mode") == "extension":
        text = "found mode extension without a paired or trend anchor, which alone have a direction, expected such an anchor"
        return (Complaint("E314", "mode", text),)
    return ()


SPEC = StructureSpec(
    name="fibonacci",
    params=(
        ParamSpec("levels", "numbers", lo=-10.0, hi=10.0, required=True, most=32),
        ParamSpec("mode", "word", "retracement", words=MODES),
        ParamSpec("use_paired_anchor", "bool"),
        ParamSpec("use_trend_anchor", "bool", default=False),
    ),
    inputs=(
        *PIVOTS,
        *("swing.pair_high_level", "swing.pair_low_level", "swing.pair_direction", "swing.pair_version"),
        *("trend.direction", "trend.version"),
    ),
    outputs=_outputs,
    fade=lambda params, used: 0,
    state_size=lambda params: LEVELS + len(numbers(params, "levels")) + MEMORY,
    pack=_pack,
    recurrence=fibonacci,
    uses=(Use("swing"), Use("trend", _by_trend, lambda params: not _by_trend(params))),
    settle=_settle,
    check=_check,
)
