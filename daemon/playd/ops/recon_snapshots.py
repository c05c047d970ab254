"""
What a reconciliation had before it that found a difference or could not read everything: `recon/<date>/<run>.json.gz` of the
state directory, so that its findings and its plan can be made again by whoever doubts them.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import PurePath
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from playd import __version__
from playd.core.errors import RecordError
from playd.ops.segments import GZIP_BITS, NotPacked, read_file
from playd.orders.recon_rows import Kept
from playd.orders.reconcile import Difference, ReconInputs, Repair, judged, plan
from playd.world.ports import Clock, Disk

FOLDER: Final = "recon"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One run: whose it was, what it had before it, the plan that it made of that, and the version that made it."""

    run: int
    account: str
    inputs: ReconInputs
    planned: tuple[Repair, ...]
    version: str = ""


@cache
def _adapter() -> TypeAdapter[Snapshot]:
    """Made at the first difference: it takes longer than a start should wait for it."""
    return TypeAdapter(Snapshot)


class ReconSnapshots:
    """Keeps and reads them. A disk that refuses costs the snapshot and nothing else."""

    def __init__(
        self, disk: Disk, clock: Clock, state_dir: PurePath, keep_days: int, *, may_write: Callable[[], bool] = lambda: True
    ) -> None:
        """`may_write`: whether the disk has room for what can be done without."""
        self._may_write = may_write
        self._disk = disk
        self._clock = clock
        self._folder = state_dir / FOLDER
        self._keep_days = keep_days

    def keep(self, account: str, run: int, inputs: ReconInputs, planned: Sequence[Repair]) -> Kept:
        """Write one, and let the days go that are not kept any longer. Where it is, and the digest of its bytes."""
        if not self._may_write():
            return Kept()
        data = _adapter().dump_json(Snapshot(run, account, inputs, tuple(planned), __version__))
        packer = zlib.compressobj(wbits=GZIP_BITS)
        today = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC).date()
        path = self._folder / today.isoformat() / f"{run}.json.gz"
        packed = packer.compress(data) + packer.flush()
        try:
            self._disk.mkdir(path.parent)
            self._disk.write_replace(path, packed, keep_previous=False)
            self._tidy((today - timedelta(days=self._keep_days)).isoformat())
        except OSError as error:
            _log.warning("recon.not_kept", account=account, msg=f"{path}: {error.strerror or error}")
            return Kept()
        return Kept(f"{FOLDER}/{path.parent.name}/{path.name}", sha256(packed).hexdigest())

    def _tidy(self, oldest: str) -> None:
        for date in self._disk.list(self._folder):
            if date < oldest:
                self._disk.remove_tree(self._folder / date)

    def runs(self) -> list[int]:
        """The runs that are kept, newest first."""
        dates = self._disk.list(self._folder) if self._disk.exists(self._folder) else []
        names = [name for date in dates for name in self._disk.list(self._folder / date)]
        return sorted((int(name.partition(".")[0]) for name in names if name.endswith(".json.gz")), reverse=True)

    def path_of(self, run: int, ended_ms: int) -> str:
        """Where a run that ended then was kept, as seen from the state directory."""
        return f"{FOLDER}/{datetime.fromtimestamp(ended_ms / 1000, UTC).date().isoformat()}/{run}.json.gz"

    def replay(self, run: int, of: Kept | None = None) -> tuple[Snapshot, tuple[Difference, ...], tuple[Repair, ...]]:
        """
        A kept run, and what is found and planned of it now. Raises `RecordError` for a damaged one, `LookupError`.

        `of` says where the ledger has it: numbers come again behind a restore. Of a run that the ledger does not know, the
        newest of its number is taken.
        """
        path = self._newest(run) if of is None else self._folder.parent / of.file
        if path is None or not self._disk.exists(path):
            raise LookupError(str(run))
        try:
            if of is not None and of.digest and sha256(self._disk.read_bytes(path)).hexdigest() != of.digest:
                raise RecordError(f"{path}: it is not what reconciliation {run} wrote, by the digest in the ledger")
            kept = _adapter().validate_json(read_file(self._disk, path))
        except (OSError, NotPacked, ValidationError) as error:
            raise RecordError(f"{path}: {error}") from error
        found = judged(kept.inputs)
        return kept, found, plan(found)

    def _newest(self, run: int) -> PurePath | None:
        dates = self._disk.list(self._folder) if self._disk.exists(self._folder) else []
        paths = (self._folder / date / f"{run}.json.gz" for date in sorted(dates, reverse=True))
        return next((path for path in paths if self._disk.exists(path)), None)
