"""Condition trees as frozen, hashable values: equal trees are equal values, so that the compiler shares their columns."""

from dataclasses import dataclass
from typing import Literal

ArithOp = Literal["+", "-", "*", "/", "%"]
CompareOp = Literal[">", ">=", "<", "<=", "==", "!=", "cross_above", "cross_below", "near_abs", "near_pct"]
WindowKind = Literal["holds_for", "occurred_within", "count_true"]


@dataclass(frozen=True, slots=True)
class Ref:
    """
    A column: a built-in (`field` empty) or an output of a feature (`field` always the output's own name).

    `offset` counts bars back on the column's own clock.
    """

    id: str
    field: str = ""
    offset: int = 0

    @property
    def column(self) -> str:
        """The column's name without the offset, `id` or `id.field`."""
        return f"{self.id}.{self.field}" if self.field else self.id


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Word(Number):
    """A word of an ENUM: `value` is its number in the column, `text` the word in lower case."""

    text: str


@dataclass(frozen=True, slots=True)
class Arith:
    """Arithmetic of two operands; a zero divisor or a missing operand gives missing."""

    op: ArithOp
    left: "Operand"
    right: "Operand"


Operand = Ref | Number | Arith


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and an operator; `tolerance` belongs to the two near operators and is 0 otherwise."""

    op: CompareOp
    left: Operand
    right: Operand
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Between:
    """low ≤ value ≤ high."""

    value: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class Member:
    """The value equals one of the literals, each a number of the column; `words` are theirs if it is an ENUM."""

    value: Operand
    values: tuple[float, ...]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UseSetup:
    """The truth of a setup, evaluated on the clock of the action that uses it."""

    name: str


@dataclass(frozen=True, slots=True)
class All:
    """Strong Kleene conjunction."""

    children: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Strong Kleene disjunction."""

    children: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Strong Kleene negation."""

    child: "Expr"


@dataclass(frozen=True, slots=True)
class Window:
    """
    How often `child` was true over the last `bars` closes.

    The closes are those of the evaluation clock, or of the clock of `anchor_ms`. `min_true` belongs to `count_true`.
    With `duration_ms` the window is that span of time instead, and `bars` is 0.
    """

    kind: WindowKind
    bars: int
    child: "Expr"
    min_true: int = 0
    anchor_ms: int = 0
    duration_ms: int = 0


Expr = Compare | Between | Member | UseSetup | All | AnyOf | Not | Window


def children_of(expr: Expr) -> tuple[Expr, ...]:
    """The expressions that an expression is made of; none for a condition, and for a setup, which is known by its name."""
    match expr:
        case All(children) | AnyOf(children):
            return children
        case Not(child) | Window(_, _, child):
            return (child,)
        case _:
            return ()


def operands_of(expr: Expr) -> tuple[Operand, ...]:
    """The sides of a condition; none of any other expression."""
    match expr:
        case Compare(_, left, right):
            return left, right
        case Between(value, low, high):
            return value, low, high
        case Member(value):
            return (value,)
        case _:
            return ()
