"""The newest log lines in memory, for `playctl logs`, and every new one for those who follow."""

from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

from playd.control.log_lines import LineFilter
from playd.control.protocol import JsonObject

KEPT_LINES: Final = 10_000
"""About a day of a healthy daemon; the journal and the service manager's log hold the rest."""


class LogTap:
    """
    A processor at the end of the log's chain: keeps lines and hands them on.

    While `muted`, lines are kept but not written: a live view on the same terminal shows them instead.
    """

    def __init__(self, publish: Callable[[JsonObject], None]) -> None:
        self._publish = publish
        self._lines: deque[JsonObject] = deque(maxlen=KEPT_LINES)
        self._count = 0
        self.muted = False

    def install(self) -> None:
        """Put the tap before the renderer, behind the redaction."""
        *chain, renderer = structlog.get_config()["processors"]
        structlog.configure(processors=[*chain, self, renderer])

    def __call__(self, _: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line = {name: value if isinstance(value, str | int | float | bool) else str(value) for name, value in fields.items()}
        self._count += 1
        self._lines.append({**line, "n": self._count})
        self._publish(line)
        if self.muted:
            raise structlog.DropEvent
        return fields

    def query(self, *, limit: int, wanted: LineFilter | None = None, before: int | None = None) -> list[JsonObject]:
        """The newest lines that are wanted, of those before the number `before` if it is given; oldest first."""
        wanted = wanted or LineFilter()
        found: list[JsonObject] = []
        for line in reversed(self._lines):
            if len(found) == limit:
                break
            if (before is None or line["n"] < before) and wanted.passes(line):
                found.append(line)
        return found[::-1]
