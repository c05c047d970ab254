"""
Backups of a state directory: `backup/<time>/` with the ledger, instance states, the guardian's plan, and a manifest.

A backup can be made beside a running daemon: states are copied before the ledger, which may be ahead of them but never
behind. The manifest is written last; a folder without one is no backup. The local exchange is not in it: it is a venue, and
what a venue knows is recovered by asking it.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import PurePath
from typing import Any, Final

from playd.core import envelope
from playd.core.canonical import Json
from playd.core.errors import PlaydError, StateError
from playd.core.timeframes import DAY_MS
from playd.ops.ages import is_ahead
from playd.ops.chain import GENESIS, Head
from playd.ops.segments import NotPacked, read_blocks, read_segment, segment_names
from playd.world.ports import Disk

FOLDER: Final = "backup"
MANIFEST: Final = "manifest.json"
LEDGER: Final = "ledger.sqlite"
SCHEMA: Final = "backup/1"
MANIFEST_BYTES: Final = 1024 * 1024
"""Two thousand instances; each takes about 120 bytes."""

CHUNK_BYTES: Final = 1024 * 1024
HOUR_MS: Final = 3_600_000


_NO_RECORD: Final = Head(0, GENESIS)


class BackupError(PlaydError):
    """A backup that cannot be made, is not whole, or must not be used."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    What a backup holds. `files` maps relative names to (bytes, SHA-256); `head` is the journal's end at that moment, `guardian`
    that of the guardian's, `settings` the digest of those in force. Older backups know neither of the last two.
    """

    name: str
    created_ms: int
    version: str
    head: Head
    files: dict[str, tuple[int, str]]
    settings: str = ""
    guardian: Head = _NO_RECORD

    @property
    def size_bytes(self) -> int:
        return sum(size for size, _ in self.files.values())


def make_backup(
    disk: Disk, state_dir: PurePath, now_ms: int, version: str, *, settings: str = "", floor_bytes: int = 0
) -> Manifest:
    """
    Make one backup and check it by opening it.

    Raises `BackupError` when there is no ledger, when less than `floor_bytes` would be free behind it (a backup must never be
    what stops trading), when the copy is not whole, or when the disk refuses; nothing is left of it then.
    """
    if not disk.exists(state_dir / LEDGER):
        raise BackupError(f"{state_dir / LEDGER}: found nothing there, expected the ledger of a daemon")
    size = sum(disk.stat(state_dir / each).size for each in (LEDGER, f"{LEDGER}-wal") if disk.exists(state_dir / each))
    free = disk.free_bytes(state_dir)
    if free - size < floor_bytes:
        found = f"found {free // 2**20} MiB free, expected {(floor_bytes + size) // 2**20} MiB"
        raise BackupError(f"{state_dir / FOLDER}: {found} for a ledger of {size // 2**20} MiB; make room or keep fewer backups")
    name = _name_of(now_ms)
    folder = state_dir / FOLDER / name
    if disk.exists(folder):
        raise BackupError(f"{folder}: a backup of this second is there already")
    try:
        disk.mkdir(folder)
        for relative in _small_files(disk, state_dir):
            disk.mkdir((folder / relative).parent)
            disk.write_replace(folder / relative, disk.read_bytes(state_dir / relative), keep_previous=False)
        head, guardian = (journal_head(disk, state_dir / each) for each in ("journal", "guardian/journal"))
        disk.copy_sqlite(state_dir / LEDGER, folder / LEDGER)
        files = {relative: _fingerprint(disk, folder / relative) for relative in _all_files(disk, folder)}
        manifest = Manifest(name, now_ms, version, head, files, settings, guardian)
        data = envelope.seal(SCHEMA, _payload(manifest), now_ms, limit=MANIFEST_BYTES)
        disk.write_replace(folder / MANIFEST, data, keep_previous=False)
        faults = verify_backup(disk, folder)
    except (OSError, sqlite3.Error) as error:
        _drop(disk, folder)
        raise BackupError(f"{folder}: {error}") from error
    if faults:
        _drop(disk, folder)
        raise BackupError(f"{folder}: the copy is not whole: {'; '.join(faults)}")
    return manifest


def read_manifest(disk: Disk, folder: PurePath) -> Manifest:
    """The manifest of a backup. Raises `BackupError` when it is missing or damaged."""
    try:
        payload, created_ms = envelope.unseal(SCHEMA, disk.read_bytes(folder / MANIFEST), str(folder / MANIFEST))
    except (OSError, StateError) as error:
        raise BackupError(f"{folder}: no backup: {error}") from error
    head = payload["journal_head"]
    files = {each["path"]: (int(each["bytes"]), str(each["sha256"])) for each in payload["files"]}
    of_guardian = payload.get("guardian_head") or {"seq": 0, "hash": GENESIS}
    return Manifest(
        name=folder.name,
        created_ms=created_ms,
        version=payload["version"],
        head=Head(int(head["seq"]), head["hash"]),
        files=files,
        settings=str(payload.get("settings", "")),
        guardian=Head(int(of_guardian["seq"]), of_guardian["hash"]),
    )


def verify_backup(disk: Disk, folder: PurePath) -> list[str]:
    """
    Everything that is wrong with a backup: files that are missing, changed or extra, and a ledger that SQLite finds damaged.

    Raises `BackupError` without a readable manifest, `OSError` when the folder cannot be listed.
    """
    manifest = read_manifest(disk, folder)
    there = set(_all_files(disk, folder))
    faults = [f"{name}: missing" for name in sorted(manifest.files.keys() - there)]
    faults += [f"{name}: not in the manifest" for name in sorted(there - manifest.files.keys())]
    for name in sorted(there & manifest.files.keys()):
        try:
            if _fingerprint(disk, folder / name) != manifest.files[name]:
                faults.append(f"{name}: not what was backed up")
        except OSError as error:
            faults.append(f"{name}: cannot be read: {error.strerror or error}")
    if not faults:
        faults += _ledger_faults(disk, folder / LEDGER)
    return faults


def backups(disk: Disk, state_dir: PurePath) -> list[Manifest]:
    """All backups with a readable manifest, newest first."""
    return [*newest_first(disk, state_dir)]


def newest_first(disk: Disk, state_dir: PurePath) -> Iterator[Manifest]:
    """The same one by one: who wants the newest reads no other."""
    folder = state_dir / FOLDER
    for name in reversed(disk.list(folder) if disk.exists(folder) else []):
        if disk.exists(folder / name / MANIFEST):
            try:
                yield read_manifest(disk, folder / name)
            except BackupError:
                continue  # `verify_backup` says what is wrong with it, when asked about it


def prune(disk: Disk, state_dir: PurePath, now_ms: int, *, keep_hourly: int, keep_daily: int, spare: str = "") -> list[str]:
    """
    Remove backups that are neither among the newest `keep_hourly` nor the newest of one of the last `keep_daily` days.

    `spare` stays in any case: behind a clock that was set back all others are newer than the one that was made just now.
    What a maker that was killed left without a manifest goes too, once it is an hour old: a younger one may be in the making.
    Raises `OSError`.
    """
    found, above = backups(disk, state_dir), state_dir / FOLDER
    days: dict[int, str] = {}
    for each in found:
        days.setdefault(each.created_ms // DAY_MS, each.name)
    kept = {spare} | {each.name for each in found[:keep_hourly]} | set([*days.values()][:keep_daily])
    dropped = [each.name for each in found if each.name not in kept]
    for name in disk.list(above) if disk.exists(above) else []:
        if name < _name_of(now_ms - HOUR_MS) and disk.stat(above / name).is_dir and not disk.exists(above / name / MANIFEST):
            dropped.append(name)
    for name in dropped:
        disk.remove_tree(above / name)
    return dropped


def journal_head(disk: Disk, journal_dir: PurePath) -> Head:
    """The last whole record of a journal, also while it is written. The beginning of all when there is none."""
    names = segment_names(disk, journal_dir) if disk.exists(journal_dir) else []
    for name in reversed(names):
        try:
            reading = read_segment(read_blocks(disk, journal_dir / name), name, None)
        except NotPacked:
            continue
        if reading.head is not None and reading.records:
            return reading.head
    return _NO_RECORD


def _name_of(now_ms: int) -> str:
    """UTC, so that names sort by time: `2024-01-31T12-00-00Z`."""
    return f"{datetime.fromtimestamp(now_ms // 1000, UTC):%Y-%m-%dT%H-%M-%SZ}"


def _small_files(disk: Disk, state_dir: PurePath) -> Iterator[str]:
    """Newest generations of states and plan, relative to the state directory."""
    instances = state_dir / "instances"
    for name in disk.list(instances) if disk.exists(instances) else []:
        if disk.exists(instances / name / "state.json"):
            yield f"instances/{name}/state.json"
    if disk.exists(state_dir / "guardian" / "plan.json"):
        yield "guardian/plan.json"


def _all_files(disk: Disk, folder: PurePath, above: str = "") -> Iterator[str]:
    for name in disk.list(folder):
        if disk.stat(folder / name).is_dir:
            yield from _all_files(disk, folder / name, f"{above}{name}/")
        elif above or name != MANIFEST:
            yield f"{above}{name}"


def _fingerprint(disk: Disk, path: PurePath) -> tuple[int, str]:
    digest, offset = sha256(), 0
    while chunk := disk.read_from(path, offset, CHUNK_BYTES):
        digest.update(chunk)
        offset += len(chunk)
    return offset, digest.hexdigest()


def _ledger_faults(disk: Disk, path: PurePath) -> list[str]:
    try:
        connection = disk.open_sqlite(path, read_only=True)
        try:
            rows = connection.execute("PRAGMA integrity_check(3)").fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # what SQLite says of damage may hold the damaged bytes
        return [f"{LEDGER}: {error}"]
    return [f"{LEDGER}: {row[0]}" for row in rows if row[0] != "ok"]


def _payload(manifest: Manifest) -> dict[str, Json]:
    return {
        "version": manifest.version,
        "journal_head": {"seq": manifest.head.seq, "hash": manifest.head.hash},
        "guardian_head": {"seq": manifest.guardian.seq, "hash": manifest.guardian.hash},
        "settings": manifest.settings,
        "files": [{"path": name, "bytes": size, "sha256": digest} for name, (size, digest) in sorted(manifest.files.items())],
    }


def _drop(disk: Disk, folder: PurePath) -> None:
    """Remove a half backup; what cannot be removed has no manifest, and `prune` takes it later."""
    with contextlib.suppress(OSError):
        if disk.exists(folder):
            disk.remove_tree(folder)


def describe(manifest: Manifest, now_ms: int, verified_ms: int = 0) -> dict[str, Any]:
    """
    A row for tables: what it is called, how old (None: nobody knows) and how large it is, and how far the journal was.

    Each was opened and checked when it was made; `verified_ms` is when it was again, later.
    """
    return {
        "id": manifest.name,
        "age_s": _age_s(now_ms, manifest.created_ms),
        "size_bytes": manifest.size_bytes,
        "version": manifest.version,
        "journal_head": {"seq": manifest.head.seq, "hash": manifest.head.hash},
        "files": len(manifest.files),
        "verified_age_s": _age_s(now_ms, verified_ms or manifest.created_ms),
    }


def _age_s(now_ms: int, stamp_ms: int) -> float | None:
    """Seconds since a time; None for one that is yet to come, as behind a clock that was set back."""
    return None if is_ahead(now_ms, stamp_ms) else round(max(0, now_ms - stamp_ms) / 1000, 3)
