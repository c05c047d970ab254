"""
rolling_window: the highest or least value of the last `size` bars, the present one included, from the first bar on.

With `exclude_current` it is that of the `size` bars before the present one, from bar 1 on.

Extremes slide by blocks (`kernels.sliding`): three comparisons per bar, whatever the size. Before the first bar every value of
the window is infinite, so that a part of a window has its extreme too. The maximum is handled as the minimum of −x.
"""

from collections.abc import Collection, Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.sliding import least_of_last
from playd.kernels.spec import ParamSpec, integer
from playd.kernels.structures.spec import Output, Settings, StructureSpec, float_out, number

SCALARS = 4
"""Places in the state before the tails."""


def rolling_window(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Input: the source. Params: size, sign (−1 for the maximum), whether the present bar is excluded.

    State: whether there was a bar, place in the block, least value in it, the last window's value, tails.
    """
    x, value = inputs[0], outputs[0]
    size, sign, excluded = int(params[0]), params[1], params[2] != 0.0
    tails = state[SCALARS:]
    if state[0] == 0.0 and lo < hi:
        state[0], state[3] = 1.0, MISSING
        tails[:] = np.inf
    bars, head, last = int(state[1]), state[2], state[3]
    for t in range(lo, hi):
        before = last
        head, least = least_of_last(tails, bars, head, sign * x[t])
        bars = bars + 1 if bars + 1 < size else 0
        last = sign * least
        value[t] = before if excluded else last
    state[1], state[2], state[3] = bars, head, last


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (float_out("value", 1 if params["exclude_current"] else 0, steady=True),)


def _pack(params: Settings, used: Collection[str]) -> Row:
    sign = -1.0 if params["mode"] == "max" else 1.0
    return np.array([integer(params, "size"), sign, number(params, "exclude_current")], dtype=np.float64)


SPEC = StructureSpec(
    name="rolling_window",
    params=(
        ParamSpec("size", "int", lo=1, hi=5000, required=True),
        ParamSpec("source", "word", words=("open", "high", "low", "close", "volume"), required=True),
        ParamSpec("mode", "word", words=("min", "max"), required=True),
        ParamSpec("exclude_current", "bool", default=False),
    ),
    inputs=("src",),
    outputs=_outputs,
    fade=lambda params, used: integer(params, "size"),
    state_size=lambda params: SCALARS + integer(params, "size"),
    pack=_pack,
    recurrence=rolling_window,
)
