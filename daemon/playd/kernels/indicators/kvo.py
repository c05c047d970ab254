"""
kvo: Klinger volume oscillator, in volume: EMA_fast(sv) − EMA_slow(sv), with signal = EMA_signal(kvo).

From bar 1, sv = V if tp ≥ tp₋₁, else −V; tp = (H+L+C)/3. Each average is seeded with the mean of its first n values: kvo starts
at bar slow, signal at slow+signal−1. A missing candle restarts the seeds. TradingView's definition.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import ema_step
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def kvo(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, volume. Params: fast, slow, signal lengths, then their alphas.

    State: 1 once there is a last typical price, that price; values seen and mean of the fast, the slow, the signal average.
    """
    highs, lows, closes, volumes, line, signal = inputs[0], inputs[1], inputs[2], inputs[3], outputs[0], outputs[1]
    fast_length, slow_length, signal_length = params[0], params[1], params[2]
    fast_alpha, slow_alpha, signal_alpha = params[3], params[4], params[5]
    begun, last = state[0], state[1]
    fast_seen, fast, slow_seen, slow, signal_seen, average = state[2], state[3], state[4], state[5], state[6], state[7]
    for t in range(lo, hi):
        price = (highs[t] + lows[t] + closes[t]) / 3.0
        flow = volumes[t] if price >= last else -volumes[t]
        last = price
        if begun != 0.0:
            fast_seen, fast = ema_step(fast_seen, fast, flow, fast_length, fast_alpha)
            slow_seen, slow = ema_step(slow_seen, slow, flow, slow_length, slow_alpha)
        begun = 1.0
        line[t] = signal[t] = MISSING
        if slow_seen >= slow_length:
            signal_seen, average = ema_step(signal_seen, average, fast - slow, signal_length, signal_alpha)
            line[t] = fast - slow
            signal[t] = average if signal_seen >= signal_length else MISSING
        whole = price + volumes[t] + (fast - slow) + average
        if whole - whole != 0.0:  # the candle is missing, or an average has overflowed
            begun, fast_seen, fast, slow_seen, slow, signal_seen, average = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            line[t] = signal[t] = MISSING
    state[0], state[1] = begun, last
    state[2], state[3], state[4], state[5], state[6], state[7] = fast_seen, fast, slow_seen, slow, signal_seen, average


def _pack(params: Params) -> Row:
    lengths = [integer(params, name) for name in ("fast", "slow", "signal")]
    return np.array([*lengths, *(2.0 / (length + 1.0) for length in lengths)])


def _first(params: Params) -> int:
    return integer(params, "slow")


SPEC = IndicatorSpec(
    name="kvo",
    params=(length_param("fast", 34), length_param("slow", 55), length_param("signal", 13)),
    inputs=("high", "low", "close", "volume"),
    outputs=(
        OutputSpec("kvo", _first),
        OutputSpec("signal", lambda params: _first(params) + integer(params, "signal") - 1),
    ),
    primary="kvo",
    fade=lambda params, step_ms: 4 * integer(params, "slow"),
    state_size=lambda params: 8,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=kvo,
    rising=(("fast", "slow"),),
)
