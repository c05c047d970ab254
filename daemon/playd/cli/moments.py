"""Times as people type them: `15m`, `2h`, `3d` ago, or a UTC time."""

import re
from datetime import UTC, datetime
from typing import Final

from playd.core.errors import SettingsError

_AGO: Final = re.compile(r"^(\d+)([smhd])$")
_UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def moment_ms(text: str, flag: str, now_ms: int) -> int | None:
    """Epoch ms of a time, None for nothing. Raises `SettingsError`."""
    if not text:
        return None
    if (ago := _AGO.match(text)) is not None:
        return now_ms - int(ago[1]) * _UNIT_MS[ago[2]]
    return time_ms(text, flag)


AROUND_MS: Final = 60_000


def span_ms(since: str, until: str, around: str, now_ms: int) -> tuple[int | None, int | None]:
    """
    From `--since` to before `--until`, or a minute before `--around` to a minute behind it. Raises `SettingsError`, also for
    both at once: nobody should have to guess which of them counted.
    """
    middle_ms = moment_ms(around, "--around", now_ms)
    if middle_ms is None:
        return moment_ms(since, "--since", now_ms), moment_ms(until, "--until", now_ms)
    if since or until:
        raise SettingsError("--around says from when to when: leave out --since and --until")
    return middle_ms - AROUND_MS, middle_ms + AROUND_MS


def later_ms(text: str, flag: str, now_ms: int) -> int:
    """Epoch ms of a time to come: `2d` from now, or a UTC time. Raises `SettingsError`."""
    if (ahead := _AGO.match(text)) is not None:
        return now_ms + int(ahead[1]) * _UNIT_MS[ahead[2]]
    found = time_ms(text, flag)
    if found is None:
        raise SettingsError(f"{flag}: a time is missing")
    return found


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
