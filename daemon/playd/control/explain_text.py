"""Explanations for people: the tree of a bar, a line per bar, counts. Made from what `explain_rows` says."""

from collections.abc import Iterator
from typing import Any, Final

from playd.control.protocol import JsonObject
from playd.control.render import Output, render_pairs, render_rows
from playd.control.tables import Column, say_age, word

_TRUTH: Final = {True: "true", False: "false", None: "missing"}
_DIGITS: Final = 9
"""Digits of a value in the tree, as many as the conformance vectors of the language have."""


def _value(key: str) -> Column:
    return Column(key.upper(), lambda row: say_value(row[key]) if row[key] is not None else "-", right=True)


def _clause(row: JsonObject) -> str:
    return str(row["clause"] or row["detail"] or row["text"] or "-")


BARS: Final = (
    Column("TIME", word("time")),
    Column("BAR", word("bar"), right=True),
    Column("VERDICT", word("said")),
    Column("CLAUSE", _clause),
    _value("value"),
    _value("limit"),
    Column("TEXT", word("text"), wide=True),
)

GATES: Final = (
    Column("GATE", word("gate")),
    Column("CODE", word("code")),
    Column("VALUE", word("value"), right=True),
    Column("LIMIT", word("limit"), right=True),
    Column("UNIT", word("unit")),
    Column("AGE", lambda row: "-" if row["age_s"] is None else say_age(row["age_s"]), right=True),
    Column("NEXT_POSSIBLE", word("next_possible")),
    Column("SAID", word("text")),
)
"""What every gate said to the entry of a bar."""

VERDICT_COUNTS: Final = (
    Column("VERDICT", word("said")),
    Column("BARS", word("bars"), right=True),
    Column("SHARE", lambda row: f"{row['share_pct']:.2f} %", right=True),
    Column("CLAUSE", word("clause")),
    Column("TEXT", word("text")),
)

CLAUSE_COUNTS: Final = (
    Column("CLAUSE", word("clause")),
    Column("TRUE", word("true"), right=True),
    Column("FALSE", word("false"), right=True),
    Column("MISSING", word("missing"), right=True),
    Column("ALONE", word("alone"), right=True),
    Column("SHARE", lambda row: f"{row['alone_pct']:.2f} %", right=True),
    Column("TEXT", word("text")),
)


def explanation_text(head: str, data: JsonObject) -> str:
    """One bar: its verdict, then the tree of each action with truths and values."""
    because = _why(data["clause"], data["text"])
    detail = f" ({data['detail']})" if data["detail"] and data["detail"] != data["clause"] else ""
    pairs = [("bar", f"{head}, closed {data['time']}"), ("verdict", f"{data['said']}{because}{detail}")]
    return "\n\n".join([render_pairs(pairs), *(_action_text(action) for action in data["actions"])])


def _why(clause: str | None, text: str | None) -> str:
    """`text` says what is wrong with a clause, or why there is none; a clause alone is what fired."""
    if text:
        return f" because {clause}: {text}" if clause else f" because {text}"
    return f" by {clause}" if clause else ""


def _action_text(action: JsonObject) -> str:
    stopped, fired = action["stopped_by"], action["fired"]
    why = f", stopped by {stopped['clause']}" if stopped else f", by {', '.join(fired)}"
    lines = list(_node_lines(action["tree"], "  "))
    width = max(len(left) for left, _ in lines)
    body = "\n".join(f"{left:<{width}}  {right}".rstrip() for left, right in lines)
    return f"{action['action']}: {_TRUTH[action['truth']]}{why}\n{body}"


def _node_lines(node: JsonObject, indent: str) -> Iterator[tuple[str, str]]:
    """Text and truth of a node and of those below it."""
    yield f"{indent}{node['text']}", f"{_TRUTH[node['truth']]:<7}  {_because(node)}"
    for child in node["children"]:
        yield from _node_lines(child, indent + "  ")


def _because(node: JsonObject) -> str:
    values = [f"{one['text']} {say_value(one['value'])}{_before(one)}" for one in node["operands"] if _says_something(one)]
    missing = node["missing"]
    reason = [f"{missing['cause']}: {missing['reason']}"] if missing and not node["children"] else []
    return ", ".join(values + reason)


def _says_something(operand: JsonObject) -> bool:
    """A literal is its own text."""
    return bool(operand["text"] != say_value(operand["value"]))


def _before(operand: JsonObject) -> str:
    return "" if operand["previous"] is None else f" (before {say_value(operand['previous'])})"


def say_value(value: Any) -> str:
    """A value to nine digits; a missing one is `?`."""
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


def statistics_text(head: str, data: JsonObject) -> str:
    """Verdicts of all bars, then clauses; each with its share of the bars."""
    pairs = [("bars", f"{data['bars']} of {head}, closed {data['first']} to {data['last']}")]
    return "\n\n".join(
        [
            render_pairs(pairs),
            render_rows(data["verdicts"], VERDICT_COUNTS, Output.TABLE),
            "clauses; ALONE: the only one that was not true\n" + render_rows(data["clauses"], CLAUSE_COUNTS, Output.TABLE),
        ]
    )
