"""How often what happened: verdicts of closed bars, and clauses of rules, counted over a stretch of history."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playd.engine.clauses import alone_missing, truth
from playd.engine.patterns import distinct_times, tree_paths
from playd.engine.readings import Readings
from playd.engine.verdicts import LATE_DATA, NO_SIGNAL, entry_rule, no_clause, why_no_signal
from playd.plays.columns import Columns
from playd.plays.model import Play
from playd.plays.rule_tree import ActionRule, Rule, action_rules


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """Bars with one verdict; those without a signal apart by the clause that stopped them (path and text, else empty)."""

    verdict: str
    clause: str
    text: str
    bars: int


@dataclass(frozen=True, slots=True)
class ClauseCount:
    """
    One clause of one action: bars at which it was true, false, missing.

    `alone`: bars at which the action was not true and this clause, had it been true, would have made it so.
    """

    action: str
    clause: str
    text: str
    true: int
    false: int
    missing: int
    alone: int


@dataclass(frozen=True, slots=True)
class BarStatistics:
    """
    Counts over `bars` closed bars of the decision clock.

    Those of `verdicts` add up to them, and so do true, false, missing of each clause.
    """

    bars: int
    first_close_ms: int
    last_close_ms: int
    verdicts: tuple[VerdictCount, ...]
    clauses: tuple[ClauseCount, ...]


def bar_statistics(play: Play, columns: Columns, verdicts: Mapping[int, str]) -> BarStatistics | None:
    """
    Statistics of the bars from the first to the last close in `verdicts`, which has the verdict of each decided close.

    A close between them that the columns have and `verdicts` has not was `late_data`. None without any verdict.
    """
    if not verdicts:
        return None
    readings = Readings(columns)
    closes = readings.closes(columns.program.decision_clock)
    first_ms, last_ms = min(verdicts), max(verdicts)
    closes = closes[(closes >= first_ms) & (closes <= last_ms)]
    words = [verdicts.get(close_ms, LATE_DATA) for close_ms in closes.tolist()]
    silent = closes[[word == NO_SIGNAL for word in words]]
    counts = [VerdictCount(word, "", "", bars) for word, bars in Counter(words).items() if word != NO_SIGNAL]
    counts += _silent(play, readings, silent)
    clauses = [count for rule in action_rules(play) for count in _clauses(rule, readings, closes)]
    counts.sort(key=lambda count: -count.bars)
    return BarStatistics(len(closes), first_ms, last_ms, tuple(counts), tuple(clauses))


def _silent(play: Play, readings: Readings, times_ms: NDArray[np.int64]) -> Iterator[VerdictCount]:
    """Bars without a signal by the clause that stopped an entry."""
    rule = entry_rule(play)
    bars, texts = Counter[str](), dict[str, str]()
    samples, which = distinct_times(readings, tree_paths([rule] if rule is not None else []), times_ms)
    for time_ms, weight in zip(samples.tolist(), np.bincount(which, minlength=len(samples)).tolist(), strict=True):
        clause = why_no_signal(rule, readings.at(time_ms))
        path, text = ("", no_clause(rule)) if clause is None else (clause.path, clause.text)
        bars[path] += weight
        texts[path] = text
    for path, count in bars.items():
        yield VerdictCount(NO_SIGNAL, path, texts[path], count)


def _clauses(rule: ActionRule, readings: Readings, times_ms: NDArray[np.int64]) -> Iterator[ClauseCount]:
    """The clauses of one action in the order of the file."""
    samples, which = distinct_times(readings, tree_paths([rule.root]), times_ms)
    weights = np.bincount(which, minlength=len(samples)).tolist()
    readers = [readings.at(time_ms) for time_ms in samples.tolist()]
    alone = Counter[str]()
    for read, weight in zip(readers, weights, strict=True):
        if truth(rule.root, read) != 1.0:
            alone.update(dict.fromkeys(alone_missing(rule.root, read), weight))
    for clause in clauses_of(rule.root):
        seen = Counter[float | None]()
        for read, weight in zip(readers, weights, strict=True):
            value = truth(clause, read)
            seen[value if value == value else None] += weight
        yield ClauseCount(rule.action, clause.path, clause.text, seen[1.0], seen[0.0], seen[None], alone[clause.path])


def clauses_of(rule: Rule) -> tuple[Rule, ...]:
    """The clauses that a tree is made of, each path once."""
    found = {clause.path: clause for clause in _leaves(rule)}
    return tuple(found.values())


def _leaves(rule: Rule) -> Iterator[Rule]:
    if rule.kind in ("all", "any", "setup"):
        for child in rule.children:
            yield from _leaves(child)
    else:
        yield rule
