"""Slow candles: rolled up whole, bar by bar, and grouped by plain Python are the same to the last bit."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np

from playd.core.candles import Candles
from playd.core.timeframes import DAY_MS, MINUTE_MS, TIMEFRAME_MS, bar_open_ms
from playd.kernels import rollup
from playd.kernels.compiled import Row, Table
from playd.research.validation.verdict import Verdict

SLOW_MS: Final = {**{name: ms for name, ms in TIMEFRAME_MS.items() if ms > MINUTE_MS}, "W": 7 * DAY_MS}

_EVERY: Final = 97
"""One minute in so many is left out, so that bars without their first, last or middle minute are looked at too."""


def check_rollups(candles: Candles) -> Verdict:
    """Every slower timeframe from one-minute candles, whole and with missing minutes."""
    verdict = Verdict("timeframes")
    fields = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    whole = (candles.open_time_ms.astype(np.float64), *(row.copy() for row in fields))
    holes = tuple(row[np.arange(len(candles)) % _EVERY != 0].copy() for row in whole)
    for name, slow_ms in SLOW_MS.items():
        verdict.checked += 1
        for what, base in (("whole", whole), ("with missing minutes", holes)):
            slow = _rolled(base, slow_ms, (0, len(base[0])))
            verdict.expect(slow.shape[1] > 1, f"{name} {what}: too few bars to compare")
            same = np.array_equal(slow, _grouped(base, slow_ms))
            verdict.expect(same, f"{name} {what}: rolled up differs from grouped by hand")
        single = _rolled(holes, slow_ms, range(len(holes[0]) + 1))
        verdict.expect(np.array_equal(_rolled(holes, slow_ms, (0, len(holes[0]))), single), f"{name}: bar by bar differs")
    return verdict


def _rolled(base: tuple[Row, ...], slow_ms: int, edges: Iterable[int]) -> Table:
    kernel, params, state = rollup.kernel(), rollup.pack(MINUTE_MS, slow_ms), np.zeros(rollup.STATE_SIZE)
    slow, filled = np.full((rollup.ROWS, len(base[0]) + 1), np.nan), 0
    for lo, hi in pairwise(edges):
        filled = kernel(base, params, state, slow, lo, hi, filled)
    return slow[:, :filled]


def _grouped(base: tuple[Row, ...], slow_ms: int) -> Table:
    """The finished slow candles: a bar is finished by its last minute, or by a minute behind it."""
    bars: dict[int, list[float]] = {}
    for time, open_, high, low, close, volume in zip(*(row.tolist() for row in base), strict=True):
        bar = bars.setdefault(bar_open_ms(int(time), slow_ms), [open_, high, low, close, 0.0])
        bar[1], bar[2], bar[3] = max(bar[1], high), min(bar[2], low), close
        bar[4] += volume
    end = base[0][-1] + MINUTE_MS
    return np.array([[start, *bar] for start, bar in bars.items() if start + slow_ms <= end]).T
