"""
cci: commodity channel index, (tp − SMA_n tp) / (0.015 · mean|tp_i − SMA_n tp|), tp = (H+L+C)/3; 0 if the window is flat.

A missing candle makes the windows that contain it missing. Equal to TA-Lib's CCI.

A mean distance has no constant-time recurrence: the mean moves with every bar, and with it every distance. What a sorted window
would save is less than its upkeep costs for the lengths that are used. So each window is summed directly, in four sums that
do not wait for each other, and nothing drifts; not even the mean slides, because an index is the small difference between it
and the price. The cost grows with the window, which has 2000 bars at most.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

PAST = 4
"""Places in the state before the ring of the last n typical prices."""

LANES = 4
"""Sums that are carried side by side."""


@part
def _mean(values: Row) -> float:
    first = second = third = fourth = 0.0
    whole = len(values) - len(values) % LANES
    for k in range(0, whole, LANES):
        first += values[k]
        second += values[k + 1]
        third += values[k + 2]
        fourth += values[k + 3]
    for k in range(whole, len(values)):
        first += values[k]
    return ((first + second) + (third + fourth)) / len(values)


@part
def _mean_distance(values: Row, centre: float) -> float:
    first = second = third = fourth = 0.0
    whole = len(values) - len(values) % LANES
    for k in range(0, whole, LANES):
        first += abs(values[k] - centre)
        second += abs(values[k + 1] - centre)
        third += abs(values[k + 2] - centre)
        fourth += abs(values[k + 3] - centre)
    for k in range(whole, len(values)):
        first += abs(values[k] - centre)
    return ((first + second) + (third + fourth)) / len(values)


def cci(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to length), place in the ring, the last typical price, equal ones in a row;
    the ring.
    """
    highs, lows, closes, value = inputs[0], inputs[1], inputs[2], outputs[0]
    length, past = int(params[0]), state[PAST:]
    seen, place, last, equal = int(state[0]), int(state[1]), state[2], state[3]
    for t in range(lo, hi):
        price = (highs[t] + lows[t] + closes[t]) / 3.0
        equal = equal + 1.0 if price == last else 1.0
        last = price
        past[place] = price
        place = place + 1 if place + 1 < length else 0
        seen = min(seen + 1, length)
        value[t] = MISSING
        if price - price != 0.0:  # the candle is missing
            seen, place = 0, 0
        elif seen == length:
            centre = _mean(past)
            distance = 0.015 * _mean_distance(past, centre)
            index = (price - centre) / distance if equal < length and distance != 0.0 else 0.0
            value[t] = index if index - index == 0.0 else MISSING
    state[0], state[1], state[2], state[3] = seen, place, last, equal


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="cci",
    params=(length_param("length", 14, lo=2),),
    inputs=("high", "low", "close"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: PAST + integer(params, "length"),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=cci,
)
