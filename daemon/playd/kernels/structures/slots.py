"""
Price ranges with a direction, newest first: what gaps, order blocks and breakers have in common.

A slot is WIDTH numbers of the state: direction (1 bullish, -1 bearish, 0 nothing alive), upper, lower, fill. Slot 0 is the
newest. There is one slot more than `max_active`, because the oldest is still judged on the bar on which it is pushed out; dead
ranges keep their slot until then.

All of these detectors begin their outputs with the same rows: new_this_bar, new_direction, new_upper, new_lower, then nearest_*
and counts (`report`), then any_mitigated_this_bar.
"""

from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ParamSpec
from playd.kernels.structures.spec import Output, count_out, flag_out, float_out

MAX_ACTIVE: Final = ParamSpec("max_active", "int", 5, 1, 64)

WIDTH: Final = 4
DIRECTION: Final = 0
UPPER: Final = 1
LOWER: Final = 2
FILL: Final = 3

MITIGATED_ROW: Final = 10
"""Output row of any_mitigated_this_bar, the first after what `report` writes."""


def size(max_active: int) -> int:
    """Places in the state for the slots."""
    return WIDTH * (max_active + 1)


def reported(first: int) -> tuple[Output, ...]:
    """The outputs that `report` writes; no range can exist before bar `first`."""
    levels = ("new_upper", "new_lower", "nearest_bull_upper", "nearest_bull_lower", "nearest_bear_upper", "nearest_bear_lower")
    return (
        flag_out("new_this_bar"),
        count_out("new_direction"),
        *(float_out(name, first) for name in levels),
        count_out("active_bull_count"),
        count_out("active_bear_count"),
    )


@part
def push(slots: Row, direction: float, upper: float, lower: float) -> None:
    """A new range into slot 0; all others move back by one."""
    for k in range(len(slots) - 1, WIDTH - 1, -1):
        slots[k] = slots[k - WIDTH]
    slots[DIRECTION], slots[UPPER], slots[LOWER], slots[FILL] = direction, upper, lower, 0.0


@part
def drop_oldest(slots: Row) -> None:
    """Only `max_active` ranges outlive a bar."""
    slots[len(slots) - WIDTH + DIRECTION] = 0.0


@part
def meet(slots: Row, first: int, high: float, low: float, close: float) -> tuple[bool, float, float, float]:
    """
    One bar meets the living ranges from slot `first` on, newest first: a close beyond the far edge invalidates one, else a
    touch of the near edge mitigates it. Either way it is alive no more.

    Returns whether one was mitigated, and direction, upper and lower of the last one invalidated (0 and missing if none).
    """
    mitigated, direction, upper, lower = False, 0.0, MISSING, MISSING
    for at in range(first * WIDTH, len(slots), WIDTH):
        side = slots[at + DIRECTION]
        if side == 0.0:
            continue
        beyond = close < slots[at + LOWER] if side > 0.0 else close > slots[at + UPPER]
        touched = low <= slots[at + UPPER] if side > 0.0 else high >= slots[at + LOWER]
        if beyond:
            direction, upper, lower = side, slots[at + UPPER], slots[at + LOWER]
        elif touched:
            mitigated = True
        if beyond or touched:
            slots[at + DIRECTION] = 0.0
    return mitigated, direction, upper, lower


@part
def report(outputs: Table, t: int, slots: Row, close: float, made: float) -> tuple[int, int]:
    """
    Write the rows 0…9: the range made on this bar (`made`: its direction, 0 if none; it is in slot 0), the living ranges whose
    middles are nearest to the close (the newer of equals), how many live.

    Returns where the slots of the nearest bullish and bearish one begin, -1 if there is none.
    """
    bulls, bears, bull, bear = 0, 0, -1, -1
    least_bull, least_bear = np.inf, np.inf
    for at in range(0, len(slots), WIDTH):
        side = slots[at + DIRECTION]
        if side == 0.0:
            continue
        distance = abs(close - (slots[at + UPPER] + slots[at + LOWER]) / 2.0)
        if side > 0.0:
            bulls += 1
            if distance < least_bull:
                least_bull, bull = distance, at
        else:
            bears += 1
            if distance < least_bear:
                least_bear, bear = distance, at
    outputs[0, t] = 1.0 if made != 0.0 else 0.0
    outputs[1, t] = made
    outputs[2, t] = slots[UPPER] if made != 0.0 else MISSING
    outputs[3, t] = slots[LOWER] if made != 0.0 else MISSING
    outputs[4, t] = slots[bull + UPPER] if bull >= 0 else MISSING
    outputs[5, t] = slots[bull + LOWER] if bull >= 0 else MISSING
    outputs[6, t] = slots[bear + UPPER] if bear >= 0 else MISSING
    outputs[7, t] = slots[bear + LOWER] if bear >= 0 else MISSING
    outputs[8, t] = bulls
    outputs[9, t] = bears
    return bull, bear
