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
            meant = _includes_bar(band, bar, side, names)
            if meant is not None:
                assert isinstance(band, Ref)
                return "W305", f"found a condition that can never be true: `{band.column}` includes the current bar; {meant}"
    if isinstance(greater, Number) and 0 < greater.value < _FRACTION and _is_bandwidth(lesser, names):
        assert isinstance(lesser, Ref)
        return "W307", f"found `{lesser.column}` below {greater.value:g}: it is in percent, 5 means 5 %"
    return None


def _includes_bar(band: Operand, bar: Operand, side: str, names: Names) -> str | None:
    """What was meant, if `band` is an extreme on that side of bars among which is the one that `bar` is a price of."""
    if not isinstance(band, Ref) or not isinstance(bar, Ref) or bar.id not in _BAR or band.offset or bar.offset:
        return None
    column = names.column(band)
    if column.step_ms != names.exec_ms:
        return None
    if column.indicator == "donchian" and band.field == side:
        return f"write {{feature_id: {band.id}, field: {side}, offset: 1}}"
    structure = names.structures.get(band.id)
    if structure is None or structure.spec.name != "rolling_window" or structure.settings["exclude_current"]:
        return None
    mode, outermost = ("max", "high") if side == "upper" else ("min", "low")
    passed = structure.settings["mode"] == mode and structure.settings["source"] in (bar.id, outermost)
    return "write `exclude_current: true`" if passed else None


def _is_bandwidth(operand: Operand, names: Names) -> bool:
    return isinstance(operand, Ref) and operand.field == "bandwidth" and names.column(operand).indicator == "bbands"
