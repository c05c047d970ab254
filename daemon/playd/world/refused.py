"""What a start says of a file or directory of the state that the system, or SQLite, does not let it open."""

import errno
import sqlite3
from pathlib import PurePath
from typing import Final

from playd.core.errors import LockError, PlaydError, RecordError, StateError, is_full
from playd.world.ports import Disk

_MEDIUM: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_HELD: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})


class NotOpened(RecordError):
    """The medium refuses to have something opened. Nothing is lost by that; a later start may find it mended."""


def cannot_open(path: PurePath, error: OSError) -> PlaydError:
    """
    The error to raise: 74 where the medium refuses and a later start may find it mended, else 78, because somebody put
    something else there or took its rights away. It names the very file where the system does.
    """
    text = f"{error.filename or path}: cannot be opened: {error.strerror or error}"
    if is_full(error) or error.errno in (errno.EROFS, errno.EIO):
        return NotOpened(f"{text}; see the runbook disk-full")
    return StateError(f"{text}; see the runbook restore-after-a-crash")


def refuse_unreadable_log(disk: Disk, path: PurePath) -> None:
    """Raises the `OSError` of what stands beside a database and cannot be read: SQLite would say that the disk refuses."""
    for beside in (path.with_name(f"{path.name}-{kind}") for kind in ("wal", "shm")):
        if disk.exists(beside):
            disk.read_from(beside, 0, 1)


def medium_refused(error: Exception) -> bool:
    """
    Whether the disk under a database refused, and not what the file holds.

    A full one need not say that it is full: SQLite first makes a file beside it that readers share, and without room for that
    it speaks of an I/O error.
    """
    return _kind(error) in _MEDIUM


def cannot_open_database(path: PurePath, error: Exception) -> PlaydError:
    """The error to raise: 79 while another program holds it, 74 where the medium refuses, 78 for what is damaged."""
    if _kind(error) in _HELD:
        return LockError(f"{path}: another program has the database to itself; close it, nothing is damaged")
    if medium_refused(error):
        return NotOpened(
            f"{path}: the disk refuses to have it opened ({error}), which says nothing of the file; see the runbook disk-full"
        )
    return StateError(f"{path}: ledger cannot be opened ({error}); restore a backup before starting")


def _kind(error: Exception) -> int | None:
    """SQLite's primary code: the low byte of what may say more. Errors of Python's own module carry none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
