"""
What detectors do with values that they carry on: show them at every bar as they stand, and tell a new pivot from an old one.
"""

from typing import Final

from playd.kernels.compiled import MISSING, Row, Table, part

PIVOTS: Final = ("swing.high_level", "swing.low_level", "swing.high_idx", "swing.low_idx")
"""Inputs of a detector that follows the last pivots of a swing."""


@part
def show(outputs: Table, t: int, state: Row, rows: int) -> None:
    """The first `rows` places of the state are the outputs, in their order."""
    for row in range(rows):
        outputs[row, t] = state[row]


@part
def is_new(idx: float, seen: float) -> bool:
    """Whether a pivot's bar index is known and not the one seen last (which may be missing)."""
    return bool(idx == idx and idx != seen)


@part
def finite(value: float) -> float:
    """An infinity becomes missing."""
    return value if value - value == 0.0 else MISSING
