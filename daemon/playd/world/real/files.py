"""The few system calls behind replacing, appending and locking, each with the syncs that make it hold."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from playd.core.errors import LockError


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; the kernel may take fewer than offered."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_dir(directory: Path) -> None:
    """Put renames, creations and removals in a directory on the medium."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path, *, keep_previous: bool) -> Iterator[Path]:
    """
    Yield the temporary name to fill; the body leaves a complete, synced file there. Then the names change.

    The old file is linked, not moved, to `.prev`: at no instant is there no file called `path`.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        if keep_previous and path.exists():
            previous = path.with_name(f".{path.name}.prev.tmp")
            previous.unlink(missing_ok=True)
            os.link(path, previous)
            os.replace(previous, path.with_name(f"{path.name}.prev"))
        os.replace(temporary, path)
        sync_dir(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a complete file and sync it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class RealAppender:
    """`Appender` over a descriptor opened with O_APPEND."""

    def __init__(self, path: Path, mode: int) -> None:
        created = not path.exists()
        self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
        if created:
            sync_dir(path.parent)
        self._size: int | None = None

    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError("this file is closed")
        return self._descriptor

    @property
    def size(self) -> int:
        if self._size is None:
            self._size = os.fstat(self._open()).st_size
        return self._size

    def write(self, data: bytes) -> None:
        before, self._size = self.size, None  # a part may be in the file when it fails: then it is looked at again
        write_all(self._open(), data)
        self._size = before + len(data)

    def sync(self) -> None:
        os.fdatasync(self._open())

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class RealLock:
    """`Lock` by flock: the kernel drops it with the last descriptor, so a killed process holds nothing."""

    def __init__(self, path: Path, text: str) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _take(descriptor, path)
            os.ftruncate(descriptor, 0)
            write_all(descriptor, text.encode())
            os.fsync(descriptor)
        except (OSError, LockError):
            os.close(descriptor)  # a lock that is refused is not held
            raise
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _take(descriptor: int, path: Path) -> None:
    """Lock an open file. Raises `LockError` with the holder's text where another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 4096, 0).decode(errors="replace").strip()
        raise LockError(f"{path} is held by another process: {holder or 'it left no text'}") from None


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock file at `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
