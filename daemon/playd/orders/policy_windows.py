"""
Hours in which the operator allows or blocks entries, in the local time of a zone, changes of its clocks included. Pure.

A Play has windows of its own, which its engine applies in every mode; these are the daemon's, over all Plays.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from playd.core.timeframes import MINUTE_MS
from playd.core.zones import offsets
from playd.settings.limits_model import DAYS, PolicyWindow

DAY_MIN: Final = 1440
_EPOCH_WEEKDAY: Final = 3
"""1970-01-01 was a Thursday; Monday is 0."""

_LOOK_AHEAD_DAYS: Final = 9
"""Windows repeat every week, and a change of the clocks may skip one."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    `begin_min` and `end_min` are minutes of the local day. A window that does not end after it begins runs past midnight and
    belongs to the day on which it began; one that ends where it begins is a day long.
    """

    blocks: bool
    days: frozenset[int]
    begin_min: int
    end_min: int
    zone: str
    reason: str

    @classmethod
    def of(cls, setting: PolicyWindow) -> "Window":
        """The window of a setting, which was checked."""
        return cls(
            blocks=setting.kind == "block",
            days=frozenset(DAYS.index(day) for day in setting.days),
            begin_min=_minutes(setting.begin),
            end_min=_minutes(setting.end),
            zone=setting.zone,
            reason=setting.reason,
        )

    def __str__(self) -> str:
        days = ",".join(DAYS[day] for day in sorted(self.days))
        word, why = "block" if self.blocks else "allow", f" ({self.reason})" if self.reason else ""
        return f"{word} {days} {_said(self.begin_min)}-{_said(self.end_min)} {self.zone}{why}"


def covers(window: Window, time_ms: int) -> bool:
    """Whether a moment lies in a window: its beginning does, its end does not."""
    local_min = time_ms // MINUTE_MS + _offset_min(window.zone, time_ms)
    day, minute = (local_min // DAY_MIN + _EPOCH_WEEKDAY) % 7, local_min % DAY_MIN
    if window.begin_min < window.end_min:
        return day in window.days and window.begin_min <= minute < window.end_min
    began_today = day in window.days and minute >= window.begin_min
    return began_today or ((day - 1) % 7 in window.days and minute < window.end_min)


def closed_by(windows: Sequence[Window], time_ms: int) -> str:
    """What forbids an entry at a moment; empty when nothing does. A block beats an allowance."""
    blocking = next((window for window in windows if window.blocks and covers(window, time_ms)), None)
    if blocking is not None:
        return str(blocking)
    allowing = [window for window in windows if not window.blocks]
    if not allowing or any(covers(window, time_ms) for window in allowing):
        return ""
    return "outside of " + "; ".join(map(str, allowing))


def opens_ms(windows: Sequence[Window], time_ms: int) -> int | None:
    """The first moment behind another at which an entry is allowed; None when there is none for a week."""
    edges = sorted({edge for window in windows for edge in _openings(window, time_ms) if edge > time_ms})
    return next((edge for edge in edges if not closed_by(windows, edge)), None)


def _openings(window: Window, time_ms: int) -> Iterator[int]:
    """When a window may begin to allow, or end to block, on whatever day: at its minute, or when the clocks jump over that."""
    first_min = time_ms // MINUTE_MS + _offset_min(window.zone, time_ms)
    wanted_min = first_min - first_min % DAY_MIN + (window.end_min if window.blocks else window.begin_min)
    for day in range(_LOOK_AHEAD_DAYS):
        local_min = wanted_min + day * DAY_MIN
        guess_ms = (local_min - _offset_min(window.zone, time_ms)) * MINUTE_MS
        for near_ms in (guess_ms - DAY_MIN * MINUTE_MS, guess_ms + DAY_MIN * MINUTE_MS):
            yield (local_min - _offset_min(window.zone, near_ms)) * MINUTE_MS
    changes = offsets(window.zone)
    place = bisect_right(changes, time_ms, key=_since)
    if place < len(changes):
        yield changes[place][0]


def _offset_min(zone: str, time_ms: int) -> int:
    changes = offsets(zone)
    place = bisect_right(changes, time_ms, key=_since) - 1
    return changes[max(0, place)][1]


def _since(change: tuple[int, int]) -> int:
    return change[0]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _said(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
