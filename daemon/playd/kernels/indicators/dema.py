"""
dema: double exponential moving average, 2e₁ − e₂ with e₁ = EMA_n(x), e₂ = EMA_n(e₁).

Each average is seeded with the mean of its first n values, so the first output is at 2(n−1). A missing value restarts the
seeds. Equal to TA-Lib's DEMA.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import ema_step
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def dema(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: length, alpha. State: values seen by e₁ since the last missing one, e₁; the same of e₂."""
    x, value = inputs[0], outputs[0]
    length, alpha = params[0], params[1]
    seen, first, first_seen, second = state[0], state[1], state[2], state[3]
    for t in range(lo, hi):
        seen, first = ema_step(seen, first, x[t], length, alpha)
        if seen >= length:
            first_seen, second = ema_step(first_seen, second, first, length, alpha)
        mean = 2.0 * first - second
        value[t] = mean if first_seen >= length else MISSING
        if mean - mean != 0.0:  # x is missing, or an average has overflowed
            seen, first, first_seen, second = 0.0, 0.0, 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2], state[3] = seen, first, first_seen, second


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    return np.array([length, 2.0 / (length + 1.0)])


SPEC = IndicatorSpec(
    name="dema",
    params=(length_param("length", 20),),
    inputs=("src",),
    outputs=(OutputSpec("value", lambda params: 2 * (integer(params, "length") - 1)),),
    primary="value",
    fade=lambda params, step_ms: 6 * integer(params, "length"),
    state_size=lambda params: 4,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=dema,
)
