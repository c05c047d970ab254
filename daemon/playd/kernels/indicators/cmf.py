"""
cmf: Chaikin money flow, −1…1. Σ_n(V(2C−L−H)/(H−L)) / Σ_n V; a bar with H = L adds 0 above. Missing while Σ_n V = 0.

A missing candle makes the windows that contain it missing. TradingView's definition.

Both sums slide. They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512, and whenever so much
has been subtracted that rounding could show: they stay within 1e-9 relative of the direct sums.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import CANCELLED, RESUM_BARS
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


@part
def _flow(highs: Row, lows: Row, closes: Row, volumes: Row, t: int) -> float:
    width = highs[t] - lows[t]
    return volumes[t] * (2.0 * closes[t] - lows[t] - highs[t]) / width if width != 0.0 else 0.0


@part
def _sums_of_last(highs: Row, lows: Row, closes: Row, volumes: Row, t: int, length: int) -> tuple[float, float]:
    flow, volume = 0.0, 0.0
    for k in range(t - length + 1, t + 1):
        flow += _flow(highs, lows, closes, volumes, k)
        volume += volumes[k]
    return flow, volume


def cmf(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, volume, index. Params: length.

    State: candles since the last missing one (up to length), sums of flow and of volume, largest size of each since resummed.
    """
    highs, lows, closes, volumes, index, value = inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], outputs[0]
    length = int(params[0])
    seen, flow, volume, largest_flow, largest_volume = int(state[0]), state[1], state[2], state[3], state[4]
    for t in range(lo, hi):
        flow += _flow(highs, lows, closes, volumes, t)
        volume += volumes[t]
        refresh = False
        if seen >= length:
            flow -= _flow(highs, lows, closes, volumes, t - length)
            volume -= volumes[t - length]
            cancelled = abs(flow) < largest_flow * CANCELLED or volume < largest_volume * CANCELLED
            refresh = cancelled or int(index[t]) % RESUM_BARS == 0
        largest_flow, largest_volume = max(largest_flow, abs(flow)), max(largest_volume, volume)
        if refresh:
            flow, volume = _sums_of_last(highs, lows, closes, volumes, t, length)
            largest_flow, largest_volume = abs(flow), volume
        seen = min(seen + 1, length)
        balance = flow / volume if volume != 0.0 else MISSING
        value[t] = balance if seen == length and balance - balance == 0.0 else MISSING
        whole = highs[t] + lows[t] + closes[t] + flow + volume
        if whole - whole != 0.0:  # the candle is missing, or a sum has overflowed
            seen, flow, volume, largest_flow, largest_volume = 0, 0.0, 0.0, 0.0, 0.0
            value[t] = MISSING
    state[0], state[1], state[2], state[3], state[4] = seen, flow, volume, largest_flow, largest_volume


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="cmf",
    params=(length_param("length", 20),),
    inputs=("high", "low", "close", "volume", "index"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1, gaps=True),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 5,
    lookback=lambda params: integer(params, "length"),
    pack=_pack,
    recurrence=cmf,
)
