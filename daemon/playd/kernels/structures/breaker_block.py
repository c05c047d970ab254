"""
breaker_block: an order block that failed as the market's character changed, from then on expected to work the other way.

Where the order block has any_invalidated_this_bar and the market structure choch_this_bar on the same bar, the last invalidated
block becomes a breaker of the opposite direction. From the next bar on, as an order block: a close beyond its far edge
invalidates it, else a touch of the near edge mitigates it. Known at the bar's close.
"""

from collections.abc import Collection, Sequence

import numpy as np

from playd.kernels.compiled import Row, Table
from playd.kernels.spec import integer
from playd.kernels.structures.slots import MAX_ACTIVE, MITIGATED_ROW, drop_oldest, meet, push, report, reported, size
from playd.kernels.structures.spec import Output, Settings, StructureSpec, Use, count_out, flag_out


def breaker_block(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: high, low, close; of the order block any_invalidated_this_bar, last_invalidated_direction, _upper, _lower; of the
    market structure choch_this_bar. No params.

    State: how many there were, slots.
    """
    highs, lows, closes = inputs[0], inputs[1], inputs[2]
    invalidated, directions, uppers, lowers, turned = inputs[3], inputs[4], inputs[5], inputs[6], inputs[7]
    version, slots = state[0], state[1:]
    for t in range(lo, hi):
        made = 0.0
        if invalidated[t] == 1.0 and turned[t] == 1.0:
            made = -directions[t]
            push(slots, made, uppers[t], lowers[t])
            version += 1.0
        mitigated = meet(slots, 1 if made != 0.0 else 0, highs[t], lows[t], closes[t])[0]
        drop_oldest(slots)
        report(outputs, t, slots, closes[t], made)
        outputs[MITIGATED_ROW, t] = 1.0 if mitigated else 0.0
        outputs[MITIGATED_ROW + 1, t] = version
    state[0] = version


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (*reported(0), flag_out("any_mitigated_this_bar"), count_out("version"))


def _pack(params: Settings, used: Collection[str]) -> Row:
    return np.zeros(0)


SPEC = StructureSpec(
    name="breaker_block",
    params=(MAX_ACTIVE,),
    inputs=(
        "high",
        "low",
        "close",
        "order_block.any_invalidated_this_bar",
        "order_block.last_invalidated_direction",
        "order_block.last_invalidated_upper",
        "order_block.last_invalidated_lower",
        "market_structure.choch_this_bar",
    ),
    outputs=_outputs,
    fade=lambda params, used: 0,
    state_size=lambda params: 1 + size(integer(params, "max_active")),
    pack=_pack,
    recurrence=breaker_block,
    uses=(Use("order_block"), Use("market_structure")),
)
