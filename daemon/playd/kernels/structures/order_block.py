"""
order_block: the last candle against a strong move, where those who made the move may have orders left.

The trigger is the displacement that it uses, else the test of `displacement` with its own parameters; with
require_displacement false only that test's body counts. Then among the lookback + 2 bars before this one, newest first, the
first of the opposite colour is the block: its body, or its whole range if use_body is false; none if that has no width. From
the next bar on: a close beyond the block's far edge invalidates it, else a touch of its near edge mitigates it. Counts and
nearest look at living blocks; the newest max_active are kept whether they live or not. Known at the bar's close.
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ParamSpec, integer
from playd.kernels.structures.displacement import BODY_ATR_MIN, WICK_RATIO_MAX, ratios
from playd.kernels.structures.slots import MAX_ACTIVE, MITIGATED_ROW, drop_oldest, meet, push, report, reported, size
from playd.kernels.structures.spec import (
    ATR_KEY,
    Output,
    Settings,
    StructureSpec,
    Use,
    Warmups,
    count_out,
    flag_out,
    float_out,
    number,
)

SCALARS: Final = 3
"""Places in the state before the ring."""

CANDLE: Final = 4
"""Numbers of a candle in the ring: open, high, low, close."""

OWN_TEST, BODY_TEST, GIVEN = 0.0, 1.0, 2.0
"""What triggers: the whole test, its body alone, the displacement that is used."""


@part
def _block_against(ring: Row, newest: int, seen: int, direction: float, use_body: bool) -> tuple[float, float]:
    """Upper and lower edge of the newest candle of the other colour; missing if there is none."""
    at = newest
    for _ in range(seen):
        open_, high, low, close = ring[at], ring[at + 1], ring[at + 2], ring[at + 3]
        if (close < open_ and direction > 0.0) or (close > open_ and direction < 0.0):
            return (max(open_, close), min(open_, close)) if use_body else (high, low)
        at = at - CANDLE if at > 0 else len(ring) - CANDLE
    return MISSING, MISSING


def order_block(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: open, high, low, close, atr; of the displacement is_displacement, direction. Params: body_atr_min, wick_ratio_max,
    trigger, use_body, lookback.

    State: candles in the ring, place of the newest, how many blocks there were; ring of lookback + 2 candles; slots.
    """
    opens, highs, lows, closes, atrs = inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]
    given, directions = inputs[5], inputs[6]
    body_min, wick_max, trigger, use_body = params[0], params[1], params[2], params[3] != 0.0
    length = CANDLE * (int(params[4]) + 2)
    ring, slots = state[SCALARS : SCALARS + length], state[SCALARS + length :]
    seen, newest, version = int(state[0]), int(state[1]), state[2]
    for t in range(lo, hi):
        open_, high, low, close = opens[t], highs[t], lows[t], closes[t]
        direction = 0.0
        if trigger == GIVEN:
            direction = directions[t] if given[t] == 1.0 else 0.0
        else:
            body, wick = ratios(open_, high, low, close, atrs[t])
            if body >= body_min and (trigger == BODY_TEST or wick <= wick_max):
                direction = 1.0 if close > open_ else -1.0
        made = 0.0
        if direction != 0.0:
            upper, lower = _block_against(ring, newest, seen, direction, use_body)
            if upper > lower:
                made = direction
                push(slots, made, upper, lower)
                version += 1.0
        mitigated, failed, upper, lower = meet(slots, 1 if made != 0.0 else 0, high, low, close)
        drop_oldest(slots)
        report(outputs, t, slots, close, made)
        outputs[MITIGATED_ROW, t] = 1.0 if mitigated else 0.0
        outputs[MITIGATED_ROW + 1, t] = 1.0 if failed != 0.0 else 0.0
        outputs[MITIGATED_ROW + 2, t] = failed
        outputs[MITIGATED_ROW + 3, t] = upper
        outputs[MITIGATED_ROW + 4, t] = lower
        outputs[MITIGATED_ROW + 5, t] = version
        newest = newest + CANDLE if newest + CANDLE < length else 0
        ring[newest], ring[newest + 1], ring[newest + 2], ring[newest + 3] = open_, high, low, close
        seen = min(seen + 1, length // CANDLE)
    state[0], state[1], state[2] = seen, newest, version


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (
        *reported(1),
        flag_out("any_mitigated_this_bar"),
        flag_out("any_invalidated_this_bar"),
        count_out("last_invalidated_direction"),
        float_out("last_invalidated_upper", 2),
        float_out("last_invalidated_lower", 2),
        count_out("version"),
    )


def _pack(params: Settings, used: Collection[str]) -> Row:
    trigger = BODY_TEST if not params["require_displacement"] else GIVEN if "displacement" in used else OWN_TEST
    tests = [number(params, "body_atr_min"), number(params, "wick_ratio_max")]
    return np.array([*tests, trigger, number(params, "use_body"), integer(params, "lookback")], dtype=np.float64)


def _fade(params: Settings, used: Warmups) -> int:
    """As many bars as a swing, if one is named; what the displacement has loaded counts."""
    return max(used.get("swing", 200) - used.get("displacement", 0), 0)


SPEC = StructureSpec(
    name="order_block",
    params=(
        ATR_KEY,
        ParamSpec("use_body", "bool", default=True),
        ParamSpec("require_displacement", "bool", default=True),
        BODY_ATR_MIN,
        WICK_RATIO_MAX,
        MAX_ACTIVE,
        ParamSpec("lookback", "int", 3, 1, 100),
    ),
    inputs=("open", "high", "low", "close", "atr", "displacement.is_displacement", "displacement.direction"),
    outputs=_outputs,
    fade=_fade,
    state_size=lambda params: SCALARS + CANDLE * (integer(params, "lookback") + 2) + size(integer(params, "max_active")),
    pack=_pack,
    recurrence=order_block,
    uses=(
        Use("displacement", needed=lambda params: False, idle=lambda params: not params["require_displacement"]),
        Use("swing", needed=lambda params: False, idle=lambda params: True),
    ),
)
