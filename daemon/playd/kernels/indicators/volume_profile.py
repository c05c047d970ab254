"""
volume_profile: how the volume of the last `lookback` bars is spread over prices.

lo = lowest low, hi = highest high, w = (hi − lo)/num_buckets; bucket(p) = floor((p − lo)/w), at most num_buckets − 1, 0 if w =
0. Each bar's V is split evenly over the buckets from bucket(L) to bucket(H). poc = centre of the fullest bucket (lowest on
ties), poc_volume its volume. Value area: from poc on, while its volume < value_area_pct · total, the larger neighbour is added
(upper on ties); vah, val = centres of its end buckets. above_poc = C > poc; in_value_area = val ≤ C ≤ vah. Total 0 gives
missing. A missing candle makes the windows that contain it missing.

Volumes are counted in whole quanta, a power of two of which the window holds 2⁵⁰ or more: additions and subtractions are exact,
nothing drifts, and buckets covered by the same bars are equal to the last bit. While the range stands, a bar comes and a bar
leaves, each at both ends of its buckets. When an extreme moves, the window is counted anew, which costs as many steps as it has
bars; and so it is when the total has outgrown the quantum, or has become small beside it.

A moved extreme moves every edge. Then each bar may cover another number of buckets, and with it each of its shares is another:
no sum over prices that could be carried along, sorted or not, is independent of the edges. But the extreme of n bars moves
rarely, in a walk at about one bar of √n, so that a bar costs √n steps on average beside those of its buckets.
"""

from collections.abc import Sequence
from math import frexp, ldexp
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import least_of_last
from playd.kernels.spec import ColumnType, IndicatorSpec, OutputSpec, Params, ParamSpec, integer

PLACE, LOW_HEAD, HIGH_HEAD, BOTTOM, WIDTH, SCALE, HELD = range(7)
"""
Places of a profile in the state: place in the block of the sliding extremes and their heads; lowest price and width of a bucket
(missing: to be counted anew); quanta in a unit of volume; quanta in the window.
"""

SCALARS: Final = 7
"""Then come the tails of the lows, of −high; the changes from bucket to bucket, one more than buckets; the buckets."""

_MOST, _LEAST, _BITS = 2.0**52, 2.0**42, 51
"""Quanta that a window may hold before, and must hold lest, it is counted anew; bits of a new count."""

_STEEPEST: Final = 1000
"""Largest exponent of the scale."""

_ENOUGH: Final = 1.0 - 1e-9
"""Part of the wanted volume that a value area must hold, lest rounding alone add a bucket: 35 equal ones of 50 hold 70 %."""


def profile_size(params: Params) -> int:
    """Places of a profile in the state."""
    return SCALARS + 2 * integer(params, "lookback") + 2 * integer(params, "num_buckets") + 1


@part
def begin_profile(profile: Row, lookback: int) -> None:
    """An empty window, whose extremes every bar passes."""
    profile[:SCALARS] = 0.0
    profile[WIDTH] = MISSING
    profile[SCALARS : SCALARS + 2 * lookback] = np.inf


@part
def _bucket(price: float, bottom: float, width: float, last: float) -> int:
    return int(max(0.0, min(last, np.floor((price - bottom) / width)))) if width > 0.0 else 0


@part
def _count(profile: Row, changes: Row, high: float, low: float, volume: float, sign: float) -> None:
    """A bar comes into its buckets (sign 1), or leaves them (−1)."""
    bottom, width, last = profile[BOTTOM], profile[WIDTH], len(changes) - 2.0
    first = _bucket(low, bottom, width, last)
    end = max(_bucket(high, bottom, width, last), first) + 1
    share = np.floor(volume * profile[SCALE] / (end - first) + 0.5)
    changes[first] += sign * share
    changes[end] -= sign * share
    profile[HELD] += sign * share * (end - first)


@part
def _count_anew(profile: Row, changes: Row, rows: tuple[Row, Row, Row, Row], t: int, bars: int) -> None:
    """All bars of the window that ends at t, with a quantum that suits their total."""
    highs, lows, volumes = rows[0], rows[1], rows[3]
    total = 0.0
    for k in range(t - bars + 1, t + 1):
        total += abs(volumes[k])
    profile[HELD] = 0.0
    changes[:] = 0.0
    if total - total != 0.0:  # the volume has overflowed
        profile[WIDTH] = MISSING
        return
    profile[SCALE] = ldexp(1.0, min(_BITS - frexp(total)[1], _STEEPEST))
    for k in range(t - bars + 1, t + 1):
        _count(profile, changes, highs[k], lows[k], volumes[k], 1.0)


