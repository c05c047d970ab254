"""Damaged files, set aside as they were found in `quarantine/<time>/` below the state directory, for a person."""

from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final

from playd.world.ports import Disk

FOLDER: Final = "quarantine"


def set_aside(disk: Disk, state_dir: PurePath, path: PurePath, wall_ms: int) -> PurePath | None:
    """
    Copy a damaged file of a state directory; the original stays where it is. Returns the copy, None for a file that is gone.

    A copy of the same bytes from an earlier start is returned instead of another one. Raises `OSError` when the disk refuses:
    nothing may be overwritten then.
    """
    if not disk.exists(path):
        return None
    data, relative = disk.read_bytes(path), path.relative_to(state_dir)
    folder = state_dir / FOLDER
    for earlier in disk.list(folder) if disk.exists(folder) else []:
        copy = folder / earlier / relative
        if disk.exists(copy) and disk.stat(copy).size == len(data) and disk.read_bytes(copy) == data:
            return copy
    copy = folder / _folder_name(wall_ms) / relative
    disk.mkdir(copy.parent)
    disk.write_replace(copy, data, keep_previous=False)
    return copy


def move_aside(disk: Disk, state_dir: PurePath, path: PurePath, wall_ms: int) -> PurePath:
    """
    Move what stands in the place of a file, whatever it is, and where another is to be written; where it is now.

    Raises `OSError` when the disk refuses: it is where it was.
    """
    moved = state_dir / FOLDER / _folder_name(wall_ms) / path.relative_to(state_dir)
    disk.mkdir(moved.parent)
    disk.rename(path, moved)
    return moved


def _folder_name(wall_ms: int) -> str:
    """UTC, so that names sort by time: `2024-01-31T12-00-00.123`."""
    moment = datetime.fromtimestamp(wall_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H-%M-%S}.{wall_ms % 1000:03d}"
