"""A disk in memory that can be full, broken, or lose what was not synced."""

import errno
import io
import os
import sqlite3
import weakref
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import PurePath

import numpy as np

from playd.core.errors import LockError
from playd.world.ports import Clock, Column, FileStat, Synchronous
from playd.world.sqlite import configure
from playd.world.virtual.faults import NO_SPACE, DiskOperation, Fault, FaultPlan, error_of
from playd.world.virtual.files import MemoryAppender, MemoryFile, MemoryLock

_DISKS = count()
_ROOT = PurePath("/")
_PARQUET_MAGIC = b"PAR-MEM1"
"""Marks bytes that `write_parquet` made here. It is not the real format: files for other readers are tested on a real disk."""


class MemoryDisk:
    """
    `Disk` in memory.

    `fail` plans faults, `fill`/`drain` set how much space is left, `crash` is a power cut: appended bytes that were not synced
    are gone (or torn), locks are free, SQLite keeps what was committed. Databases live in SQLite's memory; they know the fault
    `sqlite` at opening only.
    """

    def __init__(self, clock: Clock, capacity_bytes: int = 1 << 30) -> None:
        self._clock = clock
        self._name = f"playd-{next(_DISKS)}"
        self._files: dict[PurePath, MemoryFile] = {}
        self._directories: dict[PurePath, int] = {_ROOT: 0o755}
        self._locks: dict[PurePath, MemoryLock] = {}
        self._databases: dict[PurePath, sqlite3.Connection] = {}
        weakref.finalize(self, _close_all, self._databases)
        self._faults = FaultPlan()
        self._capacity_bytes = capacity_bytes

    # -- steering --------------------------------------------------------------------------------------------------------

    def fail(
        self,
        operation: DiskOperation,
        pattern: str = "*",
        *,
        code: int = errno.EIO,
        skip: int = 0,
        times: int = 1_000_000,
        torn_bytes: int = 0,
    ) -> None:
        """Plan a fault: see `Fault`. `pattern` matches the whole absolute path."""
        self._faults.add(Fault(operation, pattern, code, skip, times, torn_bytes))

    def heal(self) -> None:
        """Forget all planned faults."""
        self._faults.clear()

    def fill(self, free_bytes: int = 0) -> None:
        """Leave this much space."""
        self._capacity_bytes = self._used_bytes() + free_bytes

    def crash(self, *, torn_bytes: int = 0) -> None:
        """Cut the power: of each unsynced tail at most `torn_bytes` are left, and every lock is free."""
        for file in self._files.values():
            del file.data[file.durable + torn_bytes :]
            file.durable = len(file.data)
        self._locks.clear()

    # -- the port --------------------------------------------------------------------------------------------------------

    def read_bytes(self, path: PurePath) -> bytes:
        path = _absolute(path)
        self._faults.strike("read", path)
        return bytes(self._file(path).data)

    def read_from(self, path: PurePath, offset: int, max_bytes: int) -> bytes:
        path = _absolute(path)
        self._faults.strike("read", path)
        return bytes(self._file(path).data[offset : offset + max_bytes])

    def write_replace(self, path: PurePath, data: bytes, *, keep_previous: bool = True, mode: int = 0o600) -> None:
        path = _absolute(path)
        self._parent(path)
        self._faults.strike("replace", path)
        self._reserve(path, len(data))
        file = self._new(mode)
        file.data += data
        file.durable = len(data)
        if keep_previous and path in self._files:
            self._files[path.with_name(f"{path.name}.prev")] = self._files[path]
        self._files[path] = file

    def open_append(self, path: PurePath, *, mode: int = 0o600) -> MemoryAppender:
        path = _absolute(path)
        self._parent(path)
        self._faults.strike("open", path)
        if path not in self._files:
            self._files[path] = self._new(mode)
        return MemoryAppender(self, path, self._files[path])

    def truncate(self, path: PurePath, size: int) -> None:
        file = self._file(_absolute(path))
        del file.data[size:]
        file.durable = len(file.data)

    def allocate(self, path: PurePath, size: int) -> None:
        self.write_replace(path, bytes(size), keep_previous=False)

    def open_sqlite(
        self, path: PurePath, *, read_only: bool = False, synchronous: Synchronous = "FULL", mode: int = 0o600
    ) -> sqlite3.Connection:
        path = _absolute(path)
        self._parent(path)
        self._faults.strike("sqlite", path)
        if path in self._files and self._files[path].data:
            raise sqlite3.DatabaseError("file is not a database")
        if path not in self._databases:
            if read_only:
                raise sqlite3.OperationalError("unable to open database file")
            # SQLite forgets a memory database with its last connection, so one is kept open for the life of this disk.
            self._databases[path] = self._connect(path)
            self._files[path] = self._new(mode)
        return configure(self._connect(path), read_only=read_only, synchronous=synchronous)

    def copy_sqlite(self, source: PurePath, target: PurePath, *, mode: int = 0o600) -> None:
        source, target = _absolute(source), _absolute(target)
        self._parent(target)
        self._faults.strike("sqlite", target)
        if target in self._files:
            raise error_of(errno.EEXIST, target)
        if source not in self._databases:
            raise error_of(errno.ENOENT, source)
        self._databases[target] = self._connect(target)
        self._files[target] = self._new(mode)
        self._databases[source].backup(self._databases[target])

    def read_parquet(self, path: PurePath, columns: Sequence[str] | None = None) -> dict[str, Column]:
        path = _absolute(path)
        self._faults.strike("parquet", path)
        data = bytes(self._file(path).data)
        if not data.startswith(_PARQUET_MAGIC):
            raise ValueError(f"{path}: not a Parquet file")
        with np.load(io.BytesIO(data[len(_PARQUET_MAGIC) :]), allow_pickle=True) as stored:
            wanted = stored.files if columns is None else columns
            missing = [name for name in wanted if name not in stored.files]
            if missing:
                raise ValueError(f"{path}: no column {missing[0]}, it has {', '.join(stored.files)}")
            return {name: stored[name] for name in wanted}

    def write_parquet(self, path: PurePath, columns: Mapping[str, Column], *, mode: int = 0o640) -> None:
        self._faults.strike("parquet", _absolute(path))
        lengths = {name: len(values) for name, values in columns.items()}
        if not lengths or len(set(lengths.values())) != 1:
            raise ValueError(f"columns must have one common length, found {lengths}")
        target = io.BytesIO()
        np.savez(target, **{name: np.asarray(values) for name, values in columns.items()})  # type: ignore[arg-type]
        self.write_replace(path, _PARQUET_MAGIC + target.getvalue(), keep_previous=False, mode=mode)

    def exists(self, path: PurePath) -> bool:
        path = _absolute(path)
        return path in self._files or path in self._directories

    def stat(self, path: PurePath) -> FileStat:
        path = _absolute(path)
        if path in self._directories:
            return FileStat(size=0, mode=self._directories[path], uid=1000, modified_ms=0, is_dir=True)
        file = self._file(path)
        return FileStat(len(file.data), file.mode, uid=1000, modified_ms=file.modified_ms, is_dir=False)

    def list(self, path: PurePath) -> list[str]:
        path = _absolute(path)
        if path in self._files:
            raise error_of(errno.ENOTDIR, path)
        if path not in self._directories:
            raise error_of(errno.ENOENT, path)
        return sorted(p.name for p in (*self._files, *self._directories) if p.parent == path and p != _ROOT)

    def mkdir(self, path: PurePath, *, mode: int = 0o700) -> None:
        path = _absolute(path)
        for directory in (*reversed(path.parents), path):
            if directory in self._files:
                raise error_of(errno.ENOTDIR, directory)
            self._directories.setdefault(directory, mode)

    def chmod(self, path: PurePath, mode: int) -> None:
        path = _absolute(path)
        if path in self._directories:
            self._directories[path] = mode
        else:
            self._file(path).mode = mode

    def remove(self, path: PurePath) -> None:
        path = _absolute(path)
        self._faults.strike("remove", path)
        self._file(path)
        del self._files[path]
        if path in self._databases:
            self._databases.pop(path).close()

    def remove_tree(self, path: PurePath) -> None:
        path = _absolute(path)
        if path not in self._directories:
            raise error_of(errno.ENOTDIR if path in self._files else errno.ENOENT, path)
        for file in [each for each in self._files if path in each.parents]:
            self.remove(file)
        for directory in [each for each in self._directories if each == path or path in each.parents]:
            del self._directories[directory]

    def rename(self, source: PurePath, target: PurePath) -> None:
        source, target = _absolute(source), _absolute(target)
        self._faults.strike("rename", source)
        file = self._file(source)
        self._parent(target)
        if source in self._databases:
            raise error_of(errno.EBUSY, source)
        del self._files[source]
        self._files[target] = file

    def free_bytes(self, path: PurePath) -> int:
        return max(0, self._capacity_bytes - self._used_bytes())

    def total_bytes(self, path: PurePath) -> int:
        return self._capacity_bytes

    def lock(self, path: PurePath, text: str) -> MemoryLock:
        path = _absolute(path)
        if path in self._locks:
            raise LockError(f"{path} is held by another process: {self._locks[path].text.strip()}")
        self.write_replace(path, text.encode(), keep_previous=False)
        self._locks[path] = MemoryLock(self._locks, path, text)
        return self._locks[path]

    def is_locked(self, path: PurePath) -> bool:
        return _absolute(path) in self._locks

    # -- inside ----------------------------------------------------------------------------------------------------------

    def append_to(self, path: PurePath, file: MemoryFile, data: bytes) -> None:
        """What an appender's `write` does."""
        if fault := self._faults.due("write", path):
            file.data += data[: fault.torn_bytes]
            raise error_of(fault.code, path)
        room = self.free_bytes(path)
        file.data += data[:room]
        if room < len(data):
            raise error_of(NO_SPACE, path)
        file.modified_ms = self._clock.wall_ms()

    def sync_to(self, path: PurePath, file: MemoryFile) -> None:
        """What an appender's `sync` does."""
        self._faults.strike("sync", path)
        file.durable = len(file.data)

    def _new(self, mode: int) -> MemoryFile:
        return MemoryFile(mode, self._clock.wall_ms())

    def _file(self, path: PurePath) -> MemoryFile:
        if path in self._directories:
            raise error_of(errno.EISDIR, path)
        if path not in self._files:
            raise error_of(errno.ENOENT, path)
        return self._files[path]

    def _parent(self, path: PurePath) -> None:
        if path.parent not in self._directories:
            raise error_of(errno.ENOENT, path)

    def _reserve(self, path: PurePath, size: int) -> None:
        if size > self.free_bytes(path):
            raise error_of(NO_SPACE, path)

    def _used_bytes(self) -> int:
        return sum(len(file.data) for file in self._files.values())

    def _connect(self, path: PurePath) -> sqlite3.Connection:
        return sqlite3.connect(f"file:/{self._name}{path}?vfs=memdb", uri=True, isolation_level=None)


def _absolute(path: PurePath) -> PurePath:
    """Relative paths start at the root. `..` is resolved by name, as there are no links here."""
    return PurePath(os.path.normpath(_ROOT / path))


def _close_all(databases: dict[PurePath, sqlite3.Connection]) -> None:
    for connection in databases.values():
        connection.close()
