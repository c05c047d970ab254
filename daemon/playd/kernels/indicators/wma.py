"""
wma: weighted moving average, Σ i·x_i / (n(n+1)/2) over the last n values, i = 1 oldest … n newest. Equal to TA-Lib's WMA.

Both sums slide: W ← W + n·x − S, S ← S + x − x₋n. They are summed afresh, oldest to newest, at every bar whose index is a
multiple of 512, and whenever so much has been subtracted that rounding could show: the result stays within 1e-9 relative of the
direct sum. A missing value makes the windows that contain it missing.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.sliding import RESUM_BARS, weighted_sums_of_last
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

CANCELLED: Final = 0.1
"""W adds up the rounding of S, at most 512² / 2 · 2⁻⁵³ ≈ 1.5e-11 of the largest W: less than 1.5e-10 of the present one."""


def wma(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length, sum of the weights.

    State: values since the last missing one (up to length), S, W, largest size of W since resummed.
    """
    x, index, value = inputs[0], inputs[1], outputs[0]
    length, weights = int(params[0]), params[1]
    seen, total, weighted, largest = int(state[0]), state[1], state[2], state[3]
    for t in range(lo, hi):
        if seen >= length:
            weighted += length * x[t] - total
            total += x[t] - x[t - length]
            largest = max(largest, abs(weighted))
            if int(index[t]) % RESUM_BARS == 0 or abs(weighted) < largest * CANCELLED:
                total, weighted = weighted_sums_of_last(x, t, length)
                largest = abs(weighted)
        else:
            seen += 1
            total += x[t]
            weighted += seen * x[t]
            largest = abs(weighted)
        value[t] = weighted / weights if seen == length else MISSING
        whole = total + weighted
        if whole - whole != 0.0:  # x is missing, or a sum has overflowed
            seen, total, weighted = 0, 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2], state[3] = seen, total, weighted, largest


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    return np.array([length, length * (length + 1) / 2.0])


SPEC = IndicatorSpec(
    name="wma",
    params=(length_param("length", 20),),
    inputs=("src", "index"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 4,
    lookback=lambda params: integer(params, "length"),
    pack=_pack,
    recurrence=wma,
)
