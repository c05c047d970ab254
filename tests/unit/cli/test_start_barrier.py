"""The first steps of a start on a disk that refuses: room is made once, and the exit code says who must act."""

import errno
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePath

import orjson
import pytest

from playd.cli.start_barrier import make_directories, open_records
from playd.core.errors import CredentialError, PlaydError, RecordError, StateError
from playd.ops.ballast import NAME
from playd.ops.state_files import look
from playd.orders.fills import Fills
from playd.orders.halts import ALL, Level
from playd.orders.migration import MIGRATED
from playd.settings import load
from playd.supervisor.keeper import Keeper
from playd.supervisor.records import RecordStore
from playd.world.ports import World
from playd.world.real import RealDisk
from playd.world.virtual import virtual_world
from tests.unit.supervisor.test_admission import RECORD

STATE, CONFIG = PurePath("/state"), PurePath("/config")


def test_a_full_disk_gives_up_the_ballast_and_the_start_goes_on() -> None:
    world = virtual_world()
    loaded = load(world)
    make_directories(world, loaded)
    world.disk.allocate(STATE / NAME, 1 << 20)
    world.disk.fill(0)
    make_directories(world, loaded)
    assert not world.disk.exists(STATE / NAME)
    world.disk.fill(0)
    with pytest.raises(RecordError, match="disk-full"):
        make_directories(world, loaded)


@pytest.mark.parametrize(
    ("number", "kind", "exit_code"),
    [(errno.EROFS, RecordError, 74), (errno.EIO, RecordError, 74), (errno.EACCES, CredentialError, 77)],
)
def test_a_disk_that_refuses_is_74_and_a_person_is_77(number: int, kind: type[PlaydError], exit_code: int) -> None:
    world = virtual_world()
    loaded = load(world)
    make_directories(world, loaded)
    world.disk.fail("replace", code=number)
    with pytest.raises(kind) as caught:
        make_directories(world, loaded)
    assert caught.value.exit_code == exit_code


@pytest.mark.anyio
@pytest.mark.parametrize(("known", "is_behind"), [(1, False), (2, True)])
async def test_a_state_that_knows_more_than_the_ledger_is_set_aside_and_halts_everything_once(
    known: int, is_behind: bool
) -> None:
    world = virtual_world()
    make_directories(world, loaded := load(world))
    keeper = Keeper(world.disk, STATE / "instances", RECORD.name)
    async with open_records(world, loaded) as records:
        RecordStore(records.ledger).put(RECORD)
        event = {"link": "pde", "exec_id": "", "action": "enter", "reason": "x", "order_done": True}
        Fills(records.ledger, world.clock, RECORD.account).post("ended", RECORD.uid, **event)  # type: ignore[arg-type]
    keeper.save({"uid": RECORD.uid, "event_n": known}, 1)
    for _ in range(2):
        async with open_records(world, loaded) as records:
            found = [halt for halt in records.halts.in_force(ALL) if halt.code == "LEDGER_BEHIND"]
            assert [halt.level for halt in found] == [Level.HALT] * is_behind
            assert (keeper.load(1) is None) == is_behind
    assert world.disk.exists(STATE / "quarantine") == is_behind


@pytest.mark.anyio
async def test_what_cannot_be_recorded_leaves_everything_halted_for_the_next_start() -> None:
    world = virtual_world()
    make_directories(world, loaded := load(world))
    with pytest.raises(ExceptionGroup):
        async with open_records(world, loaded):
            raise ExceptionGroup("tasks", [RecordError("ledger.sqlite: disk I/O error")])
    async with open_records(world, loaded) as records:
        (halt,) = records.halts.in_force(ALL)
    assert (halt.level, halt.code) == (Level.HALT, "KILL_FILE")
    assert b"disk I/O error" in world.disk.read_bytes(STATE / "HALT")


@pytest.mark.anyio
async def test_a_ledger_bears_the_name_and_the_birth_of_its_installation_from_the_first_start_on() -> None:
    world = virtual_world()
    make_directories(world, loaded := load(world))
    born_ms, found = world.clock.wall_ms(), set()
    for _ in range(2):
        async with open_records(world, loaded) as records:
            found.add((records.ledger.meta("installation"), records.ledger.meta("created_ms")))
        world.clock.advance(100.0)
    ((installation, created_ms),) = found
    assert created_ms == str(born_ms)
    (page,) = world.disk.list(STATE / "journal")
    opened = orjson.loads(world.disk.read_bytes(STATE / "journal" / page).splitlines()[0])
    assert (opened["kind"], opened["data"]["installation"]) == ("journal.opened", installation)


