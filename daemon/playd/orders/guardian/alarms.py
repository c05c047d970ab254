"""
What the guardian calls a person for: each alarm is recorded when it begins and when it ends, and repeated while it lasts.

Nobody is woken for what is over within seconds: a critical alarm is told to people when it has lasted that long.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from playd.core.canonical import Json
from playd.orders.guardian.judge import Alarm
from playd.world.ports import Clock

REPEAT_S: Final = 60.0
"""Time between two log lines of one alarm."""

TELL_AFTER_S: Final = 5.0

PANIC_UNFINISHED: Final = "PANIC_UNFINISHED"
"""Kind of an alarm that people are told of every `REPEAT_S`, whatever the settings say of others."""

Record = Callable[[str, Mapping[str, Json], str, str], None]
"""Writes a record: kind, data, account, symbol."""

Say = Callable[[str, str, str], None]
"""Writes a log line: level, event, text."""

Tell = Callable[[str, Alarm, int], None]
"""Tells people: `open`, `repeat` or `resolved`, the alarm, and when it began. Never waits, never raises."""


@dataclass(slots=True)
class _Active:
    alarm: Alarm
    since_s: float
    since_ms: int
    said_s: float
    told_s: float | None = None


class Alarms:
    """The alarms in force, by (source, kind, scope). `repeat_s` says how often people are told again of one that lasts."""

    def __init__(self, clock: Clock, record: Record, say: Say, tell: Tell, repeat_s: Callable[[], float]) -> None:
        self._clock = clock
        self._record = record
        self._say = say
        self._tell = tell
        self._repeat_s = repeat_s
        self._active: dict[tuple[str, str, str], _Active] = {}

    def update(self, source: str, alarms: Iterable[Alarm]) -> None:
        """These and no others are now the alarms of a source (an account's alias, or empty for the guardian itself)."""
        now_s = self._clock.mono_s()
        present = {(source, alarm.kind, alarm.scope): alarm for alarm in alarms}
        for key, alarm in present.items():
            active = self._active.get(key)
            if active is None:
                active = self._active[key] = _Active(alarm, now_s, self._clock.wall_ms(), now_s)
                data = {"kind": alarm.kind, "severity": alarm.severity, "scope": alarm.scope, "text": alarm.text}
                self._record("incident.open", data, source, "")
                self._say(alarm.severity, "alarm", f"{alarm.kind} {alarm.scope}: {alarm.text}")
            else:
                active.alarm = alarm
                if now_s - active.said_s >= REPEAT_S:
                    active.said_s = now_s
                    self._say(alarm.severity, "alarm", f"{alarm.kind} {alarm.scope}: {alarm.text}")
            self._tell_people(active, now_s)
        for key in [key for key in self._active if key[0] == source and key not in present]:
            ended = self._active.pop(key)
            gone = ended.alarm
            if ended.told_s is not None:
                self._tell("resolved", gone, ended.since_ms)
            note = {"kind": gone.kind, "scope": gone.scope, "note": "its cause is gone"}
            self._record("incident.resolve", note, source, "")
            self._say("info", "alarm.over", f"{gone.kind} {gone.scope}")

    def _tell_people(self, active: _Active, now_s: float) -> None:
        again_s = min(REPEAT_S, self._repeat_s()) if active.alarm.kind == PANIC_UNFINISHED else self._repeat_s()
        due_s = active.since_s + TELL_AFTER_S if active.told_s is None else active.told_s + again_s
        if active.alarm.severity == "critical" and now_s >= due_s:
            self._tell("open" if active.told_s is None else "repeat", active.alarm, active.since_ms)
            active.told_s = now_s

    @property
    def active(self) -> list[Alarm]:
        """Every alarm in force."""
        return [active.alarm for active in self._active.values()]
