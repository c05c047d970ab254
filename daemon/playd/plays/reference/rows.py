"""Tables of the page: keys, parameters, outputs, and pieces of Markdown."""

from collections.abc import Iterable, Sequence
from typing import Final

from playd.kernels.spec import ColumnType, ParamSpec, Value
from playd.plays.params import param_key
from playd.plays.reader import Key, Table

NOTHING: Final = "–"

_PLAIN: Final = {"bool": "`true` or `false`", "text": "text", "map": "map", "list": "list", "any": "a form of its own"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in lines)


def code(text: object) -> str:
    """Text as it is written in a file."""
    return f"`{text}`"


def codes(words: Iterable[object]) -> str:
    """Words side by side."""
    return ", ".join(code(word) for word in words)


def number(value: float) -> str:
    """A number without a needless fraction."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def keys_of(keys: Table, *without: str) -> str:
    """The table of a section's keys."""
    rows = [(code(key.name), takes(key), default_of(key), key.meaning) for key in keys.keys if key.name not in without]
    return table(("key", "takes", "default", "meaning"), rows)


def takes(key: Key) -> str:
    """What a key takes: kind, range, unit, words."""
    if key.kind in ("number", "int"):
        kind = "number" if key.kind == "number" else "integer"
        if key.low is not None and key.low == key.high:
            return code(number(key.low))
        unit = f" in {key.unit}" if key.unit and not key.range_text else ""
        words = f", or {codes(key.words)}" if key.words else ""
        return f"{kind} {key.range_text}".strip() + unit + words
    if key.kind == "word":
        return codes(key.words) + (", in any case" if key.any_case else "")
    return _PLAIN[key.kind]


def default_of(key: Key) -> str:
    """The default, or that there must be a value."""
    return "**required**" if key.required else NOTHING if key.default is None else written(key.default)


def written(value: Value) -> str:
    """A value as a file has it."""
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, int | float):
        return code(number(value))
    return code(value) if value else "empty"


def param_row(param: ParamSpec, meaning: str) -> tuple[str, str, str, str]:
    """One parameter of an indicator or detector."""
    if param.kind == "numbers":
        what = f"list of 1…{param.most} distinct numbers {number(param.lo)}…{number(param.hi)}"
    elif param.kind in ("feature", "structure"):
        what = f"id of a {param.kind}"
    else:
        what = takes(param_key(param))
    return code(param.name), what, default_of(param_key(param)), meaning


def type_of(kind: ColumnType, words: Sequence[str] = ()) -> str:
    """The type of a column, with its words."""
    return f"{kind}: {codes(words)}" if words else str(kind)
