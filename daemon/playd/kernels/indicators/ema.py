"""
ema: exponential moving average.

Seed: the mean of the first n values, at bar n−1. Then e ← e + α(x − e), α = 2/(n+1). A missing value restarts the seed.
Equal to TA-Lib's EMA.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def ema(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: length, alpha. State: values seen since the last missing one, the mean (their sum while seeding)."""
    x, value = inputs[0], outputs[0]
    length, alpha = params[0], params[1]
    seen, mean = state[0], state[1]
    for t in range(lo, hi):
        if seen >= length:
            mean += alpha * (x[t] - mean)
            value[t] = mean
        else:
            seen += 1.0
            mean += x[t]
            if seen == length:
                mean /= length
            value[t] = mean if seen == length else MISSING
        if mean - mean != 0.0:  # x is missing, or the mean has overflowed
            seen, mean = 0.0, 0.0
            value[t] = MISSING
    state[0], state[1] = seen, mean


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    return np.array([length, 2.0 / (length + 1.0)])


SPEC = IndicatorSpec(
    name="ema",
    params=(length_param("length", 20),),
    inputs=("src",),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 4 * integer(params, "length"),
    state_size=lambda params: 2,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=ema,
)
