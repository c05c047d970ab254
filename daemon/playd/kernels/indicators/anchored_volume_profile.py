"""
anchored_volume_profile: volume_profile over the bars since the last anchor event, at most the newest `lookback` of them.

`bars_since_anchor` is 1 on the event's bar and goes on counting beyond `lookback`. Missing before the first event, and from a
missing candle to the next one. Volumes are counted as in volume_profile. Definition of play-language 5.4.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.anchors import ANCHOR_INPUTS, ANCHOR_SOURCE, ANCHOR_STRUCTURE, BARS, STATE_SIZE, is_anchor, source_code
from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.indicators.volume_profile import SPEC as PROFILE
from playd.kernels.indicators.volume_profile import begin_profile, profile_size, write_profile
from playd.kernels.spec import ColumnType, IndicatorSpec, OutputSpec, Params, integer


def anchored_volume_profile(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close, volume, then the swing's of `ANCHOR_INPUTS`.

    Params: code of the anchor's source, num_buckets, lookback, value_area_pct. State: the anchor's, the profile.
    """
    rows = (inputs[0], inputs[1], inputs[2], inputs[3])
    lookback, area, profile = int(params[2]), params[3], state[STATE_SIZE:]
    for t in range(lo, hi):
        for row in range(7):
            outputs[row, t] = MISSING
        whole = rows[0][t] + rows[1][t] + rows[2][t] + rows[3][t]
        if whole - whole != 0.0:  # the candle is missing
            state[:] = 0.0
            continue
        if is_anchor(params[0], inputs[4][t], inputs[5][t], inputs[6][t], inputs[7][t], state):
            state[BARS] = 0.0
            begin_profile(profile, lookback)
        elif state[BARS] == 0.0:
            continue
        full = state[BARS] >= lookback
        state[BARS] += 1.0
        outputs[6, t] = state[BARS]
        write_profile(rows, t, min(int(state[BARS]), lookback), full, lookback, area, profile, outputs)


def _pack(params: Params) -> Row:
    profile = [integer(params, "num_buckets"), integer(params, "lookback"), float(params["value_area_pct"])]
    return np.array([source_code(params), *profile])


SPEC = IndicatorSpec(
    name="anchored_volume_profile",
    params=(*PROFILE.params, ANCHOR_SOURCE, ANCHOR_STRUCTURE),
    inputs=("high", "low", "close", "volume", *ANCHOR_INPUTS),
    outputs=(
        *(OutputSpec(output.name, lambda params: 0, output.type, gaps=True) for output in PROFILE.outputs),
        OutputSpec("bars_since_anchor", lambda params: 0, ColumnType.INT, gaps=True),
    ),
    primary="poc",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: STATE_SIZE + profile_size(params),
    lookback=lambda params: integer(params, "lookback"),
    pack=_pack,
    recurrence=anchored_volume_profile,
)
