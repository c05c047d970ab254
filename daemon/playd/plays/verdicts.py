"""
Whether an expression can be true, and whether it can be false, as far as the ranges of its operands say.

Nothing here changes what a Play does: a verdict of None means that it is not known, and is the rule.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from playd.plays.clause_text import clause_text, operand_text
from playd.plays.conditions import (
    All,
    AnyOf,
    Between,
    Compare,
    CompareOp,
    Expr,
    Member,
    Not,
    Number,
    Operand,
    Ref,
    UseSetup,
    Window,
    Word,
)
from playd.plays.names import Names
from playd.plays.orderings import order_clash
from playd.plays.ranges import Interval, range_of

NEVER: Final = False
ALWAYS: Final = True
Verdict = bool | None

_LESS, _EQUAL, _GREATER = -1, 0, 1
_SIGNS: Final[dict[str, frozenset[int]]] = {
    ">": frozenset({_GREATER}),
    "cross_above": frozenset({_GREATER}),
    ">=": frozenset({_GREATER, _EQUAL}),
    "<": frozenset({_LESS}),
    "cross_below": frozenset({_LESS}),
    "<=": frozenset({_LESS, _EQUAL}),
    "==": frozenset({_EQUAL}),
    "!=": frozenset({_LESS, _GREATER}),
}
"""How the left side stands to the right one while a condition is true."""

_MIRROR: Final[dict[CompareOp, CompareOp]] = {
    ">": "<",
    ">=": "<=",
    "<": ">",
    "<=": ">=",
    "cross_above": "cross_below",
    "cross_below": "cross_above",
}
"""The operator that says the same with the sides exchanged."""

_OPPOSITE: Final[dict[CompareOp, CompareOp]] = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
"""The operator that is true when the other is false. No cross is not a cross the other way."""

_WAYS, _ANYS, _BESIDE = 16, 8, 40
"""Ways of an `any`, such parts, and conditions of an `all` that are held against each other: more than people write."""

_ASCENDING: Final = (("low", "open", "high"), ("low", "close", "high"))
_BANDS: Final = {
    **dict.fromkeys(("bbands", "donchian"), ("lower", "middle", "upper")),
    "kc": ("lower", "basis", "upper"),
}
"""Columns that never pass each other on one bar."""


@dataclass(slots=True)
class Judge:
    """
    Judges expressions of one Play. `why` says what a verdict rests on, for messages; it is that of the last one asked for.

    A clause is judged by its operands, `all` also by what its clauses ask of one operand together.
    """

    names: Names
    setups: Mapping[str, Expr]
    why: str = ""
    _open: list[str] = field(default_factory=list)
    _known: dict[int, tuple[Expr, Verdict, str]] = field(default_factory=dict)
    """Verdicts with what they rest on, by the identity of what was judged: who judges a rule has judged its parts before."""

    def verdict(self, expr: Expr) -> Verdict:
        """`NEVER` true, `ALWAYS` true once everything is known, or None."""
        if id(expr) not in self._known:
            self.why = ""
            self._known[id(expr)] = expr, self._verdict(expr), self.why
        _, verdict, self.why = self._known[id(expr)]
        return verdict

    def _verdict(self, expr: Expr) -> Verdict:
        match expr:
            case Compare():
                return self._compare(expr)
            case Between(value, low, high):
                return self._all_of((Compare(">=", value, low), Compare("<=", value, high)))
            case Member(value, values):
                possible = range_of(value, self.names)
                never = all(possible.meet(Interval(one, one)).empty for one in values)
                return self._because(f"`{operand_text(value)}` is {possible}", NEVER) if never else None
            case UseSetup(name):
                return self._setup(name)
            case Not(child):
                inner = self.verdict(child)
                return None if inner is None else not inner
            case Window(_, _, child):
                return self.verdict(child)
            case AnyOf(children):
                return self._any_of(children)
            case All(children):
                return self._all_of(children)

    def _because(self, why: str, verdict: bool) -> bool:
        self.why = why
        return verdict

    def _setup(self, name: str) -> Verdict:
        if name in self._open or name not in self.setups:
            return None
        self._open.append(name)
        verdict = self.verdict(self.setups[name])
        self._open.pop()
        return verdict

    def _any_of(self, children: Iterable[Expr]) -> Verdict:
        verdicts = [self.verdict(child) for child in children]
        return ALWAYS if ALWAYS in verdicts else None if None in verdicts else NEVER

    def _all_of(self, children: tuple[Expr, ...]) -> Verdict:
        verdicts = [self.verdict(child) for child in children]
        if NEVER in verdicts:
            return NEVER
        clash = self._clash(children) or self._no_way(children)
        if clash:
            return self._because(clash, NEVER)
        return None if None in verdicts else ALWAYS

    def _no_way(self, children: tuple[Expr, ...]) -> str:
        """What excludes every way of an `any` or an `in` among the clauses of an `all`, empty if a way is left."""
        parted = [(child, ways) for child in children if 1 < len(ways := _ways(child)) <= _WAYS]
        if len(parted) > _ANYS or len(self._clauses(children)) > _BESIDE:
            return ""
        for child, ways in parted:
            others = tuple(one for one in children if one is not child)
            clashes = [self._clash((*others, way)) for way in ways]
            if all(clashes):
                return "; ".join(dict.fromkeys(clashes))
        return ""

    def _compare(self, expr: Compare) -> Verdict:
        left, right = range_of(expr.left, self.names), range_of(expr.right, self.names)
        if expr.op == "near_abs":
            gap = max(right.low - left.high, left.low - right.high)
            apart = f"they are at least {gap:g} apart"
            return self._because(apart, NEVER) if gap > expr.tolerance else None
        if expr.op == "near_pct":
            return None
        possible, why = self._signs(expr.left, expr.right, left, right)
        if not possible & _SIGNS[expr.op]:
            return self._because(why, NEVER)
        if expr.op.startswith("cross"):  # before a cross the sides stand the other way round
            return self._because(why, NEVER) if possible <= _SIGNS[expr.op] else None
        return self._because(why, ALWAYS) if possible <= _SIGNS[expr.op] else None

    def _signs(self, left: Operand, right: Operand, lefts: Interval, rights: Interval) -> tuple[frozenset[int], str]:
        """How two operands can stand to each other, and why no other way."""
        if left == right:
            return frozenset({_EQUAL}), "both sides are the same"
        if lefts.low == lefts.high == rights.low == rights.high:
            return frozenset({_EQUAL}), f"both sides are {lefts}"
        signs = {_LESS, _EQUAL, _GREATER}
        if self.never_passes(left, right):
            signs.discard(_GREATER)
            why = f"`{operand_text(left)}` is never above `{operand_text(right)}`"
        elif self.never_passes(right, left):
            signs.discard(_LESS)
            why = f"`{operand_text(right)}` is never above `{operand_text(left)}`"
        else:
            why = (
                " and ".join(
                    f"`{operand_text(one)}` is {interval}"
                    for one, interval in ((left, lefts), (right, rights))
                    if not isinstance(one, Number)
                )
                or f"the left side is {lefts}"
            )
        if lefts.below(rights):
            signs = {_LESS}
        elif rights.below(lefts):
            signs = {_GREATER}
        elif lefts.not_above(rights):
            signs.discard(_GREATER)
        elif rights.not_above(lefts):
            signs.discard(_LESS)
        return frozenset(signs), why

    def never_passes(self, lesser: Operand, greater: Operand) -> bool:
        """Whether one column is at most the other on every bar."""
        if not isinstance(lesser, Ref) or not isinstance(greater, Ref) or lesser.offset != greater.offset:
            return False
        if not lesser.field and not greater.field:
            return any(_in_order(lesser.id, greater.id, chain) for chain in _ASCENDING)
        if lesser.id != greater.id or lesser.id in self.names.structures:
            return False
        return _in_order(lesser.field, greater.field, _BANDS.get(self.names.column(lesser).indicator, ()))

    def _clash(self, children: tuple[Expr, ...]) -> str:
        """What the clauses of an `all` ask that cannot be had together, empty if nothing."""
        clauses = self._clauses(children)
        return self._wish_clash(clauses) or _exclude(*order_clash(clauses, self.never_passes))

    def _wish_clash(self, clauses: list[Compare]) -> str:
        """The same, where two clauses ask for it of one operand, or of one pair of them."""
        wanted: dict[Operand, tuple[Interval, Compare]] = {}
        relations: dict[tuple[Operand, Operand], tuple[frozenset[int], Compare]] = {}
        for clause in clauses:
            for operand, interval in _wishes(clause, self.names):
                before, first = wanted.get(operand, (Interval(), clause))
                wanted[operand] = before.meet(interval), clause
                if wanted[operand][0].empty:
                    return _exclude(first, clause)
            if clause.op in _SIGNS and not isinstance(clause.left, Number) and not isinstance(clause.right, Number):
                pair, signs = (clause.left, clause.right), _SIGNS[clause.op]
                if (clause.right, clause.left) in relations:
                    pair, signs = (clause.right, clause.left), frozenset(-sign for sign in signs)
                known, first = relations.get(pair, (signs, clause))
                relations[pair] = known & signs, clause
                if not known & signs:
                    return _exclude(first, clause)
        return ""

    def _clauses(self, children: Iterable[Expr]) -> list[Compare]:
        """Conditions that must hold now for all children to be true."""
        found: list[Compare] = []
        for child in children:
            match child:
                case Compare():
                    found.append(child)
                case Between(value, low, high):
                    found += [Compare(">=", value, low), Compare("<=", value, high)]
                case Not(inner_child):
                    found += self._clauses(_denied(inner_child))
                case All(inner):
                    found += self._clauses(inner)
                case AnyOf((only,)):
                    found += self._clauses((only,))
                case Member(_, (_,)):
                    found += self._clauses(_ways(child))
                case UseSetup(name) if name in self.setups and name not in self._open:
                    self._open.append(name)
                    found += self._clauses((self.setups[name],))
                    self._open.pop()
                case Window("holds_for", _, inner_child, _, 0):
                    found += self._clauses((inner_child,))
        return found


def _exclude(*clauses: Compare) -> str:
    return f"{' and '.join(f'`{clause_text(one)}`' for one in clauses)} exclude each other" if clauses else ""


def _denied(expr: Expr) -> tuple[Expr, ...]:
    """What holds when an expression does not, as far as it is one condition or several."""
    match expr:
        case Compare(op, left, right) if op in _OPPOSITE:
            return (Compare(_OPPOSITE[op], left, right),)
        case AnyOf(children):
            return tuple(one for child in children for one in _denied(child))
        case All((only,)):
            return _denied(only)
        case Not(child):
            return (child,)
    return ()


def _ways(expr: Expr) -> tuple[Expr, ...]:
    """The expressions of which one must be true, none if that is not how it is put."""
    match expr:
        case AnyOf(children):
            return children
        case Member(value, values, words):
            literals = map(Word, values, words) if words else map(Number, values)
            return tuple(Compare("==", value, literal) for literal in literals)
    return ()


def _in_order(lesser: str, greater: str, chain: tuple[str, ...]) -> bool:
    return lesser in chain and greater in chain and chain.index(lesser) < chain.index(greater)


def _wishes(clause: Compare, names: Names) -> list[tuple[Operand, Interval]]:
    """What a condition with a number on one side asks of the other."""
    left, right, op = clause.left, clause.right, clause.op
    if _constant(left, names) is not None:
        left, right, op = right, left, _MIRROR.get(op, op)
    value, tolerance = _constant(right, names), clause.tolerance
    if value is None or _constant(left, names) is not None:
        return []
    wishes = {
        ">": Interval(value, low_open=True),
        "cross_above": Interval(value, low_open=True),
        ">=": Interval(value),
        "<": Interval(high=value, high_open=True),
        "cross_below": Interval(high=value, high_open=True),
        "<=": Interval(high=value),
        "==": Interval(value, value),
        "near_abs": Interval(value - tolerance, value + tolerance),
    }
    return [(left, wishes[op])] if op in wishes else []


def _constant(operand: Operand, names: Names) -> float | None:
    """The one number that an operand can be, None for most."""
    possible = range_of(operand, names)
    return possible.low if possible.low == possible.high and not isinstance(operand, Ref) else None
