"""
kc: Keltner channel. basis = EMA_n(C); lower, upper = basis ∓ scalar·EMA_n(TR).

True range from bar 1: max(H−L, |H−C₋₁|, |L−C₋₁|). Both averages are seeded with the mean of their first n values; all three
outputs start where that of the true range does, at bar n. A missing candle restarts the seeds. TradingView's definition.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import ema_step
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, ParamSpec, integer, length_param


def kc(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length, scalar, alpha.

    State: closes seen since the last missing one (up to length), basis; true ranges seen, their average; the last close.
    """
    highs, lows, closes = inputs[0], inputs[1], inputs[2]
    lower, middle, upper = outputs[0], outputs[1], outputs[2]
    length, scalar, alpha = params[0], params[1], params[2]
    seen, basis, range_seen, mean_range, last_close = state[0], state[1], state[2], state[3], state[4]
    for t in range(lo, hi):
        high, low, close = highs[t], lows[t], closes[t]
        true_range = max(high - low, max(abs(high - last_close), abs(low - last_close)))
        last_close = close
        if seen > 0.0:
            range_seen, mean_range = ema_step(range_seen, mean_range, true_range, length, alpha)
        seen, basis = ema_step(seen, basis, close, length, alpha)
        half_width = scalar * mean_range
        below, above = basis - half_width, basis + half_width
        ready = range_seen >= length
        whole = high + low + basis + below + above
        if whole - whole != 0.0:  # the candle is missing, or a band has overflowed
            seen, basis, range_seen, mean_range, ready = 0.0, 0.0, 0.0, 0.0, False
        lower[t] = below if ready else MISSING
        middle[t] = basis if ready else MISSING
        upper[t] = above if ready else MISSING
    state[0], state[1], state[2], state[3], state[4] = seen, basis, range_seen, mean_range, last_close


def _pack(params: Params) -> Row:
    length = integer(params, "length")
    return np.array([length, float(params["scalar"]), 2.0 / (length + 1.0)])


def _first(params: Params) -> int:
    return integer(params, "length")


SPEC = IndicatorSpec(
    name="kc",
    params=(length_param("length", 20), ParamSpec("scalar", "float", 2.0, lo=0.0, above_lo=True)),
    inputs=("high", "low", "close"),
    outputs=(OutputSpec("lower", _first), OutputSpec("basis", _first), OutputSpec("upper", _first)),
    primary="basis",
    fade=lambda params, step_ms: 4 * integer(params, "length"),
    state_size=lambda params: 5,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=kc,
)
