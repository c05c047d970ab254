"""
trend: direction and strength from the waves between the pivots of a swing (play-language 6.3).

A wave runs from one pivot to the next of the other type. Its end is higher or lower than the swing's level of that type before
it. The two newest waves say the direction, and the pairs before them that say the same give it strength.

No delay beyond that of the swing. The waves are a ring of `wave_history_size`.
"""

from collections.abc import Collection, Sequence

import numpy as np

from playd.kernels.compiled import Row, Table, inlined, part
from playd.kernels.spec import ParamSpec, integer
from playd.kernels.structures.carried import PIVOTS, is_new, show
from playd.kernels.structures.spec import (
    BEARISH,
    BULLISH,
    Output,
    Settings,
    StructureSpec,
    Use,
    count_out,
    flag_out,
    word_out,
)

TREND, STRENGTH, BARS_IN_TREND, WAVE_COUNT, LAST_WAVE, LAST_HH, LAST_HL, LAST_LH, LAST_LL, VERSION = range(10)
"""Outputs, and places of their present values in the state."""

OUTPUTS = 10
PENDING_SIDE, PENDING_LEVEL, SEEN_IDX, PREVIOUS, HAS_PREVIOUS, NEWEST, HELD = 10, 11, 12, 14, 16, 18, 19
"""
Places in the state behind the outputs. PENDING_SIDE: 0 none, 1 high, 2 low. SEEN_IDX, PREVIOUS, HAS_PREVIOUS: index and level
of the swing's last high, and of its last low behind it. NEWEST, HELD: place of the newest wave in the ring, number of waves.
"""

WAVES = 20
"""Place of the ring: per wave the side of its end (1 high, 2 low), whether the end was higher, whether it was lower."""


@part
def _pair_direction(a: Row, b: Row) -> float:
    """What two neighbouring waves say: 1, −1, or 0."""
    high, low = (a, b) if a[0] == 1.0 else (b, a)
    hh, lh, hl, ll = high[1] != 0.0, high[2] != 0.0, low[1] != 0.0, low[2] != 0.0
    if hh and hl:
        return 1.0
    if lh and ll:
        return -1.0
    if hh and not ll:
        return 1.0
    if lh and not hl:
        return -1.0
    if hl and not lh:
        return 1.0
    if ll and not hh:
        return -1.0
    return 0.0


@inlined
def _wave(ring: Row, newest: int, back: int, size: int) -> Row:
    place = 3 * ((newest - back + size) % size)
    return ring[place : place + 3]


@part
def _classify(state: Row, size: int) -> None:
    """Direction, strength and count of the waves held."""
    ring, newest, held = state[WAVES:], int(state[NEWEST]), int(state[HELD])
    if held == 1:
        state[TREND] = 1.0 if state[LAST_WAVE] == BULLISH else -1.0
        state[STRENGTH], state[WAVE_COUNT] = 0.0, 1.0
        return
    direction = _pair_direction(_wave(ring, newest, 0, size), _wave(ring, newest, 1, size))
    state[TREND] = direction
    if direction == 0.0:
        state[STRENGTH], state[WAVE_COUNT] = 0.0, 0.0
        return
    count, back = 1.0, 1
    while (
        back + 1 < held and _pair_direction(_wave(ring, newest, back, size), _wave(ring, newest, back + 1, size)) == direction
    ):
        count += 1.0
        back += 2
    state[STRENGTH] = 2.0 if count >= 2.0 else 1.0
    state[WAVE_COUNT] = count


@part
def _pivot(state: Row, side: int, level: float, size: int) -> bool:
    """Take a pivot (side 0: high, 1: low); True if it ends a wave."""
    pending = state[PENDING_SIDE]
    if pending == side + 1.0:
        held = state[PENDING_LEVEL]
        if (level >= held and side == 0) or (level <= held and side == 1):
            state[PENDING_LEVEL] = level
        return False
    state[PENDING_SIDE], state[PENDING_LEVEL] = side + 1.0, level
    if pending == 0.0:
        return False
    previous, known = state[PREVIOUS + side], state[HAS_PREVIOUS + side] != 0.0
    higher, lower = known and level > previous, known and level < previous
    if known and side == 0:
        state[LAST_HH], state[LAST_LH] = higher, lower
    elif known:
        state[LAST_HL], state[LAST_LL] = higher, lower
    newest = (int(state[NEWEST]) + 1) % size
    state[NEWEST] = newest
    state[HELD] = min(state[HELD] + 1.0, size)
    wave = state[WAVES + 3 * newest : WAVES + 3 * newest + 3]
    wave[0], wave[1], wave[2] = side + 1.0, higher, lower
    state[LAST_WAVE] = BULLISH if side == 0 else BEARISH
    _classify(state, size)
    return True


@part
def _update(state: Row, size: int, new_high: bool, new_low: bool, high: float, low: float, high_first: bool) -> None:
    """The pivots of one bar, in the order of their bars."""
    before, classified = state[TREND], False
    if new_high and (high_first or not new_low):
        classified |= _pivot(state, 0, high, size)
    if new_low:
        classified |= _pivot(state, 1, low, size)
    if new_high and new_low and not high_first:
        classified |= _pivot(state, 0, high, size)
    if new_high:
        state[PREVIOUS], state[HAS_PREVIOUS] = high, 1.0
    if new_low:
        state[PREVIOUS + 1], state[HAS_PREVIOUS + 1] = low, 1.0
    if classified:
        changed = state[TREND] != before
        state[BARS_IN_TREND] = 0.0 if changed else state[BARS_IN_TREND] + 1.0
        state[VERSION] += 1.0 if changed else 0.0


def trend(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: the swing's high_level, low_level, high_idx, low_idx. Params: wave_history_size. State: see the places above."""
    highs, lows, high_idx, low_idx = inputs[0], inputs[1], inputs[2], inputs[3]
    size = int(params[0])
    for t in range(lo, hi):
        at_high, at_low = high_idx[t], low_idx[t]
        new_high, new_low = is_new(at_high, state[SEEN_IDX]), is_new(at_low, state[SEEN_IDX + 1])
        if new_high or new_low:
            if new_high:
                state[SEEN_IDX] = at_high
            if new_low:
                state[SEEN_IDX + 1] = at_low
            _update(state, size, new_high, new_low, highs[t], lows[t], at_high <= at_low)
        else:
            state[BARS_IN_TREND] += 1.0
        show(outputs, t, state, OUTPUTS)


def _outputs(params: Settings) -> tuple[Output, ...]:
    return (
        *(count_out("direction"), count_out("strength"), count_out("bars_in_trend"), count_out("wave_count")),
        word_out("last_wave_direction"),
        *(flag_out("last_hh"), flag_out("last_hl"), flag_out("last_lh"), flag_out("last_ll")),
        count_out("version"),
    )


def _pack(params: Settings, used: Collection[str]) -> Row:
    return np.array([integer(params, "wave_history_size")], dtype=np.float64)


SPEC = StructureSpec(
    name="trend",
    params=(ParamSpec("wave_history_size", "int", 4, lo=2, hi=64),),
    inputs=PIVOTS,
    outputs=_outputs,
    fade=lambda params, used: 2 * used["swing"],
    state_size=lambda params: WAVES + 3 * integer(params, "wave_history_size"),
    pack=_pack,
    recurrence=trend,
    uses=(Use("swing"),),
)
