"""
volume_profile: how the volume of the last `lookback` bars is spread over prices.

lo = lowest low, hi = highest high, w = (hi − lo)/num_buckets; bucket(p) = floor((p − lo)/w), at most num_buckets − 1, 0 if w =
0. Each bar's V is split evenly over the buckets from bucket(L) to bucket(H). poc = centre of the fullest bucket (lowest on
ties), poc_volume its volume. Value area: from poc on, while its volume < value_area_pct · total, the larger neighbour is added
(upper on ties); vah, val = centres of its end buckets. above_poc = C > poc; in_value_area = val ≤ C ≤ vah. Total 0 gives
missing. A missing candle makes the windows that contain it missing.

The range moves with every new extreme and ties between neighbours are common, so there is no sound recurrence: buckets are
filled anew at each bar, bars from oldest to newest, so that buckets covered by the same bars are equal to the last bit.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ColumnType, IndicatorSpec, OutputSpec, Params, ParamSpec, integer


@part
def _range_of_last(highs: Row, lows: Row, t: int, lookback: int) -> tuple[float, float]:
    bottom, top = np.inf, -np.inf
    for k in range(t - lookback + 1, t + 1):
        bottom = lows[k] if lows[k] < bottom else bottom
        top = highs[k] if highs[k] > top else top
    return bottom, top


@part
def _bucket(price: float, bottom: float, width: float, last: float) -> int:
    return int(max(0.0, min(last, np.floor((price - bottom) / width)))) if width > 0.0 else 0


@part
def _fill(buckets: Row, rows: tuple[Row, Row, Row], t: int, lookback: int, bottom: float, width: float) -> float:
    """The volumes of the last bars into buckets; returns their total."""
    highs, lows, volumes = rows
    last = len(buckets) - 1.0
    buckets[:] = 0.0
    for k in range(t - lookback + 1, t + 1):
        from_bucket = _bucket(lows[k], bottom, width, last)
        to_bucket = max(_bucket(highs[k], bottom, width, last), from_bucket)
        share = volumes[k] / (to_bucket - from_bucket + 1)
        for one in range(from_bucket, to_bucket + 1):
            buckets[one] += share
    total = 0.0
    for one in range(len(buckets)):
        total += buckets[one]
    return total


@part
def _value_area(buckets: Row, fullest: int, wanted: float) -> tuple[int, int]:
    """The end buckets of the area around the fullest one that holds the wanted volume."""
    lower, upper, inside, last = fullest, fullest, buckets[fullest], len(buckets) - 1
    while inside < wanted and (lower > 0 or upper < last):
        if lower == 0 or (upper < last and buckets[upper + 1] >= buckets[lower - 1]):
            upper += 1
            inside += buckets[upper]
        else:
            lower -= 1
            inside += buckets[lower]
    return lower, upper


@part
def write_profile(rows: tuple[Row, Row, Row, Row], t: int, bars: int, area: float, buckets: Row, outputs: Table) -> None:
    """
    The profile of the last `bars` bars up to `t` into the first six outputs; they stay as they are where there is none.

    `rows`: high, low, close, volume. `buckets` is room that is written over.
    """
    highs, lows, closes, volumes = rows
    bottom, top = _range_of_last(highs, lows, t, bars)
    width = (top - bottom) / len(buckets)
    if width - width != 0.0:  # the range has overflowed
        return
    total = _fill(buckets, (highs, lows, volumes), t, bars, bottom, width)
    if total - total != 0.0 or total <= 0.0:  # the volume has overflowed, or there is none
        return
    fullest = 0
    for one in range(len(buckets)):
        fullest = one if buckets[one] > buckets[fullest] else fullest
    lower, upper = _value_area(buckets, fullest, area * total)
    centre = bottom + (fullest + 0.5) * width
    area_low, area_high = bottom + (lower + 0.5) * width, bottom + (upper + 0.5) * width
    outputs[0, t], outputs[1, t], outputs[2, t], outputs[3, t] = centre, area_high, area_low, buckets[fullest]
    outputs[4, t] = 1.0 if closes[t] > centre else 0.0
    outputs[5, t] = 1.0 if area_low <= closes[t] <= area_high else 0.0


def volume_profile(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, volume. Params: num_buckets, lookback, value_area_pct.

    State: candles since the last missing one (up to lookback), room for the buckets.
    """
    highs, lows, closes, volumes = inputs[0], inputs[1], inputs[2], inputs[3]
    lookback, area = int(params[1]), params[2]
    seen, buckets = int(state[0]), state[1:]
    for t in range(lo, hi):
        seen = min(seen + 1, lookback)
        whole = highs[t] + lows[t] + closes[t] + volumes[t]
        if whole - whole != 0.0:  # the candle is missing
            seen = 0
        for row in range(6):
            outputs[row, t] = MISSING
        if seen < lookback:
            continue
        write_profile((highs, lows, closes, volumes), t, lookback, area, buckets, outputs)
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
    state_size=lambda params: 1 + integer(params, "num_buckets"),
    lookback=lambda params: integer(params, "lookback") - 1,
    pack=_pack,
    recurrence=volume_profile,
)
