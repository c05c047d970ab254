"""Whether conditions that hold together put a value above itself: `close > upper` and `close < lower`, bands in between."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from playd.plays.conditions import Compare, Number, Operand

_GREATER: Final = {">": True, "cross_above": True, ">=": False, "<": True, "cross_below": True, "<=": False}
"""Operators that order two sides, and whether equal ones are excluded."""

_MOST: Final = 40
"""Operands that are looked at; a rule that compares more of them with each other is not one that people wrote."""


class _Step(NamedTuple):
    """To an operand that is greater, or not less; the condition that says so, None where columns stand so by nature."""

    to: Operand
    strict: bool
    clause: Compare | None


def order_clash(clauses: Iterable[Compare], never_passes: Callable[[Operand, Operand], bool]) -> list[Compare]:
    """
    Conditions that cannot hold together, empty when none are found.

    `never_passes(a, b)`: whether `a` is at most `b` on every bar.
    """
    steps: dict[Operand, list[_Step]] = {}
    for clause in clauses:
        strict = _GREATER.get(clause.op)
        if strict is None or isinstance(clause.left, Number) or isinstance(clause.right, Number):
            continue
        lesser, greater = (
            (clause.left, clause.right) if clause.op in ("<", "<=", "cross_below") else (clause.right, clause.left)
        )
        steps.setdefault(lesser, []).append(_Step(greater, strict, clause))
        steps.setdefault(greater, [])
    if len(steps) > _MOST:
        return []
    for one, onward in steps.items():
        onward += [_Step(other, False, None) for other in steps if other is not one and never_passes(one, other)]
    for start, onward in steps.items():
        for step in onward:
            if step.strict and step.clause is not None:
                back = _way(step.to, start, steps)
                if back is not None:
                    return [step.clause, *back]
    return []


def _way(start: Operand, end: Operand, steps: dict[Operand, list[_Step]]) -> list[Compare] | None:
    """The conditions on a way up from one operand to another, None where there is no way."""
    ways: dict[Operand, list[Compare]] = {start: []}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if here == end:
            return ways[here]
        for step in steps[here]:
            if step.to not in ways:
                ways[step.to] = [*ways[here], *([step.clause] if step.clause is not None else [])]
                waiting.append(step.to)
    return None
