"""
cross_above: l′ ≤ r′ and l > r. cross_below: l′ ≥ r′ and l < r.

l′, r′ are the values at the previous existing bar of this clock. If any of the four is missing, or there is no previous bar, it
is unknown. A number is its own previous value.
"""

from collections.abc import Sequence

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.operators.spec import OperatorSpec, pack_operands, row


def cross_above(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: left number, right number (NaN: a column), 1 if the sides are exchanged.

    State: 1 if there was a bar, its left and right value.
    """
    left_row, right_row, truth = inputs[0][lo:hi], inputs[1][lo:hi], outputs[0][lo:hi]
    left_number, right_number = params[0], params[1]
    if params[2] == 1.0:
        left_row, right_row = right_row, left_row
        left_number, right_number = right_number, left_number
    last_left = state[1] if state[0] == 1.0 else MISSING
    last_right = state[2] if state[0] == 1.0 else MISSING
    for t in range(len(truth)):
        left = left_row[t] if left_number != left_number else left_number
        right = right_row[t] if right_number != right_number else right_number
        known = ((last_left <= last_right) | (last_left > last_right)) & ((left > right) | (left <= right))
        crossed = 1.0 if (last_left <= last_right) & (left > right) else 0.0
        truth[t] = crossed if known else MISSING
        last_left, last_right = left, right
    if lo < hi:
        state[0], state[1], state[2] = 1.0, last_left, last_right


SPECS = (
    OperatorSpec("cross_above", 2, lambda operands, extra: row([*pack_operands(operands), 0.0]), cross_above, state_size=3),
    OperatorSpec("cross_below", 2, lambda operands, extra: row([*pack_operands(operands), 1.0]), cross_above, state_size=3),
)
