"""
anchored_vwap: volume-weighted average price since the last anchor event, its bar included: Σ tp·V / Σ V, tp = (H+L+C)/3.

`bars_since_anchor` is 1 on that bar. Missing before the first event, and from a missing candle to the next one; the price also
while ΣV = 0. The sums only grow and begin anew at every event, so that there is nothing to drift. Defined in play-language 5.4.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.anchors import ANCHOR_INPUTS, ANCHOR_SOURCE, ANCHOR_STRUCTURE, BARS, STATE_SIZE, is_anchor, source_code
from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import ColumnType, IndicatorSpec, OutputSpec

_WEIGHTED, _VOLUME = STATE_SIZE, STATE_SIZE + 1
"""Places in the state behind those of the anchor: Σ tp·V, Σ V."""


def anchored_vwap(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: high, low, close, volume, then the swing's of `ANCHOR_INPUTS`. Params: code of the anchor's source."""
    highs, lows, closes, volumes = inputs[0], inputs[1], inputs[2], inputs[3]
    for t in range(lo, hi):
        outputs[0, t], outputs[1, t] = MISSING, MISSING
        whole = highs[t] + lows[t] + closes[t] + volumes[t]
        if whole != whole:  # the candle is missing
            state[:] = 0.0
            continue
        if is_anchor(params[0], inputs[4][t], inputs[5][t], inputs[6][t], inputs[7][t], state):
            state[BARS], state[_WEIGHTED], state[_VOLUME] = 0.0, 0.0, 0.0
        elif state[BARS] == 0.0:
            continue
        state[BARS] += 1.0
        state[_WEIGHTED] += (highs[t] + lows[t] + closes[t]) / 3.0 * volumes[t]
        state[_VOLUME] += volumes[t]
        mean = state[_WEIGHTED] / state[_VOLUME]
        outputs[0, t] = mean if mean - mean == 0.0 else MISSING
        outputs[1, t] = state[BARS]


SPEC = IndicatorSpec(
    name="anchored_vwap",
    params=(ANCHOR_SOURCE, ANCHOR_STRUCTURE),
    inputs=("high", "low", "close", "volume", *ANCHOR_INPUTS),
    outputs=(
        OutputSpec("value", lambda params: 0, gaps=True),
        OutputSpec("bars_since_anchor", lambda params: 0, ColumnType.INT, gaps=True),
    ),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: STATE_SIZE + 2,
    lookback=lambda params: 0,
    pack=lambda params: np.array([source_code(params)]),
    recurrence=anchored_vwap,
)
