"""
The kill file as the daemon writes it: level 2 on everything, for whoever starts next, whatever the ledger says or cannot say.

Its content is for people; that it is there is what counts. So a disk that has no room for the content gets the room of the
ballast, and where that is not enough an empty file, which takes none.
"""

from collections.abc import Callable
from pathlib import PurePath
from typing import Final

from playd.core.canonical import canonical_json
from playd.world.ports import Disk

KILL_FILE: Final = "HALT"


def write_kill_file(
    disk: Disk, path: PurePath, *, reason: str, code: str, actor: str, time_ms: int, make_room: Callable[[], bool]
) -> bool:
    """
    Leave the file at `path`, unless one is there: that of a person stays as it is. False when not even an empty one can be.

    `make_room` is asked once, for a disk without space.
    """
    note = canonical_json({"reason": reason, "code": code, "actor": actor, "time_ms": time_ms})
    if _is_there(disk, path) or _wrote(disk, path, note):
        return True
    return (make_room() and _wrote(disk, path, note)) or _wrote(disk, path, b"")


def _wrote(disk: Disk, path: PurePath, data: bytes) -> bool:
    try:
        disk.write_replace(path, data, keep_previous=False)
    except OSError:
        return False
    return True


def _is_there(disk: Disk, path: PurePath) -> bool:
    try:
        return disk.exists(path)
    except OSError:
        return False
