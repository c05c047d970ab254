"""
macd: distance of a fast from a slow exponential average, in price units, with a signal average and their difference.

slow = EMA_slow(x). The fast average is seeded at bar slow−1 too, with the mean of the last `fast` values up to that bar. macd =
fast − slow; signal = EMA_signal(macd), seeded with macd from bar slow−1 on; histogram = macd − signal. All three are output
from bar slow+signal−2. A missing value restarts the seeds. Equal to TA-Lib's MACD.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def macd(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: fast, slow, signal lengths, then their alphas.

    State: values since the last missing one (up to slow + signal − 1), and the three averages (sums while seeding).
    """
    x, line, signal, histogram = inputs[0], outputs[0], outputs[1], outputs[2]
    fast_length, slow_length, signal_length = params[0], params[1], params[2]
    fast_alpha, slow_alpha, signal_alpha = params[3], params[4], params[5]
    complete = slow_length + signal_length - 1.0
    seen, fast, slow, average = state[0], state[1], state[2], state[3]
    for t in range(lo, hi):
        if seen >= complete:
            fast += fast_alpha * (x[t] - fast)
            slow += slow_alpha * (x[t] - slow)
            average += signal_alpha * (fast - slow - average)
        else:
            seen += 1.0
            if seen <= slow_length:
                slow += x[t]
                fast += x[t] if seen > slow_length - fast_length else 0.0
                if seen == slow_length:
                    slow /= slow_length
                    fast /= fast_length
            else:
                fast += fast_alpha * (x[t] - fast)
                slow += slow_alpha * (x[t] - slow)
            if seen >= slow_length:
                average += fast - slow
            if seen == complete:
                average /= signal_length
        ready = seen >= complete
        line[t] = fast - slow if ready else MISSING
        signal[t] = average if ready else MISSING
        histogram[t] = fast - slow - average if ready else MISSING
        whole = x[t] + fast + slow + (fast - slow - average)
        if whole - whole != 0.0:  # x is missing, or an average has overflowed
            seen, fast, slow, average = 0.0, 0.0, 0.0, 0.0
            line[t] = signal[t] = histogram[t] = MISSING
    state[0], state[1], state[2], state[3] = seen, fast, slow, average


def _pack(params: Params) -> Row:
    lengths = [integer(params, name) for name in ("fast", "slow", "signal")]
    return np.array([*lengths, *(2.0 / (length + 1.0) for length in lengths)])


def _first(params: Params) -> int:
    return integer(params, "slow") + integer(params, "signal") - 2


SPEC = IndicatorSpec(
    name="macd",
    params=(length_param("fast", 12), length_param("slow", 26), length_param("signal", 9)),
    inputs=("src",),
    outputs=(OutputSpec("macd", _first), OutputSpec("signal", _first), OutputSpec("histogram", _first)),
    primary="macd",
    fade=lambda params, step_ms: 4 * integer(params, "slow"),
    state_size=lambda params: 4,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=macd,
    rising=(("fast", "slow"),),
)
