"""
`playd backup now|list|verify` and `playd restore`: copies of a state directory, and putting one back.

`python -m playd.cli.backup make STATE_DIR KEEP_HOURLY KEEP_DAILY FLOOR_MIB [SETTINGS_DIGEST]` and `… verify FOLDER` are
what a running daemon starts, so that its loop never waits for a copy.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd import __version__
from playd.cli.offline_record import record_offline
from playd.control.ops_tables import BACKUPS
from playd.control.render import Output, json_text, render_rows
from playd.core.errors import PlaydError, RecordError
from playd.ops.ages import is_ahead
from playd.ops.backup import FOLDER, BackupError, Manifest, backups, describe, make_backup, prune, verify_backup
from playd.ops.ownership import close_if_unused
from playd.ops.restore import checked, restore
from playd.settings import Loaded, load
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop
from playd.world.refused import cannot_open

NOT_WHOLE: Final = 10
PHRASE_NEEDED: Final = 8


class NoSuchBackup(PlaydError):
    """There is no backup of that name."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """The flags; empty ones are not given. `name` is a backup's folder name or a path."""

    state: str = ""
    config: str = ""
    name: str = ""
    confirm: str = ""
    as_json: bool = False
    if_older_min: float = 0.0
    """Make none while the newest is younger than that many minutes; 0 makes one."""


def backup_now(options: BackupOptions, world: World | None = None) -> int:
    """Make a backup beside a running daemon or without one, check it, and drop those that are not kept any longer."""
    world = world or real_world()
    loaded = _settings(world, options)
    state, keep = loaded.locations.state_dir, loaded.settings.backup
    now_ms = world.clock.wall_ms()
    # One with a time yet to come is behind a clock that was set back: nobody knows how old it is.
    newest = next((each for each in backups(world.disk, state) if not is_ahead(now_ms, each.created_ms)), None)
    if newest is not None and now_ms - newest.created_ms < options.if_older_min * 60_000:
        row = describe(newest, now_ms)
        print(
            json_text(row)
            if options.as_json
            else f"{state / FOLDER / newest.name}: {max(0, now_ms - newest.created_ms) / 60_000:.0f} min old, none is due"
        )
        return 0
    floor_bytes = loaded.settings.disk.pause_mib * 2**20
    made, dropped = _make(world, state, keep.keep_hourly, keep.keep_daily, floor_bytes, loaded.digest)
    row = describe(made, world.clock.wall_ms())
    if options.as_json:
        print(json_text({**row, "folder": str(state / FOLDER / made.name), "dropped": dropped}))
    else:
        print(f"{state / FOLDER / made.name}: {made.size_bytes / 2**20:.1f} MiB in {len(made.files)} files, verified")
    return 0


def list_backups(options: BackupOptions, world: World | None = None) -> int:
    """Every backup, newest first."""
    world = world or real_world()
    state = _settings(world, options).locations.state_dir
    rows = [describe(each, world.clock.wall_ms()) for each in backups(world.disk, state)]
    print(render_rows(rows, BACKUPS, Output.JSON if options.as_json else Output.TABLE, empty=f"no backups in {state / FOLDER}"))
    return 0


def verify(options: BackupOptions, world: World | None = None) -> int:
    """Whether a backup is whole, the newest one where none is named; 10 when it is not."""
    world = world or real_world()
    loaded = _settings(world, options)
    newest = next((each.name for each in backups(world.disk, loaded.locations.state_dir)), "")
    folder = _folder(world, loaded, options.name or newest)
    faults = verify_backup(world.disk, folder)
    if options.as_json:
        print(json_text({"id": folder.name, "whole": not faults, "faults": faults}))
    else:
        print("\n".join(faults) if faults else f"{folder}: whole")
    return NOT_WHOLE if faults else 0


