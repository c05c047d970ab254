"""Texts of the command line as values: times, settings of Play variables."""

from collections.abc import Sequence
from datetime import UTC, datetime

from playd.core.errors import SettingsError
from playd.plays.model import Scalar


def time_ms(text: str, flag: str) -> int | None:
    """Epoch ms of `2024-01-31`, of RFC 3339, or of plain epoch ms; None for nothing. Raises `SettingsError`."""
    if not text:
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{flag} {text!r}: expected 2024-01-31, RFC 3339 or epoch ms") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(moment.timestamp() * 1000)


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
