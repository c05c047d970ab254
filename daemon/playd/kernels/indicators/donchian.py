"""
donchian: channel of extremes. lower = least low of the last lower_length bars, upper = highest high of the last upper_length
bars, middle = their mean. The present bar is included. A missing candle makes the windows that contain it missing. lower, upper
equal TA-Lib's MIN, MAX.

Extremes slide by blocks (`kernels.sliding`): three comparisons per bar, whatever the length.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.sliding import least_of_last
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

COUNTS = 5
"""Places in the state before the tails: candles; place in the block and head of the lows, of the highs."""


def donchian(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low. Params: lower_length, upper_length.

    State: candles since the last missing one (up to the longer length), block and head of the lows, of the highs, their tails.
    The highs are handled as lows of −high.
    """
    highs, lows = inputs[0], inputs[1]
    lower, middle, upper = outputs[0], outputs[1], outputs[2]
    low_length, high_length = int(params[0]), int(params[1])
    longest = max(low_length, high_length)
    low_tails, high_tails = state[COUNTS : COUNTS + low_length], state[COUNTS + low_length :]
    seen, low_bars, low_head, high_bars, high_head = int(state[0]), int(state[1]), state[2], int(state[3]), state[4]
    for t in range(lo, hi):
        low_head, least = least_of_last(low_tails, low_bars, low_head, lows[t])
        high_head, highest = least_of_last(high_tails, high_bars, high_head, -highs[t])
        low_bars = low_bars + 1 if low_bars + 1 < low_length else 0
        high_bars = high_bars + 1 if high_bars + 1 < high_length else 0
        seen = min(seen + 1, longest)
        mean = (least - highest) / 2.0
        ready = seen == longest
        lower[t] = least if ready else MISSING
        middle[t] = mean if ready and mean - mean == 0.0 else MISSING
        upper[t] = -highest if ready else MISSING
        whole = lows[t] + highs[t]
        if whole - whole != 0.0:  # the candle is missing
            seen, low_bars, high_bars = 0, 0, 0
            lower[t] = middle[t] = upper[t] = MISSING
    state[0], state[1], state[2], state[3], state[4] = seen, low_bars, low_head, high_bars, high_head


def _pack(params: Params) -> Row:
    return np.array([integer(params, "lower_length"), integer(params, "upper_length")], dtype=np.float64)


def _longest(params: Params) -> int:
    return max(integer(params, "lower_length"), integer(params, "upper_length"))


def _first(params: Params) -> int:
    return _longest(params) - 1


SPEC = IndicatorSpec(
    name="donchian",
    params=(length_param("lower_length", 20), length_param("upper_length", 20)),
    inputs=("high", "low"),
    outputs=(OutputSpec("lower", _first), OutputSpec("middle", _first), OutputSpec("upper", _first)),
    primary="middle",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: COUNTS + integer(params, "lower_length") + integer(params, "upper_length"),
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=donchian,
)
