"""
A synthetic market: one path of one-minute candles, from which every other clock is rolled up.

The same name, clock, length and seed give the same candles, with the generator of the NumPy version that is installed.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candles
from playd.core.timeframes import MINUTE_MS
from playd.market.patterns.path import B, closes
from playd.market.patterns.shapes import SHAPES

START_MS: Final = 1_735_689_600_000
"""2025-01-01 00:00 UTC."""

TICK: Final = 0.1
_LOT: Final = 0.001
_DAILY: Final = 0.02
"""Standard deviation of a day, as a fraction of the price."""

_MINUTES_OF_DAY: Final = 1440


def synthetic_market(pattern: str, *, seed: int, exec_minutes: int, exec_bars: int, symbol: str) -> Candles:
    """One-minute candles of `exec_bars` bars of `exec_minutes` each. KeyError for an unknown pattern."""
    draw = np.random.Generator(np.random.PCG64(seed))
    z, u = draw.standard_normal(exec_bars), draw.random((exec_bars, 3))
    g = draw.standard_normal((exec_bars, exec_minutes))
    count = exec_bars * exec_minutes
    w, v = draw.standard_normal((count, 2)), draw.standard_normal(count)
    anchors = closes(SHAPES[pattern], _DAILY * math.sqrt(exec_minutes / _MINUTES_OF_DAY), z, u)
    before = np.concatenate(([B], anchors[:-1]))
    share = np.arange(1, exec_minutes + 1) / exec_minutes
    walk = np.cumsum(g, axis=1)
    minute = _DAILY / math.sqrt(_MINUTES_OF_DAY)
    bridge = 0.5 * B * minute * (walk - share * walk[:, -1:])
    close = (before[:, None] + (anchors - before)[:, None] * share + bridge).ravel()
    open_ = np.concatenate(([B], close[:-1]))
    high = np.maximum(open_, close) * (1 + 0.25 * minute * np.abs(w[:, 0]))
    low = np.minimum(open_, close) * (1 - 0.25 * minute * np.abs(w[:, 1]))
    volume = 10 * np.exp(0.8 * v) * (1 + 50 * np.abs(close / open_ - 1) * math.sqrt(_MINUTES_OF_DAY / exec_minutes))
    times = START_MS + MINUTE_MS * np.arange(count, dtype=np.int64)
    prices = (_rounded(open_, TICK), _rounded(high, TICK), _rounded(low, TICK), _rounded(close, TICK))
    return Candles(symbol, MINUTE_MS, times, *prices, volume=_rounded(volume, _LOT))


def _rounded(row: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """To the nearest unit, as the decimal number that it is."""
    return np.round(np.round(row / unit) * unit, round(-math.log10(unit)))
