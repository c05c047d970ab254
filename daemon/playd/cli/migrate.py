"""
`playd migrate`: what an older program left, brought up to this one. Only while no daemon holds the state directory.

The ledger is the only file that needs it. Every other one is made anew from it (states, the guardian's plan) or from candles
(images of columns).
"""

import contextlib
import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath
from typing import Final

from playd import __version__
from playd.cli.offline_record import record_migration
from playd.control.render import json_text
from playd.core.errors import PlaydError, RecordError, SettingsError
from playd.ops.backup import FOLDER, LEDGER, make_backup
from playd.ops.installation import birth
from playd.orders.fold import fold
from playd.orders.migration import MIGRATED, bring_up, missing, refuse_newer, version_of
from playd.orders.rows import execution_row
from playd.orders.schema import SCHEMA_VERSION
from playd.settings import load
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop
from playd.world.refused import cannot_open, cannot_open_database

_SHARES: Final = "SELECT account, instance, symbol, position_idx, signed_qty, realised, fees, funding FROM virtual_positions"
_EXECUTIONS: Final = "SELECT * FROM executions WHERE account = ? AND owner = ? AND symbol = ? AND position_idx = ? ORDER BY n"


class MigrationError(PlaydError):
    """A ledger that was brought up and is not right; the backup from before is named."""


@dataclass(frozen=True, slots=True)
class MigrateOptions:
    """The flags; empty ones are not given."""

    state: str = ""
    config: str = ""
    dry_run: bool = False
    as_json: bool = False


def migrate(options: MigrateOptions, world: World | None = None) -> int:
    """
    List the steps, and unless it is a dry run do them behind a backup; 0 also when there are none.

    A dry run only reads, beside a daemon too; else a daemon that runs is a `LockError` (79). Raises `StateError` (78 damaged,
    80 newer), `RecordError` (74, the disk refuses), `MigrationError`, `BackupError`.
    """
    world = world or real_world()
    flags = {"daemon.state_dir": ("--state", str(world.process.working_dir() / options.state))} if options.state else {}
    loaded = load(world, flags=flags, config=options.config or None)
    state = loaded.locations.state_dir
    if not world.disk.exists(state / LEDGER):
        raise SettingsError(f"{state / LEDGER}: found nothing there, expected the ledger of a daemon")
    world.process.set_umask(0o077)
    try:
        lock = None if options.dry_run else world.disk.lock(state / "playd.lock", f"pid {world.process.pid} migrates\n")
    except OSError as error:
        raise cannot_open(state / "playd.lock", error) from error
    try:
        steps = _steps(world, state / LEDGER)
        backup = ""
        if steps and not options.dry_run:
            backup = make_backup(world.disk, state, world.clock.wall_ms(), __version__, settings=loaded.digest).name
            _bring_up(world, state, backup)
        if not options.dry_run and _is_untold(world, state / LEDGER):
            run_loop(lambda given: record_migration(given, loaded), world)
    except OSError as error:
        raise RecordError(f"{state}: the migration stopped: {error}; give the same command again") from error
    finally:
        if lock is not None:
            lock.release()
    if options.as_json:
        print(json_text({"steps": steps, "done": bool(backup), "backup": backup or None}))
    else:
        print("\n".join([*steps, _said(state, steps, backup)]))
    return 0


def _said(state: PurePath, steps: list[str], backup: str) -> str:
    if not steps:
        return f"{state}: nothing to do, the ledger is of this version"
    if not backup:
        return f"{len(steps)} steps; nothing was changed"
    return f"{len(steps)} steps done and verified; as it was before: {state / FOLDER / backup}"


def _steps(world: World, path: PurePath) -> list[str]:
    try:
        with contextlib.closing(world.disk.open_sqlite(path, read_only=True)) as connection:
            refuse_newer(connection, path)
            return missing(connection) if version_of(connection) <= SCHEMA_VERSION else []
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite's words may hold the damaged bytes
        raise cannot_open_database(path, error) from error


def _is_untold(world: World, path: PurePath) -> bool:
    """Whether a migration is not on record: this one, or one that ended before it was."""
    with contextlib.closing(world.disk.open_sqlite(path, read_only=True)) as connection:
        return connection.execute("SELECT 1 FROM meta WHERE key = ?", (MIGRATED,)).fetchone() is not None


def _bring_up(world: World, state: PurePath, backup: str) -> None:
    """The steps, and proof that the ledger is whole: SQLite's own check, and every share is the sum of its executions."""
    path = state / LEDGER
    try:
        with contextlib.closing(world.disk.open_sqlite(path)) as connection:
            begun = birth(world.disk, state / "journal")
            bring_up(connection, backup=backup, born_ms=None if begun is None else begun.ms)
            faults = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
            faults += wrong_shares(connection)
    except sqlite3.Error as error:
        raise MigrationError(f"{path}: not migrated: {error}; as it was: {state / FOLDER / backup}") from error
    if faults:
        raise MigrationError(f"{path}: migrated, and wrong: {'; '.join(faults)}; `playd restore {backup}` takes it back")


def wrong_shares(connection: sqlite3.Connection) -> list[str]:
    """Shares of instances that are not what their executions add up to."""
    found = []
    for row in connection.execute(_SHARES).fetchall():
        whose = (row["account"], row["instance"], row["symbol"], row["position_idx"])
        folded = fold(map(execution_row, connection.execute(_EXECUTIONS, whose).fetchall()))
        for name in ("signed_qty", "realised", "fees", "funding"):
            if Decimal(row[name]) != getattr(folded, name):
                found.append(f"{' '.join(map(str, whose))}: {name} {row[name]}, executions say {getattr(folded, name)}")
    return found
