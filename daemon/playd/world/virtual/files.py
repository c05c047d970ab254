"""Files, appenders and locks of a disk in memory."""

from pathlib import PurePath
from typing import Protocol


class MemoryFile:
    """Bytes as written, and how many of them would survive a power cut."""

    __slots__ = ("data", "durable", "mode", "modified_ms")

    def __init__(self, mode: int, modified_ms: int) -> None:
        self.data = bytearray()
        self.durable = 0
        self.mode = mode
        self.modified_ms = modified_ms


class _Owner(Protocol):
    """The disk behind an appender: it knows the space left and the planned faults."""

    def append_to(self, path: PurePath, file: MemoryFile, data: bytes) -> None:
        """What `write` of an appender does. Raises `OSError` where a fault is due or the disk is full."""
        ...

    def sync_to(self, path: PurePath, file: MemoryFile) -> None:
        """What `sync` of an appender does. Raises `OSError` where a fault is due."""
        ...


class MemoryAppender:
    """`Appender` of a `MemoryDisk`."""

    def __init__(self, disk: _Owner, path: PurePath, file: MemoryFile) -> None:
        self._disk = disk
        self._path = path
        self._file: MemoryFile | None = file

    def _open(self) -> MemoryFile:
        if self._file is None:
            raise ValueError("this file is closed")
        return self._file

    @property
    def size(self) -> int:
        return len(self._open().data)

    def write(self, data: bytes) -> None:
        self._disk.append_to(self._path, self._open(), data)

    def sync(self) -> None:
        self._disk.sync_to(self._path, self._open())

    def close(self) -> None:
        self._file = None


class MemoryLock:
    """`Lock` of a `MemoryDisk`."""

    def __init__(self, held: "dict[PurePath, MemoryLock]", path: PurePath, text: str) -> None:
        self._held = held
        self._path = path
        self.text = text

    def release(self) -> None:
        if self._held.get(self._path) is self:
            del self._held[self._path]
