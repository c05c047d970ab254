"""
rsi: relative strength index, 0…100.

g and l are Wilder means of the rises and the falls of x: the mean of the first n, then a ← (a(n−1) + x)/n. rsi = 100g/(g+l),
0 if nothing moved. A missing value restarts the seeds. Equal to TA-Lib's RSI.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.exponential import wilder_step
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


@part
def _strength(gain: float, loss: float) -> float:
    moved = gain + loss
    return 100.0 * (gain / moved) if moved != 0.0 else 0.0


def rsi(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: length. State: values since the last missing one (up to length + 1), last value, g and l (sums at first)."""
    x, value = inputs[0], outputs[0]
    length = params[0]
    seen, last, gain, loss = state[0], state[1], state[2], state[3]
    for t in range(lo, hi):
        change = x[t] - last
        rise = change if change > 0.0 else 0.0
        fall = -change if change < 0.0 else 0.0
        last = x[t]
        value[t] = MISSING
        if seen > length:
            gain = wilder_step(gain, rise, length)
            loss = wilder_step(loss, fall, length)
            value[t] = _strength(gain, loss)
        elif seen > 0.0:
            gain += rise
            loss += fall
            if seen == length:
                gain /= length
                loss /= length
                value[t] = _strength(gain, loss)
            seen += 1.0
        else:
            seen = 1.0
        moved = gain + loss + last
        if moved - moved != 0.0:  # x is missing, or a sum has overflowed
            seen, gain, loss = 0.0, 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2], state[3] = seen, last, gain, loss


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="rsi",
    params=(length_param("length", 14, lo=2),),
    inputs=("src",),
    outputs=(OutputSpec("value", lambda params: integer(params, "length")),),
    primary="value",
    fade=lambda params, step_ms: 8 * integer(params, "length"),
    state_size=lambda params: 4,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=rsi,
)
