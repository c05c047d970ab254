"""
near_abs: |l − r| ≤ tolerance. near_pct: |l − r| ≤ |r|·tolerance/100, unknown if r = 0.

A missing operand makes both unknown.
"""

from collections.abc import Sequence

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.operators.spec import Operands, OperatorSpec, pack_operands, row


def near_abs(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: left number, right number (NaN: a column), tolerance."""
    left_row, right_row, truth = inputs[0][lo:hi], inputs[1][lo:hi], outputs[0][lo:hi]
    left_number, right_number, tolerance = params[0], params[1], params[2]
    for t in range(len(truth)):
        left = left_row[t] if left_number != left_number else left_number
        right = right_row[t] if right_number != right_number else right_number
        distance = abs(left - right)
        truth[t] = 1.0 if distance <= tolerance else (0.0 if distance > tolerance else MISSING)


def near_pct(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: left number, right number (NaN: a column), tolerance in percent of |right|."""
    left_row, right_row, truth = inputs[0][lo:hi], inputs[1][lo:hi], outputs[0][lo:hi]
    left_number, right_number, percent = params[0], params[1], params[2]
    for t in range(len(truth)):
        left = left_row[t] if left_number != left_number else left_number
        right = right_row[t] if right_number != right_number else right_number
        distance, tolerance = abs(left - right), abs(right) * percent / 100.0
        known = 1.0 if distance <= tolerance else (0.0 if distance > tolerance else MISSING)
        truth[t] = known if right != 0.0 else MISSING


def _pack(operands: Operands, extra: Sequence[float]) -> Row:
    return row([*pack_operands(operands), *extra])


SPECS = (
    OperatorSpec("near_abs", 2, _pack, near_abs, extras=("tolerance",)),
    OperatorSpec("near_pct", 2, _pack, near_pct, extras=("tolerance",)),
)
