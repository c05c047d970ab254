"""
A disk that fails on command, for daemon and guardian in processes that a drill makes for them (`playd.cli.drill_daemon`).

The command is a file, looked for at every write: `no_space` refuses all that needs room with ENOSPC, as a full file system
does, or only what the named files need, until room is made by removing the ballast; `sync_error` fails the syncs of the named
files with EIO; `unreadable` lets nobody look whether the named files are there, as a directory that may not be entered; `hangs`
answers no commit for as long as the file is there, so that the whole process stands still. Without the file it is the disk it
wraps. Files are named by globs, over their names, or over their paths where a glob has a slash.

The room of the ballast is for the process that released it: a guardian beside it has none, as if it were used up already. Which
files met a disk without space is written beside the command, a path a line.
SQLite writes where nobody can stand in between, so its commits fail as they do on a full or broken medium: with the transaction
rolled back, which is what a full tmpfs of Linux showed.
"""

import errno
import sqlite3
import time  # seam: a device that hangs holds the whole process, which no clock of ours can say
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.world.ports import Appender, Disk, Synchronous
from playd.world.virtual.faults import error_of

NO_SPACE: Final = "no_space"
SYNC_ERROR: Final = "sync_error"
HANGS: Final = "hangs"
UNREADABLE: Final = "unreadable"
BALLAST: Final = ".ballast"
REFUSED: Final = "disk.refused"
_HANG_LOOK_S: Final = 0.2

_MESSAGES: Final = {
    sqlite3.SQLITE_FULL: "database or disk is full",
    sqlite3.SQLITE_IOERR_FSYNC: "disk I/O error",
}


class Command:
    """What is wrong with the disk now."""

    def __init__(self, disk: Disk, path: PurePath) -> None:
        self._disk = disk
        self._path = path
        self._room_bytes = 0
        self._noted: set[PurePath] = set()

    @property
    def kind(self) -> str:
        """`no_space`, `sync_error` or, without a command, empty."""
        return str(self._read().get("kind", ""))

    def full_for(self, path: PurePath) -> bool:
        """Whether there is no room for what this file needs."""
        found = self._read()
        if found.get("kind") != NO_SPACE:
            self._room_bytes = 0
            return False
        return not self._room_bytes and _is_named(found, path)

    @property
    def free_bytes(self) -> int | None:
        """What a full disk says of itself, None for one that is not; one full for some files is seen to be so by them alone."""
        found = self._read()
        full = found.get("kind") == NO_SPACE and ("files" not in found or self._room_bytes)
        return self._room_bytes if full else None

    def loses(self, path: PurePath) -> bool:
        """Whether a sync of this file fails."""
        found = self._read()
        return found.get("kind") == SYNC_ERROR and _is_named(found, path)

    def hides(self, path: PurePath) -> bool:
        """Whether nobody may look at this file."""
        found = self._read()
        return found.get("kind") == UNREADABLE and _is_named(found, path)

    def hang(self) -> None:
        """Return when the device answers again."""
        while self.kind == HANGS:
            time.sleep(_HANG_LOOK_S)  # seam: see the import

    def made_room(self, path: PurePath, size: int) -> None:
        """A file was removed. Only the ballast is worth mentioning."""
        if path.name == BALLAST:
            self._room_bytes = size

    def need_room(self, path: PurePath) -> None:
        """Raises `OSError` when there is none."""
        if self.full_for(path):
            self.note(path)
            raise error_of(errno.ENOSPC, path)

    def note(self, path: PurePath) -> None:
        """Keep beside the command that this file met a disk without space."""
        if path in self._noted:
            return
        self._noted.add(path)
        appender = self._disk.open_append(self._path.with_name(REFUSED))
        try:
            appender.write(f"{path}\n".encode())
        finally:
            appender.close()

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = orjson.loads(self._disk.read_bytes(self._path))
        except FileNotFoundError:
            return {}
        return found


def _is_named(command: dict[str, Any], path: PurePath) -> bool:
    """Whether a command is for this file; one that names none is for all."""
    globs = command.get("files", ["*"])
    return any(fnmatch(path.as_posix() if "/" in each else path.name, each) for each in globs)


class FailingAppender:
    """An appender on a failing disk."""

    def __init__(self, inner: Appender, path: PurePath, command: Command) -> None:
        self._inner = inner
        self._path = path
        self._command = command

    @property
    def size(self) -> int:
        return self._inner.size

    def write(self, data: bytes) -> None:
        if self._command.full_for(self._path):
            self._inner.write(data[: len(data) // 2])  # what still fitted
            self._command.need_room(self._path)
        self._inner.write(data)

    def sync(self) -> None:
        if self._command.loses(self._path):
            raise error_of(errno.EIO, self._path)
        self._inner.sync()

    def close(self) -> None:
        self._inner.close()


class FailingConnection:
    """A SQLite connection on a failing disk: commits and checkpoints are where it writes."""

    def __init__(self, inner: sqlite3.Connection, path: PurePath, command: Command) -> None:
        self._inner = inner
        self._path = path
        self._command = command

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        if sql == "COMMIT" or sql.startswith("PRAGMA wal_checkpoint"):
            self._command.hang()
            if self._command.full_for(self._path):
                self._command.note(self._path)
                self._fail(sqlite3.SQLITE_FULL)
            if self._command.loses(self._path):
                self._fail(sqlite3.SQLITE_IOERR_FSYNC)
        return self._inner.execute(sql, values)

    def _fail(self, code: int) -> None:
        if self._inner.in_transaction:
            self._inner.execute("ROLLBACK")
        error = sqlite3.OperationalError(_MESSAGES[code])
        error.sqlite_errorcode = code
        raise error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class FailingDisk:
    """Implements `Disk` over another one. `command` is a file outside of what fails."""

    def __init__(self, inner: Disk, command: PurePath) -> None:
        self._inner = inner
        self._command = Command(inner, command)

    def write_replace(self, path: PurePath, data: bytes, *, keep_previous: bool = True, mode: int = 0o600) -> None:
        self._command.need_room(path)
        if self._command.loses(path):
            raise error_of(errno.EIO, path)
        self._inner.write_replace(path, data, keep_previous=keep_previous, mode=mode)

    def open_append(self, path: PurePath, *, mode: int = 0o600) -> FailingAppender:
        if not self._inner.exists(path):
            self._command.need_room(path)
        return FailingAppender(self._inner.open_append(path, mode=mode), path, self._command)

    def allocate(self, path: PurePath, size: int) -> None:
        self._command.need_room(path)
        self._inner.allocate(path, size)

    def exists(self, path: PurePath) -> bool:
        if self._command.hides(path):
            raise error_of(errno.EACCES, path)
        return self._inner.exists(path)

    def mkdir(self, path: PurePath, *, mode: int = 0o700) -> None:
        if not self._inner.exists(path):
            self._command.need_room(path)
        self._inner.mkdir(path, mode=mode)

    def open_sqlite(
        self, path: PurePath, *, read_only: bool = False, synchronous: Synchronous = "FULL", mode: int = 0o600
    ) -> Any:
        return FailingConnection(
            self._inner.open_sqlite(path, read_only=read_only, synchronous=synchronous, mode=mode), path, self._command
        )

    def remove(self, path: PurePath) -> None:
        size = self._inner.stat(path).size
        self._inner.remove(path)
        self._command.made_room(path, size)

    def free_bytes(self, path: PurePath) -> int:
        found = self._command.free_bytes
        return self._inner.free_bytes(path) if found is None else found

    def __getattr__(self, name: str) -> Any:
        """What neither writes nor makes room is the other disk's."""
        return getattr(self._inner, name)
