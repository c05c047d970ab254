"""
Time zones of the world: their names, and by how much their clocks differ from UTC at which times.

The data are those of the pinned package `tzdata`, never the machine's: like code they are the same wherever this version runs,
so that a Play with local times decides the same everywhere.
"""

from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from playd.core.timeframes import DAY_MS, MINUTE_MS

_FIRST_MS: Final = 0
_LAST_MS: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000
"""Beyond these the nearest offset goes on."""

_LOOK_EVERY_MS: Final = 3 * DAY_MS
"""Well below the shortest time between two changes of a zone since 1970, which is an hour less than a week."""


@lru_cache
def zone_names() -> frozenset[str]:
    """Every IANA name."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@lru_cache
def offsets(name: str) -> tuple[tuple[int, int], ...]:
    """
    When an offset begins, in epoch ms, and its minutes east of UTC, oldest first; the first holds for all time before too.

    Raises KeyError for a name that is not one of `zone_names`.
    """
    if name not in zone_names():
        raise KeyError(name)
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as data:
        zone = ZoneInfo.from_file(data, name)
    found = [(_FIRST_MS, _offset_min(zone, _FIRST_MS))]
    for time_ms in range(_FIRST_MS + _LOOK_EVERY_MS, _LAST_MS, _LOOK_EVERY_MS):
        if _offset_min(zone, time_ms) != found[-1][1]:
            found.append(_begin(zone, time_ms - _LOOK_EVERY_MS, time_ms))
    return tuple(found)


def changes_after(name: str, time_ms: int) -> bool:
    """Whether the clocks of a zone are changed after a time."""
    return offsets(name)[-1][0] > time_ms


def _begin(zone: ZoneInfo, before_ms: int, after_ms: int) -> tuple[int, int]:
    """The first minute with the offset of `after_ms`, which `before_ms` does not have."""
    offset_min = _offset_min(zone, after_ms)
    while after_ms - before_ms > MINUTE_MS:
        middle_ms = (before_ms + after_ms) // 2 // MINUTE_MS * MINUTE_MS
        if _offset_min(zone, middle_ms) == offset_min:
            after_ms = middle_ms
        else:
            before_ms = middle_ms
    return after_ms, offset_min


def _offset_min(zone: ZoneInfo, time_ms: int) -> int:
    offset = datetime.fromtimestamp(time_ms // 1000, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)
