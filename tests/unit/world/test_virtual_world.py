"""The virtual world can be steered, and its faults are those of a real machine."""

import errno
from pathlib import PurePath

import aiohttp
import anyio
import pytest

from playd.world.ports import Signal
from playd.world.virtual import ManualClock, MemoryDisk, ProcessExit, virtual_world

FILE = PurePath("/file")


@pytest.fixture
def disk() -> MemoryDisk:
    return MemoryDisk(ManualClock())


def test_time_passes_only_when_told() -> None:
    clock = ManualClock(1000)
    clock.advance(1.5)
    clock.step_wall(-500)
    assert (clock.wall_ms(), clock.mono_s()) == (2000, 1.5)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_a_power_cut_takes_what_was_not_synced(disk: MemoryDisk) -> None:
    appender = disk.open_append(FILE)
    appender.write(b"synced\n")
    appender.sync()
    appender.write(b"not synced\n")
    disk.crash(torn_bytes=3)
    assert disk.read_bytes(FILE) == b"synced\nnot"


def test_a_power_cut_frees_locks(disk: MemoryDisk) -> None:
    disk.lock(FILE, "first")
    disk.crash()
    disk.lock(FILE, "second")
    assert disk.read_bytes(FILE) == b"second"


def test_a_full_disk_takes_what_fits_and_says_so(disk: MemoryDisk) -> None:
    appender = disk.open_append(FILE)
    disk.fill(free_bytes=4)
    with pytest.raises(OSError, match="No space") as caught:
        appender.write(b"123456")
    assert caught.value.errno == errno.ENOSPC
    assert disk.read_bytes(FILE) == b"1234"
    with pytest.raises(OSError, match="No space"):
        disk.write_replace(PurePath("/other"), b"1")
    disk.fill(free_bytes=100)
    appender.write(b"567")
    assert disk.read_bytes(FILE) == b"1234567"


def test_a_failed_replacement_leaves_the_old_file(disk: MemoryDisk) -> None:
    disk.write_replace(FILE, b"old")
    disk.fail("replace", "/fi*", times=1)
    with pytest.raises(OSError, match="Input/output"):
        disk.write_replace(FILE, b"new")
    assert disk.read_bytes(FILE) == b"old"
    disk.write_replace(FILE, b"new")
    assert disk.read_bytes(FILE) == b"new"


def test_faults_strike_after_the_good_ones(disk: MemoryDisk) -> None:
    appender = disk.open_append(FILE)
    disk.fail("sync", skip=1, times=1)
    appender.sync()
    with pytest.raises(OSError, match="Input/output"):
        appender.sync()
    appender.sync()
    disk.fail("write", torn_bytes=2)
    with pytest.raises(OSError, match="Input/output"):
        appender.write(b"abc")
    assert disk.read_bytes(FILE) == b"ab"
    disk.heal()
    appender.write(b"c")


def test_the_same_seed_gives_the_same_world() -> None:
    one, same, other = virtual_world(seed=7), virtual_world(seed=7), virtual_world(seed=8)
    names = [world.random.uid8() + world.random.token(4) for world in (one, same, other)]
    assert names[0] == names[1] != names[2]
    assert len(names[0]) == 16


def test_forgotten_variables_are_gone() -> None:
    world = virtual_world(env={"PLAYD_LIVE_API_SECRET": "x", "HOME": "/"})
    world.env.forget(["PLAYD_LIVE_API_SECRET", "NEVER_SET"])
    assert world.env.get("PLAYD_LIVE_API_SECRET") is None
    assert world.env.names() == ("HOME",)


def test_exit_cannot_be_caught_as_an_ordinary_error() -> None:
    with pytest.raises(ProcessExit) as caught:
        virtual_world().process.exit(74)
    assert caught.value.code == 74
    assert not isinstance(caught.value, Exception)


@pytest.mark.anyio
async def test_signals_arrive() -> None:
    process = virtual_world().process
    with anyio.fail_after(60), process.signals() as signals:
        process.send(Signal.TERM)
        assert await anext(signals) is Signal.TERM


@pytest.mark.anyio
async def test_nothing_outside_the_machine_is_reachable() -> None:
    async with virtual_world().net.http_session(timeout_s=5) as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get("http://192.0.2.1/")
