"""
Play files as the supervisor reads them: found by path or stem, bounded, loaded, never half valid.

A Play of thirteen KiB takes a tenth of a second to read, in which no bar would be decided. So a running daemon reads it ahead
in steps (`read_in_turns`); who then asks for it at once (`read_play`), as admission does, finds it.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from pathlib import PurePath
from typing import Final

from playd.core.errors import PlayError
from playd.core.limits import PLAY_FILE_BYTES
from playd.plays.findings import did_you_mean
from playd.plays.load import decode_play, load_play, load_steps
from playd.plays.model import Play, Scalar
from playd.plays.steps import Steps
from playd.world.ports import Clock, Disk

SUFFIXES: Final = (".yml", ".yaml")

_DEEPEST: Final = 5
"""Folders below the plays folder in which a stem is looked for: a link to a folder above it must end somewhere."""

_KEPT: Final = 256
"""
Texts kept with what was found in them, more than a daemon usually runs: a start asks for each four times, and reading YAML with
its places takes 25 ms.
"""

STEP_S: Final = 0.003
"""Of reading, in one turn of the loop; a step that has begun takes up to as much again."""


def find_play(disk: Disk, given: str, plays_dir: PurePath, working_dir: PurePath) -> PurePath:
    """
    The file that `given` names: a path, or the stem of a file in the plays directory or below it.

    Raises `PlayError` when there is none, or when a stem fits two files.
    """
    path = PurePath(given)
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        absolute = path if path.is_absolute() else working_dir / path
        if not disk.exists(absolute):
            raise PlayError([f"{given}: no such file (looked for {absolute})"])
        return absolute
    files = _files_below(disk, plays_dir)
    found = [path for path in files if path.stem == given]
    if len(found) == 1:
        return found[0]
    if found:
        raise PlayError([f"{given}: fits {len(found)} files: {', '.join(str(path) for path in found)}"])
    stems = sorted({path.stem for path in files})
    near = did_you_mean(given, stems)
    raise PlayError([f"{given}: no such Play in {plays_dir}; there are: {', '.join(stems) or 'none'}{near}"])


def _files_below(disk: Disk, folder: PurePath, depth: int = 0) -> list[PurePath]:
    """Every Play file in a folder and below it, as deep as folders of Plays may be nested; none if there is no such folder."""
    if not disk.exists(folder):
        return []
    found: list[PurePath] = []
    for name in disk.list(folder):
        path = folder / name
        if path.suffix in SUFFIXES:
            found.append(path)
        elif depth < _DEEPEST and not name.startswith(".") and disk.exists(path) and disk.stat(path).is_dir:
            found += _files_below(disk, path, depth + 1)
    return found


def read_play(disk: Disk, path: PurePath, overrides: dict[str, Scalar] | None = None) -> Play:
    """Load one Play file. Raises `PlayError` with every finding, also for what cannot be read at all."""
    text = read_play_text(disk, path)
    return load_play(text, str(path), overrides) if overrides else _reading(text, str(path)).play()


async def read_in_turns(disk: Disk, clock: Clock, path: PurePath, turn: Callable[[], Awaitable[None]]) -> Play:
    """
    The same in steps, `turn` before each of them. Raises as `read_play` does.

    Left unfinished, it is gone on with by whoever asks next; who asks meanwhile shares it.
    """
    reading = _reading(read_play_text(disk, path), str(path))
    while not reading.ended:
        await turn()
        until_s = clock.mono_s() + STEP_S
        reading.go_on()
        while not reading.ended and clock.mono_s() < until_s:
            reading.go_on()
    return reading.play()


def read_play_text(disk: Disk, path: PurePath) -> str:
    """The text of a Play file. Raises `PlayError` for what is no readable file of UTF-8 text."""
    try:
        if disk.stat(path).is_dir:
            raise PlayError([f"{path}: is a directory, a Play file was expected"])
        size = disk.stat(path).size
        if size > PLAY_FILE_BYTES:
            raise PlayError([f"{path}: {size} bytes found, at most {PLAY_FILE_BYTES} expected"])
        data = disk.read_bytes(path)
    except OSError as error:
        raise PlayError([f"{path}: {error.strerror or error}"]) from error
    return decode_play(data, str(path))


class _Reading:
    """A text that is being read, or was: what is in it, or what is wrong with it."""

    def __init__(self, begin: Callable[[], Steps[Play]]) -> None:
        self._begin = begin
        self._steps = begin()
        self._play: Play | None = None
        self._findings: list[str] = []

    @property
    def ended(self) -> bool:
        return self._play is not None or bool(self._findings)

    def go_on(self) -> None:
        """One step more. Does nothing at the end. One that ended in a bug begins anew."""
        if self.ended:
            return
        try:
            next(self._steps)
        except StopIteration as end:
            if end.value is None:  # what a bug has ended is over, and says nothing of the text
                self._steps = self._begin()
            self._play = end.value
        except PlayError as error:
            self._findings = error.findings

    def play(self) -> Play:
        """What is in it, read to the end now. Raises `PlayError`, each time a fresh one."""
        while not self.ended:
            self.go_on()
        if self._play is None:
            raise PlayError(self._findings)
        return self._play


@lru_cache(maxsize=_KEPT)
def _reading(text: str, source: str) -> _Reading:
    return _Reading(partial(load_steps, text, source))
