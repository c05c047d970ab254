"""
What the venue announces of itself: maintenance that goes on or is to come, as a fault on command has it.

By request, and as frames of changes.
"""

from typing import Final

from playd.venues.exchange.faults.board import FaultBoard
from playd.venues.exchange.rows import Row
from playd.venues.exchange.topics import Topics
from playd.world.ports import Clock

STATUS_TOPIC: Final = "system.status"
ONGOING: Final = "ongoing"
SCHEDULED: Final = "scheduled"
_COMPLETED: Final = "completed"


class Announced:
    """Announcements as everybody sees them. Beginnings and ends are of the wall's clock; the end is 0 where none is known."""

    def __init__(self, faults: FaultBoard, topics: Topics, clock: Clock) -> None:
        self._faults = faults
        self._topics = topics
        self._clock = clock
        self._told: list[Row] = []

    def rows(self) -> list[Row]:
        """What goes on now, and what is to come."""
        return [self._row(begin_s, end_s) for begin_s, end_s in self._faults.times_of("maintenance")]

    def tell(self) -> None:
        """Tell what was announced, has begun or has ended since the last time."""
        rows, now_ms = self.rows(), self._clock.wall_ms()
        if [_what(row) for row in rows] == [_what(row) for row in self._told]:
            return
        named = {row["id"] for row in rows}
        over = [{**row, "end": str(now_ms), "state": _COMPLETED} for row in self._told if row["id"] not in named]
        self._told = rows
        self._topics.send(STATUS_TOPIC, lambda topic: {"topic": topic, "ts": now_ms, "data": over + rows})

    def _row(self, begin_s: float, end_s: float | None) -> Row:
        """An announcement; `begin_s` and `end_s` are monotonic, so that its id is the same whenever it is asked for."""
        return {
            "id": f"maintenance-{round(begin_s * 1000)}",
            "title": "System maintenance",
            "state": SCHEDULED if begin_s > self._clock.mono_s() else ONGOING,
            "begin": str(self._wall_ms(begin_s)),
            "end": str(0 if end_s is None else self._wall_ms(end_s)),
            "href": "",
            "serviceTypes": [1, 2, 3, 4, 5],
            "product": [1, 2, 3, 4, 5],
            "uidSuffix": [],
            "maintainType": 1,
            "env": 1,
        }

    def _wall_ms(self, mono_s: float) -> int:
        return self._clock.wall_ms() + round((mono_s - self._clock.mono_s()) * 1000)


def _what(row: Row) -> tuple[str, str]:
    return row["id"], row["state"]
