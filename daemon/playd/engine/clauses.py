"""
What a condition tree says about itself at one close: its truth, the clauses that made it true, the one that stopped it.

A *clause* is a node that is true or not as a whole: a comparison, a window, a `not`. `all`, `any` and setups are made of
clauses. Truths are 1, 0, or NaN for unknown. The root of an action is 1 at exactly the closes at which its signal is.
"""

from collections.abc import Callable

from playd.plays.rule_tree import Rule

Read = Callable[[str], float]
"""The value of a named column at the close in question."""

_UNKNOWN = float("nan")


def truth(rule: Rule, read: Read) -> float:
    """Truth of a node: from its column, or from its children when it is derived and has none."""
    if not rule.derived:
        return read(rule.path)
    values = [truth(child, read) for child in rule.children]
    if rule.kind == "none":
        return 0.0 if 1.0 in values else 1.0
    if rule.kind == "not":
        return 1.0 - values[0]
    deciding, otherwise = (0.0, 1.0) if rule.kind == "all" else (1.0, 0.0)
    if deciding in values:
        return deciding
    return otherwise if all(value == otherwise for value in values) else _UNKNOWN


def fired(rule: Rule, read: Read) -> tuple[str, ...]:
    """Paths of the clauses that make a true node true, in the order of the file."""
    match rule.kind:
        case "all" | "setup":
            paths = [path for child in rule.children for path in fired(child, read)]
        case "any":
            paths = [path for child in rule.children if truth(child, read) == 1.0 for path in fired(child, read)]
        case "none" | "due":
            paths = []
        case _:
            paths = [rule.path]
    return tuple(dict.fromkeys(paths))


def missing(rule: Rule, read: Read) -> frozenset[str]:
    """Paths of the clauses that would have to become true for the node to be true; of several ways a shortest one."""
    if truth(rule, read) == 1.0:
        return frozenset()
    match rule.kind:
        case "all" | "setup":
            return frozenset[str]().union(*(missing(child, read) for child in rule.children))
        case "any":
            return min((missing(child, read) for child in rule.children), key=len)
        case _:
            return frozenset({rule.path})


def stopped_by(rule: Rule, read: Read) -> Rule:
    """
    The first clause that kept a node that is not true from being true.

    Of an `all`, in its first child that is not true; of an `any`, in the child that came nearest, the first among equals.
    """
    match rule.kind:
        case "all" | "setup":
            return stopped_by(next(child for child in rule.children if truth(child, read) != 1.0), read)
        case "any":
            return stopped_by(min(rule.children, key=lambda child: len(missing(child, read))), read)
        case _:
            return rule


def alone_missing(rule: Rule, read: Read) -> frozenset[str]:
    """Paths of the clauses of which each alone, had it been true, would have made a node true that is not."""
    match rule.kind:
        case "all" | "setup":
            ways = [alone_missing(child, read) for child in rule.children if truth(child, read) != 1.0]
            return frozenset.intersection(*ways)
        case "any":
            return frozenset[str]().union(*(alone_missing(child, read) for child in rule.children))
        case _:
            return frozenset({rule.path})
