"""
Putting a backup in the place of a state directory's ledger, states and plan. Only while no daemon holds the directory.

Nothing is lost by it: what was there is copied to `quarantine/<time>/`. The journal is never put back, it goes on behind its
own end. The next start comes up under level 2 on `all`: what the venue did since the backup is recovered by reconciliation,
and a person lifts the halt after it said `match`.
"""

import contextlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.core.canonical import canonical_json
from playd.core.errors import StateError
from playd.ops.backup import LEDGER, BackupError, Manifest, read_manifest, verify_backup
from playd.orders.migration import missing, too_new
from playd.world.ports import Disk
from playd.world.quarantine import set_aside

KILL_FILE: Final = "HALT"
_SIDE_FILES: Final = (f"{LEDGER}-wal", f"{LEDGER}-shm")
_INCOMING: Final = f"{LEDGER}.restoring"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place, and the copies of what was there before. `older`: its ledger must be migrated before a start."""

    manifest: Manifest
    copies: tuple[PurePath, ...]
    older: bool


def checked(disk: Disk, folder: PurePath) -> tuple[Manifest, bool]:
    """
    The manifest of a backup that is whole and that this program can read, and whether its ledger must be migrated.

    Raises `BackupError` naming what is wrong.
    """
    faults = verify_backup(disk, folder)
    if faults:
        raise BackupError(f"{folder}: this backup is not whole: {'; '.join(faults)}")
    manifest = read_manifest(disk, folder)
    with contextlib.closing(disk.open_sqlite(folder / LEDGER, read_only=True)) as connection:
        if newer := too_new(connection):
            raise BackupError(f"{folder}: made by playd {manifest.version}: {newer}; restore it with the program that made it")
        try:
            older = bool(missing(connection))
        except StateError as error:
            raise BackupError(f"{folder}: made by playd {manifest.version}: {error}") from error
    return manifest, older


def restore(disk: Disk, state_dir: PurePath, folder: PurePath, wall_ms: int) -> Restored:
    """
    Put the backup in `folder` in place. The caller holds the daemon's lock and asked a person.

    The halt comes first, then copies of everything that is replaced, then one rename exchanges the ledger. A crash on the way
    leaves a halted directory with the old ledger (at worst without the commits that were still in its log) or the new one,
    and the same command can be given again. Raises `BackupError`, `OSError`.
    """
    manifest, older = checked(disk, folder)
    note = {"reason": f"restored from {manifest.name}", "code": "RESTORED", "actor": "playd restore", "time_ms": wall_ms}
    disk.write_replace(state_dir / KILL_FILE, canonical_json(note), keep_previous=False)
    incoming = state_dir / _INCOMING
    if disk.exists(incoming):
        disk.remove(incoming)
    disk.copy_sqlite(folder / LEDGER, incoming)
    present = _present(disk, state_dir)
    copies = [set_aside(disk, state_dir, state_dir / relative, wall_ms) for relative in present]
    for relative in present:
        if relative != LEDGER:
            disk.remove(state_dir / relative)
    disk.rename(incoming, state_dir / LEDGER)
    for relative in sorted(manifest.files.keys() - {LEDGER}):
        disk.mkdir((state_dir / relative).parent)
        disk.write_replace(state_dir / relative, disk.read_bytes(folder / relative), keep_previous=False)
    return Restored(manifest, tuple(copy for copy in copies if copy is not None), older)


def _present(disk: Disk, state_dir: PurePath) -> list[str]:
    """What a restore replaces: the ledger with its log, every instance's state, the guardian's plan."""
    found = []
    instances = state_dir / "instances"
    for name in disk.list(instances) if disk.exists(instances) else []:
        found += [f"instances/{name}/{file}" for file in ("state.json", "state.json.prev")]
    found += ["guardian/plan.json", "guardian/plan.json.prev", *_SIDE_FILES, LEDGER]
    return [relative for relative in found if disk.exists(state_dir / relative)]
