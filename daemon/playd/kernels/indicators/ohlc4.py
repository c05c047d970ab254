"""ohlc4: the bar's average price, (O+H+L+C)/4. Equal to TA-Lib's AVGPRICE."""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec


def ohlc4(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """No params, no state."""
    open_, high, low, close = inputs[0][lo:hi], inputs[1][lo:hi], inputs[2][lo:hi], inputs[3][lo:hi]
    value = outputs[0][lo:hi]
    for t in range(len(value)):
        mean = (open_[t] + high[t] + low[t] + close[t]) / 4.0
        value[t] = mean if mean - mean == 0.0 else MISSING


SPEC = IndicatorSpec(
    name="ohlc4",
    params=(),
    inputs=("open", "high", "low", "close"),
    outputs=(OutputSpec("value", lambda params: 0),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 0,
    lookback=lambda params: 0,
    pack=lambda params: np.zeros(0),
    recurrence=ohlc4,
)
