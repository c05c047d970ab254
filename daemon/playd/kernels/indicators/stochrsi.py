"""
stochrsi: stochastic oscillator of the relative strength index, 0…100. r = rsi over rsi_length; raw = 100(r − LL)/(HH − LL) over
the last `length` of r, 0 if the range is 0, which it is below 1e-12; k = SMA_k(raw), d = SMA_d(k). Both start where d starts.

A missing value restarts it. Equal to TA-Lib's STOCHRSI where k is 1.

The sums of the means slide over rings. They are summed afresh, oldest to newest, at every bar whose index is a multiple of 512,
and whenever so much has been subtracted that rounding could show: they stay within 1e-9 relative of the direct sums. Extremes
slide by blocks, as in `donchian`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.moves import moves_step
from playd.kernels.sliding import RESUM_BARS, least_of_last, slide
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

RSI: Final = 4
"""Places in the state before the counts: values, last value, means of rises and falls."""

LEAST_WIDTH: Final = 1e-12
"""What TA-Lib takes for no range. While a market stands still, r keeps its value but for its last bits."""

COUNTS: Final = 14
"""Places in the state before the tails and rings."""


@part
def _strength(rsi: Row, x: float, length: float) -> float:
    """
    One more value into an rsi: values since the last missing one (up to length + 1), last value, g, l. Missing before it
    starts.

    The quotient comes first, so that 100 and 0 are exact and a market that only rises has no range.
    """
    rsi[0], rsi[2], rsi[3] = moves_step(rsi[0], rsi[2], rsi[3], x - rsi[1], length)
    rsi[1] = x
    if rsi[0] <= length:
        return MISSING
    moved = rsi[2] + rsi[3]
    return 100.0 * (rsi[2] / moved) if moved != 0.0 else 0.0


def stochrsi(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length, rsi_length, k, d.

    State: the rsi; values of it (up to length + k + d − 2); place in the block, heads of r and of −r; place in each ring, its
    sum, that one's largest since resummed; the tails, the rings.
    """
    x, index, quick, slow = inputs[0], inputs[1], outputs[0], outputs[1]
    length, rsi_length, smooth, smoother = int(params[0]), params[1], int(params[2]), int(params[3])
    rsi, counts = state[:RSI], state[RSI:COUNTS]
    tails, rings = state[COUNTS : COUNTS + 2 * length], state[COUNTS + 2 * length :]
    low_tails, high_tails, quick_ring, slow_ring = tails[:length], tails[length:], rings[:smooth], rings[smooth:]
    smooth_first, first = length + smooth - 1, length + smooth + smoother - 2
    seen, bars, low_head, high_head = int(counts[0]), int(counts[1]), counts[2], counts[3]
    quick_place, quick_sums = int(counts[4]), (counts[5], counts[6])
    slow_place, slow_sums = int(counts[7]), (counts[8], counts[9])
    for t in range(lo, hi):
        strength = _strength(rsi, x[t], rsi_length)
        quick[t] = slow[t] = MISSING
        whole = x[t] + rsi[2] + rsi[3]
        if whole - whole != 0.0:  # x is missing, or a sum has overflowed
            rsi[:] = 0.0
            seen, bars, quick_place, quick_sums, slow_place, slow_sums = 0, 0, 0, (0.0, 0.0), 0, (0.0, 0.0)
        elif strength - strength == 0.0:
            low_head, least = least_of_last(low_tails, bars, low_head, strength)
            high_head, highest = least_of_last(high_tails, bars, high_head, -strength)
            bars = bars + 1 if bars + 1 < length else 0
            full = seen == first
            seen = seen if full else seen + 1
            width = -highest - least
            raw = 100.0 * ((strength - least) / width) if width >= LEAST_WIDTH else 0.0
            on_grid = int(index[t]) % RESUM_BARS == 0
            mean = 0.0
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
    counts[0], counts[1], counts[2], counts[3] = seen, bars, low_head, high_head
    counts[4], counts[5], counts[6] = quick_place, quick_sums[0], quick_sums[1]
    counts[7], counts[8], counts[9] = slow_place, slow_sums[0], slow_sums[1]


def _pack(params: Params) -> Row:
    return np.array([integer(params, name) for name in ("length", "rsi_length", "k", "d")], dtype=np.float64)


def _first(params: Params) -> int:
    return sum(integer(params, name) for name in ("length", "rsi_length", "k", "d")) - 3


def _state_size(params: Params) -> int:
    return COUNTS + 2 * integer(params, "length") + integer(params, "k") + integer(params, "d")


SPEC = IndicatorSpec(
    name="stochrsi",
    params=(length_param("length", 14), length_param("rsi_length", 14), length_param("k", 3), length_param("d", 3)),
    inputs=("src", "index"),
    outputs=(OutputSpec("k", _first), OutputSpec("d", _first)),
    primary="k",
    fade=lambda params, step_ms: 8 * integer(params, "rsi_length"),
    state_size=_state_size,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=stochrsi,
)
