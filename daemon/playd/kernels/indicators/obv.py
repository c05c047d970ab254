"""
obv: on-balance volume. V₀ at the first bar; then plus V, minus V or plus 0 by the sign of Δx.

It depends on the first loaded bar. A missing bar restarts it. Equal to TA-Lib's OBV.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec


def obv(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: src, volume. No params. State: 1 once there is a last value, the last value, the balance."""
    x, volumes, value = inputs[0], inputs[1], outputs[0]
    begun, last, balance = state[0], state[1], state[2]
    for t in range(lo, hi):
        volume = volumes[t]
        if begun == 0.0 or x[t] > last:
            balance += volume
        elif x[t] < last:
            balance -= volume
        begun, last = 1.0, x[t]
        whole = last + volume + balance
        if whole - whole == 0.0:
            value[t] = balance
        else:  # the bar is missing, or the balance has overflowed
            begun, balance = 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2] = begun, last, balance


SPEC = IndicatorSpec(
    name="obv",
    params=(),
    inputs=("src", "volume"),
    outputs=(OutputSpec("value", lambda params: 0),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 3,
    lookback=lambda params: 0,
    pack=lambda params: np.zeros(0),
    recurrence=obv,
)
