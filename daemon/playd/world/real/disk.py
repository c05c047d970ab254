"""The file system of this machine, whole or below one directory."""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from playd.world.ports import Column, FileStat, Synchronous
from playd.world.real.files import RealAppender, RealLock, is_locked, replacing, sync_dir, write_new
from playd.world.sqlite import configure, needs_room


class RealDisk:
    """
    `Disk` over the operating system.

    With `root`, every path, absolute ones too, is taken below that directory: tests get real files without touching others.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    def _at(self, path: PurePath) -> Path:
        if self._root is None:
            return Path(path)
        return self._root.joinpath(*(part for part in path.parts if part != path.anchor))

    def read_bytes(self, path: PurePath) -> bytes:
        return self._at(path).read_bytes()

    def read_from(self, path: PurePath, offset: int, max_bytes: int) -> bytes:
        with self._at(path).open("rb") as file:
            file.seek(offset)
            return file.read(max_bytes)

    def write_replace(self, path: PurePath, data: bytes, *, keep_previous: bool = True, mode: int = 0o600) -> None:
        with replacing(self._at(path), keep_previous=keep_previous) as temporary:
            write_new(temporary, data, mode)

    def open_append(self, path: PurePath, *, mode: int = 0o600) -> RealAppender:
        return RealAppender(self._at(path), mode)

    def truncate(self, path: PurePath, size: int) -> None:
        with self._at(path).open("rb+") as file:
            file.truncate(size)
            os.fsync(file.fileno())

    def allocate(self, path: PurePath, size: int) -> None:
        real = self._at(path)
        descriptor = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            os.fsync(descriptor)
        except OSError:
            real.unlink()
            raise
        finally:
            os.close(descriptor)
        sync_dir(real.parent)

    def open_sqlite(
        self, path: PurePath, *, read_only: bool = False, synchronous: Synchronous = "FULL", mode: int = 0o600
    ) -> sqlite3.Connection:
        real = self._at(path).absolute()
        if not read_only:
            # SQLite gives -wal and -shm the rights of the database file, so the file is created here, with the right ones.
            os.close(os.open(real, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode))
        uri = f"{real.as_uri()}?mode={'ro' if read_only else 'rw'}"
        try:
            log_bytes = real.with_name(f"{real.name}-wal").stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            log_bytes = None
        # Readers share a file beside it that somebody would have to make: on a disk that takes nothing nobody can. Without a
        # log all of it is in the file itself.
        if not read_only or log_bytes is not None or os.access(real.parent, os.W_OK):
            connection = _connect(uri, read_only=read_only, synchronous=synchronous)
            if not read_only or log_bytes or not _needs_room(connection):
                return connection
            connection.close()
        return _connect(f"{uri}&immutable=1", read_only=True, synchronous=synchronous)

    def copy_sqlite(self, source: PurePath, target: PurePath, *, mode: int = 0o600) -> None:
        if not self.exists(source):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
        copy = self._at(target)
        # Created here, so that it has the right rights from its first byte on.
        os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
        try:
            with (
                contextlib.closing(self.open_sqlite(source, read_only=True)) as reader,
                contextlib.closing(sqlite3.connect(copy)) as writer,
            ):
                reader.backup(writer)
                # Not in WAL: a copy is one file, and whoever looks at it must not have to write beside it.
                writer.execute("PRAGMA journal_mode = DELETE")
            with copy.open("rb+") as file:
                os.fsync(file.fileno())
            sync_dir(copy.parent)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise

    def read_parquet(self, path: PurePath, columns: Sequence[str] | None = None) -> dict[str, Column]:
        from playd.world.real import parquet  # only here: DuckDB costs time and memory, and few programs read Parquet

        return parquet.read(self._at(path), columns)

    def write_parquet(self, path: PurePath, columns: Mapping[str, Column], *, mode: int = 0o640) -> None:
        from playd.world.real import parquet

        with replacing(self._at(path), keep_previous=False) as temporary:
            parquet.write(temporary, columns)
            temporary.chmod(mode)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())

    def exists(self, path: PurePath) -> bool:
        return self._at(path).exists()

    def stat(self, path: PurePath) -> FileStat:
        real = self._at(path)
        found = real.stat()
        return FileStat(
            size=found.st_size,
            mode=found.st_mode & 0o7777,
            uid=found.st_uid,
            modified_ms=found.st_mtime_ns // 1_000_000,
            is_dir=real.is_dir(),
        )

    def list(self, path: PurePath) -> list[str]:
        return sorted(os.listdir(self._at(path)))

    def mkdir(self, path: PurePath, *, mode: int = 0o700) -> None:
        real = self._at(path)
        missing = [directory for directory in (real, *real.parents) if not directory.exists()]
        for directory in reversed(missing):
            directory.mkdir(mode=mode, exist_ok=True)
            sync_dir(directory.parent)
        if not real.is_dir():
            raise NotADirectoryError(f"{real} is a file")

    def chmod(self, path: PurePath, mode: int) -> None:
        self._at(path).chmod(mode)

    def remove(self, path: PurePath) -> None:
        real = self._at(path)
        real.unlink()
        sync_dir(real.parent)

    def remove_tree(self, path: PurePath) -> None:
        real = self._at(path)
        shutil.rmtree(real)
        sync_dir(real.parent)

    def rename(self, source: PurePath, target: PurePath) -> None:
        old, new = self._at(source), self._at(target)
        old.replace(new)
        sync_dir(new.parent)
        if old.parent != new.parent:
            sync_dir(old.parent)

    def free_bytes(self, path: PurePath) -> int:
        return shutil.disk_usage(self._at(path)).free

    def total_bytes(self, path: PurePath) -> int:
        return shutil.disk_usage(self._at(path)).total

    def lock(self, path: PurePath, text: str) -> RealLock:
        return RealLock(self._at(path), text)

    def is_locked(self, path: PurePath) -> bool:
        return is_locked(self._at(path))


def _needs_room(connection: sqlite3.Connection) -> bool:
    """Whether a database cannot be read for want of a file beside it. Of anything else whoever reads it hears."""
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        return needs_room(error)
    return False


def _connect(uri: str, *, read_only: bool, synchronous: Synchronous) -> sqlite3.Connection:
    return configure(sqlite3.connect(uri, uri=True, isolation_level=None), read_only=read_only, synchronous=synchronous)
