"""
zlma: zero-lag moving average, EMA_n(2x − x₋k), k = floor((n−1)/2).

2x − x₋k starts at bar k; the average's seed is the mean of its first n values, at bar k+n−1. A missing value restarts the seed.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def zlma(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length, alpha, k.

    State: values before this one since the last missing one (up to k + length), the mean (a sum while seeding).
    """
    x, value = inputs[0], outputs[0]
    length, alpha, lag = params[0], params[1], int(params[2])
    seen, mean = state[0], state[1]
    seeded = lag + length
    for t in range(lo, hi):
        value[t] = MISSING
        if seen >= seeded:
            mean += alpha * (2.0 * x[t] - x[t - lag] - mean)
            value[t] = mean
        else:
            mean += 2.0 * x[t] - x[t - lag] if seen >= lag else 0.0
            seen += 1.0
            if seen == seeded:
                mean /= length
                value[t] = mean
        whole = x[t] + mean
        if whole - whole != 0.0:  # x is missing, or the mean has overflowed
            seen, mean = 0.0, 0.0
            value[t] = MISSING
    state[0], state[1] = seen, mean


def _lag(params: Params) -> int:
    return (integer(params, "length") - 1) // 2


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    return np.array([length, 2.0 / (length + 1.0), _lag(params)])


SPEC = IndicatorSpec(
    name="zlma",
    params=(length_param("length", 20, lo=2),),
    inputs=("src",),
    outputs=(OutputSpec("value", lambda params: _lag(params) + integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 4 * integer(params, "length"),
    state_size=lambda params: 2,
    lookback=_lag,
    pack=_pack,
    recurrence=zlma,
)
