"""The first steps of a daemon, in order, each with its own exit code: settings, directories, lock, ledger, journal."""

import errno
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd import __version__
from playd.cli.offline_record import tell_migration
from playd.core.envelope import NEWER_EXIT
from playd.core.errors import CredentialError, PlaydError, RecordError, StateError, is_full
from playd.core.modes import Mode
from playd.ops.ballast import Ballast
from playd.ops.chain_watch import missing_tail
from playd.ops.installation import name_of
from playd.ops.journal import Journal, open_journal
from playd.ops.ownership import close_if_unused, exposed
from playd.ops.state_files import worked_here
from playd.orders.halts import ALL, Halts, Level
from playd.orders.kill_file import KILL_FILE, write_kill_file
from playd.orders.ledger import Ledger
from playd.orders.migration import OlderState
from playd.settings import Loaded
from playd.supervisor.edge import first_of
from playd.supervisor.keeper import Keeper
from playd.supervisor.record_modes import RecordModes
from playd.supervisor.records import RecordStore
from playd.world.ports import Disk, World
from playd.world.quarantine import FOLDER, set_aside
from playd.world.refused import NotOpened, cannot_open

DIRECTORIES: Final = ("instances", "journal", "exchange", "guardian")


@dataclass(frozen=True, slots=True)
class Records:
    """What a daemon writes to before it does anything else."""

    ledger: Ledger
    journal: Journal
    halts: Halts
    ballast: Ballast


def make_directories(world: World, loaded: Loaded) -> None:
    """
    Create the state and run directories, see that we can write there, and that nobody else gets at them or at the settings.

    A full disk gets the room of the ballast. Raises `CredentialError` (77) with the command that repairs it, `RecordError`
    (74) when the disk itself refuses: a later start may find it mended.
    """
    places = loaded.locations
    state, run = places.state_dir, places.run_dir
    made = False
    while not made:
        try:
            _make(world, state, run)
            made = True
        except OSError as error:
            if not (is_full(error) and Ballast(world.disk, state).release()):
                raise _cannot_write(world.disk, state, error) from error
    for fault in exposed(world, loaded):
        raise CredentialError(str(fault))


def _make(world: World, state: PurePath, run: PurePath) -> None:
    close_if_unused(world, state)
    for path in (state, *(state / name for name in DIRECTORIES), run):
        world.disk.mkdir(path)
        world.disk.list(path)  # one that nobody may look into is refused here, and by its name
    probe = state / ".writable"
    world.disk.write_replace(probe, b"written and removed at each start\n", keep_previous=False)
    world.disk.remove(probe)


def _cannot_write(disk: Disk, state: PurePath, error: OSError) -> PlaydError:
    named = PurePath(error.filename or state)
    text = f"{named if named.name in DIRECTORIES else state}: cannot be written: {error.strerror or error}"
    if is_full(error) or error.errno in (errno.EROFS, errno.EIO):
        return RecordError(f"{text}; see the runbook disk-full")
    if isinstance(error, NotADirectoryError | FileExistsError) and disk.exists(state):
        return StateError(f"{state}: found a file where a directory belongs ({error}); move it away")
    return CredentialError(f"{text}; chown it to the daemon's user, and chmod 700 a directory")


def lock_text(world: World) -> str:
    """Who holds the lock."""
    process = world.process
    return f"pid {process.pid} started {world.clock.wall_ms()} boot {process.boot_id}\n"


@asynccontextmanager
async def open_records(world: World, loaded: Loaded) -> AsyncIterator[Records]:
    """
    Lock, ledger, journal and halts, in this order; closed in the reverse one.

    Raises `LockError` (79), `StateError` (78, 80), `RecordError` (74).
    """
    state = loaded.locations.state_dir
    try:
        lock = world.disk.lock(state / "playd.lock", lock_text(world))
    except OSError as error:
        raise cannot_open(state / "playd.lock", error) from error
    ballast = Ballast(world.disk, state)
    try:
        ledger = _open_ledger(world, state, ballast)
        try:
            opened = open_journal(
                world,
                state / "journal",
                loaded.settings.journal,
                version=__version__,
                make_room=ballast.release,
                installation=name_of(world, state, ledger),
            )
            async with opened as (journal, damage):
                journal.mode_of = RecordModes(ledger).of
                extra = loaded.settings.halt.extra_file
                halts = Halts(ledger, world.disk, world.clock, journal, state, extra, ballast.release)
                if damage := damage or missing_tail(ledger, journal.begun_behind):
                    halts.raise_level(ALL, Level.HALT, "JOURNAL_BROKEN", damage)
                _halt_if_behind(world, instances_dir(state), ledger, halts, ballast)
                await tell_migration(ledger, journal)
                yield Records(ledger, journal, halts, ballast)
        except BaseException as error:
            if (lost := _lost_record(error)) is not None:
                _leave_halt(world, state, ballast, lost)
            raise
        finally:
            ledger.close()
    finally:
        lock.release()


