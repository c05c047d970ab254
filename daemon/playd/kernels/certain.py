"""certain: 1 where a truth is true, 0 where it is false or unknown. What fires on true alone, as actions and cases do."""

from collections.abc import Sequence
from typing import Final

from playd.kernels.compiled import Kernel, Row, Table, compile_kernel

STATE_SIZE: Final = 0


def certain(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Input: a truth. No params, no state."""
    truth, value = inputs[0][lo:hi], outputs[0][lo:hi]
    for t in range(len(value)):
        value[t] = 1.0 if truth[t] == 1.0 else 0.0


def kernel() -> Kernel:
    """The compiled recurrence."""
    return compile_kernel(certain, 1)
