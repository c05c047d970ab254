"""ratio: close / close of the reference symbol, bar by bar. A bar where either is absent is missing (play-language 5.5)."""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec


def ratio(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: close, reference. No params, no state."""
    close, reference, value = inputs[0][lo:hi], inputs[1][lo:hi], outputs[0][lo:hi]
    for t in range(len(value)):
        quotient = close[t] / reference[t]
        value[t] = quotient if quotient - quotient == 0.0 else MISSING


SPEC = IndicatorSpec(
    name="ratio",
    params=(),
    inputs=("close", "reference"),
    outputs=(OutputSpec("value", lambda params: 0),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 0,
    lookback=lambda params: 0,
    pack=lambda params: np.zeros(0),
    recurrence=ratio,
)
