"""
squeeze: is the Bollinger band inside the Keltner channel, and where is momentum heading?

BB = SMA(C) ± bb_std·STD(C) over bb_length (population deviation); KC = SMA(C) ± kc_scalar·SMA(TR) over kc_length. on = BB
strictly inside KC, off = BB strictly outside, no_sqz = neither. sqz = end of the least-squares line over kc_length of C − ((HH
+ LL)/2 + SMA(C))/2, all over kc_length. True range from bar 1. A missing candle makes the windows that contain it missing.
TradingView's definition.

All sums slide over rings (deviations as in `bbands`, the line as in `linreg`). They are summed afresh, oldest to newest, at
every bar whose index is a multiple of 512, and whenever so much has been subtracted that rounding could show: they stay within
1e-9 relative of the direct sums. A window of equal values has deviation 0 exactly. Extremes slide by blocks, as in `donchian`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ColumnType, IndicatorSpec, OutputSpec, Params, ParamSpec, integer, length_param

RESUM_BARS: Final = 512
CANCELLED: Final = 1e-3
"""As in `sma`."""

MEAN_COUNTS: Final = 4
"""Places in a sliding mean before its ring: values in it, place of the oldest, their sum, its largest size since resummed."""

SPREAD_COUNTS: Final = 8
"""
Places in a sliding deviation before its ring: values in it, place of the oldest, equal ones in a row, the last; a shift near
the mean, sum and sum of squares of the distances from it, largest of the latter since resummed.
"""

LINE_COUNTS: Final = 5
"""
Places in a sliding line before its ring: values in it, place of the oldest, Σ x_i, Σ i·x_i, largest size of Σ x_i since
resummed.
"""

LINE_CANCELLED: Final = 0.1
"""As in `linreg`."""

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
def _deviation_of_last(window: Row, value: float, refresh: bool) -> float:
    """The population deviation of the last n values, this one included; missing before there are n."""
    seen, place, ring = int(window[0]), int(window[1]), window[SPREAD_COUNTS:]
    length = len(ring)
    window[2] = window[2] + 1.0 if value == window[3] else 1.0
    window[3] = value
    comes, leaves = value - window[4], ring[place] - window[4]
    ring[place] = value
    window[1] = place + 1 if place + 1 < length else 0
    window[0] = min(seen + 1, length)
    if seen + 1 < length:
        return MISSING
    window[5] += comes - leaves
    window[6] += comes * comes - leaves * leaves
    window[7] = max(window[7], window[6])
    spread = window[6] - window[5] * window[5] / length
    if seen < length or refresh or spread < window[7] * CANCELLED:
        total = 0.0
        for k in range(length):
            total += ring[k]
        window[4], window[5], window[6] = total / length, 0.0, 0.0
        for k in range(length):
            distance = ring[k] - window[4]
            window[5] += distance
            window[6] += distance * distance
        window[7] = window[6]
        spread = window[6] - window[5] * window[5] / length
    return np.sqrt(max(spread, 0.0) / length) if window[2] < length else 0.0


@part
def _line_end(window: Row, value: float, refresh: bool) -> float:
    """The end of the least-squares line over the last n values, this one included; missing before there are n."""
    seen, place, ring = int(window[0]), int(window[1]), window[LINE_COUNTS:]
    length, total, weighted = len(ring), window[2], window[3]
    if seen >= length:
        weighted += length * value - total
        total += value - ring[place]
    else:
        seen += 1
        total += value
        weighted += seen * value
    ring[place] = value
    place = place + 1 if place + 1 < length else 0
    largest = max(window[4], abs(total))
    if seen == length and (refresh or abs(total) < largest * LINE_CANCELLED):
        total, weighted = 0.0, 0.0
        for k in range(length):
            one = ring[place + k if place + k < length else place + k - length]
            total += one
            weighted += (k + 1) * one
        largest = abs(total)
    window[0], window[1], window[2], window[3], window[4] = seen, place, total, weighted, largest
    weights = length * (length + 1) / 2.0
    return 3.0 * (weighted / weights) - 2.0 * (total / length) if seen == length else MISSING


def squeeze(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, index. Params: bb_length, bb_std, kc_length, kc_scalar.

    State: candles since the last missing one (up to kc_length), the last close; sliding deviation and mean over bb_length;
    sliding mean of the closes, of the true ranges, sliding least of the lows, of −high, sliding line over kc_length.
    """
    highs, lows, closes, index = inputs[0], inputs[1], inputs[2], inputs[3]
    momentum, squeezed, released, neither = outputs[0], outputs[1], outputs[2], outputs[3]
    bands, channel = int(params[0]), int(params[2])
    rest = state[2:]
    spread, rest = rest[: SPREAD_COUNTS + bands], rest[SPREAD_COUNTS + bands :]
    band_mean, rest = rest[: MEAN_COUNTS + bands], rest[MEAN_COUNTS + bands :]
    mean, rest = rest[: MEAN_COUNTS + channel], rest[MEAN_COUNTS + channel :]
    ranges, rest = rest[: MEAN_COUNTS + channel], rest[MEAN_COUNTS + channel :]
    lowest, rest = rest[: LEAST_COUNTS + channel], rest[LEAST_COUNTS + channel :]
    highest, line = rest[: LEAST_COUNTS + channel], rest[LEAST_COUNTS + channel :]
    seen, last_close = int(state[0]), state[1]
    for t in range(lo, hi):
        high, low, close = highs[t], lows[t], closes[t]
        momentum[t] = squeezed[t] = released[t] = neither[t] = MISSING
        whole = high + low + close
        if whole - whole != 0.0:  # the candle is missing
            seen = 0
            state[:] = 0.0
            continue
        on_grid = int(index[t]) % RESUM_BARS == 0
        true_range = max(high - low, max(abs(high - last_close), abs(low - last_close)))
        last_close = close
        outer = params[1] * _deviation_of_last(spread, close, on_grid)
        outer_middle, middle = _mean_of_last(band_mean, close, on_grid), _mean_of_last(mean, close, on_grid)
        inner = params[3] * _mean_of_last(ranges, true_range, on_grid) if seen > 0 else MISSING
        least, most = _least(lowest, low), -_least(highest, -high)
        seen = min(seen + 1, channel)
        below, above = (outer_middle - outer) - (middle - inner), (outer_middle + outer) - (middle + inner)
        if below - below == 0.0 and above - above == 0.0:
            squeezed[t] = 1.0 if below > 0.0 and above < 0.0 else 0.0
            released[t] = 1.0 if below < 0.0 and above > 0.0 else 0.0
            neither[t] = 1.0 - squeezed[t] - released[t]
        if seen == channel:
            end = _line_end(line, close - ((most + least) / 2.0 + middle) / 2.0, on_grid)
            momentum[t] = end if end - end == 0.0 else MISSING
    state[0], state[1] = seen, last_close


