"""
Many closes at once: most of them say the same about a rule, so that each distinct answer is looked at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.engine.readings import Readings
from playd.plays.rule_tree import Rule

_TRUTHS: Final = 3
_MOST: Final = 2**60
"""Keys above this are renumbered before the next truth is added."""


def tree_paths(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Paths of all nodes of these trees that have a column, each once."""
    seen = set[int]()
    return tuple(dict.fromkeys([path for rule in [*rules] for path in _paths(rule, seen)]))


def _paths(rule: Rule, seen: set[int]) -> Iterator[str]:
    """Those of a tree. `seen`: rules that were looked at; a case of a block is part of every later one, as the same rule."""
    if id(rule) in seen:
        return
    seen.add(id(rule))
    if not rule.derived:
        yield rule.path
    for child in rule.children:
        yield from _paths(child, seen)


def distinct_times(
    readings: Readings, paths: Sequence[str], times_ms: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some of the times that differ pairwise in the truth of at least one path, and for each of all the place of its equal."""
    key, span = np.zeros(len(times_ms), np.int64), 1
    for path in paths:
        truths = readings.values(path, times_ms)
        if span > _MOST // _TRUTHS:
            names, key = np.unique(key, return_inverse=True)
            span = len(names)
        key = key * _TRUTHS + np.where(np.isnan(truths), 2, truths).astype(np.int64)
        span *= _TRUTHS
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return times_ms[first], which
