"""
As-of alignment: a column of one clock seen from another, closed bars only (play-language 3.2).

At each target bar that closes at T the result is the value of the last source bar whose close time is at most T. It is
missing if there is none, or if that bar closed at or before T − 2τ (τ: bar length of the source): gaps are bridged by one
bar, no more.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Kernel, Row, Table, compile_kernel

KIND: Final = "asof"
STATE_SIZE: Final = 1
SOURCE_ROWS_USED: Final = 0
"""
Place in the state of the number of source bars that have closed so far. Whoever drops rows from the front of the source's
table subtracts as many here; nothing else in any kernel's state is a position.
"""


def asof(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: source value, source close time, target close time (epoch ms; the target's row is indexed by lo…hi).

    The source's close times that are not written yet must be NaN: that is where the reading stops.
    Params: source bar length in ms. State: source bars that have closed so far.
    """
    source, source_close, target_close, value = inputs[0], inputs[1], inputs[2], outputs[0]
    reach = 2.0 * params[0]
    rows, used = len(source_close), int(state[0])
    for t in range(lo, hi):
        now = target_close[t]
        while used < rows and source_close[used] <= now:
            used += 1
        value[t] = source[used - 1] if used > 0 and source_close[used - 1] > now - reach else MISSING
    state[0] = used


def pack(source_step_ms: int) -> Row:
    """The `params` of `asof` for a source with bars of `source_step_ms`."""
    return np.array([source_step_ms], dtype=np.float64)


def kernel() -> Kernel:
    """The compiled alignment."""
    return compile_kernel(asof, 3)
