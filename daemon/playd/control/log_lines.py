"""A log line as people read it, and which lines they asked for. The same filter is used on kept lines and on followed ones."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from playd.control.figures import rfc3339
from playd.control.protocol import JsonObject

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_FIRST: Final = ("ts", "level", "event", "msg", "topic", "n")


@dataclass(frozen=True, slots=True)
class LineFilter:
    """
    Which lines are wanted; None asks for nothing. `level` and above; `event` is a glob; `grep` a text in any value.

    `order` and `intent` are ids that stand in the line. A line is wanted from `since_ms` on and before `until_ms`.
    """

    instance: str | None = None
    account: str | None = None
    symbol: str | None = None
    order: str | None = None
    intent: str | None = None
    level: str | None = None
    event: str | None = None
    grep: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def passes(self, line: JsonObject) -> bool:
        """Whether a line is wanted."""
        # Times of lines are RFC 3339 in UTC with milliseconds, so their order is that of their texts.
        time = str(line.get("ts", ""))
        return (
            all(wanted in (None, line.get(name)) for name, wanted in self._exact())
            and all(wanted is None or wanted in line.values() for wanted in (self.order, self.intent))
            and LEVELS.get(str(line.get("level")), 0) >= LEVELS.get((self.level or "").lower(), 0)
            and (self.since_ms is None or time >= rfc3339(self.since_ms))
            and (self.until_ms is None or time < rfc3339(self.until_ms))
            and (self.event is None or fnmatchcase(str(line.get("event", "")), self.event))
            and (self.grep is None or any(self.grep in str(value) for value in line.values()))
        )

    def _exact(self) -> tuple[tuple[str, str | None], ...]:
        return ("instance", self.instance), ("account", self.account), ("symbol", self.symbol)


def log_line(line: JsonObject) -> str:
    """Time, level, event, message, and whatever else the line holds as `key=value`."""
    return f"{line.get('ts', '')} {str(line.get('level', '')).upper():<8} {bare_line(line)}"


def bare_line(line: JsonObject) -> str:
    """The same without time and level, for whoever holds two runs against each other."""
    rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in _FIRST and value is not None)
    return f"{line.get('event', '')} {line.get('msg', '')} {rest}".rstrip()
