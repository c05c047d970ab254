"""
midprice: the middle of the range, (HH_n + LL_n)/2.

A missing candle makes the windows that contain it missing. Equal to TA-Lib's MIDPRICE. Extremes slide by blocks, as in
`donchian`.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

COUNTS = 2
"""Places in a sliding least before its tails: bars in the present block, least of its head."""


@part
def _least(window: Row, value: float) -> float:
    """
    The least of the last n values, this one included; meaningless before there are n.

    Tails that are not needed any more make room for the values of the present block, from which the next tails are made.
    """
    bars, head, tails = int(window[0]), window[1], window[COUNTS:]
    head = value if bars == 0 or value < head else head
    tails[bars] = value
    bars += 1
    least = head
    if bars < len(tails):
        least = tails[bars] if tails[bars] < head else head
    else:
        bars = 0
        for k in range(len(tails) - 2, -1, -1):
            tails[k] = tails[k + 1] if tails[k + 1] < tails[k] else tails[k]
    window[0], window[1] = bars, head
    return least


def midprice(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to length), sliding least of the lows, of −high.
    """
    highs, lows, value = inputs[0], inputs[1], outputs[0]
    length = int(params[0])
    low_window, high_window = state[1 : 1 + COUNTS + length], state[1 + COUNTS + length :]
    seen = int(state[0])
    for t in range(lo, hi):
        middle = (_least(low_window, lows[t]) - _least(high_window, -highs[t])) / 2.0
        seen = min(seen + 1, length)
        value[t] = middle if seen == length and middle - middle == 0.0 else MISSING
        whole = highs[t] + lows[t]
        if whole - whole != 0.0:  # the candle is missing
            seen, low_window[0], high_window[0] = 0, 0.0, 0.0
            value[t] = MISSING
    state[0] = seen


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="midprice",
    params=(length_param("length", 14, lo=2),),
    inputs=("high", "low"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 1 + 2 * (COUNTS + integer(params, "length")),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=midprice,
)
