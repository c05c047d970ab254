"""
mfi: money flow index, 0…100.

P and N are the sums over the last n bars of tp·V where tp = (H+L+C)/3 rose, and where it fell; an equal tp counts for neither,
and two that differ by less than 1e-14 of their sum are equal, as in TA-Lib: on a grid of ticks equal sums of three prices often
differ in their last bit.
mfi = 100P/(P+N); 0 if P+N < 1. A missing candle makes the windows that contain it missing. Equal to TA-Lib's MFI.

Both sums slide. They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and whenever so much
has been subtracted that rounding could show: they stay within 1e-9 relative of the direct sums.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import CANCELLED, RESUM_BARS
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

LEAST_CHANGE: Final = 1e-14
"""Part of the sum of two typical prices below which their difference is rounding."""


@part
def _flow(highs: Row, lows: Row, closes: Row, volumes: Row, t: int) -> tuple[float, float]:
    """tp·V of bar t, as a rise and as a fall of tp: one of them 0, or both."""
    price = (highs[t] + lows[t] + closes[t]) / 3.0
    last = (highs[t - 1] + lows[t - 1] + closes[t - 1]) / 3.0
    flow, change, least = price * volumes[t], price - last, LEAST_CHANGE * (price + last)
    return flow if change >= least else 0.0, flow if change <= -least else 0.0


@part
def _flows_of_last(highs: Row, lows: Row, closes: Row, volumes: Row, t: int, length: int) -> tuple[float, float]:
    rising, falling = 0.0, 0.0
    for k in range(t - length + 1, t + 1):
        rise, fall = _flow(highs, lows, closes, volumes, k)
        rising += rise
        falling += fall
    return rising, falling


def mfi(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, volume, index. Params: length.

    State: candles before this one since the last missing one (up to length + 1), P, N, largest of each since resummed.
    """
    highs, lows, closes, volumes, index, value = inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], outputs[0]
    length = int(params[0])
    seen, rising, falling, largest_rising, largest_falling = int(state[0]), state[1], state[2], state[3], state[4]
    for t in range(lo, hi):
        if seen > 0:
            rise, fall = _flow(highs, lows, closes, volumes, t)
            rising, falling = rising + rise, falling + fall
        refresh = False
        if seen > length:
            rise, fall = _flow(highs, lows, closes, volumes, t - length)
            rising, falling = rising - rise, falling - fall
            cancelled = rising < largest_rising * CANCELLED or falling < largest_falling * CANCELLED
            refresh = cancelled or int(index[t]) % RESUM_BARS == 0
        largest_rising, largest_falling = max(largest_rising, rising), max(largest_falling, falling)
        if refresh:
            rising, falling = _flows_of_last(highs, lows, closes, volumes, t, length)
            largest_rising, largest_falling = rising, falling
        both = rising + falling
        value[t] = MISSING
        if seen >= length:
            value[t] = 100.0 * (rising / both) if both >= 1.0 else 0.0
        seen = min(seen + 1, length + 1)
        whole = highs[t] + lows[t] + closes[t] + volumes[t] + both
        if whole - whole != 0.0:  # the candle is missing, or a sum has overflowed
            seen, rising, falling, largest_rising, largest_falling = 0, 0.0, 0.0, 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2], state[3], state[4] = seen, rising, falling, largest_rising, largest_falling


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="mfi",
    params=(length_param("length", 14, lo=2),),
    inputs=("high", "low", "close", "volume", "index"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length")),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 5,
    lookback=lambda params: integer(params, "length") + 1,
    pack=_pack,
    recurrence=mfi,
)
