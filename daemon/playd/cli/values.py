"""Settings of Play variables on the command line as values."""

from collections.abc import Sequence

from playd.core.errors import SettingsError
from playd.plays.model import Scalar


def overrides_of(pairs: Sequence[str]) -> dict[str, Scalar]:
    """Values of `--set k=v`: numbers and true/false are read as such, the rest is text. Raises `SettingsError`."""
    found: dict[str, Scalar] = {}
    for pair in pairs:
        name, equals, raw = pair.partition("=")
        if not equals or not name:
            raise SettingsError(f"--set {pair!r}: expected name=value")
        found[name] = _scalar(raw)
    return found


def _scalar(raw: str) -> Scalar:
    if raw in ("true", "false"):
        return raw == "true"
    for kind in (int, float):
        try:
            return kind(raw)
        except ValueError:
            continue
    return raw
