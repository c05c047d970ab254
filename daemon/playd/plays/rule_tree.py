"""
The condition trees of a Play as data for explanations: one node per path of the Program, with text and operands.

The compiler gives every node and operand of these trees a column under the same path, except for `derived` nodes, which stand
for what the form of the actions means (an earlier case, `else`) and follow from the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from playd.core.timeframes import NAME_OF_MS
from playd.plays.blocks import EXEC_CLOSES
from playd.plays.clause_text import clause_text, operand_text
from playd.plays.conditions import (
    All,
    AnyOf,
    Arith,
    Between,
    Compare,
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
from playd.plays.evaluation import Evaluation, evaluation_of
from playd.plays.model import ActionName, Block, Emit, Play, Scalar
from playd.plays.normal_form import window_key

RuleKind = Literal["all", "any", "not", "setup", "window", "clause", "none", "due"]
"""
`setup`: the truth of its only child. `none`: true where no child is true, so that an unknown one does not hinder. `due`: true
at the closes at which the rest of an action is looked at, where decisions are due at others as well.
"""

Setups = Mapping[str, tuple[str, Expr]]
"""Path and expression of each setup, by name, as an action meets them on its clock."""


@dataclass(frozen=True, slots=True)
class RuleOperand:
    """One side of a clause. `literal`: its number or word, and it has no column; `parts` are the sides of arithmetic."""

    path: str
    text: str
    literal: float | str | None = None
    parts: tuple["RuleOperand", ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One node. `op` is the operator of a clause, empty otherwise; `derived` nodes have no column."""

    path: str
    kind: RuleKind
    text: str
    children: tuple["Rule", ...] = ()
    operands: tuple[RuleOperand, ...] = ()
    op: str = ""
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Emission:
    """
    One place that emits an action.

    Attributes:
        rule: Path of the condition, or of the `else`, as the file has it.
        root: True where this place emits the action and the action counts.
        notes: Path of the metadata; a reference among them has a column named `<notes>.<key>`.
        place: Number in the order of the list, over all actions.
    """

    action: ActionName
    rule: str
    root: Rule
    notes: str
    metadata: tuple[tuple[str, Scalar | Ref], ...]
    place: int = 0


@dataclass(frozen=True, slots=True)
class ActionRule:
    """An action: its `root` has the truth of the signal, `emissions` are in the order in which they are tried."""

    action: ActionName
    root: Rule
    emissions: tuple[Emission, ...]


def action_rules(play: Play) -> tuple[ActionRule, ...]:
    """Every action that the Play emits, in order of first mention."""
    clocks = evaluation_of(play)
    found = (one for number, block in enumerate(play.actions) for one in _emissions(play, clocks, block, number))
    emissions = [replace(one, place=place) for place, one in enumerate(found)]
    actions = dict.fromkeys(emission.action for emission in emissions)
    return tuple(_action_rule(action, emissions) for action in actions)


def _action_rule(action: ActionName, emissions: list[Emission]) -> ActionRule:
    own = tuple(one for one in emissions if one.action == action)
    roots = tuple({id(one.root): one.root for one in own}.values())  # a case may emit an action twice
    root = roots[0] if len(roots) == 1 else Rule(f"actions.{action}", "any", "any", roots, derived=True)
    return ActionRule(action, root, own)


