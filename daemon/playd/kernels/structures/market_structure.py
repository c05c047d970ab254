"""
market_structure: breaks of structure and changes of character (play-language 6.4).

A close (or a wick) beyond the last high or low of a swing is a break of structure, BOS, in the direction of the bias; the last
pivot on the other side becomes the anchor. A close beyond the anchor is a change of character, CHoCH: the bias turns, and there
is no anchor until the next break of structure. A level breaks once; the next break needs a new pivot.

No delay beyond that of the swing.
"""

from collections.abc import Collection, Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ParamSpec
from playd.kernels.structures.carried import PIVOTS, is_new, show
from playd.kernels.structures.spec import (
    BEARISH,
    BULLISH,
    Output,
    Settings,
    StructureSpec,
    Use,
    count_out,
    flag_out,
    float_out,
    index_out,
    number,
    word_out,
)

BREAK_LEVEL, BIAS = 0, 2
BOS, BOS_WORD, BOS_IDX, BOS_LEVEL = 3, 4, 5, 6
CHOCH, CHOCH_WORD, CHOCH_IDX, CHOCH_LEVEL = 7, 8, 9, 10
VERSION = 11
"""Outputs, and places of their present values in the state. The break level of the lows stands behind that of the highs."""

OUTPUTS = 12
LATEST, LATEST_IDX, BROKEN_IDX, ANCHOR, ANCHOR_IDX, BEGUN = 12, 14, 16, 18, 19, 20
"""
Places in the state behind the outputs; the first three hold the highs, and the lows behind them. LATEST: the swing's pivots.
BROKEN_IDX: bar of the last pivot that was broken.
"""

STATE_SIZE = 21


@part
def _take_pivot(state: Row, side: int, level: float, idx: float) -> None:
    """Side 0: high, 1: low."""
    if is_new(idx, state[LATEST_IDX + side]):
        state[LATEST + side], state[LATEST_IDX + side] = level, idx
        if idx > state[BROKEN_IDX + side]:
            state[BREAK_LEVEL + side] = level


@part
def _break(state: Row, side: int, idx: float) -> None:
    """Break of structure through the high (side 0) or the low (side 1)."""
    state[BIAS] = 1.0 if side == 0 else -1.0
    state[BOS], state[BOS_WORD] = 1.0, BULLISH if side == 0 else BEARISH
    state[BOS_IDX], state[BOS_LEVEL] = idx, state[BREAK_LEVEL + side]
    state[BROKEN_IDX + side] = state[LATEST_IDX + side]
    state[BREAK_LEVEL + side] = MISSING
    other = 1 - side
    if state[LATEST_IDX + other] != 0.0:
        state[ANCHOR], state[ANCHOR_IDX] = state[LATEST + other], state[LATEST_IDX + other]
    state[VERSION] += 1.0


@part
def _turn(state: Row, side: int, idx: float) -> None:
    """Change of character through the anchor, a high (side 0) or a low (side 1)."""
    state[BIAS] = 1.0 if side == 0 else -1.0
    state[CHOCH], state[CHOCH_WORD] = 1.0, BULLISH if side == 0 else BEARISH
    state[CHOCH_IDX], state[CHOCH_LEVEL] = idx, state[ANCHOR]
    state[BROKEN_IDX + side] = state[ANCHOR_IDX]
    state[ANCHOR], state[BREAK_LEVEL + side] = MISSING, MISSING
    state[VERSION] += 1.0


@part
def _test(state: Row, up: float, down: float, idx: float) -> None:
    """One bar against the levels. Nothing is beyond a missing level."""
    if state[BIAS] == 0.0:
        if up > state[BREAK_LEVEL]:
            _break(state, 0, idx)
        elif down < state[BREAK_LEVEL + 1]:
            _break(state, 1, idx)
    elif state[BIAS] == 1.0:
        if down < state[ANCHOR]:
            _turn(state, 1, idx)
        elif up > state[BREAK_LEVEL]:
            _break(state, 0, idx)
    elif up > state[ANCHOR]:
        _turn(state, 0, idx)
    elif down < state[BREAK_LEVEL + 1]:
        _break(state, 1, idx)


def market_structure(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, index, the swing's high_level, low_level, high_idx, low_idx.

    Params: whether closes are tested, not highs and lows. State: see the places above.
    """
    highs, lows, closes, index = inputs[0], inputs[1], inputs[2], inputs[3]
    high_level, low_level, high_idx, low_idx = inputs[4], inputs[5], inputs[6], inputs[7]
    by_close = params[0] != 0.0
    if state[BEGUN] == 0.0 and lo < hi:
        state[BEGUN] = 1.0
        state[BREAK_LEVEL] = state[BREAK_LEVEL + 1] = state[ANCHOR] = MISSING
        state[BOS_IDX] = state[BOS_LEVEL] = state[CHOCH_IDX] = state[CHOCH_LEVEL] = MISSING
    for t in range(lo, hi):
        state[BOS] = state[CHOCH] = 0.0
        _take_pivot(state, 0, high_level[t], high_idx[t])
        _take_pivot(state, 1, low_level[t], low_idx[t])
        close = closes[t]
        _test(state, close if by_close else highs[t], close if by_close else lows[t], index[t])
        show(outputs, t, state, OUTPUTS)


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (
        *(float_out("break_level_high"), float_out("break_level_low")),
        count_out("bias"),
        *(flag_out("bos_this_bar"), word_out("bos_direction"), index_out("last_bos_idx"), float_out("last_bos_level")),
        *(flag_out("choch_this_bar"), word_out("choch_direction"), index_out("last_choch_idx"), float_out("last_choch_level")),
        count_out("version"),
    )


def _pack(params: Settings, used: Collection[str]) -> Row:
    return np.array([number(params, "confirmation_close")], dtype=np.float64)


SPEC = StructureSpec(
    name="market_structure",
    params=(ParamSpec("confirmation_close", "bool", default=True),),
    inputs=("high", "low", "close", "index", *PIVOTS),
    outputs=_outputs,
    fade=lambda params, used: 2 * used["swing"],
    state_size=lambda params: STATE_SIZE,
    pack=_pack,
    recurrence=market_structure,
    uses=(Use("swing"),),
)
