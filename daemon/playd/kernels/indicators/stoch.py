"""
stoch: stochastic oscillator, 0…100. raw = 100(C − LL_k)/(HH_k − LL_k), 0 if the range is 0; k = SMA_smooth_k(raw),
d = SMA_d(k). Both start where d starts.

A missing candle makes the windows that contain it missing. Equal to TA-Lib's STOCH.

The sums of the means slide over rings. They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512,
and whenever so much has been subtracted that rounding could show: they stay within 1e-9 relative of the direct sums. Extremes
slide by blocks, as in `donchian`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.sliding import RESUM_BARS, least_of_last, slide
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

COUNTS: Final = 10
"""Places in the state before the tails and rings."""


def stoch(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, index. Params: k, smooth_k, d.

    State: candles since the last missing one (up to k + smooth_k + d − 2); place in the block, heads of the lows and of −high;
    place in each ring, its sum, that one's largest since resummed; the tails, the rings.
    """
    highs, lows, closes, index, quick, slow = inputs[0], inputs[1], inputs[2], inputs[3], outputs[0], outputs[1]
    length, smooth, smoother = int(params[0]), int(params[1]), int(params[2])
    tails, rings = state[COUNTS : COUNTS + 2 * length], state[COUNTS + 2 * length :]
    low_tails, high_tails, quick_ring, slow_ring = tails[:length], tails[length:], rings[:smooth], rings[smooth:]
    smooth_first, first = length + smooth - 1, length + smooth + smoother - 2
    seen, bars, low_head, high_head = int(state[0]), int(state[1]), state[2], state[3]
    quick_place, quick_sums = int(state[4]), (state[5], state[6])
    slow_place, slow_sums = int(state[7]), (state[8], state[9])
    for t in range(lo, hi):
        low_head, least = least_of_last(low_tails, bars, low_head, lows[t])
        high_head, highest = least_of_last(high_tails, bars, high_head, -highs[t])
        bars = bars + 1 if bars + 1 < length else 0
        full = seen == first
        seen = seen if full else seen + 1
        width = -highest - least
        raw = 100.0 * ((closes[t] - least) / width) if width != 0.0 else 0.0
        on_grid = int(index[t]) % RESUM_BARS == 0
        quick[t] = slow[t] = MISSING
        if seen >= length:
            quick_full = full or seen > smooth_first
            quick_sums = slide(quick_ring, quick_place, quick_full, quick_sums, raw, on_grid)
            quick_place = quick_place + 1 if quick_place + 1 < smooth else 0
        mean = quick_sums[0] / smooth
        if seen >= smooth_first:
            slow_sums = slide(slow_ring, slow_place, full, slow_sums, mean, on_grid)
            slow_place = slow_place + 1 if slow_place + 1 < smoother else 0
        if seen == first:
            quick[t], slow[t] = mean, slow_sums[0] / smoother
        whole = highs[t] + lows[t] + closes[t] + raw + (quick_sums[0] + slow_sums[0])
        if whole - whole != 0.0:  # the candle is missing, or a number has overflowed
            seen, bars, quick_place, quick_sums, slow_place, slow_sums = 0, 0, 0, (0.0, 0.0), 0, (0.0, 0.0)
            quick[t] = slow[t] = MISSING
    state[0], state[1], state[2], state[3] = seen, bars, low_head, high_head
    state[4], state[5], state[6] = quick_place, quick_sums[0], quick_sums[1]
    state[7], state[8], state[9] = slow_place, slow_sums[0], slow_sums[1]


def _pack(params: Params) -> Row:
    return np.array([integer(params, name) for name in ("k", "smooth_k", "d")], dtype=np.float64)


def _first(params: Params) -> int:
    return integer(params, "k") + integer(params, "smooth_k") + integer(params, "d") - 3


def _state_size(params: Params) -> int:
    return COUNTS + 2 * integer(params, "k") + integer(params, "smooth_k") + integer(params, "d")


SPEC = IndicatorSpec(
    name="stoch",
    params=(length_param("k", 14), length_param("smooth_k", 3), length_param("d", 3)),
    inputs=("high", "low", "close", "index"),
    outputs=(OutputSpec("k", _first), OutputSpec("d", _first)),
    primary="k",
    fade=lambda params, step_ms: 0,
    state_size=_state_size,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=stoch,
)