def _emissions(play: Play, clocks: Evaluation, block: Block, number: int) -> list[Emission]:
    clock_ms, path = clocks.blocks_ms[number], f"actions[{number}]"
    setups = {name: (clocks.path_of_setup(name, clock_ms), expr) for name, expr in play.setups}
    exec_name = NAME_OF_MS[clocks.exec_ms] if clock_ms != clocks.decision_ms else ""
    if len(block.cases) == 1 and not block.otherwise:
        case = block.cases[0]
        if len(case.emit) == 1 and block.id == case.emit[0].action:
            rule = f"actions.{block.id}"
            root = _due(rule_of(setups, case.when, rule), exec_name, rule)
            return [_emission(case.emit[0], rule, root, f"{rule}.metadata")]
    whens = [rule_of(setups, case.when, f"{path}.cases[{k}].when") for k, case in enumerate(block.cases)]
    emissions: list[Emission] = []
    for k, case in enumerate(block.cases):
        place = f"{path}.cases[{k}]"
        root = whens[k] if k == 0 else _unless(whens[k], tuple(whens[:k]), place, "no earlier case is true")
        emissions += _emitted(case.emit, f"{place}.when", _due(root, exec_name, place), place)
    nots = tuple(Rule(f"{path}.else.not[{k}]", "not", f"not cases[{k}]", (when,), derived=True) for k, when in enumerate(whens))
    otherwise = Rule(f"{path}.else", "all", "every case is false", nots, derived=True)
    return emissions + _emitted(block.otherwise, f"{path}.else", _due(otherwise, exec_name, f"{path}.else"), f"{path}.else")


def _due(rule: Rule, exec_name: str, path: str) -> Rule:
    """`rule` at the closes of the execution clock alone; `exec_name` is empty where decisions are due at no others."""
    if not exec_name:
        return rule
    closes = Rule(EXEC_CLOSES, "due", f"a {exec_name} bar closes")
    return Rule(f"{path}.due", "all", f"at closes of {exec_name}", (closes, rule), derived=True)


def _unless(rule: Rule, others: tuple[Rule, ...], path: str, text: str) -> Rule:
    """True where `rule` is true and none of `others` is."""
    return Rule(path, "all", "all", (rule, Rule(f"{path}.unless", "none", text, others, derived=True)), derived=True)


def _emitted(emits: tuple[Emit, ...], rule: str, root: Rule, place: str) -> list[Emission]:
    return [_emission(emit, rule, root, f"{place}.emit[{j}].metadata") for j, emit in enumerate(emits)]


def _emission(emit: Emit, rule: str, root: Rule, notes: str) -> Emission:
    return Emission(emit.action, rule, root, notes, emit.metadata)


def rule_of(setups: Setups, expr: Expr, path: str) -> Rule:
    """The tree of one expression, whose columns are known below `path`."""
    text = clause_text(expr)
    match expr:
        case Compare(op, left, right):
            return Rule(path, "clause", text, (), (_operand(left, f"{path}.lhs"), _operand(right, f"{path}.rhs")), op)
        case Between(value, low, high):
            sides = ((value, "lhs"), (low, "rhs.low"), (high, "rhs.high"))
            return Rule(path, "clause", text, (), tuple(_operand(one, f"{path}.{side}") for one, side in sides), "between")
        case Member(value):
            return Rule(path, "clause", text, (), (_operand(value, f"{path}.lhs"),), "in")
        case UseSetup(name):
            place, inner = setups[name]
            return Rule(path, "setup", text, (rule_of(setups, inner, place),))
        case Not(child):
            return Rule(path, "not", text, (rule_of(setups, child, f"{path}.not"),))
        case Window():
            return Rule(path, "window", text, (rule_of(setups, expr.child, f"{path}.{window_key(expr)}.expr"),))
        case All(children):
            return Rule(path, "all", text, tuple(rule_of(setups, one, f"{path}.all[{i}]") for i, one in enumerate(children)))
        case AnyOf(children):
            return Rule(path, "any", text, tuple(rule_of(setups, one, f"{path}.any[{i}]") for i, one in enumerate(children)))


def _operand(operand: Operand, path: str) -> RuleOperand:
    text = operand_text(operand)
    if isinstance(operand, Number):
        return RuleOperand(path, text, operand.text if isinstance(operand, Word) else operand.value)
    if isinstance(operand, Arith):
        return RuleOperand(path, text, None, (_operand(operand.left, f"{path}[0]"), _operand(operand.right, f"{path}[2]")))
    return RuleOperand(path, text)
