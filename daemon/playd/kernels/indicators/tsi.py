"""
tsi: true strength index, −100…100: 100·EMA_q(EMA_p(m)) / EMA_q(EMA_p(|m|)), m = Δx from bar 1; p is the larger, q the smaller
of `slow` and `fast`. signal = EMA_signal(tsi).

Every average is seeded with the mean of its first n values: tsi starts at p+q−1, signal at p+q+signal−2. A zero divisor gives
missing and restarts the signal; a missing value restarts all. TradingView's definition.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import ema_step
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def tsi(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: p, q and signal lengths, then their alphas.

    State: 1 once there is a last value, the last value; changes seen by the p averages, mean of m, of |m|; the same of the q
    averages; values seen by the signal, its mean.
    """
    x, line, signal = inputs[0], outputs[0], outputs[1]
    p_length, q_length, signal_length = params[0], params[1], params[2]
    p_alpha, q_alpha, signal_alpha = params[3], params[4], params[5]
    begun, last, p_seen, p_move, p_size = state[0], state[1], state[2], state[3], state[4]
    q_seen, q_move, q_size, signal_seen, average = state[5], state[6], state[7], state[8], state[9]
    for t in range(lo, hi):
        move = x[t] - last
        last = x[t]
        line[t] = signal[t] = MISSING
        strength = 0.0
        if begun != 0.0:
            _, p_move = ema_step(p_seen, p_move, move, p_length, p_alpha)
            p_seen, p_size = ema_step(p_seen, p_size, abs(move), p_length, p_alpha)
        if p_seen >= p_length:
            _, q_move = ema_step(q_seen, q_move, p_move, q_length, q_alpha)
            q_seen, q_size = ema_step(q_seen, q_size, p_size, q_length, q_alpha)
        if q_seen >= q_length:
            strength = 100.0 * (q_move / q_size) if q_size != 0.0 else MISSING
            signal_seen, average = ema_step(signal_seen, average, strength, signal_length, signal_alpha)
            line[t] = strength
            signal[t] = average if signal_seen >= signal_length else MISSING
        begun = 1.0
        whole = last + p_size + q_size
        if whole - whole != 0.0:  # x is missing, or an average has overflowed
            begun, p_seen, p_move, p_size, q_seen, q_move, q_size = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        whole += strength + average
        if whole - whole != 0.0:  # so is tsi
            signal_seen, average = 0.0, 0.0
            line[t] = signal[t] = MISSING
    state[0], state[1], state[2], state[3], state[4] = begun, last, p_seen, p_move, p_size
    state[5], state[6], state[7], state[8], state[9] = q_seen, q_move, q_size, signal_seen, average


def _longer(params: Params) -> int:
    return max(integer(params, "fast"), integer(params, "slow"))


def _pack(params: Params) -> Row:
    shorter = min(integer(params, "fast"), integer(params, "slow"))
    lengths = [_longer(params), shorter, integer(params, "signal")]
    return np.array([*lengths, *(2.0 / (length + 1.0) for length in lengths)])


def _first(params: Params) -> int:
    return integer(params, "slow") + integer(params, "fast") - 1


SPEC = IndicatorSpec(
    name="tsi",
    params=(length_param("fast", 13), length_param("slow", 25), length_param("signal", 13)),
    inputs=("src",),
    outputs=(
        OutputSpec("tsi", _first, gaps=True),
        OutputSpec("signal", lambda params: _first(params) + integer(params, "signal") - 1, gaps=True),
    ),
    primary="tsi",
    fade=lambda params, step_ms: 6 * _longer(params),
    state_size=lambda params: 10,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=tsi,
)
