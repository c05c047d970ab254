"""What the environment may say: single keys, the ceiling of modes, and the two key pairs."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic.fields import FieldInfo

from playd.core.errors import SettingsError
from playd.core.modes import Mode
from playd.core.secret import Secret
from playd.settings.explain import meant
from playd.settings.layers import Entry, Layer, accepts, dotted, field_at, file_only, unknown
from playd.world.ports import Env

_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_PATHS: Final = {"PLAYD_STATE_DIR": ("daemon", "state_dir"), "PLAYD_RUN_DIR": ("daemon", "run_dir")}
_TWINS: Final = {
    "PLAYD_USE_DEMO": "BYBIT_USE_DEMO",
    "PLAYD_TRADING_MODE": "TRADING_MODE",
    "PLAYD_DEMO_API_KEY": "BYBIT_DEMO_API_KEY",
    "PLAYD_DEMO_API_SECRET": "BYBIT_DEMO_API_SECRET",
    "PLAYD_LIVE_API_KEY": "BYBIT_LIVE_API_KEY",
    "PLAYD_LIVE_API_SECRET": "BYBIT_LIVE_API_SECRET",
    "PLAYD_CONFIRM_LIVE": "CONFIRM_LIVE_TRADING",
}
_MODES: Final = ("paper", "demo", "live", "real")
_OTHERS: Final = frozenset({"PLAYD_CONFIG"})
_KEY: Final = re.compile(r"^PLAYD_([A-Z]+)__([A-Z0-9_]+)$")
PAIR_NAMES: Final = tuple(name for twin in _TWINS.items() for name in twin if "API_" in name)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key and its secret from the environment; `origin` names the variable of the key."""

    api_key: Secret
    secret: Secret
    origin: str


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The highest mode that variables allow, and which variable says so (empty: none does)."""

    mode: Mode
    origin: str
    live_confirmed: bool


def read_keys(env: Env) -> Layer:
    """`PLAYD_<SECTION>__<KEY>` variables as a layer. Raises `SettingsError` listing every variable that nobody knows."""
    layer: Layer = {}
    wrong: list[str] = []
    for name in env.names():
        if not name.startswith("PLAYD_") or name in _TWINS or name in _OTHERS:
            continue
        match = _KEY.match(name)
        path = _PATHS.get(name) or ((match[1].lower(), match[2].lower()) if match else None)
        if path is None:
            wrong.append(f"{name}: unknown variable; settings are named PLAYD_<SECTION>__<KEY>")
            continue
        try:
            entry = Entry(parse_text(path, env.get(name) or ""), name)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
            continue
        if path in layer and layer[path].value != entry.value:
            wrong.append(f"{name} and {layer[path].origin} set {dotted(path)} to different values")
        layer[path] = entry
    if wrong:
        raise SettingsError("\n".join(wrong))
    return layer


def parse_text(path: tuple[str, ...], raw: str) -> Any:
    """A value written as bare text (variable, flag) in the type of its key. Raises `ValueError`."""
    field = field_at(path)
    if field is None:
        raise ValueError(unknown(path))
    if file_only(field):
        raise ValueError(f"{dotted(path)} can only be set in the configuration file")
    return _convert(field, raw.strip())


def _convert(field: FieldInfo, raw: str) -> Any:
    if accepts(field, bool):
        return boolean(raw)
    if accepts(field, int):
        try:
            return int(raw)
        except ValueError:
            raise ValueError(f"found {raw!r}, expected a whole number") from None
    if accepts(field, float) or accepts(field, Decimal):
        try:
            return Decimal(raw)
        except InvalidOperation:
            raise ValueError(f"found {raw!r}, expected a number") from None
    if accepts(field, tuple):
        try:
            return tomllib.loads(f"list = [{raw.strip('[]')}]", parse_float=Decimal)["list"]
        except tomllib.TOMLDecodeError:
            raise ValueError(f"found {raw!r}, expected numbers separated by commas") from None
    return raw


def boolean(raw: str) -> bool:
    """A yes or no in any usual spelling. Raises `ValueError`."""
    value = _BOOLEANS.get(raw.lower())
    if value is None:
        raise ValueError(f"found {raw!r}, expected one of true, false, 1, 0, yes, no, on, off")
    return value


def read_ceiling(env: Env) -> Ceiling:
    """What variables say about modes. They only lower the ceiling; contradictions raise `SettingsError` naming both."""
    mode, mode_name = _twin(env, "PLAYD_TRADING_MODE")
    demo, demo_name = _twin(env, "PLAYD_USE_DEMO")
    confirm, confirm_name = _twin(env, "PLAYD_CONFIRM_LIVE")
    use_demo, confirmed = _boolean_of(demo, demo_name), _boolean_of(confirm, confirm_name)
    if mode is not None and mode.lower() not in _MODES:
        raise SettingsError(f"{mode_name}: found {mode!r}, expected one of {', '.join(_MODES)}{meant(mode.lower(), _MODES)}")
    wants_live = None if mode is None else mode.lower() in ("live", "real")
    if wants_live is not None and use_demo is not None and wants_live == use_demo:
        raise SettingsError(f"{mode_name}={mode} contradicts {demo_name}={demo}")
    if use_demo or wants_live is False:
        return Ceiling(Mode.DEMO, mode_name if wants_live is False else demo_name, live_confirmed=False)
    if confirmed is False:
        return Ceiling(Mode.DEMO, confirm_name, live_confirmed=False)
    return Ceiling(Mode.LIVE, mode_name if wants_live else "", live_confirmed=confirmed is True)


def take_key_pairs(env: Env) -> dict[str, KeyPair]:
    """
    The key pairs by environment name (`demo`, `live`); the variables are gone from the process afterwards.

    Raises `SettingsError` for half a pair and for two names with different values. The text never holds a value.
    """
    pairs: dict[str, KeyPair] = {}
    for word in ("DEMO", "LIVE"):
        api_key, key_name = _twin(env, f"PLAYD_{word}_API_KEY")
        secret, secret_name = _twin(env, f"PLAYD_{word}_API_SECRET")
        if bool(api_key) != bool(secret):
            raise SettingsError(f"{key_name} and {secret_name} belong together; only one of them is set")
        if api_key and secret:
            pairs[word.lower()] = KeyPair(Secret(api_key), Secret(secret), key_name)
    env.forget(PAIR_NAMES)
    return pairs


def _twin(env: Env, name: str) -> tuple[str | None, str]:
    """A setting with two names: its value and the name that was used."""
    other = _TWINS[name]
    ours, theirs = env.get(name), env.get(other)
    if ours is not None and theirs is not None and _meant(name, ours) != _meant(name, theirs):
        raise SettingsError(f"{name} and {other} name one setting and have different values")
    value, used = (ours, name) if ours is not None else (theirs, other)
    return (None if value is None else value.strip()), used


def _meant(name: str, raw: str) -> str | bool:
    """What a value says, however it is spelt: only keys and secrets are their letters."""
    text = raw.strip()
    if name in PAIR_NAMES:
        return text
    return _BOOLEANS.get(text.lower(), {"real": "live"}.get(text.lower(), text.lower()))


def _boolean_of(raw: str | None, name: str) -> bool | None:
    if raw is None:
        return None
    try:
        return boolean(raw)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None


def read_flags(flags: Mapping[str, tuple[str, str]]) -> Layer:
    """Flags as a layer: dotted key to (flag, text), e.g. `{"market.speed": ("--speed", "600")}`. Raises `SettingsError`."""
    layer: Layer = {}
    for name, (flag, raw) in flags.items():
        path = tuple(name.split("."))
        try:
            layer[path] = Entry(parse_text(path, raw), flag)
        except ValueError as error:
            raise SettingsError(f"{flag}: {error}") from None
    return layer
