"""
zscore: how many deviations y is from its mean, (y − SMA_n y) / STD_n y (population deviation), with y the `spread` of close and
reference close, or their `ratio` (play-language 5.5). With `beta: ols` the same n bars find the slope.

Sums slide about a shift near the mean of y and are summed afresh at every bar whose index is a multiple of 512, and whenever so
much has been subtracted that rounding could show. A window in which y does not move has deviation 0 exactly, and no score.
"""

from collections.abc import Sequence
from math import log, sqrt
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.pairs import BETA, SLOPE_STATE, beta_row, slope, slope_bars
from playd.kernels.sliding import CANCELLED, RESUM_BARS
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, ParamSpec, integer, length_param

_SCORE_STATE: Final = 8
_RATIO: Final = "ratio"


@part
def _sum_afresh(past: Row, state: Row) -> None:
    """Shift and sums of all values in `past`; their order is that of the ring, which is the same however bars came."""
    total = 0.0
    for value in past:
        total += value
    shift = total / len(past)
    distances, squares = 0.0, 0.0
    for value in past:
        distance = value - shift
        distances += distance
        squares += distance * distance
    state[4], state[5], state[6], state[7] = shift, distances, squares, squares


@part
def _score(y: float, past: Row, on_grid: bool, state: Row) -> float:
    """
    The score of y among the values of the ring `past`, which takes y in place of its oldest.

    State: values since the last missing one (up to length), place of the oldest in the ring, number of equal values in a row,
    the last value; shift, sum and sum of squares of y − shift, the latter's largest since they were summed afresh.
    """
    length = len(past)
    if y - y != 0.0:
        state[:_SCORE_STATE] = 0.0
        return MISSING
    place = int(state[1])
    leaves = past[place]
    past[place] = y
    state[1] = place + 1 if place + 1 < length else 0
    state[2] = state[2] + 1.0 if y == state[3] else 1.0
    state[3] = y
    refresh = False
    if state[0] >= length:
        comes_distance, leaves_distance = y - state[4], leaves - state[4]
        state[5] += comes_distance - leaves_distance
        state[6] += comes_distance * comes_distance - leaves_distance * leaves_distance
        state[7] = max(state[7], state[6])
        refresh = on_grid or state[6] - state[5] * state[5] / length < state[7] * CANCELLED
    else:
        state[0] += 1.0
        refresh = state[0] == length
    if refresh:
        _sum_afresh(past, state)
    if state[0] < length or state[2] >= length:
        return MISSING
    mean = state[5] / length
    score = (y - state[4] - mean) / sqrt(max(state[6] - state[5] * mean, 0.0) / length)
    return score if score - score == 0.0 else MISSING


def zscore(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: close, reference, index. Params: length, 1 for the ratio, β, bars that it is found over (0: it is given).

    State: that of `slope`, that of `_score`, the last values of y as a ring.
    """
    close, reference, index, value = inputs[0], inputs[1], inputs[2], outputs[0]
    of_ratio, beta, length = params[1] != 0.0, params[2], int(params[3])
    score_state, past = state[SLOPE_STATE : SLOPE_STATE + _SCORE_STATE], state[SLOPE_STATE + _SCORE_STATE :]
    for t in range(lo, hi):
        on_grid = int(index[t]) % RESUM_BARS == 0
        if of_ratio:
            y = close[t] / reference[t]
        else:
            if length > 0:
                beta = slope(close, reference, t, length, on_grid, state)
            y = log(close[t]) - beta * log(reference[t])
        value[t] = _score(y, past, on_grid, score_state)


def _found_over(params: Params) -> int:
    return 0 if params["of"] == _RATIO else slope_bars(params)


def _pack(params: Params) -> Row:
    beta = np.array([1.0, 0.0]) if params["of"] == _RATIO else beta_row(params)
    return np.array([integer(params, "length"), float(params["of"] == _RATIO), *beta])


def _idle(params: Params) -> tuple[str, ...]:
    """A ratio has no β."""
    return ("beta",) if params["of"] == _RATIO else ()


SPEC = IndicatorSpec(
    name="zscore",
    params=(ParamSpec("of", "word", "spread", words=("spread", _RATIO)), BETA, length_param("length", 100, lo=2)),
    inputs=("close", "reference", "index"),
    outputs=(OutputSpec("value", lambda params: _found_over(params) + integer(params, "length") - 1, gaps=True),),
    primary="value",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: SLOPE_STATE + _SCORE_STATE + integer(params, "length"),
    lookback=lambda params: _found_over(params) + 1,
    pack=_pack,
    recurrence=zscore,
    idle=_idle,
)
