"""Every operator in the most literal form: operand columns with None for missing, a bar, the literals; None is unknown."""

from collections.abc import Callable, Mapping, Sequence
from math import floor

Columns = Sequence[Sequence[float | None]]
Answer = float | bool | None
Reading = Callable[[Columns, int, Sequence[float]], Answer]


def _known(function: Callable[..., Answer]) -> Reading:
    """Unknown when an operand is missing, else the function of operands and literals."""

    def read(columns: Columns, t: int, extra: Sequence[float]) -> Answer:
        values = [column[t] for column in columns]
        return None if None in values else function(*values, *extra)

    return read


def _in(columns: Columns, t: int, extra: Sequence[float]) -> Answer:
    return None if columns[0][t] is None else columns[0][t] in extra


def _crossed(sign: int) -> Reading:
    def read(columns: Columns, t: int, extra: Sequence[float]) -> Answer:
        left, right = columns
        if t == 0 or None in (left[t - 1], right[t - 1], left[t], right[t]):
            return None
        before, now = (sign * ((left[k] or 0.0) - (right[k] or 0.0)) for k in (t - 1, t))
        return before <= 0 < now

    return read


def _all(columns: Columns, t: int, extra: Sequence[float]) -> Answer:
    values = [column[t] for column in columns]
    return False if 0.0 in values else None if None in values else True


def _any(columns: Columns, t: int, extra: Sequence[float]) -> Answer:
    values = [column[t] for column in columns]
    return True if 1.0 in values else None if None in values else False


def _counted(columns: Columns, t: int, bars: int, enough: int) -> Answer:
    """Bars before the first one count as unknown."""
    values = [columns[0][k] if k >= 0 else None for k in range(t - bars + 1, t + 1)]
    true, unknown = values.count(1.0), values.count(None)
    return True if true >= enough else False if true + unknown < enough else None


OPERATOR_READINGS: Mapping[str, Reading] = {
    ">": _known(lambda left, right: left > right),
    ">=": _known(lambda left, right: left >= right),
    "<": _known(lambda left, right: left < right),
    "<=": _known(lambda left, right: left <= right),
    "==": _known(lambda left, right: left == right),
    "!=": _known(lambda left, right: left != right),
    "between": _known(lambda x, low, high: low <= x <= high),
    "near_abs": _known(lambda left, right, tolerance: abs(left - right) <= tolerance),
    "near_pct": _known(lambda left, right, percent: abs(left - right) <= abs(right) * percent / 100 if right else None),
    "in": _in,
    "cross_above": _crossed(1),
    "cross_below": _crossed(-1),
    "all": _all,
    "any": _any,
    "not": _known(lambda child: not child),
    "+": _known(lambda left, right: left + right),
    "-": _known(lambda left, right: left - right),
    "*": _known(lambda left, right: left * right),
    "/": _known(lambda left, right: left / right if right else None),
    "%": _known(lambda left, right: left - right * floor(left / right) if right else None),
    "count_true": lambda columns, t, extra: _counted(columns, t, int(extra[0]), int(extra[1])),
    "holds_for": lambda columns, t, extra: _counted(columns, t, int(extra[0]), int(extra[0])),
    "occurred_within": lambda columns, t, extra: _counted(columns, t, int(extra[0]), 1),
}
"""By the word or sign that Plays use."""
