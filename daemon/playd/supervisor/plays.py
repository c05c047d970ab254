"""Play files as the supervisor reads them: found by path or stem, bounded, loaded, never half valid."""

from functools import lru_cache
from pathlib import PurePath
from typing import Final

from playd.core.errors import PlayError
from playd.core.limits import PLAY_FILE_BYTES
from playd.plays.findings import did_you_mean
from playd.plays.load import decode_play, load_play
from playd.plays.model import Play, Scalar
from playd.world.ports import Disk

SUFFIXES: Final = (".yml", ".yaml")

_DEEPEST: Final = 5
"""Folders below the plays folder in which a stem is looked for: a link to a folder above it must end somewhere."""

_KEPT: Final = 256
"""
Checked Plays kept by their text, more than a daemon usually runs: a start asks for each four times, and reading YAML with its
places takes 25 ms.
"""


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
    return load_play(text, str(path), overrides) if overrides else _checked(text, str(path))


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


@lru_cache(maxsize=_KEPT)
def _checked(text: str, source: str) -> Play:
    return load_play(text, source)
