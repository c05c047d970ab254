"""One source of settings: values by dotted path, each with its origin; and the keys there are."""

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from playd.settings.limits_model import Risk
from playd.settings.model import Account, Instance, Settings, Slo
from playd.settings.toml_lines import Path
from playd.settings.unsupported import instead_of

TABLES: Final[dict[str, type[BaseModel]]] = {"accounts": Account, "instances": Instance, "slo": Slo}
"""Sections whose keys are names: those of accounts and instances are the operator's own, objectives have theirs."""

SECTIONS: Final[dict[str, type[BaseModel]]] = {
    name: typing.cast("type[BaseModel]", field.annotation)
    for name, field in Settings.model_fields.items()
    if name not in TABLES
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and where it was written, e.g. `config/playd.toml:12`, `PLAYD_MARKET__SPEED`, `--speed`."""

    value: Any
    origin: str


Layer = dict[Path, Entry]


def dotted(path: Path) -> str:
    """How a key is named to people: `market.speed`."""
    return ".".join(path)


def field_at(path: Path) -> FieldInfo | None:
    """The declaration of a key, or None for an unknown one."""
    match path:
        case (section, name) if section in SECTIONS:
            return SECTIONS[section].model_fields.get(name)
        case (section, name, _) if section in SECTIONS:
            table = SECTIONS[section].model_fields.get(name)
            return table if table is not None and accepts(table, dict) else None
        case (table, _, name) if table in TABLES:
            return TABLES[table].model_fields.get(name)
        case (table, _, "risk", name) if table in TABLES and "risk" in TABLES[table].model_fields:
            return Risk.model_fields.get(name)
    return None


def is_table(path: Path) -> bool:
    """Whether a path names a table that may stand alone: `[market]`, `[accounts]`, `[accounts.demo]` or its `risk`."""
    if path[0] in SECTIONS:
        return len(path) == 1
    return path[0] in TABLES and (len(path) <= 2 or (len(path) == 3 and path[2] == "risk"))


def file_only(field: FieldInfo) -> bool:
    """Whether environment and flags may not set this key."""
    return _said(field, "file_only") is True


def is_live(field: FieldInfo) -> bool:
    """Whether a key takes effect at a reload."""
    return _said(field, "live") is True


def looser(field: FieldInfo) -> str:
    """Which way of changing a key takes more risk: `up`, `down`, or neither."""
    return str(_said(field, "looser") or "")


def _said(field: FieldInfo, what: str) -> object:
    extra = field.json_schema_extra
    return extra.get(what) if isinstance(extra, dict) else None


def unknown(path: Path) -> str:
    """What is wrong with a path that `field_at` does not know, and the nearest one that it does."""
    name = dotted(path)
    is_known_table = path[0] in SECTIONS or path[0] in TABLES
    if (len(path) > 1 or not is_known_table) and (instead := instead_of(path)) is not None:
        return f"{name} is not supported: {instead}"
    if not is_known_table:
        close = difflib.get_close_matches(path[0], [*SECTIONS, *TABLES], 1)
        return f"unknown table {path[0]}" + (f"; did you mean {close[0]}?" if close else "")
    meant = _nearest(name, _all_names(path))
    return f"unknown key {name}" + (f"; did you mean {meant}?" if meant else "")


def _all_names(path: Path) -> list[str]:
    names = [f"{section}.{key}" for section, model in SECTIONS.items() for key in model.model_fields]
    given = path[1] if len(path) > 1 and path[0] in TABLES else "NAME"
    names += [f"{table}.{given}.risk.{key}" for table in TABLES for key in Risk.model_fields if len(path) > 3]
    return names + [f"{table}.{given}.{key}" for table, model in TABLES.items() for key in model.model_fields]


def _nearest(name: str, known: Iterable[str]) -> str | None:
    candidates = list(known)
    last = {candidate.rsplit(".", 1)[1]: candidate for candidate in reversed(candidates)}
    close = difflib.get_close_matches(name, candidates, 1, 0.75)
    if close:
        return close[0]
    close = difflib.get_close_matches(name.rsplit(".", 1)[-1], last, 1, 0.75)
    return last[close[0]] if close else None


def accepts(field: FieldInfo, kind: type) -> bool:
    """Whether values of `kind` are what a field holds: looks through `Annotated` and `… | None`."""
    return _plain(field.annotation) is kind


def _plain(annotation: Any) -> Any:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _plain(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return _plain(next(arg for arg in typing.get_args(annotation) if arg is not type(None)))
    return origin or annotation


def nested(layer: Mapping[Path, Entry]) -> dict[str, Any]:
    """The values of a layer as nested tables."""
    tree: dict[str, Any] = {}
    for path, entry in layer.items():
        table = tree
        for name in path[:-1]:
            table = table.setdefault(name, {})
        if entry.value == {} and is_table(path):
            table.setdefault(path[-1], {})
        else:
            table[path[-1]] = entry.value
    return tree