def _pack(params: Params) -> Row:
    lengths = integer(params, "bb_length"), integer(params, "kc_length")
    return np.array([lengths[0], float(params["bb_std"]), lengths[1], float(params["kc_scalar"])])


def _first_flag(params: Params) -> int:
    return max(integer(params, "bb_length") - 1, integer(params, "kc_length"))


def _state_size(params: Params) -> int:
    bands, channel = integer(params, "bb_length"), integer(params, "kc_length")
    counts = SPREAD_COUNTS + 3 * MEAN_COUNTS + 2 * LEAST_COUNTS + LINE_COUNTS
    return 2 + counts + 2 * bands + 5 * channel


SPEC = IndicatorSpec(
    name="squeeze",
    params=(
        length_param("bb_length", 20),
        ParamSpec("bb_std", "float", 2.0, lo=0.0, hi=10.0, above_lo=True),
        length_param("kc_length", 20),
        ParamSpec("kc_scalar", "float", 1.5, lo=0.0, above_lo=True),
    ),
    inputs=("high", "low", "close", "index"),
    outputs=(
        OutputSpec("sqz", lambda params: 2 * (integer(params, "kc_length") - 1)),
        OutputSpec("on", _first_flag, ColumnType.INT),
        OutputSpec("off", _first_flag, ColumnType.INT),
        OutputSpec("no_sqz", _first_flag, ColumnType.INT),
    ),
    primary="sqz",
    fade=lambda params, step_ms: 0,
    state_size=_state_size,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=squeeze,
)
