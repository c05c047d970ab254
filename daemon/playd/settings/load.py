"""From built-in values, files, variables and flags to one `Settings`, or to one error that lists everything wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from pydantic import ValidationError

from playd.core.canonical import digest
from playd.core.errors import SettingsError
from playd.settings.built_in import BUILT_IN, add_built_in, feed_accounts, made_by_pairs
from playd.settings.checks import contradictions
from playd.settings.explain import describe
from playd.settings.layers import Entry, Layer, dotted, field_at, is_table, nested, unknown
from playd.settings.locations import Locations, config_place, files, locations
from playd.settings.model import Settings
from playd.settings.toml_lines import Leaf, Path, read_leaves
from playd.settings.variables import Ceiling, KeyPair, read_ceiling, read_flags, read_keys, take_key_pairs
from playd.world.ports import World

_FILE_BYTES: Final = 1024 * 1024
_SECRETIVE: Final = re.compile(r"(?i)key|secret|token")
_LOOKS_SECRET: Final = re.compile(r"^[A-Za-z0-9]{18,}$")


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    The settings and what led to them.

    `origins` names the origin of every key that is not built-in. `key_pairs` holds keys from variables by account alias.
    `digest` identifies the effective settings without secrets. `pairs` are the key pairs of variables by environment.
    """

    settings: Settings
    origins: Mapping[str, str]
    ceiling: Ceiling
    key_pairs: Mapping[str, KeyPair]
    locations: Locations
    digest: str
    pairs: Mapping[str, KeyPair] = field(default_factory=dict)

    def origin(self, name: str) -> str:
        """Where a dotted key was set."""
        return self.origins.get(name, BUILT_IN)


@dataclass(frozen=True, slots=True)
class MainText:
    """The text of a main file, and what faults of it call the file."""

    name: str
    text: str


def load(
    world: World,
    *,
    flags: Mapping[str, tuple[str, str]] | None = None,
    config: str | None = None,
    before: Loaded | None = None,
    instead: MainText | None = None,
) -> Loaded:
    """
    Read everything: at start, and anew at a reload, which names what was loaded `before`.

    `flags` maps dotted keys to (flag, text). `config` is the `--config` flag: a directory, or a file in one. `instead` is read
    in place of the main file, to see what it would come to. Secrets are taken out of the environment, the first time. Raises
    `SettingsError` (exit 78) with one line per fault, each with its place.
    """
    config_dir, main_file, named = config_place(world, config)
    layer: Layer = {} if instead is None else _layer(read_leaves(instead.text, instead.name), instead.name)
    for file in files(world, config_dir, main_file, required=named and instead is None):
        if instead is None or file != main_file:
            layer |= _layer(read_toml(world, file), str(file))
    layer |= read_keys(world.env)
    layer |= read_flags(flags or {})
    ceiling = read_ceiling(world.env)
    key_pairs = take_key_pairs(world.env) if before is None else before.pairs
    _refuse_unknown(layer)
    fed = feed_accounts(layer, key_pairs, ceiling.mode)
    add_built_in(layer)
    settings = _validated(layer)
    origins = {dotted(path): entry.origin for path, entry in layer.items() if not is_table(path)}
    _refuse(layer, [*contradictions(settings, ceiling, made_by_pairs(origins))])
    return Loaded(
        settings=settings,
        origins=origins,
        ceiling=ceiling,
        key_pairs=fed,
        locations=locations(world, config_dir, main_file, settings, named=named),
        digest=digest_of(settings),
        pairs=key_pairs,
    )


def digest_of(settings: Settings) -> str:
    """SHA-256 over every key and value."""
    return digest(settings.model_dump(mode="json", by_alias=True))


def _layer(leaves: list[Leaf], name: str) -> Layer:
    return {leaf.path: Entry(leaf.value, f"{name}:{leaf.line}") for leaf in leaves}


def read_toml(world: World, file: PurePath) -> list[Leaf]:
    """Every key of a file of settings with its line. Raises `SettingsError`."""
    try:
        data = world.disk.read_from(file, 0, _FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    if len(data) > _FILE_BYTES:
        raise SettingsError(f"{file}: larger than {_FILE_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not UTF-8 text (byte {error.start})") from None
    return read_leaves(text, str(file))


def _refuse_unknown(layer: Layer) -> None:
    findings: list[tuple[Path, str]] = []
    unknown_tables: set[str] = set()
    for path, entry in layer.items():
        if _SECRETIVE.search(path[-1]) and isinstance(entry.value, str) and _LOOKS_SECRET.match(entry.value):
            text = "holds what looks like a key; keys belong in a credential file, named by accounts.X.credential_file"
            findings.append((path, text))
        elif field_at(path) is None and not (is_table(path) and entry.value == {}) and path[0] not in unknown_tables:
            findings.append((path, unknown(path)))
            if unknown(path).startswith("unknown table"):
                unknown_tables.add(path[0])
    _refuse(layer, findings)


def _validated(layer: Layer) -> Settings:
    try:
        return Settings.model_validate(nested(layer))
    except ValidationError as error:
        findings = [describe(fault) for fault in error.errors(include_url=False)]
    _refuse(layer, findings)
    raise AssertionError("unreachable: a validation error has findings")


def _refuse(layer: Layer, findings: list[tuple[Path, str]]) -> None:
    """Raise one error with every finding, each with its place; do nothing without findings."""
    if findings:
        raise SettingsError("\n".join(f"{_place(layer, path)}: {_named(path, text)}" for path, text in findings))


def _named(path: Path, text: str) -> str:
    return text if text.startswith(("unknown ", f"{dotted(path)} ")) else f"{dotted(path)}: {text}"


def _place(layer: Layer, path: Path) -> str:
    """The origin of a key, or of the table around it."""
    for length in range(len(path), 0, -1):
        if entry := layer.get(path[:length]):
            return entry.origin
    inside = next((entry for other, entry in layer.items() if other[:2] == path[:2]), None)
    return inside.origin if inside else BUILT_IN


def as_rows(loaded: Loaded) -> list[tuple[str, Any, str]]:
    """Every key with value and origin, for `config show`."""
    return [
        (name, value, loaded.origin(name))
        for name, value in _flat_values(loaded.settings.model_dump(mode="json", by_alias=True))
    ]


def _flat_values(values: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict) and (value or not above):
            rows += _flat_values(value, f"{above}{name}.")
        else:
            rows.append((f"{above}{name}", value))
    return rows
