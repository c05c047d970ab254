"""
Comparisons `> >= < <= == !=` of two operands: exact float comparison; a missing operand makes it unknown.

The six are one recurrence: the truth is looked up by "less", "equal", "greater".
"""

from collections.abc import Callable, Sequence

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.operators.spec import Operands, OperatorSpec, pack_operands, row


def compare(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: truth if left < right, if equal, if left > right; left number, right number (NaN: a column)."""
    left_row, right_row, truth = inputs[0][lo:hi], inputs[1][lo:hi], outputs[0][lo:hi]
    if_less, if_equal, if_greater = params[0], params[1], params[2]
    left_number, right_number = params[3], params[4]
    for t in range(len(truth)):
        left = left_row[t] if left_number != left_number else left_number
        right = right_row[t] if right_number != right_number else right_number
        truth[t] = if_greater if left > right else (if_equal if left == right else (if_less if left < right else MISSING))


def _pack(if_less: float, if_equal: float, if_greater: float) -> Callable[[Operands, Sequence[float]], Row]:
    return lambda operands, extra: row([if_less, if_equal, if_greater, *pack_operands(operands)])


SPECS = tuple(
    OperatorSpec(name, 2, _pack(*truths), compare)
    for name, truths in {
        ">": (0.0, 0.0, 1.0),
        ">=": (0.0, 1.0, 1.0),
        "<": (1.0, 0.0, 0.0),
        "<=": (1.0, 1.0, 0.0),
        "==": (0.0, 1.0, 0.0),
        "!=": (1.0, 0.0, 1.0),
    }.items()
)
