"""Conditions: what they may name, their operators, logic and windows, and what each does at its edges."""

from typing import Final

from playd.core.limits import PLAY_PARTS
from playd.plays.comparisons import LONG_FORM, RANGE
from playd.plays.expressions import WINDOWS
from playd.plays.names import BUILT_IN
from playd.plays.operands import REFERENCE
from playd.plays.reference.rows import code, keys_of, table

BUILT_IN_WORDS: Final[dict[str, tuple[str, str]]] = {
    "open": ("execution", "first price of the bar"),
    "high": ("execution", "highest price"),
    "low": ("execution", "lowest price"),
    "close": ("execution", "last price"),
    "volume": ("execution", "traded volume in base coin"),
    "last_price": ("minute", "close of the minute; makes the action one that is looked at every minute"),
    "mark_price": (
        "minute",
        "mark price at the close of the minute, which makes the action one of minutes too; the last price where there is none"
        " (W302; `--mark-candles`)",
    ),
    "funding_rate": ("execution", "rate of the coming stamp as a fraction; missing without data (W303; `--funding`)"),
    "open_interest": ("execution", "in base coin; missing without data (W303; `--open-interest`)"),
    "timestamp": ("of the action", "the close at which it is decided, in epoch **seconds**"),
    "reference": (
        "execution",
        "needs a field: `reference.open`, `.high`, `.low`, `.close`, `.volume` of the second symbol; missing where that"
        " has no bar",
    ),
}
"""Built-in name to its clock and what it is."""

_NAMES: Final = """\
A **reference** is `id` or `id.field`. A bare id of a feature is its primary output (bold in the tables below); structures
always need a field (E412). `{feature_id: id, field: name, offset: k}` is the long form, for all of these and for built-ins:
`offset` is the value k bars back on the column's **own** clock. `offset: 1` of an hourly average seen at 10:15 is the one of
the hour that closed at 09:00.

"""

_FEEDS: Final = """\
**What does not come with the candles.** A second symbol (`reference`) comes from `--reference-candles` in a backtest, mark
price, funding rate and open interest from `--mark-candles`, `--funding` and `--open-interest`; a running instance reads all of
them from its venue, and loads only what its Play names. A bar is decided on when the second symbol's has come as well.

"""

_TYPES: Final = """\
**Types.** FLOAT: a number. INT: a whole one. BOOL: true or false, 1 or 0. ENUM: one of some words, compared without regard to
case, of which `none` means that nothing has happened yet. A whole number in the file is INT as well as FLOAT. What arithmetic
gives is FLOAT.

**Arithmetic** is `[a, "+", b]` or `{"+": [a, b]}` with `+ - * / %`, on either side of a condition and nested; there is no
precedence. A missing operand, a zero divisor or an infinity gives missing. `%` has the sign of its right side.

A text on the right of `==` and `!=` is a word if the left side is an ENUM and the text has no dot; else it is a reference.

"""

_FORMS: Final = """\
A **condition** is a list of three, `[left, operator, right]`, or of four where there is a tolerance; or a map:

"""

_LOGIC: Final = """\
`near_abs` and `near_pct` take the tolerance as fourth element. The right side of `between` is `[low, high]` or a map:

"""

_EXPRESSIONS: Final = f"""\
An **expression** is a condition, one of the maps below, or a list of expressions, which means all of them. A map holds exactly
one of these keys; `all` and `any` take at most {PLAY_PARTS} parts, and none of them may be empty (E402).

"""

OPERATOR_WORDS: Final[dict[str, tuple[str, str, str]]] = {
    ">": ("INT, FLOAT", "left is greater", "exact comparison of floats; equal is false"),
    ">=": ("INT, FLOAT", "left is greater or equal", "equal is true"),
    "<": ("INT, FLOAT", "left is less", "equal is false"),
    "<=": ("INT, FLOAT", "left is less or equal", "equal is true"),
    "==": ("INT, BOOL, ENUM", "equal", "both sides of one type (E420); a FLOAT is refused (E421): use `near_abs`"),
    "!=": ("INT, BOOL, ENUM", "not equal", "as `==`; unknown, and not true, where a side is missing"),
    "between": ("INT, FLOAT", "low ≤ left ≤ high", "both ends count; computed low above high is false, written so it is E430"),
    "in": ("INT, BOOL, ENUM", "left equals one of the literals", "`[1, 2]` or `[bullish, none]`; no references in the list"),
    "near_abs": ("INT, FLOAT", "|left − right| ≤ tolerance", "tolerance in units of the operands, at least 0"),
    "near_pct": (
        "INT, FLOAT",
        "|left − right| ≤ |right| · tolerance / 100",
        "0.5 is half a percent; unknown where right is 0; W308 below 0.1",
    ),
    "cross_above": (
        "INT, FLOAT",
        "at the last close left ≤ right, at this one left > right",
        "a touch before does not hinder, a touch now is no cross; unknown if one of the four values is missing, so at the"
        " first bar",
    ),
    "cross_below": ("INT, FLOAT", "at the last close left ≥ right, at this one left < right", "mirrors `cross_above`"),
}
"""Operator to the types of its left side, when it is true, and its edges."""

