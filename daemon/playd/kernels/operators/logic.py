"""
all, any, not: strong Kleene logic over true (1), false (0), unknown (NaN). The order of children has no effect.

`all` is false if any child is, else unknown if any is, else true. `any` mirrors it. `not` keeps unknown.
"""

from collections.abc import Sequence

from playd.kernels.compiled import Row, Table
from playd.kernels.operators.spec import OperatorSpec, row


def every(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Any number of inputs. No params, no state."""
    truth, first = outputs[0][lo:hi], inputs[0][lo:hi]
    for t in range(len(truth)):
        truth[t] = first[t]
    for k in range(1, len(inputs)):
        child = inputs[k][lo:hi]
        for t in range(len(truth)):
            truth[t] = 0.0 if (truth[t] == 0.0) | (child[t] == 0.0) else truth[t] * child[t]


def some(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Any number of inputs. No params, no state."""
    truth, first = outputs[0][lo:hi], inputs[0][lo:hi]
    for t in range(len(truth)):
        truth[t] = first[t]
    for k in range(1, len(inputs)):
        child = inputs[k][lo:hi]
        for t in range(len(truth)):
            truth[t] = 1.0 if (truth[t] == 1.0) | (child[t] == 1.0) else truth[t] + child[t]


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
