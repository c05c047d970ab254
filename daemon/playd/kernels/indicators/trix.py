"""
trix: percent change of a triple exponential average, 100(e/e₋₁ − 1), e = EMA_n(EMA_n(EMA_n(x))), with signal =
SMA_signal(trix).

Each average is seeded with the mean of its first n values: trix starts at 3(n−1)+1, signal at 3(n−1)+signal. A zero divisor
gives missing. A missing value restarts the seeds. trix equals TA-Lib's TRIX.

The signal's sum slides over a ring. It is summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and
whenever so much has been subtracted that rounding could show: it stays within 1e-9 relative of the direct sum.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import ema_step
from playd.kernels.sliding import RESUM_BARS, slide
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

AVERAGES: Final = 7
"""Places in the state before the signal: values in its ring, place of the oldest, their sum, its largest since resummed."""

RING: Final = AVERAGES + 4
"""Where the ring of the signal begins."""


def trix(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length, alpha.

    State: values seen and mean of each of the three averages, 1 once there is a last e; of the signal, values in its ring,
    place of the oldest, their sum, its largest size since resummed, the ring.
    """
    x, index, line, signal = inputs[0], inputs[1], outputs[0], outputs[1]
    length, alpha, ring = params[0], params[1], state[RING:]
    signal_length = len(ring)
    seen, first, first_seen, second, second_seen, third = state[0], state[1], state[2], state[3], state[4], state[5]
    begun, held, place, sums = state[6], int(state[7]), int(state[8]), (state[9], state[10])
    for t in range(lo, hi):
        last = third
        seen, first = ema_step(seen, first, x[t], length, alpha)
        if seen >= length:
            first_seen, second = ema_step(first_seen, second, first, length, alpha)
        if first_seen >= length:
            second_seen, third = ema_step(second_seen, third, second, length, alpha)
        line[t] = signal[t] = MISSING
        percent = 0.0
        if begun != 0.0:
            percent = 100.0 * (third / last - 1.0) if last != 0.0 else MISSING
            line[t] = percent
            sums = slide(ring, place, held == signal_length, sums, percent, int(index[t]) % RESUM_BARS == 0)
            place = place + 1 if place + 1 < signal_length else 0
            held = min(held + 1, signal_length)
            signal[t] = sums[0] / signal_length if held == signal_length else MISSING
        begun = 1.0 if second_seen >= length else 0.0
        whole = first + second + third
        if whole - whole != 0.0:  # x is missing, or an average has overflowed
            seen, first, first_seen, second, second_seen, third, begun = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        whole += percent + sums[0]
        if whole - whole != 0.0:  # so is trix, or the sum of the signal has overflowed
            held, place, sums = 0, 0, (0.0, 0.0)
            line[t] = signal[t] = MISSING
    state[0], state[1], state[2], state[3], state[4], state[5] = seen, first, first_seen, second, second_seen, third
    state[6], state[7], state[8], state[9], state[10] = begun, held, place, sums[0], sums[1]


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    return np.array([length, 2.0 / (length + 1.0)])


def _first(params: Params) -> int:
    return 3 * (integer(params, "length") - 1) + 1


SPEC = IndicatorSpec(
    name="trix",
    params=(length_param("length", 18), length_param("signal", 9)),
    inputs=("src", "index"),
    outputs=(
        OutputSpec("trix", _first, gaps=True),
        OutputSpec("signal", lambda params: _first(params) + integer(params, "signal") - 1, gaps=True),
    ),
    primary="trix",
    fade=lambda params, step_ms: 8 * integer(params, "length"),
    state_size=lambda params: RING + integer(params, "signal"),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=trix,
)
