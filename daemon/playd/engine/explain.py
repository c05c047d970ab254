"""
Why an action was true or not at one close: every node of its tree with its truth, its operands, and for unknown ones the
reason and the reference that caused it (play-language 4.12).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from playd.engine.clauses import fired, stopped_by, truth
from playd.engine.readings import Readings
from playd.kernels import asof
from playd.plays.columns import Columns
from playd.plays.model import Scalar
from playd.plays.program import MARKET_FIELDS, REFERENCE_FIELDS
from playd.plays.rule_tree import ActionRule, Rule, RuleOperand
from playd.plays.values import value_at

NOT_WARM: Final = "not_warm"
STALE: Final = "stale"
NO_DATA: Final = "no_data"
UNDEFINED: Final = "undefined"
NO_HISTORY: Final = "no_history"
NOT_KEPT: Final = "not_kept"
"""What would say so is older than what the columns of a running instance keep."""

_CROSSES: Final = ("cross_above", "cross_below")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why something is unknown, and the reference or node that began it."""

    reason: str
    cause: str


@dataclass(frozen=True, slots=True)
class OperandValue:
    """One side of a clause. None is missing; `previous`, one close earlier, is there for crossings only."""

    text: str
    value: Scalar | None
    previous: Scalar | None = None


@dataclass(frozen=True, slots=True)
class NodeTruth:
    """One node at one close. `truth` None is unknown, and then `unknown` says why."""

    path: str
    kind: str
    text: str
    truth: bool | None
    unknown: Unknown | None
    operands: tuple[OperandValue, ...]
    children: tuple["NodeTruth", ...]

    def walk(self) -> Iterator["NodeTruth"]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class ActionTruth:
    """
    One action at one close.

    `stopped_by` is the first clause that stopped it, None when it is true; `fired` are then the clauses that made it true.
    """

    action: str
    tree: NodeTruth
    stopped_by: NodeTruth | None
    fired: tuple[str, ...]


