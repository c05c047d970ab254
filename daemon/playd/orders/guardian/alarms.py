"""What the guardian calls a person for: each alarm is recorded when it begins and when it ends, and repeated while it lasts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from playd.core.canonical import Json
from playd.orders.guardian.judge import Alarm
from playd.world.ports import Clock

REPEAT_S: Final = 60.0

Record = Callable[[str, Mapping[str, Json], str, str], None]
"""Writes a record: kind, data, account, symbol."""

Say = Callable[[str, str, str], None]
"""Writes a log line: level, event, text."""


@dataclass(slots=True)
class _Active:
    alarm: Alarm
    said_s: float


class Alarms:
    """The alarms in force, by (source, kind, scope)."""

    def __init__(self, clock: Clock, record: Record, say: Say) -> None:
        self._clock = clock
        self._record = record
        self._say = say
        self._active: dict[tuple[str, str, str], _Active] = {}

    def update(self, source: str, alarms: Iterable[Alarm]) -> None:
        """These and no others are now the alarms of a source (an account's alias, or empty for the guardian itself)."""
        now_s = self._clock.mono_s()
        present = {(source, alarm.kind, alarm.scope): alarm for alarm in alarms}
        for key, alarm in present.items():
            active = self._active.get(key)
            if active is None:
                self._active[key] = _Active(alarm, now_s)
                data = {"kind": alarm.kind, "severity": alarm.severity, "scope": alarm.scope, "text": alarm.text}
                self._record("incident.open", data, source, "")
                self._say(alarm.severity, "alarm", f"{alarm.kind} {alarm.scope}: {alarm.text}")
            else:
                active.alarm = alarm
                if now_s - active.said_s >= REPEAT_S:
                    active.said_s = now_s
                    self._say(alarm.severity, "alarm", f"{alarm.kind} {alarm.scope}: {alarm.text}")
        for key in [key for key in self._active if key[0] == source and key not in present]:
            gone = self._active.pop(key).alarm
            note = {"kind": gone.kind, "scope": gone.scope, "note": "its cause is gone"}
            self._record("incident.resolve", note, source, "")
            self._say("info", "alarm.over", f"{gone.kind} {gone.scope}")

    @property
    def active(self) -> list[Alarm]:
        """Every alarm in force."""
        return [active.alarm for active in self._active.values()]
