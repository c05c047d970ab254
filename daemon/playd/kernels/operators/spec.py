"""
What is known about an operator before it runs.

Truth is 1 (true), 0 (false) or NaN (unknown). An operand is a column or a number. A number costs no column: it is written into
`params`, and the operator's input at that place may be any row of the same clock (it is not looked at).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from playd.kernels.compiled import MISSING, Kernel, Row, compile_kernel

Operands: TypeAlias = Sequence[float | None]
"""A number for each operand that is one, None for each operand that is a column."""


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """
    One operator of the catalog. All operators have one output.

    Attributes:
        inputs: Number of input rows; None if any number from 1 on is allowed.
        pack: `(operands, extra)` to the `params` array. `extra` holds what `extras` names, in that order.
        extras: Names of the literals that are not operands: `tolerance`, `bars`, `min_true`, `values` (any number of them).
        state_size, lookback: As for indicators, from the packed params.
        truth: True if the output is a truth value, False if it is a number.
        takes_truth: True if the inputs are truth values, False if they are operands.
    """

    name: str
    inputs: int | None
    pack: Callable[[Operands, Sequence[float]], Row]
    recurrence: Kernel
    extras: tuple[str, ...] = ()
    state_size: int = 0
    lookback: Callable[[Row], int] = lambda params: 0
    truth: bool = True
    takes_truth: bool = False

    def kernel(self, inputs: int) -> Kernel:
        """The compiled recurrence for that number of input rows."""
        return compile_kernel(self.recurrence, inputs)


def pack_operands(operands: Operands) -> list[float]:
    """One parameter per operand: the number, or NaN for a column."""
    return [MISSING if operand is None else float(operand) for operand in operands]


def row(values: Sequence[float]) -> Row:
    """Parameters as an array."""
    return np.array(values, dtype=np.float64)
