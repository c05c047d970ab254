"""
midprice: the middle of the range, (HH_n + LL_n)/2.

A missing candle makes the windows that contain it missing. Equal to TA-Lib's MIDPRICE. Extremes slide by blocks, as in
`donchian`.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.sliding import least_of_last
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def midprice(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to length), place in the block, heads of the lows and of −high, their tails.
    """
    highs, lows, value = inputs[0], inputs[1], outputs[0]
    length = int(params[0])
    low_tails, high_tails = state[4 : 4 + length], state[4 + length :]
    seen, bars, low_head, high_head = int(state[0]), int(state[1]), state[2], state[3]
    for t in range(lo, hi):
        low_head, least = least_of_last(low_tails, bars, low_head, lows[t])
        high_head, highest = least_of_last(high_tails, bars, high_head, -highs[t])
        bars = bars + 1 if bars + 1 < length else 0
        middle = (least - highest) / 2.0
        seen = min(seen + 1, length)
        value[t] = middle if seen == length and middle - middle == 0.0 else MISSING
        whole = highs[t] + lows[t]
        if whole - whole != 0.0:  # the candle is missing
            seen, bars = 0, 0
            value[t] = MISSING
    state[0], state[1], state[2], state[3] = seen, bars, low_head, high_head


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="midprice",
    params=(length_param("length", 14, lo=2),),
    inputs=("high", "low"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 4 + 2 * integer(params, "length"),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=midprice,
)
