"""
all, any, not: strong Kleene logic over true (1), false (0), unknown (NaN). The order of children has no effect.

`all` is false if any child is, else unknown if any is, else true. `any` mirrors it. `not` keeps unknown.
"""

from collections.abc import Sequence

from playd.kernels.compiled import Row, Table, part
from playd.kernels.operators.spec import OperatorSpec, row


@part
def _both(left: float, right: float) -> float:
    return 0.0 if (left == 0.0) | (right == 0.0) else left * right


@part
def _either(left: float, right: float) -> float:
    return 1.0 if (left == 1.0) | (right == 1.0) else left + right


def every(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Any number of inputs, the first and the last at once: one input alone is "both" with itself. No params, no state."""
    first, last, truth = inputs[0][lo:hi], inputs[len(inputs) - 1][lo:hi], outputs[0][lo:hi]
    for t in range(len(truth)):
        truth[t] = _both(first[t], last[t])
    for k in range(1, len(inputs) - 1):
        child = inputs[k][lo:hi]
        for t in range(len(truth)):
            truth[t] = _both(truth[t], child[t])


def some(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Any number of inputs, as in `every`. No params, no state."""
    first, last, truth = inputs[0][lo:hi], inputs[len(inputs) - 1][lo:hi], outputs[0][lo:hi]
    for t in range(len(truth)):
        truth[t] = _either(first[t], last[t])
    for k in range(1, len(inputs) - 1):
        child = inputs[k][lo:hi]
        for t in range(len(truth)):
            truth[t] = _either(truth[t], child[t])


def negation(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """One input. No params, no state."""
    child, truth = inputs[0][lo:hi], outputs[0][lo:hi]
    for t in range(len(truth)):
        truth[t] = 1.0 - child[t]


SPECS = (
    OperatorSpec("all", None, lambda operands, extra: row(()), every, takes_truth=True),
    OperatorSpec("any", None, lambda operands, extra: row(()), some, takes_truth=True),
    OperatorSpec("not", 1, lambda operands, extra: row(()), negation, takes_truth=True),
)
