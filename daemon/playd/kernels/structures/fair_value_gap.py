"""
fair_value_gap: three candles of which the first and the last do not overlap, and how far price has come back into the hole.

From the third bar: L > H₋₂ is a bullish gap [H₋₂, L], H < L₋₂ a bearish one [H, L₋₂]; with min_gap_atr > 0 only if it is at
least that many ATR wide, and none without ATR. Every living gap, the new one included: bullish and L ≤ upper → fill = max(fill,
min(1, (upper − L)/size)); a fill of at least 0.5 mitigates it, a close below lower invalidates it. Bearish mirrored. Counts and
nearest look at living gaps; the newest max_active are kept whether they live or not. A gap is known at the close of its third
bar.
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ParamSpec, integer
from playd.kernels.structures.slots import (
    DIRECTION,
    FILL,
    LOWER,
    MAX_ACTIVE,
    MITIGATED_ROW,
    UPPER,
    WIDTH,
    drop_oldest,
    push,
    report,
    reported,
    size,
)
from playd.kernels.structures.spec import ATR_KEY, Output, Settings, StructureSpec, count_out, flag_out, float_out, number

SCALARS: Final = 6
"""Places in the state before the slots."""


@part
def _fill(slots: Row, high: float, low: float, close: float) -> bool:
    """One bar enters the living gaps, newest first. True if one of them was mitigated."""
    mitigated = False
    for at in range(0, len(slots), WIDTH):
        side, upper, lower = slots[at + DIRECTION], slots[at + UPPER], slots[at + LOWER]
        if side == 0.0:
            continue
        inside = upper - low if side > 0.0 else high - lower
        if inside >= 0.0:
            slots[at + FILL] = max(slots[at + FILL], min(1.0, inside / (upper - lower)))
        full = slots[at + FILL] >= 0.5
        mitigated = mitigated or full
        if full or (close < lower if side > 0.0 else close > upper):
            slots[at + DIRECTION] = 0.0
    return mitigated


def fair_value_gap(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, atr. Params: min_gap_atr.

    State: bars so far (up to 2), how many gaps there were; highs of the last bar and of the one before it, lows likewise;
    slots.
    """
    highs, lows, closes, atrs = inputs[0], inputs[1], inputs[2], inputs[3]
    least_atr, slots = params[0], state[SCALARS:]
    seen, version = state[0], state[1]
    last_high, first_high, last_low, first_low = state[2], state[3], state[4], state[5]
    for t in range(lo, hi):
        high, low, close = highs[t], lows[t], closes[t]
        made, upper, lower = 0.0, MISSING, MISSING
        if seen == 2.0 and low > first_high:
            made, upper, lower = 1.0, low, first_high
        elif seen == 2.0 and high < first_low:
            made, upper, lower = -1.0, first_low, high
        if least_atr > 0.0 and not (atrs[t] > 0.0 and upper - lower >= least_atr * atrs[t]):
            made = 0.0
        if made != 0.0:
            push(slots, made, upper, lower)
            version += 1.0
        mitigated = _fill(slots, high, low, close)
        drop_oldest(slots)
        bull, bear = report(outputs, t, slots, close, made)
        outputs[MITIGATED_ROW, t] = 1.0 if mitigated else 0.0
        outputs[MITIGATED_ROW + 1, t] = slots[bull + FILL] if bull >= 0 else MISSING
        outputs[MITIGATED_ROW + 2, t] = slots[bear + FILL] if bear >= 0 else MISSING
        outputs[MITIGATED_ROW + 3, t] = version
        seen = min(seen + 1.0, 2.0)
        first_high, last_high, first_low, last_low = last_high, high, last_low, low
    state[0], state[1] = seen, version
    state[2], state[3], state[4], state[5] = last_high, first_high, last_low, first_low


def _outputs(params: Settings) -> tuple[Output, ...]:
    fills = (float_out("nearest_bull_fill_pct", 2), float_out("nearest_bear_fill_pct", 2))
    return (*reported(2), flag_out("any_mitigated_this_bar"), *fills, count_out("version"))


def _pack(params: Settings, used: Collection[str]) -> Row:
    return np.array([number(params, "min_gap_atr")])


SPEC = StructureSpec(
    name="fair_value_gap",
    params=(ATR_KEY, ParamSpec("min_gap_atr", "float", 0.0, lo=0.0), MAX_ACTIVE),
    inputs=("high", "low", "close", "atr"),
    outputs=_outputs,
    fade=lambda params, used: 200,
    state_size=lambda params: SCALARS + size(integer(params, "max_active")),
    pack=_pack,
    recurrence=fair_value_gap,
)
