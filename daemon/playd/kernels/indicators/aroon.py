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

COUNTS = 6
"""Places in the state before the tails."""


@part
def _least(tails: Row, places: Row, bars: int, head: float, head_place: float, value: float) -> tuple[float, float, float]:
    """
    The newest least of the present block, its place there, and bars since that of the last n values, this one included; the
    last is meaningless before there are n.

    `bars`: place of the value in its block of n. Tails (values and their places in the last block) that are not needed any more
    make room for the values of the present block, from which the next tails are made.
    """
    length = len(tails)
    newest = bars == 0 or value <= head
    head, head_place = value if newest else head, float(bars) if newest else head_place
    tails[bars], places[bars] = value, bars
    if bars + 1 < length:
        in_tail = tails[bars + 1] < head
        return head, head_place, bars + length - places[bars + 1] if in_tail else bars - head_place
    least, place = value, float(bars)
    for k in range(bars, -1, -1):
        older = tails[k] < least
        least, place = tails[k] if older else least, float(k) if older else place
        tails[k], places[k] = least, place
    return head, head_place, bars - head_place


def aroon(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to length + 1), place in the block; heads of −high and of the lows with their
    places; tails of −high, their places, tails of the lows, their places.
    """
    highs, lows, rising, falling, oscillator = inputs[0], inputs[1], outputs[0], outputs[1], outputs[2]
    length, size = params[0], int(params[0]) + 1
    high_tails, high_places = state[COUNTS : COUNTS + size], state[COUNTS + size : COUNTS + 2 * size]
    low_tails, low_places = state[COUNTS + 2 * size : COUNTS + 3 * size], state[COUNTS + 3 * size :]
    seen, bars = int(state[0]), int(state[1])
    high_head, high_place, low_head, low_place = state[2], state[3], state[4], state[5]
    for t in range(lo, hi):
        high_head, high_place, since_high = _least(high_tails, high_places, bars, high_head, high_place, -highs[t])
        low_head, low_place, since_low = _least(low_tails, low_places, bars, low_head, low_place, lows[t])
        bars = bars + 1 if bars + 1 < size else 0
        seen = min(seen + 1, size)
        whole = highs[t] + lows[t]
        if whole - whole != 0.0:  # the candle is missing
            seen, bars = 0, 0
        up, down = 100.0 * (length - since_high) / length, 100.0 * (length - since_low) / length
        ready = seen == size
        rising[t] = up if ready else MISSING
        falling[t] = down if ready else MISSING
        oscillator[t] = up - down if ready else MISSING
    state[0], state[1] = seen, bars
    state[2], state[3], state[4], state[5] = high_head, high_place, low_head, low_place


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
    state_size=lambda params: COUNTS + 4 * (integer(params, "length") + 1),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=aroon,
)
