"""The newest log lines in memory, for `playctl logs`, and every new one for those who follow."""

from collections import deque
from collections.abc import Callable, MutableMapping
from fnmatch import fnmatchcase
from typing import Any, Final

import structlog

from playd.control.figures import rfc3339
from playd.control.protocol import JsonObject

KEPT_LINES: Final = 10_000
"""About a day of a healthy daemon; the journal and the service manager's log hold the rest."""

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class LogTap:
    """
    A processor at the end of the log's chain: keeps lines and hands them on.

    While `muted`, lines are kept but not written: a live view on the same terminal shows them instead.
    """

    def __init__(self, publish: Callable[[JsonObject], None]) -> None:
        self._publish = publish
        self._lines: deque[JsonObject] = deque(maxlen=KEPT_LINES)
        self.muted = False

    def install(self) -> None:
        """Put the tap before the renderer, behind the redaction."""
        *chain, renderer = structlog.get_config()["processors"]
        structlog.configure(processors=[*chain, self, renderer])

    def __call__(self, _: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line = {name: value if isinstance(value, str | int | float | bool) else str(value) for name, value in fields.items()}
        self._lines.append(line)
        self._publish(line)
        if self.muted:
            raise structlog.DropEvent
        return fields

    def query(
        self,
        *,
        limit: int,
        instance: str | None = None,
        level: str | None = None,
        event: str | None = None,
        grep: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> list[JsonObject]:
        """The newest lines that pass every filter, oldest first."""
        least = LEVELS.get((level or "debug").lower(), 0)
        # Times of lines are RFC 3339 in UTC with milliseconds, so their order is that of their texts.
        begin = rfc3339(since_ms) if since_ms is not None else ""
        end = rfc3339(until_ms) if until_ms is not None else ""
        found: list[JsonObject] = []
        for line in reversed(self._lines):
            if len(found) == limit:
                break
            if instance is not None and line.get("instance") != instance:
                continue
            if LEVELS.get(str(line.get("level")), 0) < least:
                continue
            if str(line.get("ts", "")) < begin or (end and str(line.get("ts", "")) >= end):
                continue
            if event is not None and not fnmatchcase(str(line.get("event", "")), event):
                continue
            if grep is not None and not any(grep in str(value) for value in line.values()):
                continue
            found.append(line)
        return found[::-1]