def restore_backup(options: BackupOptions, world: World | None = None, ask: Callable[[str], str] = input) -> int:
    """
    Put a backup in place of what the state directory holds; needs the phrase `RESTORE <time>`.

    Raises `LockError` (79) while a daemon holds the directory.
    """
    world = world or real_world()
    loaded = _settings(world, options)
    state = loaded.locations.state_dir
    folder = _folder(world, loaded, options.name)
    world.process.set_umask(0o077)
    close_if_unused(world, state)
    try:
        world.disk.mkdir(state)  # on a new disk there is none yet
        lock = world.disk.lock(state / "playd.lock", f"pid {world.process.pid} restores {folder.name}\n")
    except OSError as error:
        raise cannot_open(state / "playd.lock", error) from error
    try:
        manifest, _ = checked(world.disk, folder)
        phrase = f"RESTORE {manifest.name}"
        if not _agreed(world, options, phrase, ask):
            return PHRASE_NEEDED
        done = restore(world.disk, state, folder, world.clock.wall_ms())
        damage = run_loop(lambda given: record_offline(given, loaded, "backup.restored", {"backup": manifest.name}), world)
    except OSError as error:
        raise RecordError(f"{state}: the restore stopped half way: {error}; give the same command again") from error
    finally:
        lock.release()
    if options.as_json:
        print(json_text({"id": manifest.name, "copies": [str(copy) for copy in done.copies], "journal_damage": damage or None}))
    else:
        kept = f"what was there is kept: {', '.join(map(str, done.copies))}" if done.copies else "nothing was there before"
        print(f"{state} is as it was at {manifest.name}; {kept}")
        if damage:
            print(f"the journal, which is never put back, is damaged and goes on in a new file: {damage}")
        if done.older:
            print("its ledger was written by an older program: `playd migrate` first")
        print("start the daemon: it comes up halted. Then `playctl reconcile` until it says match, remove the file")
        print(f"{state / 'HALT'}, and `playctl resume all --reason …`")
    return 0


def _agreed(world: World, options: BackupOptions, phrase: str, ask: Callable[[str], str]) -> bool:
    if options.confirm == phrase:
        return True
    print(f"playd: this needs the phrase {phrase!r}: ledger, states and plan are replaced", file=sys.stderr)
    if options.confirm or not world.process.is_terminal():
        print(f"  pass --confirm {phrase!r}", file=sys.stderr)
        return False
    return ask("> ") == phrase


def _settings(world: World, options: BackupOptions) -> Loaded:
    flags = {"daemon.state_dir": ("--state", str(world.process.working_dir() / options.state))} if options.state else {}
    return load(world, flags=flags, config=options.config or None)


def _folder(world: World, loaded: Loaded, name: str) -> PurePath:
    """The folder of a backup that is named by its time or by a path. Raises `NoSuchBackup` naming the newest ones."""
    state = loaded.locations.state_dir
    for folder in (state / FOLDER / name, world.process.working_dir() / name):
        if name and world.disk.exists(folder):
            return folder
    known = ", ".join(each.name for each in backups(world.disk, state)[:3]) or "none"
    raise NoSuchBackup(f"backup {name!r}: found nothing of that name, expected a folder or one of {state / FOLDER}: {known}")


def _make(
    world: World, state: PurePath, keep_hourly: int, keep_daily: int, floor_bytes: int, settings: str
) -> tuple[Manifest, list[str]]:
    """A backup, and the names of those that went. Old ones go first as well: they may hold the room that it needs."""
    disk, now_ms = world.disk, world.clock.wall_ms()
    try:
        dropped = prune(disk, state, now_ms, keep_hourly=keep_hourly, keep_daily=keep_daily)
        made = make_backup(disk, state, now_ms, __version__, settings=settings, floor_bytes=floor_bytes)
        return made, dropped + prune(disk, state, now_ms, keep_hourly=keep_hourly, keep_daily=keep_daily, spare=made.name)
    except OSError as error:
        raise BackupError(f"{state / FOLDER}: old backups cannot be looked at or removed: {error}") from error


def _for_daemon(arguments: Sequence[str]) -> int:
    """What the daemon asked this process for; whatever is wrong goes to standard error, and so into its log."""
    world = real_world()
    world.process.set_umask(0o077)
    try:
        match arguments:
            # A daemon that began before an update runs this program by its module, and knew no digest.
            case ["make", state, keep_hourly, keep_daily, floor_mib, *settings] if len(settings) < 2:
                digest = "".join(settings)
                _make(world, PurePath(state), int(keep_hourly), int(keep_daily), int(floor_mib) * 2**20, digest)
                return 0
            case ["verify", folder]:
                faults = verify_backup(world.disk, PurePath(folder))
                print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
                return NOT_WHOLE if faults else 0
    except PlaydError as error:
        print(f"playd: {error}", file=sys.stderr)
        return 1
    raise ValueError(
        f"arguments {arguments!r}: expected make STATE_DIR KEEP_HOURLY KEEP_DAILY FLOOR_MIB [DIGEST], or verify FOLDER"
    )


if __name__ == "__main__":
    raise SystemExit(_for_daemon(sys.argv[1:]))
