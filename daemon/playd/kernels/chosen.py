"""chosen: the number of the first of several truths that is true, missing where none is. Which share an exit closes."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Kernel, Row, Table, compile_kernel

STATE_SIZE: Final = 0


def pack(numbers: Sequence[float]) -> Row:
    """One number per truth."""
    return np.array(numbers, dtype=np.float64)


def chosen(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: truths, the first wins. Params: their numbers. No state."""
    value = outputs[0][lo:hi]
    for t in range(len(value)):
        value[t] = MISSING
    for k in range(len(inputs) - 1, -1, -1):
        truth = inputs[k][lo:hi]
        for t in range(len(value)):
            if truth[t] == 1.0:
                value[t] = params[k]


def kernel(inputs: int) -> Kernel:
    """The compiled recurrence for that many truths."""
    return compile_kernel(chosen, inputs)
