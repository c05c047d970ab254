"""
What a run that nothing disturbed would say of a bar: the same Play over the market as it was drawn, from the same first candle.

Whatever was done to a daemon, once it is over its columns must say the same, value by value. What it does about it may differ:
a position that a fault has closed is closed.
"""

from collections.abc import Mapping
from typing import Any, Final

from playd.core.candles import Candles
from playd.engine.explain import Explainer, NodeTruth
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.model import Play
from playd.plays.rule_tree import action_rules

_TOLD: Final = ("path", "truth")


def truths(play: Play, candles: Candles, close_ms: int) -> list[dict[str, Any]]:
    """The condition tree of every action at the bar that closes at `close_ms`, as values that can be compared."""
    columns = Columns(compile_program(play, candles.step_ms), len(candles))
    columns.extend_many(candles)
    explainer = Explainer(columns, close_ms)
    return [_node(explainer.action(rule).tree) for rule in action_rules(play)]


def told_truths(explanation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same of what `playctl explain --json` says of a bar."""
    return [_told(action["tree"]) for action in explanation["actions"]]


def _node(node: NodeTruth, *, is_earlier: bool = False) -> dict[str, Any]:
    """`is_earlier`: a case before a later one, which is told without what is below it."""
    return {
        "path": node.path,
        "truth": node.truth,
        "operands": [(one.value, one.previous) for one in node.operands],
        "children": [] if is_earlier else [_node(child, is_earlier=node.kind == "none") for child in node.children],
    }


def _told(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: node[name] for name in _TOLD},
        "operands": [(one["value"], one["previous"]) for one in node["operands"]],
        "children": [_told(child) for child in node["children"]],
    }
