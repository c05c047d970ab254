"""
What the verdict of a closed bar comes to for people, and the clause behind a `NO_SIGNAL`.

A verdict is a word of `engine.records.VERDICTS`, the code of a gate of the order path, or `late_data`.
"""

from functools import lru_cache
from math import nan
from typing import Final

from playd.engine.clauses import Read, stopped_by, truth
from playd.engine.patterns import tree_paths
from playd.plays.columns import Columns
from playd.plays.model import Play
from playd.plays.program import Program
from playd.plays.rule_tree import Rule, action_rules

ENTERED: Final = "ENTERED"
NO_SIGNAL: Final = "NO_SIGNAL"
LATE_DATA: Final = "late_data"
"""Of a bar that closed without a decision, because its last candle is missing (play-language 3.5)."""

_SAID: Final = {
    ENTERED: "entered",
    "EXITED": "exited",
    "HOLD": "held",
    "AMENDED": "held, stop moved",
    "CANCELLED": "entry order cancelled",
    "COOLDOWN": "cooldown",
    NO_SIGNAL: "no signal",
}


_REMEMBERED: Final = 256
"""Combinations of truths whose clause is remembered: a Play shows a few dozen of them."""


def said(verdict: str) -> str:
    """The verdict in plain words; whatever is none of the ordinary ones blocked something."""
    return _SAID.get(verdict, f"blocked by {verdict}")


def entry_rule(play: Play) -> Rule | None:
    """The tree that is true when any entry that the Play's mode allows is; None when there is no such entry."""
    allowed = {"entry_long": play.policy.allows_long, "entry_short": play.policy.allows_short}
    roots = tuple(rule.root for rule in action_rules(play) if allowed.get(rule.action, False))
    return None if not roots else roots[0] if len(roots) == 1 else Rule("actions", "any", "any entry", roots, derived=True)


def why_no_signal(rule: Rule | None, read: Read) -> Rule | None:
    """
    The clause behind a `NO_SIGNAL`: the first that stopped the entry which came nearest, the long among equals.

    `rule` is `entry_rule` of the Play. None when there is no entry, or when it is true: then another Play, or other candles,
    decided that bar (`no_clause` says so).
    """
    return None if rule is None or truth(rule, read) == 1.0 else stopped_by(rule, read)


def no_clause(rule: Rule | None) -> str:
    """Why `why_no_signal` names no clause."""
    return "the Play has no entry" if rule is None else "decided by another Play or other candles than those of now"


class NewestClause:
    """Path of the clause behind a `NO_SIGNAL` at the newest close, found anew only for truths that were not seen lately."""

    def __init__(self, play: Play, program: Program) -> None:
        self._rule = entry_rule(play)
        known = [(path, program.names[path]) for path in tree_paths([self._rule] if self._rule is not None else [])]
        self._clocks: list[tuple[int, list[int]]] = []
        self._paths: list[str] = []
        for clock in sorted({program.columns[column].clock for _, column in known}):
            here = [(path, column) for path, column in known if program.columns[column].clock == clock]
            self._clocks.append((clock, [column for _, column in here]))
            self._paths += [path for path, _ in here]
        self._find = lru_cache(_REMEMBERED)(self._path)

    def path(self, columns: Columns) -> str:
        """Empty for a Play without an entry."""
        values = [value for clock, here in self._clocks for value in columns.last_values(here, clock)]
        return self._find(tuple([value if value == value else None for value in values]))

    def _path(self, truths: tuple[float | None, ...]) -> str:
        known = {path: nan if value is None else value for path, value in zip(self._paths, truths, strict=True)}
        clause = why_no_signal(self._rule, known.__getitem__)
        return "" if clause is None else clause.path
