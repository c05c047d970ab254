"""
trima: triangular moving average. Odd n: SMA_h(SMA_h(x)), h = (n+1)/2; even n: SMA_{n/2+1}(SMA_{n/2}(x)). Equal to TA-Lib's
TRIMA.

Over the last n values the weights rise by one from 1 to the middle and fall back to 1. A bar later the older half of them is
one lower and the newer half one higher, so three sums slide: T ← T + N − O, with N the newest and O the oldest ⌈n/2⌉ values.
They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and whenever so much has been
subtracted that rounding could show: the result stays within 1e-9 relative of the direct sum. A missing value makes the windows
that contain it missing.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import RESUM_BARS
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

CANCELLED: Final = 0.1
"""T adds up the rounding of N and O, at most 512² · 2⁻⁵³ ≈ 3e-11 of the largest T: less than 3e-10 of the present one."""


@part
def _sums_of_last(x: Row, t: int, length: int, half: int) -> tuple[float, float, float]:
    """T, N and O of the window that ends at t."""
    weighted, newest, oldest = 0.0, 0.0, 0.0
    for k in range(length):
        value = x[t - length + 1 + k]
        weighted += min(k + 1, length - k) * value
        oldest += value if k < half else 0.0
        newest += value if k >= length - half else 0.0
    return weighted, newest, oldest


def trima(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length, half of it (rounded up), sum of the weights.

    State: values since the last missing one (up to length), T, N, O, largest size of T since resummed.
    """
    x, index, value = inputs[0], inputs[1], outputs[0]
    length, half, weights = int(params[0]), int(params[1]), params[2]
    seen, weighted, newest, oldest, largest = int(state[0]), state[1], state[2], state[3], state[4]
    for t in range(lo, hi):
        if seen >= length:
            newest += x[t] - x[t - half]
            weighted += newest - oldest
            oldest += x[t - length + half] - x[t - length]
            largest = max(largest, abs(weighted))
            refresh = int(index[t]) % RESUM_BARS == 0 or abs(weighted) < largest * CANCELLED
        else:
            seen += 1
            refresh = seen == length
        if refresh:
            weighted, newest, oldest = _sums_of_last(x, t, length, half)
            largest = abs(weighted)
        value[t] = weighted / weights if seen == length else MISSING
        whole = x[t] + weighted + newest + oldest
        if whole - whole != 0.0:  # x is missing, or a sum has overflowed
            seen, weighted, newest, oldest = 0, 0.0, 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2], state[3], state[4] = seen, weighted, newest, oldest, largest


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    half = (length + 1) // 2
    return np.array([length, half, half * (length + 1 - half)], dtype=np.float64)


SPEC = IndicatorSpec(
    name="trima",
    params=(length_param("length", 20),),
    inputs=("src", "index"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 5,
    lookback=lambda params: integer(params, "length"),
    pack=_pack,
    recurrence=trima,
)
