"""
The ballast: space of the state directory that is held back for the moment when there is none left.

Whoever must write and meets a full disk calls `release`, which makes room once; ledger and journal then go on with full
durability. It is held again when there is plenty of space.
"""

from pathlib import PurePath
from typing import Final

import anyio
import structlog

from playd.world.ports import Disk

NAME: Final = ".ballast"
BALLAST_BYTES: Final = 64 * 1024 * 1024
"""Days of ledger and journal without new entries: a held position writes less than 1 MiB an hour."""

_log = structlog.get_logger()


class Ballast:
    """The file `.ballast` of one state directory. Synchronous: it is called from the middle of a failing write."""

    def __init__(self, disk: Disk, state_dir: PurePath, size_bytes: int = BALLAST_BYTES) -> None:
        self._disk = disk
        self._path = state_dir / NAME
        self._size_bytes = size_bytes
        self._refused = ""
        """What the disk said last of it."""
        self.used = anyio.Event()
        """Set by the next `release` that made room; whoever has seen it puts a new one here."""

    @property
    def held(self) -> bool:
        """Whether it could make room now; what somebody cut short, or put in its place, could not."""
        try:
            stat = self._disk.stat(self._path)
        except OSError:
            return False
        return not stat.is_dir and stat.size >= self._size_bytes

    def hold(self, free_bytes: int, floor_bytes: int) -> bool:
        """
        Reserve the space unless it is held, if `floor_bytes` of `free_bytes` are left then. Returns whether it is held.

        Its blocks are really allocated. A disk that refuses gives False: without ballast the daemon runs all the same.
        """
        if self.held:
            return True
        if free_bytes - self._size_bytes < floor_bytes:
            return False
        try:
            self._disk.allocate(self._path, self._size_bytes)
        except OSError as error:
            if (why := str(error.strerror or error)) != self._refused:
                _log.warning("disk.ballast", msg=f"{self._path}: not allocated: {why}")
            self._refused = why
            return False
        self._refused = ""
        return True

    def release(self) -> bool:
        """Give the space back. True when that made room, so that the caller tries again; never raises."""
        try:
            self._disk.remove(self._path)
        except OSError:
            return False
        _log.error("disk.full", msg="no space left; the ballast is released, nothing new is risked")
        self.used.set()
        return True
