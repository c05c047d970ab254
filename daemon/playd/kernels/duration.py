"""
count_true over a span of time: the closes c of this clock with T − D < c ≤ T, T being the present close (play-language 4.7).

Closes that a gap has swallowed are not there and do not count. Closes of the span before the first bar ever count as unknown.
Let t, f, u be the numbers of true, false, unknown: true if t ≥ min_true, false if t + u < min_true, else unknown. holds_for
asks for all of them, occurred_within for one.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Kernel, Row, Table, compile_kernel

STATE_SIZE: Final = 4
ALL: Final = 0
"""As `min_true`: every close of the span."""


def duration(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: truth, close time in epoch ms. Params: span in ms, bar length in ms, min_true (0: all).

    State: first close time ever (0: none yet), bars inside the span, true and false ones among them.
    """
    x, close_time, truth = inputs[0], inputs[1], outputs[0]
    span, step, min_true = params[0], params[1], params[2]
    first, inside, true, false = state[0], int(state[1]), int(state[2]), int(state[3])
    for t in range(lo, hi):
        now = close_time[t]
        if first == 0.0:
            first = now
        inside += 1
        true += x[t] == 1.0
        false += x[t] == 0.0
        while close_time[t - inside + 1] <= now - span:
            leaves = x[t - inside + 1]
            true -= leaves == 1.0
            false -= leaves == 0.0
            inside -= 1
        before = max(0.0, np.ceil((first - (now - span)) / step) - 1.0)
        closes = inside + before
        enough = min_true if min_true > 0.0 else closes
        truth[t] = 1.0 if true >= enough else (0.0 if closes - false < enough else MISSING)
    state[0], state[1], state[2], state[3] = first, inside, true, false


def pack(span_ms: int, step_ms: int, min_true: int) -> Row:
    """The `params` of `duration` on a clock with bars of `step_ms`."""
    return np.array([span_ms, step_ms, min_true], dtype=np.float64)


def lookback(span_ms: int, step_ms: int) -> int:
    """Bars before `lo` that are read."""
    return -(-span_ms // step_ms)


def kernel() -> Kernel:
    """The compiled window."""
    return compile_kernel(duration, 2)
