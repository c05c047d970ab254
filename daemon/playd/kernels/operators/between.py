"""between: low ≤ x ≤ high. Three operands: x, low, high. A missing one makes it unknown; low > high is false."""

from collections.abc import Sequence

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.operators.spec import OperatorSpec, pack_operands, row


def between(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: number of x, low, high (NaN: a column)."""
    x_row, low_row, high_row, truth = inputs[0][lo:hi], inputs[1][lo:hi], inputs[2][lo:hi], outputs[0][lo:hi]
    x_number, low_number, high_number = params[0], params[1], params[2]
    for t in range(len(truth)):
        x = x_row[t] if x_number != x_number else x_number
        low = low_row[t] if low_number != low_number else low_number
        high = high_row[t] if high_number != high_number else high_number
        inside = 1.0 if (low <= x) & (x <= high) else 0.0
        truth[t] = inside if (x == x) & (low == low) & (high == high) else MISSING


SPEC = OperatorSpec("between", 3, lambda operands, extra: row(pack_operands(operands)), between)
