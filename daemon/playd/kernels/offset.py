"""offset: the value k bars back on the column's own clock; missing until k bars have passed."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Kernel, Row, Table, compile_kernel

STATE_SIZE: Final = 1
MOST_BARS: Final = 5000
"""Longest offset of the language."""


def offset(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: bars back (0…5000), which is also the look back. State: bars so far, up to that many."""
    source, value = inputs[0], outputs[0]
    bars = int(params[0])
    start = min(lo + bars - int(state[0]), hi)
    for t in range(lo, start):
        value[t] = MISSING
    if start < hi:
        past, present = source[start - bars : hi - bars], value[start:hi]
        for t in range(len(present)):
            present[t] = past[t]
    state[0] = min(bars, int(state[0]) + hi - lo)


def pack(bars: int) -> Row:
    """The `params` of `offset`."""
    return np.array([bars], dtype=np.float64)


def kernel() -> Kernel:
    """The compiled offset."""
    return compile_kernel(offset, 1)
