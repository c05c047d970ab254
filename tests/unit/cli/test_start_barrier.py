"""The first steps of a start on a disk that refuses: room is made once, and the exit code says who must act."""

import errno
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePath

import orjson
import pytest

from playd.cli.start_barrier import Records, make_directories, open_records
from playd.core.errors import CredentialError, PlaydError, RecordError, StateError
from playd.ops.ballast import NAME
from playd.ops.state_files import look
from playd.orders.fills import Fills
from playd.orders.halts import ALL, Halts, Level
from playd.orders.migration import MIGRATED
from playd.orders.verdicts import Verdicts
from playd.settings import Loaded, load
from playd.supervisor.keeper import Keeper
from playd.supervisor.life import lost_of, refuse_ahead
from playd.supervisor.records import RecordStore
from playd.world.ports import World
from playd.world.real import RealDisk
from playd.world.refused import cannot_open
from playd.world.virtual import VirtualWorld, virtual_world
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


async def _ahead(world: VirtualWorld) -> tuple[Loaded, Keeper]:
    """An instance whose state knows events of which its ledger holds none."""
    make_directories(world, loaded := load(world))
    async with open_records(world, loaded) as records:
        RecordStore(records.ledger).put(RECORD)
    keeper = Keeper(world.disk, STATE / "instances", RECORD.name)
    keeper.save({"uid": RECORD.uid, "event_n": 9}, 1)
    return loaded, keeper


def _halted(records: Records) -> list[str]:
    return [halt.code for halt in records.halts.in_force(ALL) if halt.code == "LEDGER_BEHIND"]


@pytest.mark.anyio
async def test_a_death_before_the_halt_is_on_record_leaves_the_state_that_shows_the_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = virtual_world()
    loaded, keeper = await _ahead(world)

    def dies(*_: object, **__: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr(Halts, "raise_level", dies)
        with pytest.raises(BaseExceptionGroup):
            async with open_records(world, loaded):
                pass
    async with open_records(world, loaded) as records:
        assert _halted(records) == ["LEDGER_BEHIND"]
        assert keeper.peek() is None


@pytest.mark.anyio
async def test_a_state_ahead_of_the_ledger_that_cannot_be_set_aside_halts_all_the_same_and_fails_its_life() -> None:
    world = virtual_world()
    loaded, keeper = await _ahead(world)
    world.disk.write_replace(STATE / "quarantine", b"in the way", keep_previous=False)
    for _ in range(2):
        async with open_records(world, loaded) as records:
            assert _halted(records) == ["LEDGER_BEHIND"]
            store, found = RecordStore(records.ledger), keeper.peek()
            assert found is not None
            with pytest.raises(StateError, match="playctl reset-state alpha"):
                refuse_ahead(keeper, RECORD, store, found)
            event = {"link": "pde", "exec_id": "", "action": "enter", "reason": "x", "order_done": True}
            for _ in range(5):  # so that the ledger has as many by the second start, of which the state knows none
                Fills(records.ledger, world.clock, RECORD.account).post("ended", RECORD.uid, **event)  # type: ignore[arg-type]
    world.disk.remove(STATE / "quarantine")
    async with open_records(world, loaded) as records:
        refuse_ahead(keeper, RECORD, RecordStore(records.ledger), keeper.peek())
        assert keeper.peek() is None


@pytest.mark.anyio
@pytest.mark.parametrize("has_ballast", [True, False])
async def test_a_full_disk_is_asked_for_room_before_a_state_ahead_of_the_ledger_is_given_up(has_ballast: bool) -> None:
    world = virtual_world()
    loaded, keeper = await _ahead(world)
    if has_ballast:
        world.disk.allocate(STATE / NAME, 1 << 20)
    world.disk.fail("replace", "*/quarantine/*", code=errno.ENOSPC, times=1)
    started = open_records(world, loaded)
    if has_ballast:
        async with started as records:
            assert _halted(records) == ["LEDGER_BEHIND"]
            assert keeper.peek() is None
    else:
        with pytest.RaisesGroup(pytest.RaisesExc(RecordError, match="disk-full")):
            async with started:
                pass
        async with open_records(world, loaded) as records:
            assert "LEDGER_BEHIND" in _halted(records)
            assert keeper.peek() is None


@pytest.mark.anyio
async def test_a_whole_state_without_the_number_of_its_newest_event_is_left_to_its_life() -> None:
    world = virtual_world()
    loaded, keeper = await _ahead(world)
    keeper.save({"uid": RECORD.uid}, 2)
    async with open_records(world, loaded) as records:
        assert _halted(records) == []
    assert keeper.peek() is not None


@pytest.mark.anyio
async def test_what_is_wrong_with_a_state_is_left_for_its_life_to_tell() -> None:
    world = virtual_world()
    loaded, keeper = await _ahead(world)
    keeper.save({"uid": RECORD.uid, "event_n": 0}, 2)
    world.disk.write_replace(keeper.previous_path, b"half", keep_previous=False)
    async with open_records(world, loaded):
        assert not world.disk.exists(STATE / "quarantine")
    told = keeper.load(3)
    assert told is not None
    assert "state.json.prev" in told.damage


@pytest.mark.anyio
async def test_a_state_that_playd_itself_set_aside_is_no_lost_one() -> None:
    world = virtual_world()
    loaded, keeper = await _ahead(world)
    async with open_records(world, loaded) as records:
        Verdicts(records.ledger, world.clock).record(RECORD.uid, 60_000, 120_000, "HOLD", "")
        assert keeper.peek() is None
        assert lost_of(keeper, RECORD, RecordStore(records.ledger)) == ""


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
async def test_a_disk_that_does_not_open_records_leaves_no_halt() -> None:
    """Of the records of a local exchange as of the ledger."""
    world = virtual_world()
    make_directories(world, loaded := load(world))
    refused = cannot_open(STATE / "exchange" / "records.sqlite", OSError(errno.ENOSPC, "no space left"))
    assert isinstance(refused, RecordError)
    with pytest.raises(ExceptionGroup):
        async with open_records(world, loaded):
            raise refused
    assert not world.disk.exists(STATE / "HALT")
    with pytest.raises(ExceptionGroup):
        async with open_records(world, loaded):
            raise ExceptionGroup("tasks", [refused, RecordError("journal: disk I/O error")])
    assert b"journal: disk I/O error" in world.disk.read_bytes(STATE / "HALT")


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
