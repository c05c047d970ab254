"""
uo: ultimate oscillator, 0…100.

Buying pressure bp = C − min(L, C₋₁), true range TR = max(H, C₋₁) − min(L, C₋₁), from bar 1; A_n = Σ_n bp / Σ_n TR, 0 if the
divisor is 0. uo = 100(4A_fast + 2A_medium + A_slow)/7, from the bar at which the longest window is full. A missing candle makes
the windows that contain it missing. Equal to TA-Lib's ULTOSC.

The sums slide. They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and whenever so much
has been subtracted that rounding could show: they stay within 1e-9 relative of the direct sums.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

RESUM_BARS: Final = 512
CANCELLED: Final = 1e-3
"""As in `sma`."""

SUMS: Final = 4
"""Places of one window in the state: Σ bp, Σ TR, the largest of each since resummed."""


@part
def _pressure(highs: Row, lows: Row, closes: Row, t: int) -> tuple[float, float]:
    """bp and TR of bar t."""
    bottom = min(lows[t], closes[t - 1])
    return closes[t] - bottom, max(highs[t], closes[t - 1]) - bottom


@part
def _slide(highs: Row, lows: Row, closes: Row, t: int, full: int, length: int, sums: Row, refresh: bool) -> float:
    """Bring the sums of one window to bar t; `full`: bars in them before. Returns A_n."""
    bought, moved = _pressure(highs, lows, closes, t)
    sums[0] += bought
    sums[1] += moved
    if full >= length:
        bought, moved = _pressure(highs, lows, closes, t - length)
        sums[0] -= bought
        sums[1] -= moved
        refresh = refresh or sums[0] < sums[2] * CANCELLED or sums[1] < sums[3] * CANCELLED
        if refresh:
            sums[:] = 0.0
            for k in range(t - length + 1, t + 1):
                bought, moved = _pressure(highs, lows, closes, k)
                sums[0] += bought
                sums[1] += moved
    sums[2], sums[3] = max(sums[2], sums[0]), max(sums[3], sums[1])
    return sums[0] / sums[1] if sums[1] != 0.0 else 0.0


def uo(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, index. Params: fast, medium, slow.

    State: candles before this one since the last missing one (up to the longest window + 1); four sums for each window.
    """
    highs, lows, closes, index, value = inputs[0], inputs[1], inputs[2], inputs[3], outputs[0]
    fast, medium, slow = int(params[0]), int(params[1]), int(params[2])
    longest = max(medium, slow)
    sums, seen = state[1:], int(state[0])
    fast_sums, medium_sums, slow_sums = sums[:SUMS], sums[SUMS : 2 * SUMS], sums[2 * SUMS :]
    for t in range(lo, hi):
        pressure = 0.0
        if seen > 0:
            on_grid = int(index[t]) % RESUM_BARS == 0
            pressure = 4.0 * _slide(highs, lows, closes, t, seen - 1, fast, fast_sums, on_grid)
            pressure += 2.0 * _slide(highs, lows, closes, t, seen - 1, medium, medium_sums, on_grid)
            pressure += _slide(highs, lows, closes, t, seen - 1, slow, slow_sums, on_grid)
        value[t] = 100.0 * (pressure / 7.0) if seen >= longest else MISSING
        seen = min(seen + 1, longest + 1)
        whole = highs[t] + lows[t] + closes[t] + pressure
        if whole - whole != 0.0:  # the candle is missing, or a sum has overflowed
            seen = 0
            sums[:] = 0.0
            value[t] = MISSING
    state[0] = seen


def _pack(params: Params) -> Row:
    return np.array([integer(params, name) for name in ("fast", "medium", "slow")], dtype=np.float64)


def _longest(params: Params) -> int:
    return max(integer(params, "medium"), integer(params, "slow"))


SPEC = IndicatorSpec(
    name="uo",
    params=(length_param("fast", 7), length_param("medium", 14), length_param("slow", 28)),
    inputs=("high", "low", "close", "index"),
    outputs=(OutputSpec("value", _longest),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 1 + 3 * SUMS,
    lookback=lambda params: _longest(params) + 1,
    pack=_pack,
    recurrence=uo,
    rising=(("fast", "slow"),),
)
