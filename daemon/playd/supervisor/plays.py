"""Play files as the supervisor reads them: found by path or stem, bounded, loaded, never half valid."""

from functools import lru_cache
from pathlib import PurePath
from typing import Final

from playd.core.errors import PlayError
from playd.core.limits import PLAY_FILE_BYTES
from playd.plays.load import decode_play, load_play
from playd.plays.model import Play, Scalar
from playd.world.ports import Disk

SUFFIXES: Final = (".yml", ".yaml")

_KEPT: Final = 32
"""Checked Plays kept by their text: a start asks for each four times, and reading YAML with its places takes 25 ms."""


def find_play(disk: Disk, given: str, plays_dir: PurePath, working_dir: PurePath) -> PurePath:
    """
    The file that `given` names: a path, or the stem of a file in the plays directory.

    Raises `PlayError` when there is none, or when a stem fits two files.
    """
    path = PurePath(given)
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        absolute = path if path.is_absolute() else working_dir / path
        if not disk.exists(absolute):
            raise PlayError([f"{given}: no such file (looked for {absolute})"])
        return absolute
    names = disk.list(plays_dir) if disk.exists(plays_dir) else []
    found = [plays_dir / name for name in names if PurePath(name).stem == given and PurePath(name).suffix in SUFFIXES]
    if len(found) == 1:
        return found[0]
    if found:
        raise PlayError([f"{given}: fits {len(found)} files: {', '.join(str(path) for path in found)}"])
    stems = sorted({PurePath(name).stem for name in names if PurePath(name).suffix in SUFFIXES})
    raise PlayError([f"{given}: no such Play in {plays_dir}; there are: {', '.join(stems) or 'none'}"])


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
