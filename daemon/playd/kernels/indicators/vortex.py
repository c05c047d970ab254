"""
vortex: vip = Σ_n|H − L₋₁| / Σ_n TR, vim = Σ_n|L − H₋₁| / Σ_n TR, over bars from 1 on. A zero divisor gives missing.

TR: true range, max(H−L, |H−C₋₁|, |L−C₋₁|). A missing candle makes the windows that contain it missing. TradingView's
definition.

The sums slide. They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and whenever so much
has been subtracted that rounding could show: they stay within 1e-9 relative of the direct sums.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import CANCELLED, RESUM_BARS
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


@part
def _moves(highs: Row, lows: Row, closes: Row, t: int) -> tuple[float, float, float]:
    """|H − L₋₁|, |L − H₋₁| and TR of bar t."""
    true_range = max(highs[t] - lows[t], max(abs(highs[t] - closes[t - 1]), abs(lows[t] - closes[t - 1])))
    return abs(highs[t] - lows[t - 1]), abs(lows[t] - highs[t - 1]), true_range


@part
def _sums_of_last(highs: Row, lows: Row, closes: Row, t: int, length: int) -> tuple[float, float, float]:
    up, down, moved = 0.0, 0.0, 0.0
    for k in range(t - length + 1, t + 1):
        one_up, one_down, one_moved = _moves(highs, lows, closes, k)
        up += one_up
        down += one_down
        moved += one_moved
    return up, down, moved


def vortex(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, index. Params: length.

    State: candles before this one since the last missing one (up to length + 1), the sums above vip, vim and below, the largest
    of each since resummed.
    """
    highs, lows, closes, index, plus, minus = inputs[0], inputs[1], inputs[2], inputs[3], outputs[0], outputs[1]
    length = int(params[0])
    seen, up, down, moved = int(state[0]), state[1], state[2], state[3]
    largest_up, largest_down, largest_moved = state[4], state[5], state[6]
    for t in range(lo, hi):
        if seen > 0:
            one_up, one_down, one_moved = _moves(highs, lows, closes, t)
            up, down, moved = up + one_up, down + one_down, moved + one_moved
        refresh = False
        if seen > length:
            one_up, one_down, one_moved = _moves(highs, lows, closes, t - length)
            up, down, moved = up - one_up, down - one_down, moved - one_moved
            refresh = int(index[t]) % RESUM_BARS == 0 or moved < largest_moved * CANCELLED
            refresh = refresh or up < largest_up * CANCELLED or down < largest_down * CANCELLED
        largest_up, largest_down, largest_moved = max(largest_up, up), max(largest_down, down), max(largest_moved, moved)
        if refresh:
            up, down, moved = _sums_of_last(highs, lows, closes, t, length)
            largest_up, largest_down, largest_moved = up, down, moved
        plus[t] = minus[t] = MISSING
        if seen >= length and moved != 0.0:
            above, below = up / moved, down / moved
            plus[t] = above if above - above == 0.0 else MISSING
            minus[t] = below if below - below == 0.0 else MISSING
        seen = min(seen + 1, length + 1)
        whole = highs[t] + lows[t] + closes[t] + up + down + moved
        if whole - whole != 0.0:  # the candle is missing, or a sum has overflowed
            seen, up, down, moved = 0, 0.0, 0.0, 0.0
            largest_up, largest_down, largest_moved = 0.0, 0.0, 0.0
            plus[t] = minus[t] = MISSING
    state[0], state[1], state[2], state[3] = seen, up, down, moved
    state[4], state[5], state[6] = largest_up, largest_down, largest_moved


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


def _first(params: Params) -> int:
    return integer(params, "length")


SPEC = IndicatorSpec(
    name="vortex",
    params=(length_param("length", 14, lo=2),),
    inputs=("high", "low", "close", "index"),
    outputs=(OutputSpec("vip", _first, gaps=True), OutputSpec("vim", _first, gaps=True)),
    primary="vip",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 7,
    lookback=lambda params: integer(params, "length") + 1,
    pack=_pack,
    recurrence=vortex,
)
