"""
atr: average true range, in price units.

True range from bar 1: max(H−L, |H−C₋₁|, |L−C₋₁|). atr is its Wilder mean: the mean of the first n, at bar n, then
a ← (a(n−1) + TR)/n. A missing candle restarts the seed. Equal to TA-Lib's ATR.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import wilder_step
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def atr(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: length. State: candles since the last missing one (up to length + 1), last close, mean (a sum at first)."""
    highs, lows, closes, value = inputs[0], inputs[1], inputs[2], outputs[0]
    length = params[0]
    seen, last_close, mean = state[0], state[1], state[2]
    for t in range(lo, hi):
        high, low = highs[t], lows[t]
        true_range = max(high - low, max(abs(high - last_close), abs(low - last_close)))
        last_close = closes[t]
        value[t] = MISSING
        if seen > length:
            mean = wilder_step(mean, true_range, length)
            value[t] = mean
        elif seen > 0.0:
            mean += true_range
            if seen == length:
                mean /= length
                value[t] = mean
            seen += 1.0
        else:
            seen = 1.0
        whole = mean + high + low + last_close
        if whole - whole != 0.0:  # the candle is missing, or the mean has overflowed
            seen, mean = 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2] = seen, last_close, mean


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="atr",
    params=(length_param("length", 14),),
    inputs=("high", "low", "close"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length")),),
    primary="value",
    fade=lambda params, step_ms: 8 * integer(params, "length"),
    state_size=lambda params: 3,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=atr,
)
