"""A full disk: the ballast makes room once, everything new halts at once, and the space is held again when there is plenty."""

import errno
from pathlib import PurePath

import pytest

from playd.core.errors import is_full
from playd.ops.ballast import Ballast
from playd.ops.free_space import FreeSpace
from playd.ops.journal import open_journal
from playd.orders.halts import Level
from playd.settings.model import Disk as DiskSettings
from playd.settings.model import Journal as JournalSettings
from playd.supervisor.keeper import Keeper
from playd.world.virtual import virtual_world
from tests.unit.ops.test_free_space import Desk

STATE = PurePath("/state")
MIB = 1024 * 1024


def test_it_is_held_only_where_there_is_plenty_and_makes_room_once() -> None:
    world = virtual_world()
    world.disk.mkdir(STATE)
    ballast = Ballast(world.disk, STATE, 4 * MIB)
    world.disk.fill(10 * MIB)
    assert not ballast.hold(10 * MIB, floor_bytes=7 * MIB)
    assert ballast.hold(10 * MIB, floor_bytes=6 * MIB)
    assert world.disk.free_bytes(STATE) == 6 * MIB
    assert [ballast.release(), ballast.release()] == [True, False]
    assert world.disk.free_bytes(STATE) == 10 * MIB


def test_a_ballast_that_somebody_cut_short_is_none_and_is_held_again() -> None:
    world = virtual_world()
    world.disk.mkdir(STATE)
    ballast = Ballast(world.disk, STATE, 4 * MIB)
    for _ in range(2):
        assert ballast.hold(1 << 30, 0)
        assert ballast.held
        world.disk.truncate(STATE / ".ballast", MIB)
        assert not ballast.held
    world.disk.remove(STATE / ".ballast")
    world.disk.mkdir(STATE / ".ballast")
    assert not ballast.held


def test_a_released_ballast_halts_everything_at_once_and_comes_back_with_the_space() -> None:
    world, desk = virtual_world(), Desk()
    world.disk.mkdir(STATE)
    ballast = Ballast(world.disk, STATE, 4 * MIB)
    space = FreeSpace(world.disk, STATE, DiskSettings(warn_mib=30, pause_mib=20, halt_mib=10), desk.halts, ballast)
    world.disk.fill(100 * MIB)
    space.look()
    assert ballast.held
    world.disk.fill(0)
    assert ballast.release()
    space.look()
    assert desk.levels == [int(Level.PAUSE), int(Level.HALT)]
    assert not ballast.held
    desk.resume(Level.PAUSE, Level.HALT)
    world.disk.fill(100 * MIB)
    assert ballast.hold(100 * MIB, floor_bytes=0)
    assert ballast.release(), "no room again, before anybody has looked and behind a person who has lifted the halt"
    space.look()
    assert desk.levels == [int(Level.HALT)]
    assert ballast.held


@pytest.mark.anyio
async def test_the_journal_goes_on_with_full_durability_in_the_room_of_the_ballast() -> None:
    world = virtual_world()
    world.disk.mkdir(STATE)
    ballast = Ballast(world.disk, STATE, MIB)
    assert ballast.hold(1 << 30, 0)
    opened = open_journal(world, STATE / "journal", JournalSettings(), version="1", make_room=ballast.release)
    async with opened as (journal, _):
        await journal.synced()
        world.disk.fill(0)
        number = journal.append("daemon.stop", {"cause": "x" * 1000})
        await journal.synced()
        assert not journal.full
        assert not ballast.held
    world.disk.crash()
    files = [STATE / "journal" / name for name in world.disk.list(STATE / "journal")]
    assert b"".join(map(world.disk.read_bytes, files)).count(b"\n") == number


def test_a_state_that_cannot_be_written_for_want_of_space_stays_as_it_was() -> None:
    """It lies behind the ledger then, and is caught up from it; it does not end the daemon."""
    world = virtual_world()
    keeper = Keeper(world.disk, STATE / "instances", "a")
    assert keeper.save({"n": 1}, 1)
    world.disk.fill(0)
    assert not keeper.save({"n": 2}, 2)
    kept = keeper.load(3)
    assert kept is not None
    assert kept.payload == {"n": 1}
    assert not is_full(OSError(errno.EIO, "x"))
