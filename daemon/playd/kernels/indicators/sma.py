"""
sma: simple moving average, the mean of the last n values. Equal to TA-Lib's SMA.

The sum slides. It is summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and whenever so much has
been subtracted that rounding could show: the result stays within 1e-9 relative of the direct sum. A missing value makes the
windows that contain it missing.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.sliding import CANCELLED, RESUM_BARS, sum_of_last
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def sma(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length.

    State: values since the last missing one (up to length), their sum, its largest size since resummed.
    """
    x, index, value = inputs[0], inputs[1], outputs[0]
    length = int(params[0])
    seen, total, largest = int(state[0]), state[1], state[2]
    for t in range(lo, hi):
        if seen >= length:
            total += x[t] - x[t - length]
            largest = max(largest, abs(total))
            if int(index[t]) % RESUM_BARS == 0 or abs(total) < largest * CANCELLED:
                total = sum_of_last(x, t, length)
                largest = abs(total)
            value[t] = total / length
        else:
            seen += 1
            total += x[t]
            largest = abs(total)
            value[t] = total / length if seen == length else MISSING
        if total - total != 0.0:  # x is missing, or the sum has overflowed
            seen, total = 0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2] = seen, total, largest


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="sma",
    params=(length_param("length", 20),),
    inputs=("src", "index"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 3,
    lookback=lambda params: integer(params, "length"),
    pack=_pack,
    recurrence=sma,
)
