"""Rows to text: aligned tables, CSV, JSON, JSON lines. Pure; everything people and scripts read from `playctl` passes here."""

import csv
import io
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import orjson

from playd.control.protocol import JsonObject
from playd.control.tables import Column


class Output(StrEnum):
    """How a command prints its data."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def render_rows(rows: Sequence[JsonObject], columns: Sequence[Column], output: Output, *, empty: str = "none") -> str:
    """
    Rows as text without a final line feed.

    `JSON` and `JSONL` print the rows as they came, so that scripts see every field; the others print the columns.
    `empty` is what a table without rows says.
    """
    if output is Output.JSON:
        return json_text(list(rows))
    if output is Output.JSONL:
        return "\n".join(orjson.dumps(row).decode() for row in rows)
    shown = [column for column in columns if output is not Output.TABLE or not column.wide]
    cells = [[column.cell(row) for column in shown] for row in rows]
    if output is Output.CSV:
        return _csv([column.title for column in shown], cells)
    if not rows:
        return empty
    return _aligned(shown, cells)


def render_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values in two aligned columns."""
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in pairs)


def json_text(value: Any) -> str:
    """Indented JSON, keys as they came."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def pick(columns: Sequence[Column], titles: Sequence[str]) -> tuple[Column, ...]:
    """The columns of these titles, in this order. Raises `KeyError` with the titles there are."""
    by_title = {column.title: column for column in columns}
    unknown = [title for title in titles if title.upper() not in by_title]
    if unknown:
        raise KeyError(f"no column {', '.join(unknown)}; there are {', '.join(by_title)}")
    return tuple(by_title[title.upper()] for title in titles)


def ordered(rows: Sequence[JsonObject], columns: Sequence[Column], wish: str) -> list[JsonObject]:
    """
    Rows by what a column shows: words first, then numbers and ages by their size; `-` before the title turns it round.

    Raises `KeyError` with the titles there are.
    """
    (column,) = pick(columns, [wish.removeprefix("-")])
    return sorted(rows, key=lambda row: _rank(column.cell(row)), reverse=wish.startswith("-"))


_AGE: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_SECONDS: Final = (86_400.0, 3600.0, 60.0, 1.0, 0.001)


def _rank(cell: str) -> tuple[bool, float, str]:
    age = _AGE.fullmatch(cell)
    if age is not None and any(age.groups()):
        return True, sum(float(part or 0) * unit for part, unit in zip(age.groups(), _SECONDS, strict=True)), ""
    try:
        return True, float(cell), ""
    except ValueError:
        return False, 0.0, cell


def _aligned(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> str:
    widths = [max(len(column.title), *(len(row[k]) for row in cells)) for k, column in enumerate(columns)]

    def line(texts: Sequence[str]) -> str:
        parts = [
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(texts, widths, columns, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([line([column.title for column in columns]), *(line(row) for row in cells)])


def _csv(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(cells)
    return text.getvalue().rstrip("\n")
