"""
count_true, holds_for, occurred_within over the last N bars of this clock, the present one included.

Let t, f, u be the numbers of true, false, unknown in the window; bars before the first one count in u. count_true: true if
t ≥ min_true, false if t + u < min_true, else unknown. holds_for is count_true with min_true = N, occurred_within with
min_true = 1.
"""

from collections.abc import Sequence
from typing import Final

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.operators.spec import OperatorSpec, row

MOST_BARS: Final = 5000
"""Longest window of the language."""


def count_true(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: bars, min_true. State: bars so far (up to `bars`), true and false ones among the last `bars`."""
    x, truth = inputs[0], outputs[0]
    bars, enough = int(params[0]), int(params[1])
    seen, true, false = int(state[0]), int(state[1]), int(state[2])
    for t in range(lo, hi):
        if seen == bars:
            leaves = x[t - bars]
            true -= leaves == 1.0
            false -= leaves == 0.0
        else:
            seen += 1
        true += x[t] == 1.0
        false += x[t] == 0.0
        truth[t] = 1.0 if true >= enough else (0.0 if bars - false < enough else MISSING)
    state[0], state[1], state[2] = seen, true, false


def _lookback(params: Row) -> int:
    return int(params[0])


SPECS = (
    OperatorSpec(
        "count_true",
        1,
        lambda operands, extra: row([extra[0], extra[1]]),
        count_true,
        extras=("bars", "min_true"),
        state_size=3,
        lookback=_lookback,
        takes_truth=True,
    ),
    OperatorSpec(
        "holds_for",
        1,
        lambda operands, extra: row([extra[0], extra[0]]),
        count_true,
        extras=("bars",),
        state_size=3,
        lookback=_lookback,
        takes_truth=True,
    ),
    OperatorSpec(
        "occurred_within",
        1,
        lambda operands, extra: row([extra[0], 1.0]),
        count_true,
        extras=("bars",),
        state_size=3,
        lookback=_lookback,
        takes_truth=True,
    ),
)
