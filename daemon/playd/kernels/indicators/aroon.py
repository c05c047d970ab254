"""
aroon: how recent the extremes of the last n+1 bars are, 0…100. up = 100(n − bars since the highest high)/n, down with the
lowest low, osc = up − down; the newest of equal extremes counts.

A missing candle makes the windows that contain it missing. Equal to TA-Lib's AROON, AROONOSC. Extremes slide by blocks, as in
`donchian`, together with their places.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

COUNTS = 3
"""Places in a sliding least before its tails: bars in the present block, least of its head, place of that in the block."""


@part
def _bars_since_least(window: Row, value: float) -> float:
    """
    Bars since the newest least of the last n values, this one included; meaningless before there are n.

    Tails (values, then their places in the last block) that are not needed any more make room for the values of the present
    block, from which the next tails are made.
    """
    bars, head, head_place = int(window[0]), window[1], window[2]
    length = (len(window) - COUNTS) // 2
    tails, places = window[COUNTS : COUNTS + length], window[COUNTS + length :]
    if bars == 0 or value <= head:
        head, head_place = value, float(bars)
    tails[bars], places[bars] = value, bars
    since: float = bars - head_place
    bars += 1
    if bars < length:
        if tails[bars] < head:
            since = bars - 1 + length - places[bars]
    else:
        bars = 0
        for k in range(length - 2, -1, -1):
            if tails[k + 1] <= tails[k]:
                tails[k], places[k] = tails[k + 1], places[k + 1]
    window[0], window[1], window[2] = bars, head, head_place
    return since


def aroon(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to length + 1), sliding least of −high, of the lows.
    """
    highs, lows, rising, falling, oscillator = inputs[0], inputs[1], outputs[0], outputs[1], outputs[2]
    length = params[0]
    size = COUNTS + 2 * (int(length) + 1)
    high_window, low_window = state[1 : 1 + size], state[1 + size :]
    seen = state[0]
    for t in range(lo, hi):
        up = 100.0 * (length - _bars_since_least(high_window, -highs[t])) / length
        down = 100.0 * (length - _bars_since_least(low_window, lows[t])) / length
        seen += 1.0 if seen <= length else 0.0
        whole = highs[t] + lows[t]
        if whole - whole != 0.0:  # the candle is missing
            seen, high_window[0], low_window[0] = 0.0, 0.0, 0.0
        ready = seen > length
        rising[t] = up if ready else MISSING
        falling[t] = down if ready else MISSING
        oscillator[t] = up - down if ready else MISSING
    state[0] = seen


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


def _first(params: Params) -> int:
    return integer(params, "length")


SPEC = IndicatorSpec(
    name="aroon",
    params=(length_param("length", 25, lo=2),),
    inputs=("high", "low"),
    outputs=(OutputSpec("up", _first), OutputSpec("down", _first), OutputSpec("osc", _first)),
    primary="osc",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 1 + 2 * (COUNTS + 2 * (integer(params, "length") + 1)),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=aroon,
)
