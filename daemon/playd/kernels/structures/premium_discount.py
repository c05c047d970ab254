"""
premium_discount: where the close lies between the low and the high of the last swing pair.

Every bar: span = high − low; equilibrium = low + 0.5 span, premium_level = low + 0.75 span, discount_level = low + 0.25 span. A
close at or above premium_level is `premium`, at or below discount_level `discount`, else `equilibrium`; depth_pct = (C −
low)/span, clamped to [0, 1]. A span of 0 or less: all three levels are the low, `equilibrium`, 0.5. Before the first pair:
`none`. Delay: that of the swing.
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table
from playd.kernels.structures.spec import Output, Settings, StructureSpec, Use, count_out, float_out, word_out

WORDS: Final = ("none", "premium", "discount", "equilibrium")
NONE, PREMIUM, DISCOUNT, EQUILIBRIUM = 0.0, 1.0, 2.0, 3.0


def premium_discount(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: close; of the swing pair_high_level, pair_low_level. No params.

    State: the last word, how often it changed.
    """
    closes, highs, lows = inputs[0], inputs[1], inputs[2]
    last_word, version = state[0], state[1]
    for t in range(lo, hi):
        close, low = closes[t], lows[t]
        span = highs[t] - low
        word, depth = NONE, MISSING
        if span <= 0.0:
            span, word, depth = 0.0, EQUILIBRIUM, 0.5
        elif span - span == 0.0:  # neither missing nor overflowed
            depth = max(0.0, min(1.0, (close - low) / span))
            word = DISCOUNT if close <= low + 0.25 * span else EQUILIBRIUM
            word = PREMIUM if close >= low + 0.75 * span else word
        version += 1.0 if word != last_word else 0.0
        last_word = word
        outputs[0, t] = low + 0.5 * span if word != NONE else MISSING
        outputs[1, t] = low + 0.75 * span if word != NONE else MISSING
        outputs[2, t] = low + 0.25 * span if word != NONE else MISSING
        outputs[3, t] = word
        outputs[4, t] = depth
        outputs[5, t] = version
    state[0], state[1] = last_word, version


def _outputs(params: Settings) -> tuple[Output, ...]:
    levels = (float_out("equilibrium"), float_out("premium_level"), float_out("discount_level"))
    return (*levels, word_out("zone", WORDS), float_out("depth_pct"), count_out("version"))


def _pack(params: Settings, used: Collection[str]) -> Row:
    return np.zeros(0)


SPEC = StructureSpec(
    name="premium_discount",
    params=(),
    inputs=("close", "swing.pair_high_level", "swing.pair_low_level"),
    outputs=_outputs,
    fade=lambda params, used: 0,
    state_size=lambda params: 2,
    pack=_pack,
    recurrence=premium_discount,
    uses=(Use("swing"),),
)
