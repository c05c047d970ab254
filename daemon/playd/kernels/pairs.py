"""
What the two symbols of a pair have in common: the hedge ratio β of their logarithms, given or found by least squares (5.5).

With c = ln close and r = ln reference close, β = Σ(r − r̄)(c − c̄) / Σ(r − r̄)² over the last n bars. The sums slide, about shifts
near the means, so that nothing cancels at high prices; they are summed afresh at every bar whose index is a multiple of 512 and
whenever so much has been subtracted that rounding could show. A window in which the reference does not move has no β, one in
which only the other stands still has β = 0 exactly.
"""

from math import log
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, part
from playd.kernels.sliding import CANCELLED
from playd.kernels.spec import Params, ParamSpec, integer

OLS: Final = "ols"
"""The word for a β that is found."""

BETA: Final = ParamSpec("beta", "float", 1.0, words=(OLS,))

SLOPE_STATE: Final = 12


def beta_row(params: Params) -> Row:
    """β, missing if it is found; and the bars that it is found over, 0 if it is given."""
    beta = params["beta"]
    return np.array([np.nan, integer(params, "length")] if beta == OLS else [float(beta), 0.0])


def slope_bars(params: Params) -> int:
    """Bars before the first one that has a β."""
    return integer(params, "length") - 1 if params["beta"] == OLS else 0


@part
def _sum_afresh(close: Row, reference: Row, t: int, length: int, state: Row) -> None:
    """The shifts and sums of the window that ends at t."""
    mean_r, mean_c = 0.0, 0.0
    for k in range(t - length + 1, t + 1):
        mean_r += log(reference[k])
        mean_c += log(close[k])
    mean_r, mean_c = mean_r / length, mean_c / length
    sum_r, sum_c, squares, products = 0.0, 0.0, 0.0, 0.0
    for k in range(t - length + 1, t + 1):
        of_r, of_c = log(reference[k]) - mean_r, log(close[k]) - mean_c
        sum_r += of_r
        sum_c += of_c
        squares += of_r * of_r
        products += of_r * of_c
    state[3], state[4] = mean_r, mean_c
    state[5], state[6], state[7], state[8], state[9] = sum_r, sum_c, squares, products, squares


@part
def slope(close: Row, reference: Row, t: int, length: int, on_grid: bool, state: Row) -> float:
    """
    β of the `length` bars that end at t, missing where there are not so many without a gap. To be called for every bar.

    State: bars since the last gap (up to length), number of equal values of r in a row, the last r; shifts of r and c; sums of
    r, c, r·r, r·c about them, and the largest sum of r·r since they were summed afresh; number of equal values of c in a row,
    the last c.
    """
    of_r, of_c = log(reference[t]), log(close[t])
    whole = of_r + of_c
    if whole - whole != 0.0:
        state[:SLOPE_STATE] = 0.0
        return MISSING
    state[1] = state[1] + 1.0 if of_r == state[2] else 1.0
    state[2] = of_r
    state[10] = state[10] + 1.0 if of_c == state[11] else 1.0
    state[11] = of_c
    refresh = False
    if state[0] >= length:
        comes_r, comes_c = of_r - state[3], of_c - state[4]
        leaves_r, leaves_c = log(reference[t - length]) - state[3], log(close[t - length]) - state[4]
        state[5] += comes_r - leaves_r
        state[6] += comes_c - leaves_c
        state[7] += comes_r * comes_r - leaves_r * leaves_r
        state[8] += comes_r * comes_c - leaves_r * leaves_c
        state[9] = max(state[9], state[7])
        refresh = on_grid or state[7] - state[5] * state[5] / length < state[9] * CANCELLED
    else:
        state[0] += 1.0
        refresh = state[0] == length
    if refresh:
        _sum_afresh(close, reference, t, length, state)
    if state[0] < length or state[1] >= length:
        return MISSING
    if state[10] >= length:
        return 0.0
    beta: float = (state[8] - state[5] * state[6] / length) / (state[7] - state[5] * state[5] / length)
    return beta
