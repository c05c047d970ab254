"""How much a rule is once its setups are written out: everybody who reads rules visits each condition, so there is a bound."""

from collections import Counter
from collections.abc import Mapping, Sequence

from playd.core.limits import PLAY_CONDITIONS, PLAY_PARTS, PLAY_RULE_DEPTH
from playd.plays.conditions import Expr, UseSetup, children_of
from playd.plays.findings import Mark, Report
from playd.plays.model import Block


def refuse_endless(
    setups: Sequence[tuple[str, Expr]], blocks: Sequence[Block], marks: tuple[Mark, Mark], report: Report
) -> bool:
    """
    E106 for a setup or a rule of too many conditions, or too deep, and for too many in all rules or places of an action;
    True if there is one. `marks`: where both sections stand.

    A setup that uses another one twice doubles what is below it: thirty of them in a row would be a billion conditions. A case
    is true where no earlier one is, but their conditions are there once. A cycle counts once around, it is named elsewhere.
    """
    measure, together = _Measure(dict(setups)), 0
    for name, expr in setups:
        if _refused(*measure.of(expr, 0), (marks[0], f"setups.{name}"), report):
            return True  # whatever uses it is too large as well
    for number, block in enumerate(blocks):
        for k, case in enumerate(block.cases):
            size, depth = measure.of(case.when, 0)
            if _refused(size, depth, (marks[1], f"actions[{number}].cases[{k}].when"), report):
                return True
            together += size
    places = Counter(emit.action for block in blocks for case in block.cases for emit in case.emit)
    places.update(emit.action for block in blocks for emit in block.otherwise)
    for action, count in places.items():
        if count > PLAY_PARTS:
            report.add("E106", marks[1], "actions", f"found {action} at {count} places, expected at most {PLAY_PARTS}")
            return True
    if together > PLAY_CONDITIONS:
        found = f"found {together} conditions in all rules, once their setups are written out"
        report.add("E106", marks[1], "actions", f"{found}, expected at most {PLAY_CONDITIONS}")
    return together > PLAY_CONDITIONS


def _refused(size: int, depth: int, place: tuple[Mark, str], report: Report) -> bool:
    if size <= PLAY_CONDITIONS and depth <= PLAY_RULE_DEPTH:
        return False
    deep = f"more than {PLAY_RULE_DEPTH} levels" if depth > PLAY_RULE_DEPTH else f"{size} conditions"
    limits = f"at most {PLAY_CONDITIONS} conditions and {PLAY_RULE_DEPTH} levels"
    report.add("E106", *place, f"found a rule of {deep} once its setups are written out, expected {limits}")
    return True


class _Measure:
    """Conditions and levels of expressions, each setup measured once."""

    def __init__(self, setups: Mapping[str, Expr]) -> None:
        self._setups = setups
        self._known: dict[str, tuple[int, int]] = {}

    def of(self, expr: Expr, level: int) -> tuple[int, int]:
        """Size and depth of an expression that stands `level` levels deep."""
        if level > PLAY_RULE_DEPTH:
            return 1, PLAY_RULE_DEPTH
        if isinstance(expr, UseSetup):
            inner = [self._setup(expr.name, level + 1)]
        else:
            inner = [self.of(child, level + 1) for child in children_of(expr)]
        return 1 + sum(size for size, _ in inner), 1 + max((depth for _, depth in inner), default=0)

    def _setup(self, name: str, level: int) -> tuple[int, int]:
        if name not in self._known:
            self._known[name] = 1, 1  # of itself, for a cycle, and of one that is not there
            if name in self._setups:
                self._known[name] = self.of(self._setups[name], level)
        return self._known[name]