@pytest.mark.anyio
async def test_a_ledger_without_a_name_takes_that_of_its_journal_and_tells_of_its_migration_once() -> None:
    world = virtual_world()
    make_directories(world, loaded := load(world))
    named, told = set(), []
    for number in range(3):
        async with open_records(world, loaded) as records:
            named.add(records.ledger.meta("installation"))
            told.append(records.ledger.meta(MIGRATED))
            if number == 0:
                records.ledger.write("DELETE FROM meta WHERE key = 'installation'")
                records.ledger.set_meta(MIGRATED, '{"backup":"b","steps":2}')
        world.clock.advance(100.0)
    (page,) = world.disk.list(STATE / "journal")
    records_of = [orjson.loads(line) for line in world.disk.read_bytes(STATE / "journal" / page).splitlines()]
    assert named == {records_of[0]["data"]["installation"]}
    assert told == [None] * 3
    assert [each["data"] for each in records_of if each["kind"] == "daemon.migrated"] == [{"backup": "b", "steps": 2}]


def _on_files(directory: Path) -> World:
    """A world whose files are below a directory."""
    found: World = virtual_world()
    return replace(found, disk=RealDisk(directory))


async def _start(world: World) -> None:
    """The first steps of a start, and its end."""
    make_directories(world, loaded := load(world))
    async with open_records(world, loaded):
        pass


@pytest.mark.anyio
@pytest.mark.parametrize("lost", ["removed", "emptied", "made anew"])
async def test_a_ledger_that_is_gone_behind_a_journal_is_never_begun_anew(tmp_path: Path, lost: str) -> None:
    world = _on_files(tmp_path)
    await _start(world)
    ledger = tmp_path / "state" / "ledger.sqlite"
    for file in ledger.parent.glob("ledger.sqlite*"):
        file.unlink()
    if lost == "emptied":
        ledger.touch()
    elif lost == "made anew":
        with closing(sqlite3.connect(ledger)) as other:
            other.execute("VACUUM")
    with pytest.raises(StateError, match=r"expected a ledger: the journal goes back to .*; restore a backup") as caught:
        await _start(world)
    assert caught.value.exit_code == 78
    assert ("set aside as" in str(caught.value)) is (lost != "removed")
    (line,) = [each for each in look(world.disk, STATE) if each.path == "ledger.sqlite"]
    assert line.damaged


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["ledger.sqlite", "playd.lock", "journal/*.jsonl", "instances"])
async def test_what_stands_in_the_place_of_a_file_or_directory_is_named_and_left_alone(tmp_path: Path, name: str) -> None:
    world = _on_files(tmp_path)
    await _start(world)
    (there,) = (tmp_path / "state").glob(name)
    if name == "instances":
        there.rmdir()
        there.touch()
    else:
        there.unlink()
        there.mkdir()
    with pytest.raises(StateError, match=there.name) as caught:
        await _start(world)
    assert caught.value.exit_code == 78
    (line,) = [each for each in look(world.disk, STATE) if each.path.endswith(there.name)]
    assert "belongs" in line.check


def test_a_directory_that_no_daemon_has_used_becomes_ours_alone() -> None:
    world = virtual_world()
    world.disk.mkdir(STATE, mode=0o755)
    for name in ("README.md", "HALT", "exchange/ledger.jsonl", "guardian/guardian.lock", "recorded-12ab34cd/ledger.sqlite"):
        world.disk.mkdir((STATE / name).parent, mode=0o755)
        world.disk.write_replace(STATE / name, b"made before any daemon", keep_previous=False)
    make_directories(world, load(world))
    assert world.disk.stat(STATE).mode == 0o700


def test_state_that_others_may_read_and_a_directory_of_others_files_are_refused_with_the_command_that_mends_it() -> None:
    world = virtual_world()
    make_directories(world, load(world))
    world.disk.chmod(STATE, 0o755)
    with pytest.raises(CredentialError, match="chmod 700 /state") as caught:
        make_directories(world, load(world))
    assert caught.value.exit_code == 77
    opened = virtual_world()
    opened.disk.mkdir(STATE, mode=0o777)
    with pytest.raises(CredentialError, match="has mode 777"):
        make_directories(opened, load(opened))
    shared = virtual_world()
    shared.disk.mkdir(STATE, mode=0o755)
    shared.disk.write_replace(STATE / "letter.txt", b"of somebody else", keep_previous=False)
    with pytest.raises(CredentialError, match="has mode 755"):
        make_directories(shared, load(shared))


@pytest.mark.parametrize("path", [CONFIG, CONFIG / "playd.toml", CONFIG / "conf.d"])
def test_settings_that_anybody_may_change_are_refused(path: PurePath) -> None:
    world = virtual_world()
    world.disk.mkdir(CONFIG / "conf.d", mode=0o755)
    world.disk.write_replace(CONFIG / "playd.toml", b"", keep_previous=False, mode=0o644)
    make_directories(world, load(world))
    world.disk.chmod(path, 0o777)
    with pytest.raises(CredentialError, match=f"chmod o-w {path}$"):
        make_directories(world, load(world))
