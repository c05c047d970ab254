"""
Arithmetic `+ - * / %` of two operands. Missing if an operand is, on division by zero, and if the result is infinite.

a % b has the sign of b (floored): a − b·floor(a/b).
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.operators.spec import Operands, OperatorSpec, pack_operands, row

ADD: Final = 0.0
SUBTRACT: Final = 1.0
MULTIPLY: Final = 2.0
DIVIDE: Final = 3.0
MODULO: Final = 4.0


def arithmetic(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: which operation, left number, right number (NaN: a column)."""
    left_row, right_row, value = inputs[0][lo:hi], inputs[1][lo:hi], outputs[0][lo:hi]
    operation, left_number, right_number = params[0], params[1], params[2]
    for t in range(len(value)):
        left = left_row[t] if left_number != left_number else left_number
        right = right_row[t] if right_number != right_number else right_number
        if operation == ADD:
            result = left + right
        elif operation == SUBTRACT:
            result = left - right
        elif operation == MULTIPLY:
            result = left * right
        elif operation == DIVIDE:
            result = left / right
        else:
            result = left - right * np.floor(left / right)
        value[t] = result if result - result == 0.0 else MISSING


def _pack(operation: float) -> Callable[[Operands, Sequence[float]], Row]:
    return lambda operands, extra: row([operation, *pack_operands(operands)])


SPECS = tuple(
    OperatorSpec(name, 2, _pack(operation), arithmetic, truth=False)
    for name, operation in {"+": ADD, "-": SUBTRACT, "*": MULTIPLY, "/": DIVIDE, "%": MODULO}.items()
)
