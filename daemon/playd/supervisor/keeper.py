"""
The state of one instance on disk: `instances/<name>/state.json` and its previous generation, each in a checksummed envelope.

Unreadable is never taken for empty: when both generations are damaged, the instance is refused. A damaged file is set aside
in `quarantine/` before anything may take its place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final

from playd.core import envelope
from playd.core.canonical import Json
from playd.core.envelope import NEWER_EXIT
from playd.core.errors import RecordError, StateError, is_full
from playd.core.limits import STATE_BYTES
from playd.world.ports import Disk
from playd.world.quarantine import move_aside, set_aside

SCHEMA: Final = "instance-state/1"

IMAGE_NAME: Final = "columns.bin"
"""Beside the state: what `column_keeper` writes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A state that was read back. `damage` says which generation was damaged and which one this is, empty for none."""

    payload: dict[str, Any]
    written_ms: int
    damage: str = ""


def seal(payload: Mapping[str, Json], written_ms: int) -> bytes:
    """The envelope of a payload, see `core.envelope`. Raises `Broken` when too long."""
    return envelope.seal(SCHEMA, payload, written_ms, limit=STATE_BYTES)


def unseal(data: bytes, where: str) -> Kept:
    """The payload of an envelope. Raises `StateError` as `core.envelope.unseal` does."""
    payload, written_ms = envelope.unseal(SCHEMA, data, where)
    return Kept(payload, written_ms)


class Keeper:
    """
    Writes and reads the state of one instance.

    Ownership: holds no file open; safe to build anew at any time, `load` comes first. All methods block for the time of one
    small disk write.
    """

    def __init__(self, disk: Disk, instances_dir: PurePath, name: str) -> None:
        self._disk = disk
        self._dir = instances_dir / name
        self.path = self._dir / "state.json"
        self.previous_path = self._dir / "state.json.prev"
        self._newest_is_damaged = self._previous_stays = False

    def save(self, payload: Mapping[str, Json], written_ms: int) -> bool:
        """
        Replace the state; the present one stays as `.prev`, unless it was found damaged: it must not displace a good one. Nor
        may it take the place of a damaged one that could not be set aside.

        False when the disk is full: the old state stands, and a state that lies behind the ledger is caught up from it.
        Raises `StateError` when something else stands in the place of a file, which is the business of one instance;
        `RecordError` when the disk refuses for another reason.
        """
        data = seal(payload, written_ms)
        try:
            self._disk.mkdir(self._dir)
            self._disk.write_replace(self.path, data, keep_previous=not (self._newest_is_damaged or self._previous_stays))
        except OSError as error:
            if is_full(error):
                return False
            if self._is_in_the_way(error):
                raise StateError(
                    f"{self._dir}: a folder in place of a file, or a file of a folder ({error}): move it away"
                ) from error
            raise RecordError(f"{self.path}: state not written: {error}") from error
        self._newest_is_damaged = False
        return True

    def _is_in_the_way(self, error: OSError) -> bool:
        """Whether what the disk refuses is refused because of what stands in a place, and would be written elsewhere."""
        if isinstance(error, (IsADirectoryError, NotADirectoryError, FileExistsError)):
            return True
        try:
            return self._disk.exists(self.path) and self._disk.stat(self.path).is_dir  # which is no error of its own to a link
        except OSError:  # a disk that refuses to be looked at, too, is no place that somebody took
            return False

    def load(self, wall_ms: int) -> Kept | None:
        """
        The newest readable generation, or None when nothing was ever written. Damaged ones are set aside under `wall_ms`.

        Raises `StateError` when something is there and neither generation is readable, when a newer program wrote the newest,
        or when a damaged file cannot be set aside.
        """
        newest = self._read(self.path)
        if isinstance(newest, Kept):
            return replace(newest, damage=self._damage_before(wall_ms))
        if newest is not None and newest.exit_code == NEWER_EXIT:
            raise newest
        self._newest_is_damaged = newest is not None
        older = self._read(self.previous_path)
        if isinstance(older, Kept):
            why = self._moved_aside(self.path, newest, wall_ms) if newest else f"{self.path}: missing, .prev used"
            return replace(older, damage=f"{why}; the generation before is used")
        if newest is None and older is None:
            return None
        found = ((self.path, newest), (self.previous_path, older))
        raise StateError("; ".join(self._set_aside(path, problem, wall_ms) for path, problem in found if problem is not None))

    def peek(self) -> Kept | None:
        """What `load` would give; nothing is moved and nothing raised, so that a life hears of whatever is wrong with it."""
        newest = self._read(self.path)
        if isinstance(newest, StateError) and newest.exit_code == NEWER_EXIT:
            return None
        found = newest if isinstance(newest, Kept) else self._read(self.previous_path)
        return found if isinstance(found, Kept) else None

    def refuse(self, why: str, wall_ms: int) -> StateError:
        """What to raise about a state that is whole but not usable by its instance: set aside, and said so."""
        problem = StateError(f"{self.path}: {why}")
        return StateError(self._set_aside(self.path, problem, wall_ms))

    def retire(self, why: str, wall_ms: int) -> str:
        """Set a whole state aside that its instance cannot go on from; in words. Raises `StateError` when that is refused."""
        return self._set_aside(self.path, StateError(why), wall_ms)

    def forget(self) -> None:
        """Remove both generations, and those of its columns: the instance was removed."""
        for path in self._all():
            if self._disk.exists(path):
                self._disk.remove(path)

    def set_all_aside(self, wall_ms: int, make_room: Callable[[], bool] = lambda: False) -> list[str]:
        """
        Copy everything to `quarantine/`, then remove it; where the copies are. Raises `StateError`, nothing removed then.

        `make_room` is asked once, for a disk without space.
        """
        try:
            try:
                return self._all_set_aside(wall_ms)
            except OSError as error:
                if not (is_full(error) and make_room()):
                    raise
                return self._all_set_aside(wall_ms)
        except OSError as error:
            raise StateError(f"{self._dir}: cannot be set aside: {error}") from error

    def _all_set_aside(self, wall_ms: int) -> list[str]:
        copies = [set_aside(self._disk, self._dir.parent.parent, path, wall_ms) for path in self._all()]
        self.forget()
        return [str(copy) for copy in copies if copy is not None]

    def _all(self) -> tuple[PurePath, ...]:
        return self.path, self.previous_path, self._dir / IMAGE_NAME, self._dir / f"{IMAGE_NAME}.prev"

    def _set_aside(self, path: PurePath, problem: StateError, wall_ms: int) -> str:
        """A damage in words, with the place of the copy."""
        try:
            copy = set_aside(self._disk, self._dir.parent.parent, path, wall_ms)
        except OSError as error:
            raise StateError(f"{problem}; it cannot be set aside ({error.strerror or error}): move it away") from error
        return f"{problem}; set aside as {copy}" if copy is not None else str(problem)

    def _damage_before(self, wall_ms: int) -> str:
        """In words that the generation before a whole one is damaged: the next one that is written would take its place."""
        older = self._read(self.previous_path)
        if not isinstance(older, StateError) or older.exit_code == NEWER_EXIT:
            return ""
        try:
            said = self._moved_aside(self.previous_path, older, wall_ms)
        except StateError as error:
            said = str(error)
            self._previous_stays = True
        return f"{said}; the newest is whole"

    def _moved_aside(self, path: PurePath, problem: StateError, wall_ms: int) -> str:
        """A damage in words, beside a generation that is whole: what nobody can copy (a directory, no rights) is moved."""
        try:
            return self._set_aside(path, problem, wall_ms)
        except StateError as refused:
            try:
                moved = move_aside(self._disk, self._dir.parent.parent, path, wall_ms)
            except OSError:
                raise refused from None
            return f"{problem}; moved to {moved}"

    def _read(self, path: PurePath) -> Kept | StateError | None:
        try:
            return unseal(self._disk.read_bytes(path), str(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            return StateError(f"{path}: cannot be read: {error.strerror or error}")
        except StateError as error:
            return error
