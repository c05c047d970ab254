"""
tema: triple exponential moving average, 3e₁ − 3e₂ + e₃ with e₁ = EMA_n(x), e₂ = EMA_n(e₁), e₃ = EMA_n(e₂).

Each average is seeded with the mean of its first n values, so the first output is at 3(n−1). A missing value restarts the
seeds. Equal to TA-Lib's TEMA.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import ema_step
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def tema(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: length, alpha. State: values seen by e₁ since the last missing one, e₁; the same of e₂ and of e₃."""
    x, value = inputs[0], outputs[0]
    length, alpha = params[0], params[1]
    seen, first, first_seen = state[0], state[1], state[2]
    second, second_seen, third = state[3], state[4], state[5]
    for t in range(lo, hi):
        seen, first = ema_step(seen, first, x[t], length, alpha)
        if seen >= length:
            first_seen, second = ema_step(first_seen, second, first, length, alpha)
        if first_seen >= length:
            second_seen, third = ema_step(second_seen, third, second, length, alpha)
        mean = 3.0 * first - 3.0 * second + third
        value[t] = mean if second_seen >= length else MISSING
        if mean - mean != 0.0:  # x is missing, or an average has overflowed
            seen, first, first_seen, second, second_seen, third = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2] = seen, first, first_seen
    state[3], state[4], state[5] = second, second_seen, third


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    return np.array([length, 2.0 / (length + 1.0)])


SPEC = IndicatorSpec(
    name="tema",
    params=(length_param("length", 20),),
    inputs=("src",),
    outputs=(OutputSpec("value", lambda params: 3 * (integer(params, "length") - 1)),),
    primary="value",
    fade=lambda params, step_ms: 8 * integer(params, "length"),
    state_size=lambda params: 6,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=tema,
)
