"""
alma: Arnaud Legoux moving average, Σ w_i x_i / Σ w_i over the last n values, i = 0 oldest.

w_i = exp(−(i − m)² / (2s²)) with m = offset·(n−1), not floored, and s = n/sigma. A missing value makes the windows that contain
it missing. TradingView's definition.

A bell of weights has no constant-time recurrence: a sum slides where each weight follows from the one before by the same rule
(a constant, a line, an exponential, a wave and their products), which those of a bell do not. To make the bell of such pieces
would drift, and a transform of whole histories would give other bits than bar by bar. So each window is summed directly, oldest
to newest, and nothing drifts. The cost grows with the window, which has 2000 bars at most; many bars go in parallel.
"""

from collections.abc import Sequence
from math import exp

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, ParamSpec, integer, length_param


def alma(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: sum of the weights, the weights. State: bars so far, up to length − 1."""
    x, value = inputs[0], outputs[0]
    total, weights = params[0], params[1:]
    others = len(weights) - 1
    start = min(lo + others - int(state[0]), hi)
    state[0] = min(others, int(state[0]) + hi - lo)
    for t in range(lo, start):
        value[t] = MISSING
    if start < hi:
        mean = value[start:hi]
        for t in range(len(mean)):
            mean[t] = 0.0
        for k in range(len(weights)):  # by weight, not by bar: bars are independent of each other, so they go in parallel
            weight, past = weights[k], x[start - others + k : hi - others + k]
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
