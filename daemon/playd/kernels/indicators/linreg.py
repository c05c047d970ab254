"""
linreg: the least-squares line over the last n values, at the newest of them. Equal to TA-Lib's LINEARREG.

With S = Σ x_i and W = Σ i·x_i (i = 1 oldest … n newest), the line's end is 3·W/(n(n+1)/2) − 2·S/n. Both sums slide:
W ← W + n·x − S, S ← S + x − x₋n. They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and
whenever so much has been subtracted that rounding could show: the result stays within 1e-9 relative of the direct sums. A
missing value makes the windows that contain it missing.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.sliding import RESUM_BARS, weighted_sums_of_last
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

CANCELLED: Final = 0.1
"""W adds up the rounding of S, at most 512² / 2 · 2⁻⁵³ ≈ 1.5e-11 of the largest S: less than 1.5e-10 of the present one."""


def linreg(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length, n(n+1)/2.

    State: values since the last missing one (up to length), S, W, largest size of S since resummed.
    """
    x, index, value = inputs[0], inputs[1], outputs[0]
    length, weights = int(params[0]), params[1]
    seen, total, weighted, largest = int(state[0]), state[1], state[2], state[3]
    for t in range(lo, hi):
        if seen >= length:
            weighted += length * x[t] - total
            total += x[t] - x[t - length]
            largest = max(largest, abs(total))
            if int(index[t]) % RESUM_BARS == 0 or abs(total) < largest * CANCELLED:
                total, weighted = weighted_sums_of_last(x, t, length)
                largest = abs(total)
        else:
            seen += 1
            total += x[t]
            weighted += seen * x[t]
            largest = abs(total)
        end = 3.0 * (weighted / weights) - 2.0 * (total / length)
        value[t] = end if seen == length else MISSING
        whole = total + weighted + end
        if whole - whole != 0.0:  # x is missing, or a sum has overflowed
            seen, total, weighted = 0, 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2], state[3] = seen, total, weighted, largest


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    return np.array([length, length * (length + 1) / 2.0])


SPEC = IndicatorSpec(
    name="linreg",
    params=(length_param("length", 14, lo=2),),
    inputs=("src", "index"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 4,
    lookback=lambda params: integer(params, "length"),
    pack=_pack,
    recurrence=linreg,
)
