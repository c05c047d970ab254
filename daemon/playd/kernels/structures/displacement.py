"""
displacement: a candle whose body is large for the market and whose wicks are short for its body.

body = |C − O|; body_atr_ratio = body/ATR; wick_ratio = (H − max(O, C) + min(O, C) − L)/body. A displacement has body_atr_ratio
≥ body_atr_min and wick_ratio ≤ wick_ratio_max; its direction is the sign of C − O. A bar without ATR has
neither ratio; a body of 0 has the first, 0, and no second. ATR includes this bar. Known at the bar's close.
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ParamSpec
from playd.kernels.structures.spec import (
    ATR_KEY,
    Output,
    Settings,
    StructureSpec,
    count_out,
    flag_out,
    float_out,
    index_out,
    number,
)

BODY_ATR_MIN: Final = ParamSpec("body_atr_min", "float", 1.5, lo=0.0, above_lo=True)
WICK_RATIO_MAX: Final = ParamSpec("wick_ratio_max", "float", 0.4, lo=0.0)


@part
def ratios(open_: float, high: float, low: float, close: float, atr: float) -> tuple[float, float]:
    """Body to ATR, and wicks to body, where they exist."""
    body = abs(close - open_)
    wicks = high - max(open_, close) + min(open_, close) - low
    size, wick = body / atr, wicks / body
    if not atr > 0.0 or size - size != 0.0 or wicks - wicks != 0.0:
        return MISSING, MISSING
    return size, wick if wick - wick == 0.0 else MISSING


def displacement(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: open, high, low, close, index, atr. Params: body_atr_min, wick_ratio_max.

    State: how many there were, index and direction of the last one.
    """
    opens, highs, lows, closes, index, atrs = inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]
    body_min, wick_max = params[0], params[1]
    version, last_index, last_direction = state[0], state[1], state[2]
    for t in range(lo, hi):
        size, wick = ratios(opens[t], highs[t], lows[t], closes[t], atrs[t])
        direction = 0.0
        if size >= body_min and wick <= wick_max:
            direction = 1.0 if closes[t] > opens[t] else -1.0
            version, last_index, last_direction = version + 1.0, index[t], direction
        outputs[0, t] = 1.0 if direction != 0.0 else 0.0
        outputs[1, t] = direction
        outputs[2, t] = size
        outputs[3, t] = wick
        outputs[4, t] = last_index if version > 0.0 else MISSING
        outputs[5, t] = last_direction
        outputs[6, t] = version
    state[0], state[1], state[2] = version, last_index, last_direction


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (
        flag_out("is_displacement"),
        count_out("direction"),
        float_out("body_atr_ratio"),
        float_out("wick_ratio"),
        index_out("last_idx"),
        count_out("last_direction"),
        count_out("version"),
    )


def _pack(params: Settings, used: Collection[str]) -> Row:
    return np.array([number(params, "body_atr_min"), number(params, "wick_ratio_max")])


SPEC = StructureSpec(
    name="displacement",
    params=(ATR_KEY, BODY_ATR_MIN, WICK_RATIO_MAX),
    inputs=("open", "high", "low", "close", "index", "atr"),
    outputs=_outputs,
    fade=lambda params, used: 150,
    state_size=lambda params: 3,
    pack=_pack,
    recurrence=displacement,
)