class Explainer:
    """
    Explains one moment: each clause at the newest close of the clock on which it is looked at.

    Borrows the columns; extending them ends its use.
    """

    def __init__(self, columns: Columns, close_ms: int) -> None:
        self._columns = columns
        self._readings = Readings(columns)
        self._close_ms = close_ms
        self._read = self._readings.at(close_ms)
        self._known: dict[int, tuple[Rule, NodeTruth]] = {}
        """By the identity of the rule: a case of a block is part of every later one, as the same rule."""

    def action(self, rule: ActionRule) -> ActionTruth:
        """One action with its whole tree."""
        tree = self.node(rule.root)
        if tree.truth:
            return ActionTruth(rule.action, tree, None, fired(rule.root, self._read))
        return ActionTruth(rule.action, tree, self.node(stopped_by(rule.root, self._read)), ())

    def node(self, rule: Rule) -> NodeTruth:
        """One node and all below it."""
        if id(rule) not in self._known:
            self._known[id(rule)] = rule, self._node(rule)
        return self._known[id(rule)][1]

    def _node(self, rule: Rule) -> NodeTruth:
        value = truth(rule, self._read)
        known = None if math.isnan(value) else value == 1.0
        children = tuple(self.node(child) for child in rule.children)
        operands = tuple(self._operand(rule, operand) for operand in rule.operands)
        unknown = self._unknown(rule, children) if known is None else None
        return NodeTruth(rule.path, rule.kind, rule.text, known, unknown, operands, children)

    def _row(self, rule: Rule) -> int:
        """The newest bar of the clock on which a rule is looked at, -1 before the first."""
        return self._readings.row(self._readings.clock_of(rule.path), self._close_ms)

    def _operand(self, rule: Rule, operand: RuleOperand) -> OperandValue:
        if operand.literal is not None:
            return OperandValue(operand.text, operand.literal, operand.literal if rule.op in _CROSSES else None)
        row = self._row(rule)
        previous = self._value(operand, row - 1) if rule.op in _CROSSES else None
        return OperandValue(operand.text, self._value(operand, row), previous)

    def _value(self, operand: RuleOperand, row: int) -> Scalar | None:
        return value_at(self._columns, operand.path, row) if row >= 0 else None

    def _unknown(self, rule: Rule, children: tuple[NodeTruth, ...]) -> Unknown:
        if rule.kind == "due":
            return Unknown(NOT_WARM, rule.path)
        if rule.kind == "window":
            return self._unknown_window(rule)
        if rule.kind != "clause":
            return next(child.unknown for child in children if child.unknown is not None)
        row = self._row(rule)
        for one in [row, row - 1] if rule.op in _CROSSES else [row]:
            if one < 0:
                return self._before_the_first(rule)
            for operand in rule.operands:
                if (found := self._missing(operand, one)) is not None:
                    return found
        return Unknown(UNDEFINED, rule.path)

    def _unknown_window(self, rule: Rule) -> Unknown:
        """The newest close in the window at which the expression was unknown; times before the first bar are none."""
        child = rule.children[0]
        rows = np.flatnonzero(np.isnan(self._columns.column(child.path)[: self._row(rule) + 1]))
        if not len(rows):
            return self._before_the_first(rule)
        close_ms = int(self._readings.closes(self._readings.clock_of(child.path))[rows[-1]])
        return Explainer(self._columns, close_ms).node(child).unknown or Unknown(NO_HISTORY, rule.path)

    def _before_the_first(self, rule: Rule) -> Unknown:
        gone = self._columns.dropped(self._readings.clock_of(rule.path))
        return Unknown(NOT_KEPT if gone else NO_HISTORY, rule.path)

    def _missing(self, operand: RuleOperand, row: int) -> Unknown | None:
        """Why an operand is missing at a row of its clock; None if it is not."""
        if operand.literal is not None or not math.isnan(self._columns.column(operand.path)[row]):
            return None
        for part in operand.parts:
            if (found := self._missing(part, row)) is not None:
                return found
        if operand.parts:
            return Unknown(UNDEFINED, operand.text)
        close_ms = int(self._readings.closes(self._readings.clock_of(operand.path))[row])
        return Unknown(_reason(self._columns, self._columns.program.names[operand.path], close_ms), operand.text)


def _reason(columns: Columns, column: int, close_ms: int) -> str:
    """
    Why a column, seen at `close_ms`, is missing: not loaded, too early, too old, or undefined by its own definition. Not loaded
    are also bars that the second symbol does not have, where the column reads that symbol itself.
    """
    program = columns.program
    here = program.columns[column]
    node = program.nodes[here.node] if here.node >= 0 else None
    if here.field in MARKET_FIELDS:
        return NO_DATA
    if node is not None and node.kind == "offset" and _reason(columns, node.inputs[0], close_ms) == NO_DATA:
        return NO_DATA
    if node is not None and node.kind == asof.KIND:
        source = program.columns[node.inputs[0]]
        closed = _rows_closed(columns, source.clock, close_ms)
        if closed and not math.isnan(columns.row(node.inputs[0])[closed - 1]):
            return STALE
        if closed:
            return _reason(columns, node.inputs[0], close_ms)
        return NOT_KEPT if columns.dropped(source.clock) else NOT_WARM
    closed = _rows_closed(columns, here.clock, close_ms)
    span = -(-here.ready_ms // program.clocks[here.clock].step_ms)
    if columns.dropped(here.clock) + closed < span:
        return NOT_WARM
    reads = (column,) if node is None else node.inputs
    since = max(closed - span, 0)
    second = [columns.row(one)[since:closed] for one in reads if program.columns[one].field in REFERENCE_FIELDS]
    return NO_DATA if any(np.isnan(row).any() for row in second) else UNDEFINED


def _rows_closed(columns: Columns, clock: int, close_ms: int) -> int:
    """Rows of a clock that had closed at a time."""
    return int(np.searchsorted(columns.close_times_ms(clock), close_ms, side="right"))
