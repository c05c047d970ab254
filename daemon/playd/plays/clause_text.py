"""One clause of a rule as a short line of text, the way that a person would say it."""

from typing import Final

from playd.core.timeframes import MINUTE_MS, NAME_OF_MS
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
from playd.plays.normal_form import number, window_key

_ROOM: Final = 72
"""Characters of what a window looks at on its own line."""


def clause_text(expr: Expr) -> str:
    """The expression on one line: `rsi_14 < 70`, `all`, `holds_for 3 bars: close > ema and rsi_14 < 70`."""
    match expr:
        case Compare(op, left, right, tolerance):
            within = f" within {number(tolerance)}" if op.startswith("near") else ""
            return f"{operand_text(left)} {op} {operand_text(right)}{within}"
        case Between(value, low, high):
            return f"{operand_text(value)} between {operand_text(low)} and {operand_text(high)}"
        case Member(value, values, words):
            return f"{operand_text(value)} in [{', '.join(words or (str(number(one)) for one in values))}]"
        case UseSetup(name):
            return f"setup {name}"
        case Not(child):
            return f"not {_within(child)}"
        case Window():
            return f"{_window_text(expr)}: {_within(expr.child)}"
        case All():
            return "all"
        case AnyOf():
            return "any"


def _within(expr: Expr) -> str:
    """What `not` and windows look at, as far as there is room; the parts of longer ones stand below them."""
    children = expr.children if isinstance(expr, All | AnyOf) else ()
    if len(children) < 2:
        return clause_text(children[0] if children else expr)
    joined = f" {'and' if isinstance(expr, All) else 'or'} ".join(clause_text(one) for one in children)
    return joined if len(joined) <= _ROOM else f"{joined[: _ROOM - 2].rstrip()} …"


def operand_text(operand: Operand) -> str:
    """An operand as the file could have written it; an offset in brackets."""
    if isinstance(operand, Word):
        return operand.text
    if isinstance(operand, Number):
        return str(number(operand.value))
    if isinstance(operand, Arith):
        return f"({operand_text(operand.left)} {operand.op} {operand_text(operand.right)})"
    return reference_text(operand)


def reference_text(ref: Ref) -> str:
    """A reference; the only output of a feature goes without its field."""
    column = ref.id if ref.field == "value" else ref.column
    return f"{column}[-{ref.offset}]" if ref.offset else column


def _window_text(window: Window) -> str:
    if window.duration_ms:
        span = f"{window.duration_ms // MINUTE_MS} minutes"
    else:
        span = f"{window.bars} bars" + (f" of {NAME_OF_MS[window.anchor_ms]}" if window.anchor_ms else "")
    least = f"{window.min_true} of " if window.kind == "count_true" else ""
    return f"{window_key(window)} {least}{span}"
