"""
dm: directional movement as Wilder sums, in price units.

u = H − H₋₁, w = L₋₁ − L; +DM = u if u > 0 and u > w, −DM = w if w > 0 and w > u, else 0. dmp, dmn: the sum of bars 1…n−1, at
bar n−1, then s ← s − s/n + x. A missing candle restarts the sums. Equal to TA-Lib's PLUS_DM, MINUS_DM.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param


def dm(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Params: length. State: candles since the last missing one (up to length), the last high and low, both sums."""
    highs, lows, plus_sum, minus_sum = inputs[0], inputs[1], outputs[0], outputs[1]
    length = params[0]
    seen, last_high, last_low, plus, minus = state[0], state[1], state[2], state[3], state[4]
    for t in range(lo, hi):
        high, low = highs[t], lows[t]
        rise, fall = high - last_high, last_low - low
        last_high, last_low = high, low
        if seen > 0.0:
            plus -= plus / length if seen >= length else 0.0
            minus -= minus / length if seen >= length else 0.0
            plus += rise if rise > 0.0 and rise > fall else 0.0
            minus += fall if fall > 0.0 and fall > rise else 0.0
        seen += 1.0 if seen < length else 0.0
        plus_sum[t] = plus if seen >= length else MISSING
        minus_sum[t] = minus if seen >= length else MISSING
        whole = high + low + plus + minus
        if whole - whole != 0.0:  # the candle is missing, or a sum has overflowed
            seen, plus, minus = 0.0, 0.0, 0.0
            plus_sum[t] = minus_sum[t] = MISSING
    state[0], state[1], state[2], state[3], state[4] = seen, last_high, last_low, plus, minus


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length")], dtype=np.float64)


def _first(params: Params) -> int:
    return integer(params, "length") - 1


SPEC = IndicatorSpec(
    name="dm",
    params=(length_param("length", 14, lo=2),),
    inputs=("high", "low"),
    outputs=(OutputSpec("dmp", _first), OutputSpec("dmn", _first)),
    primary="dmp",
    fade=lambda params, step_ms: 8 * integer(params, "length"),
    state_size=lambda params: 5,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=dm,
)
