"""
Log lines in files of the state directory, for a daemon that no service manager keeps a log of: `logs/playd.jsonl` and the older
`playd.jsonl.1`, `.2` …, one JSON object per line.

A file that cannot be written never stops trading: lines are lost then, counted, and an incident says so.
"""

from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from playd.world.ports import Appender, Clock, Disk

if TYPE_CHECKING:  # `playctl` reads these files, and does not wait for the model of the settings
    from playd.settings.model import Log as LogSettings

FOLDER: Final = "logs"
NAME: Final = "playd.jsonl"
AGAIN_AFTER_S: Final = 10.0
"""Time between two attempts while the disk refuses."""


class LogFile:
    """The writer. `trouble` says why lines are being lost, empty while none are; `lost` counts them."""

    def __init__(self, disk: Disk, clock: Clock, state_dir: PurePath, settings: "LogSettings") -> None:
        self._disk = disk
        self._clock = clock
        self._folder = state_dir / FOLDER
        self._most_bytes = settings.file_mib * 1024 * 1024
        self._files = settings.files
        self._appender: Appender | None = None
        self._size = 0
        self._again_s = 0.0
        self.trouble = ""
        self.lost = 0

    def write(self, line: bytes) -> None:
        """Append one line without its end. Never raises for what the disk does."""
        if self.trouble and self._clock.mono_s() < self._again_s:
            self.lost += 1
            return
        try:
            if self._size + len(line) >= self._most_bytes:
                self._turn()
            appender = self._appender or self._open()
            appender.write(line + b"\n")
        except OSError as error:
            self.trouble, self._again_s = error.strerror or str(error), self._clock.mono_s() + AGAIN_AFTER_S
            self.lost += 1
            self._close()
        else:
            self.trouble = ""
            self._size += len(line) + 1

    def _open(self) -> Appender:
        """The newest file. A line that a crash cut off is ended, so that the next one stands alone."""
        self._disk.mkdir(self._folder)
        path = self._folder / NAME
        self._appender = appender = self._disk.open_append(path)
        self._size = appender.size
        if self._size and self._disk.read_from(path, self._size - 1, 1) != b"\n":
            appender.write(b"\n")
        return appender

    def _turn(self) -> None:
        """The newest file becomes the first of the older ones, the oldest goes."""
        self._close()
        names = [NAME, *(f"{NAME}.{number}" for number in range(1, self._files))]
        if self._disk.exists(oldest := self._folder / names[-1]):
            self._disk.remove(oldest)
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if self._disk.exists(self._folder / newer):
                self._disk.rename(self._folder / newer, self._folder / older)

    def _close(self) -> None:
        if self._appender is not None:
            self._appender.close()
        self._appender, self._size = None, 0


def log_files(disk: Disk, state_dir: PurePath) -> Iterator[PurePath]:
    """The files there are, newest first."""
    folder, number = state_dir / FOLDER, 0
    path = folder / NAME
    while disk.exists(path):
        yield path
        number += 1
        path = folder / f"{NAME}.{number}"
