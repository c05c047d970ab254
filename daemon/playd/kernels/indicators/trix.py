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

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

RESUM_BARS: Final = 512
CANCELLED: Final = 1e-3
"""As in `sma`."""

COUNTS: Final = 4
"""Places in a sliding mean before its ring: values in it, place of the oldest, their sum, its largest size since resummed."""

AVERAGES: Final = 7
"""Places in the state before the sliding mean."""


@part
def _step(seen: float, mean: float, value: float, length: float, alpha: float) -> tuple[float, float]:
    """One more value into an exponential average: values so far (up to length), mean (their sum while seeding)."""
    if seen >= length:
        return seen, mean + alpha * (value - mean)
    seen += 1.0
    mean += value
    return seen, mean / length if seen == length else mean


@part
def _mean_of_last(window: Row, value: float, refresh: bool) -> float:
    """The mean of the last n values, this one included; missing before there are n."""
    seen, place, total, ring = int(window[0]), int(window[1]), window[2], window[COUNTS:]
    length = len(ring)
    total += value - ring[place] if seen >= length else value
    seen = min(seen + 1, length)
    ring[place] = value
    place = place + 1 if place + 1 < length else 0
    largest = max(window[3], abs(total))
    if seen == length and (refresh or abs(total) < largest * CANCELLED):
        total = 0.0
        for k in range(place, length):
            total += ring[k]
        for k in range(place):
            total += ring[k]
        largest = abs(total)
    window[0], window[1], window[2], window[3] = seen, place, total, largest
    return total / length if seen == length else MISSING


def trix(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length, alpha.

    State: values seen and mean of each of the three averages, 1 once there is a last e; the sliding mean of the signal.
    """
    x, index, line, signal = inputs[0], inputs[1], outputs[0], outputs[1]
    length, alpha, window = params[0], params[1], state[AVERAGES:]
    seen, first, first_seen, second, second_seen, third = state[0], state[1], state[2], state[3], state[4], state[5]
    begun = state[6]
    for t in range(lo, hi):
        last = third
        seen, first = _step(seen, first, x[t], length, alpha)
        if seen >= length:
            first_seen, second = _step(first_seen, second, first, length, alpha)
        if first_seen >= length:
            second_seen, third = _step(second_seen, third, second, length, alpha)
        line[t] = signal[t] = MISSING
        percent = 0.0
        if begun != 0.0:
            percent = 100.0 * (third / last - 1.0) if last != 0.0 else MISSING
            line[t] = percent
            signal[t] = _mean_of_last(window, percent, int(index[t]) % RESUM_BARS == 0)
        begun = 1.0 if second_seen >= length else 0.0
        whole = first + second + third
        if whole - whole != 0.0:  # x is missing, or an average has overflowed
            seen, first, first_seen, second, second_seen, third, begun = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        whole += percent + window[2]
        if whole - whole != 0.0:  # so is trix, or the sum of the signal has overflowed
            window[:COUNTS] = 0.0
            line[t] = signal[t] = MISSING
    state[0], state[1], state[2], state[3], state[4], state[5] = seen, first, first_seen, second, second_seen, third
    state[6] = begun


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
    state_size=lambda params: AVERAGES + COUNTS + integer(params, "signal"),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=trix,
)
