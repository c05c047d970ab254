"""
stochrsi: stochastic oscillator of the relative strength index, 0…100. r = rsi over rsi_length; raw = 100(r − LL)/(HH − LL) over
the last `length` of r, 0 if the range is 0; k = SMA_k(raw), d = SMA_d(k). Both start where d starts.

A missing value restarts it. Equal to TA-Lib's STOCHRSI where k is 1.

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

RSI: Final = 4
"""Places in the state before the windows: values, last value, means of rises and falls."""

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


@part
def _strength(rsi: Row, x: float, length: float) -> float:
    """
    One more value into an rsi: values since the last missing one (up to length + 1), last value, g, l. Missing before it
    starts.

    The quotient comes first, so that 100 and 0 are exact and a market that only rises has no range.
    """
    seen, change = rsi[0], x - rsi[1]
    rsi[1] = x
    rsi[0] = min(seen + 1.0, length + 1.0)
    if seen == 0.0:
        return MISSING
    rise = change if change > 0.0 else 0.0
    fall = -change if change < 0.0 else 0.0
    if seen > length:
        rsi[2], rsi[3] = (rsi[2] * (length - 1.0) + rise) / length, (rsi[3] * (length - 1.0) + fall) / length
    else:
        rsi[2], rsi[3] = rsi[2] + rise, rsi[3] + fall
        if seen < length:
            return MISSING
        rsi[2], rsi[3] = rsi[2] / length, rsi[3] / length
    moved = rsi[2] + rsi[3]
    return 100.0 * (rsi[2] / moved) if moved != 0.0 else 0.0


def stochrsi(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length, rsi_length, k, d.

    State: the rsi, values of it in the window (up to length); sliding least of r, of −r; sliding means k, d.
    """
    x, index, quick, slow = inputs[0], inputs[1], outputs[0], outputs[1]
    length, rsi_length = int(params[0]), params[1]
    low_start = RSI + 1
    high_start = low_start + LEAST_COUNTS + length
    quick_start = high_start + LEAST_COUNTS + length
    slow_start = quick_start + MEAN_COUNTS + int(params[2])
    rsi, low_window, high_window = state[:RSI], state[low_start:high_start], state[high_start:quick_start]
    quick_window, slow_window = state[quick_start:slow_start], state[slow_start:]
    seen = int(state[RSI])
    for t in range(lo, hi):
        strength = _strength(rsi, x[t], rsi_length)
        quick[t] = slow[t] = MISSING
        whole = x[t] + rsi[2] + rsi[3]
        if whole - whole != 0.0:  # x is missing, or a sum has overflowed
            seen, low_window[0], high_window[0] = 0, 0.0, 0.0
            rsi[:] = 0.0
            quick_window[:MEAN_COUNTS] = 0.0
            slow_window[:MEAN_COUNTS] = 0.0
        elif strength - strength == 0.0:
            least, highest = _least(low_window, strength), -_least(high_window, -strength)
            seen = min(seen + 1, length)
            if seen == length:
                raw = 100.0 * ((strength - least) / (highest - least)) if highest != least else 0.0
                on_grid = int(index[t]) % RESUM_BARS == 0
                smooth = _mean_of_last(quick_window, raw, on_grid)
                if smooth - smooth == 0.0:
                    slow[t] = _mean_of_last(slow_window, smooth, on_grid)
                    quick[t] = smooth if slow[t] - slow[t] == 0.0 else MISSING
    state[RSI] = seen


def _pack(params: Params) -> Row:
    return np.array([integer(params, name) for name in ("length", "rsi_length", "k", "d")], dtype=np.float64)


def _first(params: Params) -> int:
    return sum(integer(params, name) for name in ("length", "rsi_length", "k", "d")) - 3


def _state_size(params: Params) -> int:
    extremes = 2 * (LEAST_COUNTS + integer(params, "length"))
    return RSI + 1 + extremes + 2 * MEAN_COUNTS + integer(params, "k") + integer(params, "d")


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