def _halt_if_behind(world: World, directory: PurePath, ledger: Ledger, halts: Halts, ballast: Ballast) -> None:
    """
    Halt everything where states of instances know events which the ledger does not. A state is written behind the commit of
    what it knows, so the end of the ledger is lost: its log was removed, or damaged.

    Those states are set aside, and everything is decided again from what the venue still tells: the ledger gives the same
    numbers to other events, which would be taken for known. They are the evidence, so the halt is on record before one of them
    is moved; and the instance of one that cannot be moved is failed by its life. Raises `RecordError` for a full disk.
    """
    records = RecordStore(ledger)
    row = ledger.row("SELECT coalesce(max(n), 0) AS newest FROM outbox")
    newest, ahead, said = 0 if row is None else int(row["newest"]), list[tuple[str, Keeper]](), list[str]()
    for record in records.load():
        if record.mode is Mode.SHADOW:  # it counts for itself
            continue
        keeper = Keeper(world.disk, directory, record.name)
        kept = keeper.peek()
        if kept is None or kept.payload.get("uid") != record.uid:  # told by its life
            continue
        known = kept.payload.get("event_n")
        if isinstance(known, int) and known > newest:
            records.distrust_state(record.uid)
            said.append(f"{record.name} knows event {known}")
        if records.distrusts_state(record.uid):
            ahead.append((record.uid, keeper))
    if said:
        text = f"the ledger ends at event {newest}, and {', '.join(said)}: what it committed last is lost"
        halts.raise_level(ALL, Level.HALT, "LEDGER_BEHIND", f"{text}; such states go to {FOLDER}/")
    for uid, keeper in ahead:
        records.expect_no_state(uid)
        try:
            keeper.set_all_aside(world.clock.wall_ms(), ballast.release)
        except StateError as error:
            if isinstance(error.__cause__, OSError) and is_full(error.__cause__):
                raise RecordError(f"{error}; see the runbook disk-full") from error
            continue  # told by its life
        records.trust_state(uid)
    ledger.commit()


def _lost_record(error: BaseException) -> RecordError | None:
    """What could not be recorded; none where the disk did not even open something: nothing of it is lost."""
    kept = error.split(NotOpened)[1] if isinstance(error, BaseExceptionGroup) else error
    return None if kept is None or isinstance(kept, NotOpened) else first_of(kept, RecordError)


def _leave_halt(world: World, state: PurePath, ballast: Ballast, lost: RecordError) -> None:
    """What could not be recorded ends the daemon; whoever starts it again finds everything halted until a person has looked."""
    write_kill_file(
        world.disk,
        state / KILL_FILE,
        reason=str(lost),
        code="RECORD_LOST",
        actor="daemon",
        time_ms=world.clock.wall_ms(),
        make_room=ballast.release,
    )


def _open_ledger(world: World, state: PurePath, ballast: Ballast) -> Ledger:
    """The ledger. A damaged one is set aside with its log, stays where it is, and stops every start until it is mended."""
    path = state / "ledger.sqlite"
    try:
        return Ledger.open(world.disk, world.clock, path, make_room=ballast.release, known=worked_here(world.disk, state))
    except OSError as error:
        raise cannot_open(path, error) from error
    except StateError as error:
        if error.exit_code == NEWER_EXIT or isinstance(error, OlderState):
            raise
        copies = [_copy(world, state, each) for each in (path, path.with_name(f"{path.name}-wal"))]
        said = ", ".join(copy for copy in copies if copy)
        kept = f"; set aside as {said}" if said else ""
        raise StateError(f"{error}{kept}; see the runbook restore-after-a-crash") from error


def _copy(world: World, state: PurePath, path: PurePath) -> str:
    try:
        return str(set_aside(world.disk, state, path, world.clock.wall_ms()) or "")
    except OSError as error:
        return f"nothing, because {error.strerror or error}"


def start_record(loaded: Loaded, daemon_id: str) -> Mapping[str, str]:
    """What `daemon.start` says."""
    ceiling = loaded.ceiling
    agreed = {"live_confirmed": "true"} if ceiling.live_confirmed else {}
    return {"version": __version__, "settings": loaded.digest, "daemon_id": daemon_id, "ceiling": str(ceiling.mode), **agreed}


def instances_dir(state_dir: PurePath) -> PurePath:
    """Where instance states live."""
    return state_dir / "instances"
