"""
ppo: percentage price oscillator, 100(EMA_fast − EMA_slow)/EMA_slow, with a signal average and their difference.

Each average is seeded with the mean of its first n values; ppo starts at bar slow−1, signal = EMA_signal(ppo) and histogram =
ppo − signal at slow+signal−2. A zero divisor gives missing. A missing value restarts the seeds. ppo equals TA-Lib's PPO with
exponential averages.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import ema_step
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def ppo(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: fast, slow, signal lengths, then their alphas.

    State: values seen and mean of the fast, the slow and the signal average.
    """
    x, line, signal, histogram = inputs[0], outputs[0], outputs[1], outputs[2]
    fast_length, slow_length, signal_length = params[0], params[1], params[2]
    fast_alpha, slow_alpha, signal_alpha = params[3], params[4], params[5]
    fast_seen, fast, slow_seen, slow, signal_seen, average = state[0], state[1], state[2], state[3], state[4], state[5]
    for t in range(lo, hi):
        fast_seen, fast = ema_step(fast_seen, fast, x[t], fast_length, fast_alpha)
        slow_seen, slow = ema_step(slow_seen, slow, x[t], slow_length, slow_alpha)
        line[t] = signal[t] = histogram[t] = MISSING
        percent = 0.0
        if slow_seen >= slow_length:
            percent = (fast - slow) / slow * 100.0 if slow != 0.0 else MISSING
            signal_seen, average = ema_step(signal_seen, average, percent, signal_length, signal_alpha)
            line[t] = percent
            if signal_seen >= signal_length:
                signal[t], histogram[t] = average, percent - average
        whole = fast + slow
        if whole - whole != 0.0:  # x is missing, or an average has overflowed
            fast_seen, fast, slow_seen, slow = 0.0, 0.0, 0.0, 0.0
        whole += average + (percent - average)
        if whole - whole != 0.0:  # so is ppo
            signal_seen, average = 0.0, 0.0
            line[t] = signal[t] = histogram[t] = MISSING
    state[0], state[1], state[2], state[3], state[4], state[5] = fast_seen, fast, slow_seen, slow, signal_seen, average


def _pack(params: Params) -> Row:
    lengths = [integer(params, name) for name in ("fast", "slow", "signal")]
    return np.array([*lengths, *(2.0 / (length + 1.0) for length in lengths)])


def _first(params: Params) -> int:
    return integer(params, "slow") - 1


def _first_signal(params: Params) -> int:
    return _first(params) + integer(params, "signal") - 1


SPEC = IndicatorSpec(
    name="ppo",
    params=(length_param("fast", 12), length_param("slow", 26), length_param("signal", 9)),
    inputs=("src",),
    outputs=(
        OutputSpec("ppo", _first, gaps=True),
        OutputSpec("signal", _first_signal, gaps=True),
        OutputSpec("histogram", _first_signal, gaps=True),
    ),
    primary="ppo",
    fade=lambda params, step_ms: 4 * integer(params, "slow"),
    state_size=lambda params: 6,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=ppo,
    rising=(("fast", "slow"),),
)
