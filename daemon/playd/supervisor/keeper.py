"""
The state of one instance on disk: `instances/<name>/state.json` and its previous generation, each in a checksummed envelope.

Unreadable is never taken for empty: when both generations are damaged, the instance is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from playd.core import envelope
from playd.core.canonical import Json
from playd.core.envelope import NEWER_EXIT
from playd.core.errors import RecordError, StateError
from playd.core.limits import STATE_BYTES
from playd.world.ports import Disk

SCHEMA: Final = "instance-state/1"


@dataclass(frozen=True, slots=True)
class Kept:
    """A state that was read back. `damage` says why the newest generation could not be used, when it could not."""

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
        self._newest_is_damaged = False

    def save(self, payload: Mapping[str, Json], written_ms: int) -> None:
        """
        Replace the state; the present one stays as `.prev`, unless it was found damaged: it must not displace a good one.

        Raises `RecordError` when the disk refuses.
        """
        data = seal(payload, written_ms)
        try:
            self._disk.mkdir(self._dir)
            self._disk.write_replace(self.path, data, keep_previous=not self._newest_is_damaged)
        except OSError as error:
            raise RecordError(f"{self.path}: state not written: {error}") from error
        self._newest_is_damaged = False

    def load(self) -> Kept | None:
        """
        The newest readable generation, or None when nothing was ever written.

        Raises `StateError` when something is there and neither generation is readable, or a newer program wrote the newest.
        """
        newest = self._read(self.path)
        if isinstance(newest, Kept):
            return newest
        if newest is not None and newest.exit_code == NEWER_EXIT:
            raise newest
        self._newest_is_damaged = newest is not None
        older = self._read(self.previous_path)
        if isinstance(older, Kept):
            return Kept(older.payload, older.written_ms, str(newest) if newest else f"{self.path}: missing, .prev used")
        if newest is None and older is None:
            return None
        reasons = "; ".join(str(problem) for problem in (newest, older) if problem is not None)
        raise StateError(reasons)

    def forget(self) -> None:
        """Remove both generations: the instance was removed, or a person asked for a rebuild."""
        for path in (self.path, self.previous_path):
            if self._disk.exists(path):
                self._disk.remove(path)

    def _read(self, path: PurePath) -> Kept | StateError | None:
        try:
            return unseal(self._disk.read_bytes(path), str(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            return StateError(f"{path}: {error}")
        except StateError as error:
            return error
