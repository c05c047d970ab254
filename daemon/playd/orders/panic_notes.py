"""
Panics of the guardian as notes for the daemon: one file per scope, and level 4 there before anything else is decided.

The guardian leaves a note before it closes anything, whatever the daemon is doing. The daemon puts it on record within a second
of waking up, before it judges an entry and at every start, then takes the file away. The name says the scope, what is inside is
for people: so an empty file, for which a full disk has room, is enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final
from urllib.parse import quote, unquote

import orjson

from playd.core.canonical import canonical_json
from playd.world.ports import Disk

FOLDER: Final = PurePath("guardian", "panics")
CODE: Final = "GUARDIAN_PANIC"
_SUFFIX: Final = ".panic"


@dataclass(frozen=True, slots=True)
class PanicNote:
    """
    One panic that the daemon has not put on record yet. `scope` is written as halts are stored; `time_ms` is 0 where it is
    not told, as in an empty file.
    """

    path: PurePath
    scope: str
    reason: str
    actor: str
    time_ms: int


def make_folder(disk: Disk, state_dir: PurePath) -> None:
    """Make the folder of the notes while there is room: an empty file needs none, a new folder does. Raises `OSError`."""
    disk.mkdir(state_dir / FOLDER)


def leave_note(disk: Disk, state_dir: PurePath, scope: str, *, reason: str, actor: str, time_ms: int) -> bool:
    """Leave the note of one scope; False when not even an empty one can be."""
    path = state_dir / FOLDER / f"{quote(scope, safe='')}{_SUFFIX}"
    note = canonical_json({"reason": reason, "actor": actor, "time_ms": time_ms})
    return _wrote(disk, path, note) or _wrote(disk, path, b"")


def notes_there(disk: Disk, state_dir: PurePath) -> Iterator[PanicNote]:
    """The notes that are there. Raises `OSError` when nobody can say."""
    try:
        names = disk.list(state_dir / FOLDER)
    except FileNotFoundError:
        return
    for name in names:
        if name.endswith(_SUFFIX):
            path = state_dir / FOLDER / name
            yield PanicNote(path, unquote(name.removesuffix(_SUFFIX)), *_read(disk, path))


def _read(disk: Disk, path: PurePath) -> tuple[str, str, int]:
    """Reason, actor and time, as far as the note has them."""
    try:
        said = orjson.loads(disk.read_bytes(path))
        return str(said["reason"]), str(said["actor"]), int(said["time_ms"])
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return "panic through the guardian", "guardian", 0


def _wrote(disk: Disk, path: PurePath, data: bytes) -> bool:
    try:
        disk.mkdir(path.parent)
        disk.write_replace(path, data, keep_previous=False)
    except OSError:
        return False
    return True
