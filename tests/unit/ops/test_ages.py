"""A wall clock that was set makes nothing young: neither a backup nor the last look at the journal's chain."""

from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.ops.ages import AHEAD_MS, REMEMBERED, Ages
from playd.ops.backup import FOLDER, MANIFEST, describe
from playd.ops.backup_clock import BackupClock
from playd.ops.chain_watch import ChainWatch
from playd.settings.model import Backup
from playd.world.virtual import VirtualWorld, virtual_world
from tests.simulation.order_world import MemoryJournal

STATE = PurePath("/state")
HOUR_MS = 3_600_000


class Wall:
    """A clock whose wall time somebody sets."""

    def __init__(self) -> None:
        self.now_s, self.ms = 100.0, 1_700_000_000_000

    def mono_s(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return self.ms

    def go_on(self, seconds: float) -> None:
        self.now_s += seconds
        self.ms += round(seconds * 1000)


def test_an_age_goes_on_when_the_wall_clock_is_set_back_and_follows_one_that_is_set_forward() -> None:
    wall = Wall()
    ages, stamp_ms = Ages(cast("Any", wall)), wall.ms - 7_200_000
    assert ages.of(stamp_ms) == 7200.0
    wall.ms -= 3 * HOUR_MS
    wall.now_s += 60.0
    assert ages.of(stamp_ms) == 7260.0
    wall.ms += 5 * HOUR_MS
    assert ages.of(stamp_ms) == 7200.0 + 2 * 3600.0


@pytest.mark.parametrize(("ahead_ms", "age_s"), [(AHEAD_MS, 0.0), (AHEAD_MS + 1, None)])
def test_a_time_yet_to_come_is_young_only_within_what_clocks_are_corrected_by(ahead_ms: int, age_s: float | None) -> None:
    wall = Wall()
    assert Ages(cast("Any", wall)).of(wall.ms + ahead_ms) == age_s


def test_no_more_times_are_remembered_than_the_bound() -> None:
    wall = Wall()
    ages = Ages(cast("Any", wall))
    for n in range(3 * REMEMBERED):
        ages.of(wall.ms - n)
    assert len(ages._met) == REMEMBERED


def keeper(world: VirtualWorld, wall: Wall) -> BackupClock:
    journal = cast("Any", MemoryJournal())
    here = cast("Any", _World(world, wall))
    return BackupClock(here, STATE, Backup(), 1, journal, cast("Any", None), anyio.Lock(), digest=str)


class _World:
    def __init__(self, world: VirtualWorld, wall: Wall) -> None:
        self.disk, self.clock = world.disk, wall


def backup_of(world: VirtualWorld, monkeypatch: pytest.MonkeyPatch, *created_ms: int) -> None:
    """Backups with these times, the newest name first."""
    found = [_Manifest(f"{each}", each) for each in created_ms]
    for each in found:
        for folder in (STATE, STATE / FOLDER, STATE / FOLDER / each.name):
            world.disk.mkdir(folder)
        world.disk.write_replace(STATE / FOLDER / each.name / MANIFEST, b"{}", keep_previous=False)
    monkeypatch.setattr("playd.ops.backup_clock.newest_first", lambda _disk, _state: iter(found))


class _Manifest:
    def __init__(self, name: str, created_ms: int) -> None:
        self.name, self.created_ms = name, created_ms


def test_a_backup_from_a_time_yet_to_come_is_not_the_youngest(monkeypatch: pytest.MonkeyPatch) -> None:
    world, wall = virtual_world(), Wall()
    clock = keeper(world, wall)
    backup_of(world, monkeypatch, wall.ms + 5 * HOUR_MS, wall.ms - 2 * HOUR_MS, wall.ms - 3 * HOUR_MS)
    assert clock.age_s() == 7200.0
    backup_of(world, monkeypatch, wall.ms + 5 * HOUR_MS)
    assert clock.age_s() is None


def test_the_last_one_that_was_made_here_is_as_old_as_it_is_though_another_bears_a_later_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, wall = virtual_world(), Wall()
    clock = keeper(world, wall)
    backup_of(world, monkeypatch, wall.ms)
    assert clock.age_s() == 0.0
    wall.go_on(3600.0)
    wall.ms -= 3 * HOUR_MS  # somebody sets the clock back, and the next one is made
    backup_of(world, monkeypatch, wall.ms + 2 * HOUR_MS, wall.ms)
    clock.made[:] = [cast("Any", _Manifest(f"{wall.ms}", wall.ms))]
    wall.go_on(60.0)
    assert clock.age_s() == 60.0
    world.disk.remove_tree(STATE / FOLDER / clock.made[0].name)
    assert clock.age_s() == 3660.0


def test_a_list_of_backups_has_no_age_for_a_time_yet_to_come() -> None:
    made = cast("Any", _Manifest("a", 10 * HOUR_MS))
    made.size_bytes, made.version, made.files = 1, "1", ()
    made.head = cast("Any", type("Head", (), {"seq": 1, "hash": "x"}))
    assert describe(made, 8 * HOUR_MS)["age_s"] is None
    row = describe(made, 11 * HOUR_MS, verified_ms=12 * HOUR_MS)
    assert (row["age_s"], row["verified_age_s"]) == (3600.0, None)


def test_a_look_at_the_chain_grows_old_by_the_monotonic_clock_and_one_that_is_yet_to_come_was_none() -> None:
    wall, meta = Wall(), dict[str, str]()
    ledger = SimpleNamespace(meta=meta.get, set_meta=meta.__setitem__)
    world = SimpleNamespace(clock=wall)
    parts: Any = (world, STATE, None, ledger, None, None, 31)
    watch = ChainWatch(*parts)
    assert watch.verified_age_s() is None
    watch._note_verified()
    wall.ms -= 5 * HOUR_MS
    wall.now_s += 50 * 3600.0
    assert watch.verified_age_s() == 50 * 3600.0
    assert watch._older_than(48 * 3600.0)
    assert ChainWatch(*parts).verified_age_s() is None, "the next life meets a time that is ahead of its clock"
