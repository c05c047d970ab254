"""
uo: ultimate oscillator, 0…100.

Buying pressure bp = C − min(L, C₋₁), true range TR = max(H, C₋₁) − min(L, C₋₁), from bar 1; A_n = Σ_n bp / Σ_n TR, 0 if the
divisor is 0. uo = 100(4A_fast + 2A_medium + A_slow)/7, from the bar at which the longest window is full. A missing candle makes
the windows that contain it missing. Equal to TA-Lib's ULTOSC.

The sums slide. They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and whenever so much
has been subtracted that rounding could show: they stay within 1e-9 relative of the direct sums.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, inlined, part
from playd.kernels.sliding import CANCELLED, RESUM_BARS
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

COUNTS: Final = 4
"""Places of one window in the state: Σ bp, Σ TR, the largest of each since resummed."""

Sums: TypeAlias = tuple[float, float, float, float]
"""The same, outside of the state."""

Candles: TypeAlias = tuple[Row, Row, Row]
"""High, low, close."""


@inlined
def _pressure(highs: Row, lows: Row, closes: Row, t: int) -> tuple[float, float]:
    """bp and TR of bar t."""
    bottom = min(lows[t], closes[t - 1])
    return closes[t] - bottom, max(highs[t], closes[t - 1]) - bottom


@part
def _sums_of_last(highs: Row, lows: Row, closes: Row, t: int, length: int) -> tuple[float, float]:
    bought, moved = 0.0, 0.0
    for k in range(t - length + 1, t + 1):
        one_bought, one_moved = _pressure(highs, lows, closes, k)
        bought, moved = bought + one_bought, moved + one_moved
    return bought, moved


@inlined
def _slide(candles: Candles, t: int, came: tuple[float, float], full: int, length: int, sums: Sums, on_grid: bool) -> Sums:
    """The sums of one window at bar t, of which bp and TR have come; `full`: bars in them before."""
    bought, moved, largest_bought, largest_moved = sums[0] + came[0], sums[1] + came[1], sums[2], sums[3]
    if full >= length:
        left_bought, left_moved = _pressure(candles[0], candles[1], candles[2], t - length)
        bought, moved = bought - left_bought, moved - left_moved
        if on_grid or bought < largest_bought * CANCELLED or moved < largest_moved * CANCELLED:
            bought, moved = _sums_of_last(candles[0], candles[1], candles[2], t, length)
            largest_bought, largest_moved = 0.0, 0.0
    return bought, moved, max(largest_bought, bought), max(largest_moved, moved)


@part
def _share(sums: Sums) -> float:
    return sums[0] / sums[1] if sums[1] != 0.0 else 0.0


def uo(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, index. Params: fast, medium, slow.

    State: candles before this one since the last missing one (up to the longest window + 1); four sums for each window.
    """
    highs, lows, closes, index, value = inputs[0], inputs[1], inputs[2], inputs[3], outputs[0]
    candles = (highs, lows, closes)
    fast, medium, slow = int(params[0]), int(params[1]), int(params[2])
    longest, nothing = max(medium, slow), (0.0, 0.0, 0.0, 0.0)
    seen = int(state[0])
    fast_sums = (state[1], state[2], state[3], state[4])
    medium_sums = (state[5], state[6], state[7], state[8])
    slow_sums = (state[9], state[10], state[11], state[12])
    for t in range(lo, hi):
        if seen > 0:
            on_grid = int(index[t]) % RESUM_BARS == 0
            came = _pressure(highs, lows, closes, t)
            fast_sums = _slide(candles, t, came, seen - 1, fast, fast_sums, on_grid)
            medium_sums = _slide(candles, t, came, seen - 1, medium, medium_sums, on_grid)
            slow_sums = _slide(candles, t, came, seen - 1, slow, slow_sums, on_grid)
        pressure = 100.0 * ((4.0 * _share(fast_sums) + 2.0 * _share(medium_sums) + _share(slow_sums)) / 7.0)
        value[t] = pressure if seen >= longest else MISSING
        seen = min(seen + 1, longest + 1)
        whole = highs[t] + lows[t] + closes[t] + pressure
        if whole - whole != 0.0:  # the candle is missing, or a number has overflowed
            seen, fast_sums, medium_sums, slow_sums = 0, nothing, nothing, nothing
            value[t] = MISSING
    state[0] = seen
    state[1], state[2], state[3], state[4] = fast_sums
    state[5], state[6], state[7], state[8] = medium_sums
    state[9], state[10], state[11], state[12] = slow_sums


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
    state_size=lambda params: 1 + 3 * COUNTS,
    lookback=lambda params: _longest(params) + 1,
    pack=_pack,
    recurrence=uo,
    rising=(("fast", "slow"),),
)
