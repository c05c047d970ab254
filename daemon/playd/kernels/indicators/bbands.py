"""
bbands: Bollinger bands. middle = SMA_n; lower, upper = middle ∓ std·STD_n (population deviation); bandwidth =
100(upper − lower)/middle, percent; percent_b = (x − lower)/(upper − lower), a fraction. Zero divisors give missing.

The bands equal TA-Lib's BBANDS where that is well conditioned. Sums slide: the middle as in `sma`, to the same bits, the
squares about a shift near the mean, so that nothing cancels at high prices. Both are summed afresh at every bar whose index is
a multiple of 512 and whenever so much has been subtracted that rounding could show. A window of equal values has deviation 0
exactly.
"""

from collections.abc import Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import CANCELLED, RESUM_BARS, sum_of_last
from playd.kernels.spec import IndicatorSpec, OutputSpec, Params, ParamSpec, integer, length_param


@part
def _moments_of_last(x: Row, t: int, length: int, shift: float) -> tuple[float, float]:
    """Sum and sum of squares of x − shift."""
    total, squares = 0.0, 0.0
    for k in range(t - length + 1, t + 1):
        distance = x[k] - shift
        total += distance
        squares += distance * distance
    return total, squares


def bbands(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: src, index. Params: length, std.

    State: values since the last missing one (up to length), number of equal values in a row, the last value; sum and its
    largest size since resummed; shift; sum and sum of squares of x − shift, and the latter's largest since resummed.
    """
    x, index = inputs[0], inputs[1]
    lower, middle, upper, bandwidth, percent_b = outputs[0], outputs[1], outputs[2], outputs[3], outputs[4]
    length, deviations = int(params[0]), params[1]
    seen, equal, last = int(state[0]), state[1], state[2]
    total, largest_total = state[3], state[4]
    shift, distances, squares, largest_squares = state[5], state[6], state[7], state[8]
    for t in range(lo, hi):
        equal = equal + 1.0 if x[t] == last else 1.0
        last = x[t]
        if seen >= length:
            leaves = x[t - length]
            total += last - leaves
            largest_total = max(largest_total, abs(total))
            comes_distance, leaves_distance = last - shift, leaves - shift
            distances += comes_distance - leaves_distance
            squares += comes_distance * comes_distance - leaves_distance * leaves_distance
            largest_squares = max(largest_squares, squares)
            spread = squares - distances * distances / length
            on_grid = int(index[t]) % RESUM_BARS == 0
            if on_grid or abs(total) < largest_total * CANCELLED:
                total = sum_of_last(x, t, length)
                largest_total = abs(total)
            refresh = on_grid or spread < largest_squares * CANCELLED
        else:
            seen += 1
            total += last
            largest_total = abs(total)
            spread = 0.0
            refresh = seen == length
        mean = total / length
        if refresh:
            shift = mean
            distances, squares = _moments_of_last(x, t, length, shift)
            largest_squares = squares
            spread = squares - distances * distances / length
        half_width = deviations * np.sqrt(max(spread, 0.0) / length) if equal < length else 0.0
        below, above = mean - half_width, mean + half_width
        width = above - below
        whole = total + squares + 100.0 * width
        if whole - whole != 0.0:  # x is missing, or a sum has overflowed
            seen, equal, total, squares, distances = 0, 0.0, 0.0, 0.0, 0.0
        if seen < length:
            lower[t] = middle[t] = upper[t] = bandwidth[t] = percent_b[t] = MISSING
            continue
        lower[t], middle[t], upper[t] = below, mean, above
        percent = 100.0 * width / mean
        place = (last - below) / width
        bandwidth[t] = percent if percent - percent == 0.0 else MISSING
        percent_b[t] = place if place - place == 0.0 else MISSING
    state[0], state[1], state[2] = seen, equal, last
    state[3], state[4] = total, largest_total
    state[5], state[6], state[7], state[8] = shift, distances, squares, largest_squares


def _pack(params: Params) -> Row:
    return np.array([integer(params, "length"), float(params["std"])])


def _first(params: Params) -> int:
    return integer(params, "length") - 1


SPEC = IndicatorSpec(
    name="bbands",
    params=(length_param("length", 20), ParamSpec("std", "float", 2.0, lo=0.0, hi=10.0, above_lo=True)),
    inputs=("src", "index"),
    outputs=(
        OutputSpec("lower", _first),
        OutputSpec("middle", _first),
        OutputSpec("upper", _first),
        OutputSpec("bandwidth", _first, gaps=True),
        OutputSpec("percent_b", _first, gaps=True),
    ),
    primary="middle",
    fade=lambda params, step_ms: 0,
    state_size=lambda params: 9,
    lookback=lambda params: integer(params, "length"),
    pack=_pack,
    recurrence=bbands,
)
