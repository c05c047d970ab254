"""
kama: Kaufman's adaptive moving average. Equal to TA-Lib's KAMA.

Seed k = x_{n−1}, not output. From bar n: p = x − x₋n, s = Σ_n|Δx|; efficiency ER = 1 if s ≤ p or s = 0, else |p/s|;
c = (ER(2/3 − 2/31) + 2/31)²; k ← k + c(x − k). A missing value restarts the seed.

The sum s slides. It is summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and whenever so much has
been subtracted that rounding could show. A window of equal values has s = 0 exactly.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import CANCELLED, RESUM_BARS
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

SLOWEST: Final = 2.0 / 31.0
SPAN: Final = 2.0 / 3.0 - SLOWEST


@part
def _path_of_last(x: Row, t: int, length: int) -> float:
    total = 0.0
    for k in range(t - length + 1, t + 1):
        total += abs(x[k] - x[k - 1])
    return total


def kama(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length.

    State: values before this one since the last missing one (up to length + 1), the last value, changes of 0 in a row; s and
    its largest size since resummed; k.
    """
    x, index, value = inputs[0], inputs[1], outputs[0]
    length = int(params[0])
    seen, last, still = int(state[0]), state[1], state[2]
    path, largest, mean = state[3], state[4], state[5]
    for t in range(lo, hi):
        change = abs(x[t] - last)
        still = still + 1.0 if change == 0.0 else 0.0
        last = x[t]
        value[t] = MISSING
        if seen >= length:
            path += change
            if seen > length:
                path -= abs(x[t - length] - x[t - length - 1])
                largest = max(largest, path)
                if int(index[t]) % RESUM_BARS == 0 or path < largest * CANCELLED:
                    path = _path_of_last(x, t, length)
                    largest = path
            else:
                largest = path
                seen += 1
            gone = last - x[t - length]
            efficiency = 1.0 if path <= gone or path == 0.0 or still >= length else abs(gone / path)
            pace = efficiency * SPAN + SLOWEST
            mean += pace * pace * (last - mean)
            value[t] = mean
        else:
            path += change if seen > 0 else 0.0
            mean = last
            seen += 1
        whole = path + mean
        if whole - whole != 0.0:  # x is missing, or the sum has overflowed
            seen, path = 0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2] = seen, last, still
    state[3], state[4], state[5] = path, largest, mean


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="kama",
    params=(length_param("length", 10, lo=2),),
    inputs=("src", "index"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length")),),
    primary="value",
    fade=lambda params, step_ms: 4 * integer(params, "length"),
    state_size=lambda params: 6,
    lookback=lambda params: integer(params, "length") + 1,
    pack=_pack,
    recurrence=kama,
)
