"""
psar: parabolic stop and reverse. `long` trails below a rising market, `short` above a falling one; the other is missing.

Bar 1: falling iff L₀ − L₁ > 0 and L₀ − L₁ > H₁ − H₀. Rising: extreme ep = H₁, sar = L₀; falling: ep = L₁, sar = H₀; a = af0;
the "previous" low and high of bar 1 are its own. Each bar, rising: if L ≤ sar it turns: sar = max(ep, H₋₁, H) is the output of
the short side, a = af0, ep = L, next sar = max(sar + a(ep − sar), H₋₁, H). Else sar is the output of the long side; if H > ep
then ep = H and a = min(a + af, max_af); next sar = min(sar + a(ep − sar), L₋₁, L). Falling is the mirror, turning if H ≥ sar.

`af` is a after the bar, `reversal` 1 on turning bars, else 0, `direction` 1 if the output is on the long side, else −1. A
missing candle restarts it. Equal to TA-Lib's SAREXT, which takes af0 as max_af at most (SAR if af0 = af).
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import ColumnType, IndicatorSpec, OutputSpec, Params, ParamSpec


def psar(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: af0, af, max_af.

    State: candles since the last missing one (up to 2), the last high and low, side (1 rising, −1 falling), sar of the next
    bar, ep, a.

    A falling market is a rising one upside down: sar and ep are kept times side, and so are high and low taken as top and
    bottom. Changing a sign is exact.
    """
    highs, lows = inputs[0], inputs[1]
    long, short, accelerations, reversals, directions = outputs[0], outputs[1], outputs[2], outputs[3], outputs[4]
    initial, step, most = params[0], params[1], params[2]
    seen, last_high, last_low, side = state[0], state[1], state[2], state[3]
    stop, extreme, acceleration = state[4], state[5], state[6]
    for t in range(lo, hi):
        high, low = highs[t], lows[t]
        shown, turned = 0.0, False
        if seen == 1.0:
            fall = last_low - low
            side = -1.0 if fall > 0.0 and fall > high - last_high else 1.0
            extreme, stop = (high, last_low) if side > 0.0 else (-low, -last_high)
            last_high, last_low, acceleration = high, low, initial
        if seen > 0.0:
            top, bottom = (high, low) if side > 0.0 else (-low, -high)
            last_top, last_bottom = (last_high, last_low) if side > 0.0 else (-last_low, -last_high)
            turned = bottom <= stop
            if turned:
                near = -max(last_top, top)
                shown = min(-extreme, near)
                side, extreme, acceleration = -side, -bottom, initial
            else:
                near = min(last_bottom, bottom)
                shown = stop
                if top > extreme:
                    extreme, acceleration = top, min(acceleration + step, most)
            stop = min(shown + acceleration * (extreme - shown), near)
        ready = seen > 0.0
        seen = 2.0 if ready else 1.0
        last_high, last_low = high, low
        whole = high + low + shown + stop
        if whole - whole != 0.0:  # the candle is missing, or a step has overflowed
            seen, stop, ready = 0.0, 0.0, False
        long[t] = shown if ready and side > 0.0 else MISSING
        short[t] = -shown if ready and side < 0.0 else MISSING
        accelerations[t] = acceleration if ready else MISSING
        reversals[t] = (1.0 if turned else 0.0) if ready else MISSING
        directions[t] = side if ready else MISSING
    state[0], state[1], state[2], state[3] = seen, last_high, last_low, side
    state[4], state[5], state[6] = stop, extreme, acceleration


def _pack(params: Params) -> Row:
    most = float(params["max_af"])
    return np.array([min(float(params["af0"]), most), float(params["af"]), most])


def _first(params: Params) -> int:
    return 1


SPEC = IndicatorSpec(
    name="psar",
    params=tuple(
        ParamSpec(name, "float", default, lo=0.0, above_lo=True)
        for name, default in (("af0", 0.02), ("af", 0.02), ("max_af", 0.2))
    ),
    inputs=("high", "low"),
    outputs=(
        OutputSpec("long", _first, gaps=True),
        OutputSpec("short", _first, gaps=True),
        OutputSpec("af", _first),
        OutputSpec("reversal", _first, ColumnType.INT),
        OutputSpec("direction", _first, ColumnType.INT),
    ),
    primary=None,
    fade=lambda params, step_ms: 50,
    state_size=lambda params: 7,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=psar,
)
