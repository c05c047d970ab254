"""What the venue announces of itself: maintenance, while a fault on command is one. By request, and as frames of changes."""

from collections.abc import Callable
from typing import Final

from playd.venues.exchange.faults.board import FaultBoard
from playd.venues.exchange.rows import Row
from playd.venues.exchange.topics import Topics

STATUS_TOPIC: Final = "system.status"
ONGOING: Final = "ongoing"
_COMPLETED: Final = "completed"


class Announced:
    """Announcements as everybody sees them. `wall_ms` stamps frames and ends, `market_ms` is the market's time."""

    def __init__(self, faults: FaultBoard, topics: Topics, wall_ms: Callable[[], int], market_ms: Callable[[], int]) -> None:
        self._faults = faults
        self._topics = topics
        self._wall_ms = wall_ms
        self._market_ms = market_ms
        self._told: list[Row] = []

    def rows(self) -> list[Row]:
        """What goes on now."""
        began_ms = self._faults.began_ms("maintenance")
        return [] if began_ms is None else [_row(began_ms, 0, ONGOING)]

    def tell(self) -> None:
        """Tell what has begun or ended since the last time."""
        rows = self.rows()
        if rows != self._told:
            over = [_row(int(row["begin"]), self._market_ms(), _COMPLETED) for row in self._told if row not in rows]
            self._told = rows
            self._topics.send(STATUS_TOPIC, lambda topic: {"topic": topic, "ts": self._wall_ms(), "data": over + rows})


def _row(begin_ms: int, end_ms: int, state: str) -> Row:
    return {
        "id": f"maintenance-{begin_ms}",
        "title": "System maintenance",
        "state": state,
        "begin": str(begin_ms),
        "end": str(end_ms),
        "href": "",
        "serviceTypes": [1, 2, 3, 4, 5],
        "product": [1, 2, 3, 4, 5],
        "uidSuffix": [],
        "maintainType": 1,
        "env": 1,
    }
