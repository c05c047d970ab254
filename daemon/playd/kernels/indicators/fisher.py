"""
fisher: Fisher transform of the place of hl2 = (H+L)/2 in its range over the last n bars, with signal = fisher₋₁.

From bar n−1: v = 0.66((hl2 − min)/max(max − min, 0.001) − 0.5) + 0.67v₋₁, a v beyond ±0.99 becomes ±0.999; fisher =
0.5 ln((1+v)/(1−v)) + 0.5 fisher₋₁. Both start from 0; signal starts a bar later. A missing candle restarts it. TradingView's
definition. Extremes slide by blocks, as in `donchian`.
"""

from collections.abc import Sequence
from math import log

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import least_of_last
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


@part
def _transform(value: float) -> float:
    return 0.5 * log((1.0 + value) / (1.0 - value))


def fisher(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to length + 1), v, fisher; place in the block, heads of hl2 and of −hl2, their
    tails.
    """
    highs, lows, line, signal = inputs[0], inputs[1], outputs[0], outputs[1]
    length = int(params[0])
    low_tails, high_tails = state[6 : 6 + length], state[6 + length :]
    seen, place, last = int(state[0]), state[1], state[2]
    bars, low_head, high_head = int(state[3]), state[4], state[5]
    for t in range(lo, hi):
        middle = (highs[t] + lows[t]) / 2.0
        low_head, least = least_of_last(low_tails, bars, low_head, middle)
        high_head, highest = least_of_last(high_tails, bars, high_head, -middle)
        bars = bars + 1 if bars + 1 < length else 0
        width = -highest - least
        seen = min(seen + 1, length + 1)
        line[t] = signal[t] = MISSING
        whole = middle + width
        if whole - whole != 0.0:  # the candle is missing, or the range has overflowed
            seen, place, last, bars = 0, 0.0, 0.0, 0
        elif seen >= length:
            place = 0.66 * ((middle - least) / max(width, 0.001) - 0.5) + 0.67 * place
            place = 0.999 if place > 0.99 else -0.999 if place < -0.99 else place
            signal[t] = last if seen > length else MISSING
            last = _transform(place) + 0.5 * last
            line[t] = last
    state[0], state[1], state[2] = seen, place, last
    state[3], state[4], state[5] = bars, low_head, high_head


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="fisher",
    params=(length_param("length", 9),),
    inputs=("high", "low"),
    outputs=(
        OutputSpec("fisher", lambda params: integer(params, "length") - 1),
        OutputSpec("signal", lambda params: integer(params, "length")),
    ),
    primary="fisher",
    fade=lambda params, step_ms: 20,
    state_size=lambda params: 6 + 2 * integer(params, "length"),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=fisher,
)
