"""
alma: Arnaud Legoux moving average, Σ w_i x_i / Σ w_i over the last n values, i = 0 oldest.

w_i = exp(−(i − m)² / (2s²)) with m = offset·(n−1), not floored, and s = n/sigma. A missing value makes the windows that contain
it missing. TradingView's definition.

A bell of weights has no constant-time recurrence: a sum slides where each weight follows from the one before by the same rule
(a constant, a line, an exponential, a wave and their products), which those of a bell do not. To make the bell of such pieces
would drift, and a transform of whole histories would give other bits than bar by bar. So each window is summed directly, oldest
to newest, and nothing drifts. The cost grows with the window, which has 2000 bars at most, by some tenth of a nanosecond per
bar of it, because many bars go in parallel.
"""

from collections.abc import Sequence
from math import exp
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, ParamSpec, integer, length_param

BLOCK: Final = 512
"""Bars that are summed together: their means stay in the first-level cache while the weights go by."""

TOGETHER: Final = 4
"""Weights that a bar takes at once."""


def alma(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: sum of the weights, the weights. State: bars so far, up to length − 1."""
    x, value = inputs[0], outputs[0]
    total, weights = params[0], params[1:]
    others = len(weights) - 1
    whole = len(weights) - len(weights) % TOGETHER
    start = min(lo + others - int(state[0]), hi)
    state[0] = min(others, int(state[0]) + hi - lo)
    for t in range(lo, start):
        value[t] = MISSING
    for begin in range(start, hi, BLOCK):
        end = min(begin + BLOCK, hi)
        mean = value[begin:end]
        for t in range(len(mean)):
            mean[t] = 0.0
        # By weight, not by bar: bars are independent of each other, so they go in parallel.
        for k in range(0, whole, TOGETHER):
            past = x[begin - others + k : end + TOGETHER - 1 - others + k]
            one, two, three, four = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
            for t in range(len(mean)):
                mean[t] = mean[t] + one * past[t] + two * past[t + 1] + three * past[t + 2] + four * past[t + 3]
        for k in range(whole, len(weights)):
            weight, past = weights[k], x[begin - others + k : end - others + k]
            for t in range(len(mean)):
                mean[t] += weight * past[t]
        for t in range(len(mean)):
            one = mean[t] / total
            mean[t] = one if one - one == 0.0 else MISSING


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    peak, width = float(params["offset"]) * (length - 1), length / float(params["sigma"])
    weights = [exp(-((k - peak) ** 2) / (2.0 * width * width)) for k in range(length)]
    return np.array([sum(weights), *weights])


SPEC = IndicatorSpec(
    name="alma",
    params=(
        length_param("length", 10),
        ParamSpec("sigma", "float", 6.0, lo=0.0, above_lo=True),
        ParamSpec("offset", "float", 0.85, lo=0.0, hi=1.0),
    ),
    inputs=("src",),
    outputs=(OutputSpec("value", lambda params: integer(params, "length") - 1),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 1,
    lookback=lambda params: integer(params, "length") - 1,
    pack=_pack,
    recurrence=alma,
)
