"""mom: momentum, x − x₋n. A missing value makes the windows that contain it missing. Equal to TA-Lib's MOM."""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.sliding import has_missing
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def mom(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: length. State: values before this one since the last missing one (up to length)."""
    x, value = inputs[0], outputs[0]
    length = int(params[0])
    seen = int(state[0])
    start = hi if has_missing(x[lo:hi]) else min(lo + length - seen, hi)
    for t in range(lo, start):
        change = x[t] - x[t - length] if seen == length else 0.0
        value[t] = change if seen == length and change - change == 0.0 else MISSING
        seen = min(seen + 1, length)
        if x[t] - x[t] != 0.0:  # x is missing
            seen = 0
            value[t] = MISSING
    state[0] = seen
    if start < hi:  # bars are independent of each other here, so they go in parallel
        present, past, changes = x[start:hi], x[start - length : hi - length], value[start:hi]
        for t in range(len(changes)):
            change = present[t] - past[t]
            changes[t] = change if change - change == 0.0 else MISSING


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="mom",
    params=(length_param("length", 10),),
    inputs=("src",),
    outputs=(OutputSpec("value", lambda params: integer(params, "length")),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 1,
    lookback=lambda params: integer(params, "length"),
    pack=_pack,
    recurrence=mom,
)
