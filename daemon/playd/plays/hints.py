"""Conditions that are valid and yet surely not meant (warnings W305 and W307)."""

from typing import Final

from playd.plays.conditions import Compare, Number, Operand, Ref
from playd.plays.names import Names

_GREATER_LEFT: Final = (">", ">=", "cross_above")
_GREATER_RIGHT: Final = ("<", "<=", "cross_below")
_BAR: Final = ("open", "high", "low", "close")
_FRACTION: Final = 0.5
"""A bandwidth below half a percent is rarely meant; one written as a fraction always is below it."""


def hint(condition: Compare, names: Names) -> tuple[str, str] | None:
    """Code and text of the warning that a condition deserves, None for most."""
    if condition.op in _GREATER_LEFT:
        greater, lesser = condition.left, condition.right
    elif condition.op in _GREATER_RIGHT:
        greater, lesser = condition.right, condition.left
    else:
        return None
    if condition.op not in (">=", "<="):
        for band, bar, side in ((lesser, greater, "upper"), (greater, lesser, "lower")):
            if _includes_bar(band, side, names) and isinstance(bar, Ref) and bar.id in _BAR and bar.offset == 0:
                assert isinstance(band, Ref)
                meant = f"write {{feature_id: {band.id}, field: {side}, offset: 1}}"
                return "W305", f"found a condition that can never be true: `{band.column}` includes the current bar; {meant}"
    if isinstance(greater, Number) and 0 < greater.value < _FRACTION and _is_bandwidth(lesser, names):
        assert isinstance(lesser, Ref)
        return "W307", f"found `{lesser.column}` below {greater.value:g}: it is in percent, 5 means 5 %"
    return None


def _includes_bar(operand: Operand, side: str, names: Names) -> bool:
    if not isinstance(operand, Ref) or operand.offset != 0 or operand.field != side:
        return False
    column = names.column(operand)
    return column.indicator == "donchian" and column.step_ms == names.exec_ms


def _is_bandwidth(operand: Operand, names: Names) -> bool:
    return isinstance(operand, Ref) and operand.field == "bandwidth" and names.column(operand).indicator == "bbands"
