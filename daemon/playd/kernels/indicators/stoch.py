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

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, integer, length_param

RESUM_BARS: Final = 512
CANCELLED: Final = 1e-3
"""As in `sma`."""

MEAN_COUNTS: Final = 4
"""Places in a sliding mean before its ring: values in it, place of the oldest, their sum, its largest size since resummed."""

LEAST_COUNTS: Final = 2
"""Places in a sliding least before its tails: bars in the present block, least of its head."""


@part
def _least(window: Row, value: float) -> float:
    """
    The least of the last n values, this one included; meaningless before there are n.

    Tails that are not needed any more make room for the values of the present block, from which the next tails are made.
    """
    bars, head, tails = int(window[0]), window[1], window[LEAST_COUNTS:]
    head = value if bars == 0 or value < head else head
    tails[bars] = value
    bars += 1
    least = head
    if bars < len(tails):
        least = tails[bars] if tails[bars] < head else head
    else:
        bars = 0
        for k in range(len(tails) - 2, -1, -1):
            tails[k] = tails[k + 1] if tails[k + 1] < tails[k] else tails[k]
    window[0], window[1] = bars, head
    return least


@part
def _mean_of_last(window: Row, value: float, refresh: bool) -> float:
    """The mean of the last n values, this one included; missing before there are n."""
    seen, place, total, ring = int(window[0]), int(window[1]), window[2], window[MEAN_COUNTS:]
    length = len(ring)
    total += value - ring[place] if seen >= length else value
    seen = min(seen + 1, length)
    ring[place] = value
    place = place + 1 if place + 1 < length else 0
    largest = max(window[3], abs(total))
    if seen == length and (refresh or abs(total) < largest * CANCELLED):
        total = 0.0
        for k in range(place, length):
            total += ring[k]
        for k in range(place):
            total += ring[k]
        largest = abs(total)
    window[0], window[1], window[2], window[3] = seen, place, total, largest
    return total / length if seen == length else MISSING


def stoch(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, index. Params: k, smooth_k, d.

    State: candles since the last missing one (up to k); sliding least of the lows, of −high; sliding means k, d.
    """
    highs, lows, closes, index, quick, slow = inputs[0], inputs[1], inputs[2], inputs[3], outputs[0], outputs[1]
    length = int(params[0])
    high_start = 1 + LEAST_COUNTS + length
    quick_start = high_start + LEAST_COUNTS + length
    slow_start = quick_start + MEAN_COUNTS + int(params[1])
    low_window, high_window = state[1:high_start], state[high_start:quick_start]
    quick_window, slow_window = state[quick_start:slow_start], state[slow_start:]
    seen = int(state[0])
    for t in range(lo, hi):
        least, highest = _least(low_window, lows[t]), -_least(high_window, -highs[t])
        seen = min(seen + 1, length)
        width = highest - least
        raw = 100.0 * ((closes[t] - least) / width) if width != 0.0 else 0.0
        quick[t] = slow[t] = MISSING
        whole = highs[t] + lows[t] + closes[t] + raw
        if whole - whole != 0.0:  # the candle is missing, or the range has overflowed
            seen, low_window[0], high_window[0] = 0, 0.0, 0.0
            quick_window[:MEAN_COUNTS] = 0.0
            slow_window[:MEAN_COUNTS] = 0.0
        elif seen == length:
            on_grid = int(index[t]) % RESUM_BARS == 0
            smooth = _mean_of_last(quick_window, raw, on_grid)
            if smooth - smooth == 0.0:
                slow[t] = _mean_of_last(slow_window, smooth, on_grid)
                quick[t] = smooth if slow[t] - slow[t] == 0.0 else MISSING
    state[0] = seen


def _pack(params: Params) -> Row:
    return np.array([integer(params, name) for name in ("k", "smooth_k", "d")], dtype=np.float64)


def _first(params: Params) -> int:
    return integer(params, "k") + integer(params, "smooth_k") + integer(params, "d") - 3


def _state_size(params: Params) -> int:
    extremes = 2 * (LEAST_COUNTS + integer(params, "k"))
    return 1 + extremes + 2 * MEAN_COUNTS + integer(params, "smooth_k") + integer(params, "d")


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