_CROSS: Final = """\
The "last close" of a cross is the one before on the clock on which the action is looked at, for both sides: two averages of the
hour cross at one bar of 15 minutes, at which the hour closed, and not at the three behind it. A number is its own last value.

"""

LOGIC_WORDS: Final[dict[str, tuple[str, str]]] = {
    "all": ("`{all: [a, b, …]}`", "false if one is false; else unknown if one is unknown; else true"),
    "any": ("`{any: [a, b, …]}`", "true if one is true; else unknown if one is unknown; else false"),
    "not": ("`{not: a}`", "true if false, false if true, unknown if unknown: it does not turn a missing value into true"),
    "setup": (
        "`{setup: name}`",
        "what the setup is, on the clock of the action that names it; setups may name setups, no circle (E432)",
    ),
    "holds_for": (
        "`{holds_for: {bars: n, expr: a}}`",
        "true if a was true at all of the last n closes, this one included; false if it was false at one; else unknown",
    ),
    "occurred_within": (
        "`{occurred_within: {bars: n, expr: a}}`",
        "true if a was true at one of the last n closes, this one included; false if it was false at all; else unknown",
    ),
    "count_true": (
        "`{count_true: {bars: n, min_true: m, expr: a}}`",
        "true if a was true at m of them at least; false if it cannot have been, the unknown ones counted as true; else"
        " unknown",
    ),
    "holds_for_duration": ("`{holds_for_duration: {duration: 2h, expr: a}}`", "as `holds_for` over a span of time"),
    "occurred_within_duration": ("`{occurred_within_duration: {duration: 2h, expr: a}}`", "as `occurred_within` over a span"),
    "count_true_duration": (
        "`{count_true_duration: {duration: 2h, min_true: m, expr: a}}`",
        "as `count_true` over a span; `min_true` is at most the closes that fit into it",
    ),
}
"""Logic and windows to how they are written and what they are."""

ARITHMETIC: Final = ("+", "-", "*", "/", "%")
"""Operators that give a number and no truth."""

_UNKNOWN: Final = """\
An action fires where its expression is **true**, never where it is unknown. Neither logic nor windows depend on the order of
their parts.

"""

_WINDOWS: Final = """\
A window looks at the closes of the clock on which its action is looked at; `expr` has at each of them the value that it had
then, fields of structures too. With `anchor_tf` it looks at the last closes of that clock, which is not faster (E441), and
between two of them keeps what it said. A span holds every close later than the present one less `duration`, the present one
included: `30m` on bars of 15 minutes are two closes. It is written as a whole number with `m`, `h` or `d`. Closes that a gap
has swallowed are not there; closes before the first loaded bar count as unknown, so that `holds_for` may be false at once and
is true only when all of its closes were seen.

Events of a slower clock (`bos_this_bar`, `high_accepted`, `sweep_this_bar` …) stay true on a faster one until that clock closes
again (W310); `{occurred_within: {bars: 1, anchor_tf: 1h, expr: …}}` names the clock on which they are meant.

"""


def names_chapter() -> str:
    """What a condition may name."""
    rows = [(code(name), *BUILT_IN_WORDS[name]) for name in BUILT_IN]
    return _NAMES + keys_of(REFERENCE) + "\n" + table(("built in, FLOAT", "clock", "value"), rows) + "\n" + _FEEDS + _TYPES


def conditions_chapter() -> str:
    """Operators, logic and windows."""
    operators = [(code(name), *words) for name, words in OPERATOR_WORDS.items()]
    logic = [(code(name), *words) for name, words in LOGIC_WORDS.items()]
    parts = [
        _FORMS,
        keys_of(LONG_FORM),
        "\n",
        table(("operator", "left side", "true when", "at the edges"), operators),
        "\n",
        _LOGIC,
        keys_of(RANGE),
        "\n",
        _CROSS,
        _EXPRESSIONS,
        table(("key", "written", "truth"), logic),
        "\n",
        _UNKNOWN,
        _WINDOWS,
    ]
    for names in (("holds_for", "occurred_within"), ("count_true",), ("holds_for_duration", "occurred_within_duration")):
        parts += [f"Keys of {' and '.join(code(name) for name in names)}:\n\n", keys_of(WINDOWS[names[0]]), "\n"]
    return "".join(parts).rstrip("\n") + "\n"
