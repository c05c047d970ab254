"""Candles of a slower clock, by the same roll-up that feeds Plays."""

import numpy as np

from playd.core.candles import Candles
from playd.kernels import rollup


def rolled(candles: Candles, step_ms: int) -> Candles:
    """The finished bars of `step_ms`, a multiple of the candles' own. Raises ValueError for another."""
    if candles.step_ms == step_ms:
        return candles
    fields = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    base = (candles.open_time_ms.astype(np.float64), *(np.ascontiguousarray(row, dtype=np.float64) for row in fields))
    params, state, slow = (
        rollup.pack(candles.step_ms, step_ms),
        np.zeros(rollup.STATE_SIZE),
        np.empty((rollup.ROWS, len(candles) + 1)),
    )
    count = rollup.kernel()(base, params, state, slow, 0, len(candles), 0)
    rows = slow[:, :count]
    return Candles(candles.symbol, step_ms, rows[0].astype(np.int64), *(row.copy() for row in rows[1:]))
