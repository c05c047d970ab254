"""
supertrend: trailing bands around the middle of the bar; the trend flips when the close leaves the band it follows.

a = atr_n; raw bands hl2 ± multiplier·a. At the first bar the final bands are the raw ones and the direction is −1. Then lower
rises to the raw one, or restarts if the last close was below lower₋₁; upper mirrors it. Direction turns to +1 iff the close is
above the present upper, to −1 iff it is below the present lower. trend = lower if up, else upper; `long` and `short` carry
trend on its side and are missing on the other. A missing candle restarts the seed. TradingView's definition.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.exponential import wilder_step
from playd.kernels.spec import ColumnType, IndicatorSpec, OutputSpec, Params, ParamSpec, integer, length_param


def supertrend(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Params: length, multiplier.

    State: candles since the last missing one (up to length + 1), the last close, atr (a sum at first), final lower and upper
    band, direction.
    """
    highs, lows, closes = inputs[0], inputs[1], inputs[2]
    trend, directions, long, short = outputs[0], outputs[1], outputs[2], outputs[3]
    length, multiplier = params[0], params[1]
    seen, last_close, mean = state[0], state[1], state[2]
    lower, upper, direction = state[3], state[4], state[5]
    for t in range(lo, hi):
        high, low, close = highs[t], lows[t], closes[t]
        true_range = max(high - low, max(abs(high - last_close), abs(low - last_close)))
        ready = seen >= length
        if seen > length:
            mean = wilder_step(mean, true_range, length)
        elif seen > 0.0:
            mean += true_range
        if seen == length:
            mean /= length
        half_width = multiplier * mean
        raw_lower, raw_upper = (high + low) / 2.0 - half_width, (high + low) / 2.0 + half_width
        if seen > length:
            lower = raw_lower if raw_lower > lower or last_close < lower else lower
            upper = raw_upper if raw_upper < upper or last_close > upper else upper
            turned = close > upper if direction < 0.0 else close < lower
            direction = -direction if turned else direction
        else:
            lower, upper, direction = raw_lower, raw_upper, -1.0
            seen += 1.0
        last_close = close
        whole = mean + raw_lower + raw_upper + close
        if whole - whole != 0.0:  # the candle is missing, or a band has overflowed
            seen, mean, ready = 0.0, 0.0, False
        line = lower if direction > 0.0 else upper
        trend[t] = line if ready else MISSING
        directions[t] = direction if ready else MISSING
        long[t] = line if ready and direction > 0.0 else MISSING
        short[t] = line if ready and direction < 0.0 else MISSING
    state[0], state[1], state[2] = seen, last_close, mean
    state[3], state[4], state[5] = lower, upper, direction


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length"), float(params["multiplier"])])


def _first(params: Params) -> int:
    return integer(params, "length")


SPEC = IndicatorSpec(
    name="supertrend",
    params=(length_param("length", 10), ParamSpec("multiplier", "float", 3.0, lo=0.0, above_lo=True)),
    inputs=("high", "low", "close"),
    outputs=(
        OutputSpec("trend", _first),
        OutputSpec("direction", _first, ColumnType.INT),
        OutputSpec("long", _first, gaps=True),
        OutputSpec("short", _first, gaps=True),
    ),
    primary="trend",
    fade=lambda params, step_ms: 8 * integer(params, "length"),
    state_size=lambda params: 6,
    lookback=lambda params: 0,
    pack=_pack,
    recurrence=supertrend,
)
