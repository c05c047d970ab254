"""
absent: a series of the language that nothing loads: missing at every bar, so that a condition on it is unknown and never fires.
"""

from collections.abc import Sequence
from typing import Final

from playd.kernels.compiled import MISSING, Kernel, Row, Table, compile_kernel

KIND: Final = "absent"
"""What a Program calls such a node."""

STATE_SIZE: Final = 0


def absent(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Input: any row of the clock. Params: a number that tells one absent series from another. No state."""
    value = outputs[0][lo:hi]
    for t in range(len(value)):
        value[t] = MISSING


def kernel() -> Kernel:
    """The compiled recurrence."""
    return compile_kernel(absent, 1)
