"""in: the operand equals one of the values. A missing operand makes it unknown."""

from collections.abc import Sequence

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.operators.spec import Operands, OperatorSpec, pack_operands, row


def membership(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: number of the operand (NaN: a column), then the values."""
    x_row, truth, values = inputs[0][lo:hi], outputs[0][lo:hi], params[1:]
    x_number = params[0]
    for t in range(len(truth)):
        x = x_row[t] if x_number != x_number else x_number
        found = 0.0
        for value in values:
            if x == value:
                found = 1.0
        truth[t] = found if x == x else MISSING


def _pack(operands: Operands, extra: Sequence[float]) -> Row:
    return row([*pack_operands(operands), *extra])


SPEC = OperatorSpec("in", 1, _pack, membership, extras=("values",))
