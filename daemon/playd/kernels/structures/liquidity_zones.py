"""
liquidity_zones: prices at which several swings ended, where stops are likely to rest, and the bars that take them.

A new swing high joins the newest max_swing_history highs. Its cluster is all of them within tolerance_atr·ATR of it, itself
included. From min_touches on, the cluster's mean is a level: the oldest living high zone within tolerance_atr·ATR of it takes
the new mean and count; else there is a new zone, and the oldest of the side is dropped beyond max_active. Then lows likewise.
Then sweeps by wick, of a zone made now too: a high zone ends if H > level + sweep_atr·ATR, after that a low zone if L < level
− sweep_atr·ATR. `version` counts new and swept zones; sweep_direction and swept_level are those of the last one swept on this
bar, highs before lows, older before newer. nearest_* is the living zone of the side whose level is nearest to the close, the
older of equals.

On a bar without ATR only nearest_* is made anew. A pivot waits until there is ATR; of several on one side the newest is left.
Delay: that of the swing; sweeps none. Lows are handled as highs of −price.
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ParamSpec, integer
from playd.kernels.structures.spec import (
    ATR_KEY,
    Output,
    Settings,
    StructureSpec,
    Use,
    count_out,
    flag_out,
    float_out,
    number,
)

SCALARS: Final = 3
"""Places in the state before the two sides. A side: pivots, zones; pivots, levels, touches, all oldest first."""

COUNTS: Final = 2


@part
def _without(zones: Row, touches: Row, one: int, count: int) -> None:
    """Remove a zone; the newer ones move up."""
    for k in range(one, count - 1):
        zones[k], touches[k] = zones[k + 1], touches[k + 1]


@part
def _join(side: Row, history: int, pivot: float, tolerance: float, min_touches: float) -> bool:
    """A new pivot. True if its cluster makes a new zone."""
    pivots, zones = side[COUNTS : COUNTS + history], side[COUNTS + history :]
    room = len(zones) // 2
    levels, touches = zones[:room], zones[room:]
    count = int(side[0])
    if count == history:
        for k in range(count - 1):
            pivots[k] = pivots[k + 1]
        count -= 1
    pivots[count] = pivot
    side[0] = count + 1
    near, total = 0, 0.0
    for k in range(count + 1):
        if abs(pivots[k] - pivot) <= tolerance:
            near += 1
            total += pivots[k]
    mean = total / near
    if near < min_touches or mean - mean != 0.0:
        return False
    living = int(side[1])
    for k in range(living):
        if abs(levels[k] - mean) <= tolerance:
            levels[k], touches[k] = mean, near
            return False
    if living == room:
        _without(levels, touches, 0, living)
        living -= 1
    levels[living], touches[living] = mean, near
    side[1] = living + 1
    return True


@part
def _sweep(side: Row, history: int, extreme: float, reach: float) -> tuple[int, float]:
    """Zones that the bar's extreme has passed by more than `reach` end. Their number, and the last one's level."""
    zones = side[COUNTS + history :]
    room = len(zones) // 2
    levels, touches = zones[:room], zones[room:]
    living, swept, last, k = int(side[1]), 0, MISSING, 0
    while k < living:
        if extreme > levels[k] + reach:
            swept, last = swept + 1, levels[k]
            _without(levels, touches, k, living)
            living -= 1
        else:
            k += 1
    side[1] = living
    return swept, last


@part
def _nearest(side: Row, history: int, close: float) -> tuple[float, float]:
    """Level and touches of the zone nearest to the close; missing and 0 if there is none."""
    zones = side[COUNTS + history :]
    room = len(zones) // 2
    level, touches, least = MISSING, 0.0, np.inf
    for k in range(int(side[1])):
        if abs(close - zones[k]) < least:
            level, touches, least = zones[k], zones[room + k], abs(close - zones[k])
    return level, touches


def liquidity_zones(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, atr; of the swing high_level, high_version, low_level, low_version. Params: tolerance_atr,
    sweep_atr, min_touches, max_swing_history.

    State: versions of the last high and low that joined, zones made and swept; the highs, the lows as −price.
    """
    highs, lows, closes, atrs = inputs[0], inputs[1], inputs[2], inputs[3]
    high_levels, high_versions, low_levels, low_versions = inputs[4], inputs[5], inputs[6], inputs[7]
    tolerance_atr, sweep_atr, min_touches, history = params[0], params[1], params[2], int(params[3])
    half = (len(state) - SCALARS) // 2
    above, below = state[SCALARS : SCALARS + half], state[SCALARS + half :]
    high_joined, low_joined, version = state[0], state[1], state[2]
    for t in range(lo, hi):
        high, low, close, atr = highs[t], lows[t], closes[t], atrs[t]
        made, swept_high, swept_low, level, low_level = 0, 0, 0, MISSING, MISSING
        if atr > 0.0:
            tolerance, reach = tolerance_atr * atr, sweep_atr * atr
            if high_versions[t] != high_joined:
                high_joined = high_versions[t]
                made += 1 if _join(above, history, high_levels[t], tolerance, min_touches) else 0
            if low_versions[t] != low_joined:
                low_joined = low_versions[t]
                made += 1 if _join(below, history, -low_levels[t], tolerance, min_touches) else 0
            swept_high, level = _sweep(above, history, high, reach)
            swept_low, low_level = _sweep(below, history, -low, reach)
        version += made + swept_high + swept_low
        outputs[0, t] = 1.0 if made > 0 else 0.0
        outputs[1, t] = 1.0 if swept_high + swept_low > 0 else 0.0
        outputs[2, t] = -1.0 if swept_low > 0 else (1.0 if swept_high > 0 else 0.0)
        outputs[3, t] = -low_level if swept_low > 0 else level
        outputs[4, t], outputs[6, t] = _nearest(above, history, close)
        nearest_low, outputs[7, t] = _nearest(below, history, -close)
        outputs[5, t] = -nearest_low
        outputs[8, t] = version
    state[0], state[1], state[2] = high_joined, low_joined, version


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (
        flag_out("new_zone_this_bar"),
        flag_out("sweep_this_bar"),
        count_out("sweep_direction"),
        float_out("swept_level"),
        float_out("nearest_high_level"),
        float_out("nearest_low_level"),
        count_out("nearest_high_touches"),
        count_out("nearest_low_touches"),
        count_out("version"),
    )


def _pack(params: Settings, used: Collection[str]) -> Row:
    names = ("tolerance_atr", "sweep_atr", "min_touches", "max_swing_history")
    return np.array([number(params, name) for name in names])


def _state_size(params: Settings) -> int:
    return SCALARS + 2 * (COUNTS + integer(params, "max_swing_history") + 2 * integer(params, "max_active"))


SPEC = StructureSpec(
    name="liquidity_zones",
    params=(
        ATR_KEY,
        ParamSpec("tolerance_atr", "float", 0.3, lo=0.0, above_lo=True),
        ParamSpec("sweep_atr", "float", 0.1, lo=0.0),
        ParamSpec("min_touches", "int", 2, 2, 20),
        ParamSpec("max_active", "int", 5, 1, 64),
        ParamSpec("max_swing_history", "int", 20, 2, 500),
    ),
    inputs=(
        "high",
        "low",
        "close",
        "atr",
        "swing.high_level",
        "swing.high_version",
        "swing.low_level",
        "swing.low_version",
    ),
    outputs=_outputs,
    fade=lambda params, used: 2 * used["swing"],
    state_size=_state_size,
    pack=_pack,
    recurrence=liquidity_zones,
    uses=(Use("swing"),),
)
