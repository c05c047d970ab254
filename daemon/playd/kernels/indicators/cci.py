"""
cci: commodity channel index, (tp − SMA_n tp) / (0.015 · mean|tp_i − SMA_n tp|), tp = (H+L+C)/3; 0 if the window is flat.

A missing candle makes the windows that contain it missing. Equal to TA-Lib's CCI.

A mean distance has no constant-time recurrence: the mean moves with every bar, and with it every distance. A sorted window with
partial sums would need a search and two updates in a tree for every bar, some hundred nanoseconds, and the distances would be
small differences of its sums. So each window's distances are summed directly, oldest to newest, for many bars in parallel: the
cost grows with the window, which has 2000 bars at most, by some tenth of a nanosecond per bar of it, and reaches that of a tree
where windows are longest. The mean slides: its sum is carried in two numbers, of which the second holds what the first has
rounded away, so that neither drift nor cancellation shows in the small difference between the price and the mean.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, inlined, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

COUNTS: Final = 5
"""Places in the state before the block."""

BLOCK: Final = 128
"""Bars whose distances are summed together."""

TOGETHER: Final = 4
"""Distances that a bar takes at once."""


@inlined
def _plus(total: float, rest: float, value: float) -> tuple[float, float]:
    """A sum with one more value; `rest` takes exactly what the sum rounds away (Knuth's two-sum)."""
    more = total + value
    taken = more - total
    return more, rest + ((total - (more - taken)) + (value - taken))


@part
def _sum_distances(prices: Row, centres: Row, distances: Row, length: int) -> None:
    """Σ|x − centre| of the last `length` prices for each bar of a block, oldest to newest; bar t's are prices[t + 1 …]."""
    whole = length - length % TOGETHER
    for t in range(len(distances)):
        distances[t] = 0.0
    for k in range(1, whole + 1, TOGETHER):
        past = prices[k : k + len(distances) + TOGETHER - 1]
        for t in range(len(distances)):
            two = distances[t] + abs(past[t] - centres[t]) + abs(past[t + 1] - centres[t])
            distances[t] = two + abs(past[t + 2] - centres[t]) + abs(past[t + 3] - centres[t])
    for k in range(whole + 1, length + 1):
        past = prices[k : k + len(distances)]
        for t in range(len(distances)):
            distances[t] += abs(past[t] - centres[t])


def cci(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length.

    State: candles since the last missing one (up to length), the last typical price, equal ones in a row; their sum and what it
    has rounded away; room for the means and distances of a block; the last typical prices, and room for those of a block.
    """
    highs, lows, closes, value = inputs[0], inputs[1], inputs[2], outputs[0]
    length = int(params[0])
    centres, distances = state[COUNTS : COUNTS + BLOCK], state[COUNTS + BLOCK : COUNTS + 2 * BLOCK]
    prices = state[COUNTS + 2 * BLOCK :]
    seen, last, equal, total, rest = int(state[0]), state[1], state[2], state[3], state[4]
    for begin in range(lo, hi, BLOCK):
        bars = min(BLOCK, hi - begin)
        for t in range(bars):
            price = (highs[begin + t] + lows[begin + t] + closes[begin + t]) / 3.0
            prices[length + t] = price
            equal = equal + 1.0 if price == last else 1.0
            last = price
            total, rest = _plus(total, rest, price)
            if seen == length:
                total, rest = _plus(total, rest, -prices[t])
            else:
                seen += 1
            centre = (total + rest) / length
            if centre - centre != 0.0:  # the candle is missing, or the sum has overflowed
                seen, total, rest = 0, 0.0, 0.0
            centres[t] = centre if seen == length else MISSING
            value[begin + t] = price - centre if equal < length else 0.0
        _sum_distances(prices, centres[:bars], distances[:bars], length)
        for t in range(bars):
            distance = 0.015 * (distances[t] / length)
            index = value[begin + t] / distance if distance != 0.0 else 0.0
            value[begin + t] = index if index - index == 0.0 else MISSING
        for k in range(length):
            prices[k] = prices[k + bars]
    state[0], state[1], state[2], state[3], state[4] = seen, last, equal, total, rest


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


SPEC = IndicatorSpec(
    name="cci",
    params=(length_param("length", 14, lo=2),),
    inputs=("high", "low", "close"),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: COUNTS + 3 * BLOCK + integer(params, "length"),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=cci,
)