@part
def _slide(profile: Row, changes: Row, rows: tuple[Row, Row, Row, Row], t: int, bars: int, lookback: int, full: bool) -> None:
    """Bar t comes into the window of `bars` bars; if it was `full`, the oldest leaves. The width is missing if it has none."""
    highs, lows, volumes = rows[0], rows[1], rows[3]
    low_tails, high_tails = profile[SCALARS : SCALARS + lookback], profile[SCALARS + lookback : SCALARS + 2 * lookback]
    place = int(profile[PLACE])
    low_head, bottom = least_of_last(low_tails, place, profile[LOW_HEAD], lows[t])
    high_head, top = least_of_last(high_tails, place, profile[HIGH_HEAD], -highs[t])
    profile[PLACE] = place + 1 if place + 1 < lookback else 0
    profile[LOW_HEAD], profile[HIGH_HEAD] = low_head, high_head
    width = (-top - bottom) / (len(changes) - 1)
    if width - width != 0.0:  # the range has overflowed
        profile[WIDTH] = MISSING
        return
    stands = bottom == profile[BOTTOM] and width == profile[WIDTH]
    if stands:
        _count(profile, changes, highs[t], lows[t], volumes[t], 1.0)
        if full:
            _count(profile, changes, highs[t - lookback], lows[t - lookback], volumes[t - lookback], -1.0)
    if not stands or not _LEAST < profile[HELD] < _MOST:
        profile[BOTTOM], profile[WIDTH] = bottom, width
        _count_anew(profile, changes, rows, t, bars)
    if profile[WIDTH] == profile[WIDTH] and np.isinf(profile[HELD] / profile[SCALE]):  # the volume has overflowed
        profile[WIDTH] = MISSING


@part
def _value_area(buckets: Row, fullest: int, wanted: float) -> tuple[int, int]:
    """The end buckets of the area around the fullest one that holds the wanted volume."""
    lower, upper, inside, last = fullest, fullest, buckets[fullest], len(buckets) - 1
    while inside < wanted * _ENOUGH and (lower > 0 or upper < last):
        if lower == 0 or (upper < last and buckets[upper + 1] >= buckets[lower - 1]):
            upper += 1
            inside += buckets[upper]
        else:
            lower -= 1
            inside += buckets[lower]
    return lower, upper


@part
def write_profile(
    rows: tuple[Row, Row, Row, Row], t: int, bars: int, full: bool, lookback: int, area: float, profile: Row, outputs: Table
) -> None:
    """
    Take bar t, and write the profile of the last `bars` bars into the first six outputs; they stay as they are where there is
    none. To be called for every bar since `begin_profile`.

    `rows`: high, low, close, volume. `full`: whether the window held `lookback` bars before.
    """
    room = profile[SCALARS + 2 * lookback :]
    count = len(room) // 2
    changes, buckets = room[: count + 1], room[count + 1 :]
    _slide(profile, changes, rows, t, bars, lookback, full)
    bottom, width = profile[BOTTOM], profile[WIDTH]
    if width != width or profile[HELD] <= 0.0:
        return
    held, fullest = 0.0, 0
    for one in range(count):
        held += changes[one]
        buckets[one] = held
        fullest = one if held > buckets[fullest] else fullest
    lower, upper = _value_area(buckets, fullest, area * profile[HELD])
    centre, close = bottom + (fullest + 0.5) * width, rows[2][t]
    area_low, area_high = bottom + (lower + 0.5) * width, bottom + (upper + 0.5) * width
    outputs[0, t], outputs[1, t], outputs[2, t] = centre, area_high, area_low
    outputs[3, t] = buckets[fullest] / profile[SCALE]
    outputs[4, t] = 1.0 if close > centre else 0.0
    outputs[5, t] = 1.0 if area_low <= close <= area_high else 0.0


def volume_profile(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, volume. Params: num_buckets, lookback, value_area_pct.

    State: candles since the last missing one (up to lookback), the profile.
    """
    rows = (inputs[0], inputs[1], inputs[2], inputs[3])
    lookback, area = int(params[1]), params[2]
    seen, profile = int(state[0]), state[1:]
    for t in range(lo, hi):
        whole = rows[0][t] + rows[1][t] + rows[2][t] + rows[3][t]
        if seen == 0:
            begin_profile(profile, lookback)
        full = seen == lookback
        seen = min(seen + 1, lookback)
        if whole - whole != 0.0:  # the candle is missing
            seen = 0
        else:
            write_profile(rows, t, seen, full, lookback, area, profile, outputs)
        if seen < lookback or profile[WIDTH] != profile[WIDTH] or profile[HELD] <= 0.0:
            for row in range(6):
                outputs[row, t] = MISSING
    state[0] = seen


def _pack(params: Params) -> Row:
    return np.array([integer(params, "num_buckets"), integer(params, "lookback"), float(params["value_area_pct"])])


def _first(params: Params) -> int:
    return integer(params, "lookback") - 1


SPEC = IndicatorSpec(
    name="volume_profile",
    params=(
        ParamSpec("num_buckets", "int", 50, 2, 500),
        ParamSpec("lookback", "int", 50, 2, 2000),
        ParamSpec("value_area_pct", "float", 0.70, 0.01, 1.0),
    ),
    inputs=("high", "low", "close", "volume"),
    outputs=(
        OutputSpec("poc", _first, gaps=True),
        OutputSpec("vah", _first, gaps=True),
        OutputSpec("val", _first, gaps=True),
        OutputSpec("poc_volume", _first, gaps=True),
        OutputSpec("above_poc", _first, ColumnType.INT, gaps=True),
        OutputSpec("in_value_area", _first, ColumnType.INT, gaps=True),
    ),
    primary="poc",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 1 + profile_size(params),
    lookback=lambda params: integer(params, "lookback"),
    pack=_pack,
    recurrence=volume_profile,
)
