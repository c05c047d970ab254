"""Explanations as JSON values, the same from a backtest and from a running instance."""

from playd.control.figures import rfc3339
from playd.control.record_answers import ActionRow, BarRow, ExplainedBar, Node, Statistics
from playd.engine.explain import ActionTruth, Explainer, NodeTruth
from playd.engine.notes import NoteReader
from playd.engine.readings import Readings
from playd.engine.statistics import BarStatistics
from playd.engine.verdicts import ENTERED, NO_SIGNAL, entry_rule, no_clause, said, why_no_signal
from playd.plays.columns import Columns
from playd.plays.model import Play
from playd.plays.rule_tree import action_rules

SHARE_PLACES = 2


def bar_row(play: Play, columns: Columns, close_ms: int, verdict: str | None, detail: str = "") -> BarRow:
    """
    One close of the decision clock in a line: its verdict and, for one without a signal, the clause that stopped the entry
    with its operands; for an entry the rule that fired.

    `verdict` None: the bar was not decided (history before the window, or before the instance lived).
    """
    line: BarRow = {
        "time": rfc3339(close_ms),
        "bar": (close_ms - 1) // columns.program.exec_step_ms,
        "verdict": verdict,
        "said": said(verdict) if verdict is not None else "not decided",
        "clause": None,
        "text": None,
        "value": None,
        "limit": None,
        "detail": detail,
    }
    if verdict == ENTERED:
        return {**line, "clause": _entered_by(play, columns, close_ms)}
    if verdict != NO_SIGNAL:
        return line
    rule = entry_rule(play)
    clause = why_no_signal(rule, Readings(columns).at(close_ms))
    if clause is None:
        return {**line, "text": no_clause(rule)}
    values = [operand.value for operand in Explainer(columns, close_ms).node(clause).operands]
    value, limit = (*values, None, None)[:2]
    return {**line, "clause": clause.path, "text": clause.text, "value": value, "limit": limit}


def _entered_by(play: Play, columns: Columns, close_ms: int) -> str | None:
    """The rule behind an entry; None when those of both sides were true, and either can have been the one that could act."""
    reader = NoteReader(play)
    rules = {reader.of_entry(columns, direction, close_ms).rule for direction in (1, -1)} - {""}
    return rules.pop() if len(rules) == 1 else None


def explanation(play: Play, columns: Columns, close_ms: int, verdict: str | None, detail: str = "") -> ExplainedBar:
    """One close of the decision clock with the condition tree of every action."""
    explainer = Explainer(columns, close_ms)
    return {
        **bar_row(play, columns, close_ms, verdict, detail),
        "actions": [_action(explainer.action(rule)) for rule in action_rules(play)],
    }


def _action(action: ActionTruth) -> ActionRow:
    stopped = action.stopped_by
    return {
        "action": action.action,
        "truth": action.tree.truth,
        "fired": list(action.fired),
        "stopped_by": None if stopped is None else {"clause": stopped.path, "text": stopped.text, "truth": stopped.truth},
        "tree": _node(action.tree),
    }


def _node(node: NodeTruth, *, is_earlier: bool = False) -> Node:
    """`is_earlier`: a case that is told in full at its own place, and before a later one by that place and its truth."""
    unknown = node.unknown
    return {
        "path": node.path,
        "kind": node.kind,
        "text": node.path if is_earlier and node.children else node.text,
        "truth": node.truth,
        "missing": None if unknown is None else {"reason": unknown.reason, "cause": unknown.cause},
        "operands": [{"text": one.text, "value": one.value, "previous": one.previous} for one in node.operands],
        "children": [] if is_earlier else [_node(child, is_earlier=node.kind == "none") for child in node.children],
    }


def statistics_object(found: BarStatistics) -> Statistics:
    """Verdicts and clauses over a stretch of bars; shares are percent of its bars."""

    def share(bars: int) -> float:
        return round(100.0 * bars / found.bars, SHARE_PLACES)

    return {
        "bars": found.bars,
        "first": rfc3339(found.first_close_ms),
        "last": rfc3339(found.last_close_ms),
        "verdicts": [
            {
                "verdict": one.verdict,
                "said": said(one.verdict),
                "clause": one.clause or None,
                "text": one.text or None,
                "bars": one.bars,
                "share_pct": share(one.bars),
            }
            for one in found.verdicts
        ],
        "clauses": [
            {
                "action": one.action,
                "clause": one.clause,
                "text": one.text,
                "true": one.true,
                "false": one.false,
                "missing": one.missing,
                "alone": one.alone,
                "alone_pct": share(one.alone),
            }
            for one in found.clauses
        ],
    }
