"""
donchian: channel of extremes. lower = least low of the last lower_length bars, upper = highest high of the last upper_length
bars, middle = their mean. The present bar is included. A missing candle makes the windows that contain it missing. lower, upper
equal TA-Lib's MIN, MAX.

Sliding extremes by blocks of the window's length (van Herk, Gil and Werman): the window is the tail of the last whole block and
the head of the present one. Three comparisons per bar, whatever the length.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

TAILS = 2
"""Places before the tails in the memory of one side: bars in the present block, extreme of its head."""


@part
def _least(x: Row, sign: float, t: int, length: int, memory: Row) -> float:
    """Least of sign·x over the last `length` bars, if called for each of them. `memory[TAILS:]`: tails of the last block."""
    bars = int(memory[0]) + 1
    head: float = sign * x[t] if bars == 1 else min(memory[1], sign * x[t])
    if bars < length:
        memory[0], memory[1] = bars, head
        tail: float = memory[TAILS + bars]
        return min(tail, head)
    least = sign * x[t]
    for k in range(length):
        least = min(least, sign * x[t - k])
        memory[TAILS + length - 1 - k] = least
    memory[0] = 0.0
    return head


def donchian(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low. Params: lower_length, upper_length.

    State: candles since the last missing one (up to the longer length), memory of the lows, memory of the highs.
    """
    highs, lows = inputs[0], inputs[1]
    lower, middle, upper = outputs[0], outputs[1], outputs[2]
    lower_length, upper_length = int(params[0]), int(params[1])
    longest = max(lower_length, upper_length)
    low_memory, high_memory = state[1 : 1 + TAILS + lower_length], state[1 + TAILS + lower_length :]
    seen = int(state[0])
    for t in range(lo, hi):
        whole = highs[t] + lows[t]
        if whole - whole != 0.0:
            seen, low_memory[0], high_memory[0] = 0, 0.0, 0.0
            lower[t] = middle[t] = upper[t] = MISSING
            continue
        seen = min(seen + 1, longest)
        least = _least(lows, 1.0, t, lower_length, low_memory)
        highest = -_least(highs, -1.0, t, upper_length, high_memory)
        ready = seen == longest
        mean = (least + highest) / 2.0
        lower[t] = least if ready else MISSING
        middle[t] = mean if ready and mean - mean == 0.0 else MISSING
        upper[t] = highest if ready else MISSING
    state[0] = seen


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
    state_size=lambda params: 1 + 2 * TAILS + integer(params, "lower_length") + integer(params, "upper_length"),
    lookback=_first,
    pack=_pack,
    recurrence=donchian,
)
