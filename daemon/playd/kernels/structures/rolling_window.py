"""
rolling_window: the highest or least value of the last `size` bars, the present one included, from the first bar on.

With `exclude_current` it is that of the `size` bars before the present one, from bar 1 on.

Sliding extremes by blocks of `size` bars (van Herk, Gil and Werman): the window is the tail of the last whole block and the
head of the present one. Three comparisons per bar, whatever the size. The maximum is handled as the minimum of −x.
"""

from collections.abc import Collection, Sequence

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.spec import ParamSpec, integer
from playd.kernels.structures.spec import Output, Settings, StructureSpec, float_out, number

SCALARS = 4
"""Places in the state before the tails of the last block and the values of the present one."""


def rolling_window(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Input: the source. Params: size, sign (−1 for the maximum), whether the present bar is excluded.

    State: bars in the present block, least value in it, blocks known (0 none, 1 the present one, 2 one before it), the last
    window's value, tails, values.
    """
    x, value = inputs[0], outputs[0]
    size, sign, excluded = int(params[0]), params[1], params[2] != 0.0
    tails, block = state[SCALARS : SCALARS + size], state[SCALARS + size :]
    bars, head, known, last = int(state[0]), state[1], state[2], state[3]
    for t in range(lo, hi):
        before = last if known > 0.0 else MISSING
        present = sign * x[t]
        head = present if bars == 0 or present < head else head
        block[bars] = present
        bars += 1
        least = head
        if bars < size:
            if known == 2.0 and tails[bars] < head:
                least = tails[bars]
            known = max(known, 1.0)
        else:
            bars, known = 0, 2.0
            tail = np.inf
            for k in range(size - 1, -1, -1):
                tail = block[k] if block[k] < tail else tail
                tails[k] = tail
        last = sign * least
        value[t] = before if excluded else last
    state[0], state[1], state[2], state[3] = bars, head, known, last


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
    state_size=lambda params: SCALARS + 2 * integer(params, "size"),
    pack=_pack,
    recurrence=rolling_window,
)
