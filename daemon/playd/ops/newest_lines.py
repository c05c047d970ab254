"""The lines of a journal from its end backwards, a few milliseconds' worth at a time."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from playd.ops.segments import PACKED, end_before, segment_names
from playd.world.ports import Disk

CHUNK_BYTES: Final = 512 * 1024
"""Read and parsed in about ten milliseconds."""


class NewestLines:
    """
    What the files of a journal hold that are not packed, the newest line first: the lines of one read after the other. At most
    about `most_bytes` are read. With `before` reading begins near the record of that number; a few behind it may come first.

    Whoever iterates may let others run between two reads: files are listed once, at the beginning. Raises `OSError`.
    """

    def __init__(self, disk: Disk, directory: PurePath, before: int | None, most_bytes: int) -> None:
        self._disk = disk
        self._directory = directory
        self._before = before
        self._left_bytes = most_bytes
        names = segment_names(disk, directory)
        packed = [at for at, name in enumerate(names) if name.endswith(PACKED)]
        behind = packed[-1] + 1 if packed else 0
        self._names = names[behind:]
        self.packed = directory / names[behind - 1] if packed else None
        """The newest file that is packed, behind which reading ends: to unpack one takes longer than anybody may wait."""

    @property
    def is_spent(self) -> bool:
        """Whether as much was read as may be."""
        return self._left_bytes <= 0

    def __iter__(self) -> Iterator[list[bytes]]:
        for name in reversed(self._names):
            path, tail = self._directory / name, b""
            end = self._disk.stat(path).size if self._before is None else end_before(self._disk, path, self._before)
            while end > 0 and not self.is_spent:
                begin = max(0, end - CHUNK_BYTES)
                lines = (self._disk.read_from(path, begin, end - begin) + tail).split(b"\n")
                # The first line may have begun in the chunk before.
                tail = lines.pop(0) if begin else b""
                self._left_bytes -= end - begin
                end = begin
                yield [line for line in reversed(lines) if line]
