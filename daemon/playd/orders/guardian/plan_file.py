"""The plan on disk: `guardian/plan.json` in a checksummed envelope, the previous generation beside it. The daemon writes it."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.core import envelope
from playd.core.canonical import digest
from playd.core.errors import StateError
from playd.core.limits import GUARDIAN_PLAN_BYTES
from playd.orders.guardian.plan import SCHEMA, Plan, from_payload, to_payload
from playd.world.ports import Disk

DIRECTORY: Final = "guardian"
FILE: Final = "plan.json"


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """A plan that was read, with its digest. `damage` says why the newest generation could not be used, when it could not."""

    plan: Plan
    digest: str
    written_ms: int
    damage: str = ""


def digest_of(plan: Plan) -> str:
    """The digest that both sides name in the heartbeat."""
    return digest(to_payload(plan))


class PlanFile:
    """One plan file. Written by one process, read by another; each method blocks for one small file."""

    def __init__(self, disk: Disk, state_dir: PurePath) -> None:
        self._disk = disk
        self._directory = state_dir / DIRECTORY
        self.path = self._directory / FILE
        self.previous_path = self._directory / f"{FILE}.prev"
        self._loaded: tuple[int, int] | None = None
        self._newest_is_damaged = False

    def save(self, plan: Plan, written_ms: int) -> None:
        """
        Replace the file; the old generation stays as `.prev`, unless `load` found it damaged: it must not displace a good one.
        Raises `OSError`; the old file then stands.
        """
        data = envelope.seal(SCHEMA, to_payload(plan), written_ms, limit=GUARDIAN_PLAN_BYTES)
        self._disk.mkdir(self._directory)
        self._disk.write_replace(self.path, data, keep_previous=not self._newest_is_damaged)
        self._newest_is_damaged = False

    def load_if_changed(self) -> ReadPlan | None:
        """The plan when its file is another one than at the last call, else None. Raises as `load` does, each time."""
        try:
            stat = self._disk.stat(self.path)
        except FileNotFoundError:
            return self.load() if self._loaded is None else None
        if self._loaded == (stat.modified_ms, stat.size):
            return None
        found = self.load()
        self._loaded = (stat.modified_ms, stat.size)
        return found

    def load(self) -> ReadPlan | None:
        """The newest readable generation, None when there never was one. Raises `StateError` when none is readable."""
        problems: list[str] = []
        self._newest_is_damaged = False
        gone = "" if self._disk.exists(self.path) else f"{self.path}: missing"
        for path in (self.path, self.previous_path):
            try:
                payload, written_ms = envelope.unseal(SCHEMA, self._disk.read_bytes(path), str(path))
                return ReadPlan(from_payload(payload, str(path)), digest(payload), written_ms, "; ".join(problems) or gone)
            except FileNotFoundError:
                continue
            except (OSError, StateError) as error:
                problems.append(f"{path}: {error}" if isinstance(error, OSError) else str(error))
                self._newest_is_damaged = True
        if problems:
            raise StateError("; ".join(problems))
        return None
