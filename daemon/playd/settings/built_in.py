"""What holds without being written: the example Plays, the paper account, and where key pairs of the environment go."""

from collections.abc import Mapping
from typing import Final

from playd.core.errors import SettingsError
from playd.core.modes import Environment, Mode
from playd.settings.checks import ENVIRONMENTS
from playd.settings.layers import Entry, Layer
from playd.settings.variables import PAIR_NAMES, KeyPair

BUILT_IN: Final = "built-in"
PAPER_ACCOUNT: Final = "paper"

_EXAMPLES: Final = {"ema-cross": "plays/ema_cross_rsi.yml", "bollinger": "plays/bollinger_reversion.yml"}


def feed_accounts(layer: Layer, key_pairs: Mapping[str, KeyPair], ceiling: Mode) -> dict[str, KeyPair]:
    """
    Give each key pair of the environment to its account; without any account table a pair makes account `demo` or `live`, as
    far as the ceiling allows. That `live` lacks the UID that only a file can name, and is refused for it.

    A pair that finds two accounts of its environment without another source is an error; one that finds none is not used.
    """
    fed: dict[str, KeyPair] = {}
    written = {path[1] for path in layer if path[0] == "accounts" and len(path) > 1}
    for environment, pair in key_pairs.items():
        if not written and (environment == Environment.DEMO or ceiling is Mode.LIVE):
            layer["accounts", environment, "environment"] = Entry(environment, pair.origin)
            fed[environment] = pair
            continue
        candidates = [alias for alias in sorted(written) if _wants_pair(layer, alias, environment)]
        if len(candidates) > 1:
            raise SettingsError(f"{pair.origin} could feed {' and '.join(candidates)}; name a credential_file for each")
        if candidates:
            fed[candidates[0]] = pair
    return fed


def made_by_pairs(origins: Mapping[str, str]) -> frozenset[str]:
    """Accounts that only a key pair of variables names, by the origins of all keys."""
    return frozenset(
        name.split(".")[1]
        for name, origin in origins.items()
        if name.startswith("accounts.") and name.endswith(".environment") and origin in PAIR_NAMES
    )


def _wants_pair(layer: Layer, alias: str, environment: str) -> bool:
    entry = layer.get(("accounts", alias, "environment"))
    return entry is not None and entry.value == environment and ("accounts", alias, "credential_file") not in layer


def add_built_in(layer: Layer) -> None:
    """
    What runs when nothing is declared, and the account that goes without saying.

    Without any account or instance table two example Plays run in paper. A paper instance gets the local account `paper`
    unless an account of environment local is declared. An instance that names no account gets the only one that fits.
    """
    in_files = {path[0] for path, entry in layer.items() if path[0] in ("accounts", "instances") and ".toml:" in entry.origin}
    if not in_files:
        for name, play in _EXAMPLES.items():
            layer["instances", name, "play"] = Entry(play, BUILT_IN)
            layer["instances", name, "mode"] = Entry(str(Mode.PAPER), BUILT_IN)
    modes = {path[1]: str(entry.value) for path, entry in layer.items() if path[0] == "instances" and path[-1] == "mode"}
    if Mode.PAPER in modes.values() and not _aliases(layer, (Environment.LOCAL,)):
        layer["accounts", PAPER_ACCOUNT, "environment"] = Entry(str(Environment.LOCAL), BUILT_IN)
    for name, mode in modes.items():
        path = ("instances", name, "account")
        fitting = _aliases(layer, ENVIRONMENTS.get(Mode(mode), ()) if mode in set(Mode) else ())
        if path not in layer and len(fitting) == 1:
            layer[path] = Entry(fitting[0], BUILT_IN)


def _aliases(layer: Layer, environments: tuple[Environment, ...]) -> list[str]:
    return [
        path[1]
        for path, entry in layer.items()
        if path[0] == "accounts" and path[-1] == "environment" and entry.value in environments
    ]
