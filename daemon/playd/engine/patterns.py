"""
Many closes at once: most of them say the same about a rule, so that each distinct answer is looked at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.plays.columns import Columns
from playd.plays.rule_tree import Rule

_TRUTHS: Final = 3
_MOST: Final = 2**60
"""Keys above this are renumbered before the next truth is added."""


def tree_paths(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Paths of all nodes of these trees that have a column, each once."""
    return tuple(dict.fromkeys(path for rule in rules for path in _paths(rule)))


def _paths(rule: Rule) -> Iterator[str]:
    if not rule.derived:
        yield rule.path
    for child in rule.children:
        yield from _paths(child)


def rows_at(columns: Columns, times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the execution clock that close at these times, -1 where none does."""
    closes = columns.close_times_ms(columns.program.exec_clock)
    if not len(closes):
        return np.full(len(times_ms), -1)
    rows = np.minimum(np.searchsorted(closes, times_ms), len(closes) - 1)
    return np.where(closes[rows] == times_ms, rows, -1)


def distinct_rows(
    columns: Columns, paths: Sequence[str], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    Some of `rows` that differ pairwise in the truth of at least one path, and for each of `rows` the place of its equal.
    """
    key, span = np.zeros(len(rows), np.int64), 1
    for path in paths:
        truths = columns.column(path)[rows]
        if span > _MOST // _TRUTHS:
            names, key = np.unique(key, return_inverse=True)
            span = len(names)
        key = key * _TRUTHS + np.where(np.isnan(truths), 2, truths).astype(np.int64)
        span *= _TRUTHS
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], which
