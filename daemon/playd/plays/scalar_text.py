"""Scalars as canonical YAML: numbers in their shortest form, plain text where nobody can read it otherwise."""

import json
import re
from typing import Final

from playd.plays.core_schema import core_value

_PLAIN: Final = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*([.-][A-Za-z0-9_]+)*\Z|[1-9][0-9]{0,4}[mhd]\Z")
_OTHER_READERS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
"""Words that readers of YAML 1.1 take for true or false."""

_ESCAPED: Final = re.compile("[^\\t\\n\\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def scalar_text(value: bool | int | float | str | None) -> str:
    """One line that reads back as `value`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value)
    if _PLAIN.match(value) and value.lower() not in _OTHER_READERS and core_value(value) == value:
        return value
    return quoted(value)


def quoted(value: str) -> str:
    """Text in double quotes."""
    return _ESCAPED.sub(_escape, json.dumps(value, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def literal_lines(value: str) -> list[str] | None:
    """Text of several lines as a literal block, `|` or `|-` first; None when that could not be read back."""
    body = value.removesuffix("\n")
    lines = body.split("\n")
    plain = not _ESCAPED.search(value) and "\r" not in value and "\t" not in value
    if len(lines) < 2 or not plain or not lines[-1].strip() or not lines[0] or lines[0].startswith((" ", "#")):
        return None
    return ["|" if value.endswith("\n") else "|-", *lines]
