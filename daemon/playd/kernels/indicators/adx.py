"""
adx: strength of direction, 0…100, with the directional indices dmp, dmn and the rating adxr.

Wilder sums of TR, +DM, −DM: the sum of bars 1…n−1, then s ← s − s/n + x. dmp = 100·(+DM)/TR, dmn likewise, from bar n; a
zero divisor gives 0. dx = 100|dmp − dmn|/(dmp + dmn). adx is its Wilder mean, first at 2n−1; a bar whose dx has a zero divisor
leaves it unchanged and adds 0 while seeding. adxr = (adx + adx₋(n−1))/2. A missing candle restarts the seeds. Equal to
TA-Lib's ADX, PLUS_DI, MINUS_DI, ADXR.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

PAST = 9
"""Places in the state before the ring of the last n−1 values of adx."""


def adx(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to 3·length − 1), the last high, low, close; Wilder sums of TR, +DM, −DM; adx
    (a sum at first); place in the ring; the ring.
    """
    highs, lows, closes = inputs[0], inputs[1], inputs[2]
    strength, plus_index, minus_index, rating = outputs[0], outputs[1], outputs[2], outputs[3]
    length = params[0]
    others, first_strength, first_rating = length - 1.0, 2.0 * length - 1.0, 3.0 * length - 2.0
    past, places = state[PAST:], int(params[0]) - 1
    seen, last_high, last_low, last_close = state[0], state[1], state[2], state[3]
    ranges, plus, minus, mean, place = state[4], state[5], state[6], state[7], int(state[8])
    for t in range(lo, hi):
        high, low, close = highs[t], lows[t], closes[t]
        true_range = max(high - low, max(abs(high - last_close), abs(low - last_close)))
        rise, fall = high - last_high, last_low - low
        last_high, last_low, last_close = high, low, close
        strength[t] = plus_index[t] = minus_index[t] = rating[t] = MISSING
        if seen > 0.0:
            plus_move = rise if rise > 0.0 and rise > fall else 0.0
            minus_move = fall if fall > 0.0 and fall > rise else 0.0
            ranges = ranges + true_range if seen < length else ranges - ranges / length + true_range
            plus = plus + plus_move if seen < length else plus - plus / length + plus_move
            minus = minus + minus_move if seen < length else minus - minus / length + minus_move
        up = 100.0 * plus / ranges if ranges != 0.0 else 0.0
        down = 100.0 * minus / ranges if ranges != 0.0 else 0.0
        whole = high + low + close + ranges + (up + down)
        if whole - whole != 0.0:  # the candle is missing, or a sum has overflowed
            seen = ranges = plus = minus = mean = 0.0
            continue
        if seen >= length:
            plus_index[t], minus_index[t] = up, down
            moved = up + down
            direction = 100.0 * abs(up - down) / moved if moved != 0.0 else 0.0
            if seen > first_strength:
                mean = (mean * others + direction) / length if moved != 0.0 else mean
            else:
                mean = mean + direction if seen < first_strength else (mean + direction) / length
            if seen >= first_strength:
                strength[t] = mean
                rating[t] = (mean + past[place]) / 2.0 if seen >= first_rating else MISSING
                past[place] = mean
                place = place + 1 if place + 1 < places else 0
        if seen <= first_rating:
            seen += 1.0
    state[0], state[1], state[2], state[3] = seen, last_high, last_low, last_close
    state[4], state[5], state[6], state[7], state[8] = ranges, plus, minus, mean, place


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


def _first_index(params: Params) -> int:
    return integer(params, "length")


SPEC = IndicatorSpec(
    name="adx",
    params=(length_param("length", 14, lo=2),),
    inputs=("high", "low", "close"),
    outputs=(
        OutputSpec("adx", lambda params: 2 * integer(params, "length") - 1),
        OutputSpec("dmp", _first_index),
        OutputSpec("dmn", _first_index),
        OutputSpec("adxr", lambda params: 3 * integer(params, "length") - 2),
    ),
    primary="adx",
    fade=lambda params, step_ms: 8 * integer(params, "length"),
    state_size=lambda params: PAST + integer(params, "length") - 1,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=adx,
)
