"""
zone: the range behind the last pivot of a swing, until price closes through it (play-language 6.6).

Demand lies below a low, supply above a high, `width_atr` ATRs wide. A new pivot replaces the zone in any state; without an ATR
it waits for one. No delay beyond that of the swing.
"""

from collections.abc import Collection, Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ParamSpec
from playd.kernels.structures.carried import PIVOTS, finite, is_new, show
from playd.kernels.structures.spec import (
    ATR_KEY,
    Output,
    Settings,
    StructureSpec,
    Use,
    count_out,
    float_out,
    index_out,
    number,
    word_out,
)

WORDS = ("none", "active", "broken")
ACTIVE, BROKEN = 1.0, 2.0

STATE, UPPER, LOWER, ANCHOR_IDX, VERSION = range(5)
"""Outputs, and places of their present values in the state."""

OUTPUTS = 5
BEGUN = 5
STATE_SIZE = 6


@part
def _update(state: Row, supply: bool, width: float, level: float, idx: float, close: float, atr: float) -> None:
    if is_new(idx, state[ANCHOR_IDX]):
        if not atr > 0.0:
            return
        edge = finite(level + width * atr if supply else level - width * atr)
        state[STATE], state[ANCHOR_IDX] = ACTIVE, idx
        state[UPPER], state[LOWER] = (edge, level) if supply else (level, edge)
        state[VERSION] += 1.0
    if state[STATE] == ACTIVE and (close > state[UPPER] if supply else close < state[LOWER]):
        state[STATE] = BROKEN
        state[VERSION] += 1.0


def zone(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: close, atr, the swing's high_level, low_level, high_idx, low_idx. Params: whether it is supply, width in ATRs.

    State: the outputs, and whether there was a bar.
    """
    closes, atrs = inputs[0], inputs[1]
    supply, width = params[0] != 0.0, params[1]
    levels, indices = (inputs[2], inputs[4]) if supply else (inputs[3], inputs[5])
    if state[BEGUN] == 0.0 and lo < hi:
        state[BEGUN] = 1.0
        state[UPPER] = state[LOWER] = state[ANCHOR_IDX] = MISSING
    for t in range(lo, hi):
        _update(state, supply, width, levels[t], indices[t], closes[t], atrs[t])
        show(outputs, t, state, OUTPUTS)


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (word_out("state", WORDS), float_out("upper"), float_out("lower"), index_out("anchor_idx"), count_out("version"))


def _pack(params: Settings, used: Collection[str]) -> Row:
    return np.array([params["zone_type"] == "supply", number(params, "width_atr")], dtype=np.float64)


SPEC = StructureSpec(
    name="zone",
    params=(
        ParamSpec("zone_type", "word", words=("demand", "supply"), required=True),
        ParamSpec("width_atr", "float", lo=0.0, above_lo=True, required=True),
        ATR_KEY,
    ),
    inputs=("close", "atr", *PIVOTS),
    outputs=_outputs,
    fade=lambda params, used: 0,
    state_size=lambda params: STATE_SIZE,
    pack=_pack,
    recurrence=zone,
    uses=(Use("swing"),),
)
