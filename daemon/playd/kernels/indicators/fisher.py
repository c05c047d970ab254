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
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

COUNTS = 2
"""Places in a sliding least before its tails: bars in the present block, least of its head."""


@part
def _least(window: Row, value: float) -> float:
    """
    The least of the last n values, this one included; meaningless before there are n.

    Tails that are not needed any more make room for the values of the present block, from which the next tails are made.
    """
    bars, head, tails = int(window[0]), window[1], window[COUNTS:]
    head = value if bars == 0 or value < head else head
    tails[bars] = value
    bars += 1
    least = head
    if bars < len(tails):
        least = tails[bars] if tails[bars] < head else head
    else:
        bars = 0
        for k in range(len(tails) - 2, -1, -1):
            tails[k] = tails[k + 1] if tails[k + 1] < tails[k] else tails[k]
    window[0], window[1] = bars, head
    return least


@part
def _transform(value: float) -> float:
    return 0.5 * log((1.0 + value) / (1.0 - value))


def fisher(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to length + 1), v, fisher; sliding least of hl2, of −hl2.
    """
    highs, lows, line, signal = inputs[0], inputs[1], outputs[0], outputs[1]
    length = int(params[0])
    low_window, high_window = state[3 : 3 + COUNTS + length], state[3 + COUNTS + length :]
    seen, place, last = int(state[0]), state[1], state[2]
    for t in range(lo, hi):
        middle = (highs[t] + lows[t]) / 2.0
        least, highest = _least(low_window, middle), -_least(high_window, -middle)
        seen = min(seen + 1, length + 1)
        line[t] = signal[t] = MISSING
        whole = middle + (highest - least)
        if whole - whole != 0.0:  # the candle is missing, or the range has overflowed
            seen, place, last, low_window[0], high_window[0] = 0, 0.0, 0.0, 0.0, 0.0
        elif seen >= length:
            place = 0.66 * ((middle - least) / max(highest - least, 0.001) - 0.5) + 0.67 * place
            place = 0.999 if place > 0.99 else -0.999 if place < -0.99 else place
            signal[t] = last if seen > length else MISSING
            last = _transform(place) + 0.5 * last
            line[t] = last
    state[0], state[1], state[2] = seen, place, last


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
    state_size=lambda params: 3 + 2 * (COUNTS + integer(params, "length")),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=fisher,
)
