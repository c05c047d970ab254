"""TOML with the line of every key. The standard parser gives values only, so statements are cut out and parsed one by one."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from playd.core.errors import SettingsError

Path = tuple[str, ...]

_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a file: dotted path, value, line (from 1)."""

    path: Path
    value: Any
    line: int


def read_leaves(text: str, source: str) -> list[Leaf]:
    """
    Every key of a TOML text with its line, in file order. An empty table gives one leaf whose value is `{}`; an array of
    tables gives one leaf with the list of all, at the line of its first one.

    Raises `SettingsError` with `source:line:column` when the text is not TOML, a repeated key included.
    """
    try:
        tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = str(error)
        at = _AT.search(found)
        place = f"{source}:{at[1]}:{at[2]}" if at and at[1] else f"{source}:{max(1, len(text.splitlines()))}"
        raise SettingsError(f"{place}: {_AT.sub('', found)}") from None
    return list(_statements(text))


def _statements(text: str) -> Iterator[Leaf]:
    """Cut a text that is known to be valid: a statement ends where what was gathered so far parses alone."""
    table: Path = ()
    gathered: list[str] = []
    arrays: dict[Path, tuple[int, list[dict[str, Any]]]] = {}
    element: dict[str, Any] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if not gathered and not line.split("#")[0].strip():
            continue
        gathered.append(line)
        try:
            parsed = tomllib.loads("\n".join(gathered), parse_float=Decimal)
        except tomllib.TOMLDecodeError:
            continue
        begin = number - len(gathered) + 1
        if gathered[0].lstrip().startswith("[["):
            element = {}
            arrays.setdefault(_only_path(parsed), (begin, []))[1].append(element)
        elif gathered[0].lstrip().startswith("["):
            table, element = _only_path(parsed), None
            yield Leaf(table, {}, begin)
        elif element is not None:
            element |= parsed
        else:
            yield from (Leaf(table + path, value, begin) for path, value in _flat(parsed))
        gathered.clear()
    yield from (Leaf(path, elements, begin) for path, (begin, elements) in arrays.items())


def _only_path(parsed: Mapping[str, Any]) -> Path:
    path: list[str] = []
    inner: Any = parsed
    while isinstance(inner, dict) and inner:
        name = next(iter(inner))
        path.append(name)
        inner = inner[name]
    return tuple(path)


def _flat(parsed: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    for name, value in parsed.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, (*above, name))
        else:
            yield (*above, name), value
