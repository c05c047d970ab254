"""
Rollup: candles of a slower clock from candles of the base step, UTC aligned; whole histories or one bar at a time.

A slow bar opens at a multiple of its length and holds the base bars that open inside it: first open, highest high, lowest low,
last close, summed volume (added in order). It is finished when its last base bar comes, or, if that one is absent, when a base
bar of a later slow bar comes: before that base bar is used.

Gaps: absent base bars are left out of their slow bar, also when the data begins inside it; a slow bar without any base bar is
absent too. Whoever loads history starts it where a bar of every clock opens, so that no first bar is made of a part.

A second symbol goes along with the first one's open times: where it has no bar its values are missing and are left out, and a
slow bar without any is missing.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final, Protocol, cast

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part

TIME, OPEN, HIGH, LOW, CLOSE, VOLUME = range(6)
"""Rows of the base candles and of the slow ones. Time: open time in epoch ms, never missing; the others only together."""

ROWS: Final = 6

END, PHASE, BAR = 0, 1, 2
"""Places in the state: end of the present slow bar (0: none yet), its phase, then its six values."""

STATE_SIZE: Final = BAR + ROWS

NOTHING, BUILDING, FINISHED = 0.0, 1.0, 2.0
"""Phases of the present slow bar."""


@part
def _finish(state: Row, slow: Table, filled: int) -> int:
    for row in range(ROWS):
        slow[row, filled] = state[BAR + row]
    state[PHASE] = FINISHED
    return filled + 1


def rollup(base: Sequence[Row], params: Row, state: Row, slow: Table, lo: int, hi: int, filled: int) -> int:
    """See `Rollup`."""
    base_ms, slow_ms = int(params[0]), int(params[1])
    for t in range(lo, hi):
        opens = int(base[TIME][t])
        if opens >= state[END]:
            if state[PHASE] == BUILDING:
                filled = _finish(state, slow, filled)
            start = opens - opens % slow_ms
            state[PHASE] = BUILDING
            state[END] = start + slow_ms
            state[BAR + TIME], state[BAR + CLOSE] = start, MISSING
        if state[BAR + CLOSE] != state[BAR + CLOSE]:  # nothing of this slow bar was there so far
            for row in range(OPEN, ROWS):
                state[BAR + row] = base[row][t]
        elif base[CLOSE][t] == base[CLOSE][t]:
            state[BAR + HIGH] = max(state[BAR + HIGH], base[HIGH][t])
            state[BAR + LOW] = min(state[BAR + LOW], base[LOW][t])
            state[BAR + CLOSE] = base[CLOSE][t]
            state[BAR + VOLUME] += base[VOLUME][t]
        if opens + base_ms >= state[END] and state[PHASE] == BUILDING:
            filled = _finish(state, slow, filled)
    return filled


class Rollup(Protocol):
    """The compiled rollup."""

    def __call__(self, base: Sequence[Row], params: Row, state: Row, slow: Table, lo: int, hi: int, filled: int, /) -> int:
        """
        Take the base bars `lo…hi` and write the slow bars that they finish into `slow[:, filled:]`.

        Args:
            base: Tuple of six rows: open time, open, high, low, close, volume.
            params: Of `pack`.
            state: STATE_SIZE zeros before the first bar.
            slow: Six rows with room for one bar more than the base bars can fill.
            filled: Number of slow bars already in `slow`.

        Returns:
            The number of slow bars in `slow` now.
        """


def pack(base_step_ms: int, slow_step_ms: int) -> Row:
    """The `params` of `rollup`. Raises ValueError unless the slow step is a multiple of the base step."""
    if slow_step_ms % base_step_ms:
        raise ValueError(f"bars of {slow_step_ms} ms cannot be made of bars of {base_step_ms} ms")
    return np.array([base_step_ms, slow_step_ms], dtype=np.float64)


@cache
def kernel() -> Rollup:
    """The compiled rollup, from the disk cache if it is there."""
    from playd.kernels.machine import outer, rollup_signature

    return cast(Rollup, outer(rollup, rollup_signature(ROWS)))
