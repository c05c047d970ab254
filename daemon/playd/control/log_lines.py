"""A log line as people read it."""

from typing import Final

from playd.control.protocol import JsonObject

_FIRST: Final = ("ts", "level", "event", "msg", "topic")


def log_line(line: JsonObject) -> str:
    """Time, level, event, message, and whatever else the line holds as `key=value`."""
    rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in _FIRST and value is not None)
    level = str(line.get("level", "")).upper()
    return f"{line.get('ts', '')} {level:<8} {line.get('event', '')} {line.get('msg', '')} {rest}".rstrip()
