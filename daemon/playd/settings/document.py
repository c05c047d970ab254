"""
The shipped `playd.toml` and its JSON Schema, written from the model.

`python -m playd.settings.document DIRECTORY` writes both below a configuration directory; a golden test holds the shipped
ones to what this module says.
"""

import sys
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from playd.settings.explain import bounds, unit
from playd.settings.layers import SECTIONS, TABLES, file_only, is_live
from playd.settings.locations import FILE_NAME
from playd.settings.model import Settings
from playd.settings.policy import FILE_NAME as POLICY
from playd.settings.policy import shipped_policy
from playd.world.real import real_world

SCHEMA_NAME: Final = PurePath("schema") / "playd.schema.json"

_HEAD: Final = """\
#:schema ./schema/playd.schema.json
#
# Settings of playd. Every key is listed with its default, its unit and its range; a line that begins with '#key =' is
# commented out and changes nothing. Files in conf.d/ beside this one are read after it, in the order of their names; then
# variables PLAYD_<SECTION>__<KEY>, then flags. An unknown key, a wrong type or a value out of range stops the start with
# exit code 78, the file and the line. `playd check` says so without starting anything.
#
# A running daemon takes over `live` keys when it is told to: `playctl config reload`, or HUP. All others wait for its next
# start. What takes more risk than before needs a phrase.
#
# Keys never stand here: see systemd/README.md, or name a file with accounts.X.credential_file.
#
# With this file as it is, playd trades two example Plays on paper: a synthetic market on the exchange that it brings along.
"""

_TABLE_HEADS: Final = {
    "accounts": (
        "accounts.NAME",
        "One table per account. The account `paper` on the local exchange exists without being declared.",
    ),
    "instances": ("instances.NAME", "One table per running Play. With no table here and no account above, two examples run."),
    "slo": (
        "slo.NAME",
        "One table per figure that is to be held tighter, by the names of `playctl slo`, which has units and limits.",
    ),
}


def shipped_file() -> str:
    """The text of `playd.toml`."""
    parts = [_HEAD, *(_section(name, model) for name, model in SECTIONS.items())]
    parts += [_named_table(name, model) for name, model in TABLES.items()]
    return "\n".join(parts)


def json_schema() -> dict[str, Any]:
    """JSON Schema of `playd.toml`, for editors."""
    schema = Settings.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "playd.toml"}


def schema_text() -> bytes:
    """The schema as it is stored: indented, keys sorted, newline at the end."""
    return orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _section(name: str, model: type[BaseModel]) -> str:
    body = "\n".join(_keys((name,), model))
    return f"\n[{name}]\n{_comment(model.__doc__ or '')}\n{body}\n"


def _named_table(name: str, model: type[BaseModel]) -> str:
    head, text = _TABLE_HEADS[name]
    body = "\n".join(_keys((name, "NAME"), model))
    return f"\n{_comment(text)}\n#[{head}]\n{body}\n"


def _keys(above: tuple[str, ...], model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield ""
        yield _comment(f"{field.description} {_limits((*above, name), field)}".strip())
        yield f"#{name} = {_example(name, field)}"


def _limits(path: tuple[str, ...], field: FieldInfo) -> str:
    lo, hi = bounds(path)
    notes = []
    if lo is not None:
        notes.append((f"{lo} to {hi}" if hi is not None else f"at least {lo}") + f" {unit(path)}".rstrip())
    elif unit(path):
        notes.append(f"in {unit(path)}")
    if field.is_required():
        notes.append("required")
    if file_only(field) and path[0] not in TABLES:
        notes.append("file only")
    if is_live(field):
        notes.append("live")
    return f"[{', '.join(notes)}]" if notes else ""


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in textwrap.wrap(" ".join(text.split()), 118))


_REQUIRED: Final = {"environment": '"demo"', "play": '"plays/ema_cross_rsi.yml"', "mode": '"paper"'}


def _example(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return _REQUIRED[name]
    return '""' if field.default is None else _toml(field.default)


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Enum():
            return f'"{value.value}"'
        case str():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case BaseModel() | dict():
            return "{}"
        case float():
            return f"{value:g}"
        case int() | Decimal():
            return str(value)
    raise TypeError(f"no TOML form for {value!r}")


def _write(directory: PurePath) -> None:
    disk = real_world().disk
    disk.mkdir(directory / SCHEMA_NAME.parent, mode=0o755)
    disk.write_replace(directory / FILE_NAME, shipped_file().encode(), keep_previous=False, mode=0o644)
    disk.write_replace(directory / SCHEMA_NAME, schema_text(), keep_previous=False, mode=0o644)
    disk.write_replace(directory / POLICY, shipped_policy().encode(), keep_previous=False, mode=0o644)


if __name__ == "__main__":
    _write(PurePath(sys.argv[1]))
