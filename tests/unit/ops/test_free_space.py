"""Low space stops new risk in time, and space alone lifts only what a rule may lift."""

from pathlib import PurePath

from structlog.testing import capture_logs

from playd.ops.free_space import CODE, FreeSpace
from playd.orders.halts import ALL, Halts, Level
from playd.orders.ledger import Ledger
from playd.settings.model import Disk as DiskSettings
from playd.world.virtual import virtual_world
from tests.simulation.order_world import MemoryJournal

MIB = 1024 * 1024


class Desk:
    """The halts of a daemon that can write them down, and what the space raised; the kill file's own halt is none of it."""

    def __init__(self) -> None:
        world, state_dir = virtual_world(), PurePath("/state")
        world.disk.mkdir(state_dir)
        ledger = Ledger.open(world.disk, world.clock, state_dir / "ledger.sqlite")
        self._journal = MemoryJournal()
        self.halts = Halts(ledger, world.disk, world.clock, self._journal, state_dir)

    @property
    def levels(self) -> list[int]:
        return sorted(int(halt.level) for halt in self.halts.in_force(ALL) if halt.code == CODE)

    @property
    def raised(self) -> list[str]:
        return [data["text"] for kind, data in self._journal.records if kind == "halt.raised" and data["code"] == CODE]

    def resume(self, *levels: Level) -> None:
        """What a person does: lift the halts of these levels."""
        for halt in self.halts.in_force(ALL):
            if halt.level in levels:
                self.halts.lift(halt.id, by="uid:1(a)", note="looked at it")


def test_each_floor_raises_its_level_and_room_lifts_the_pause() -> None:
    world, desk = virtual_world(), Desk()
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk.halts)
    seen = []
    for free_mib in (4000, 1024, 1023, 1000, 255, 100, 1126, 1127):
        world.disk.fill(free_mib * MIB)
        assert space.look() == free_mib
        seen.append((int(space.level), space.low, desk.levels))
    assert seen == [
        (0, False, []),
        (0, False, []),
        (1, True, [1]),
        (1, True, [1]),
        (2, True, [1, 2]),
        (2, True, [1, 2]),
        (1, True, [1, 2]),
        (0, False, [2]),
    ]
    assert desk.raised == ["1023 MiB free in /", "255 MiB free in /"]


def test_space_that_falls_past_a_floor_and_comes_back_half_way_pauses_behind_a_person_who_resumed() -> None:
    world, desk = virtual_world(), Desk()
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk.halts)
    levels = []
    for free_mib in (4000, 200, 500, 200, 100):
        world.disk.fill(free_mib * MIB)
        space.look()
        levels.append(desk.levels)
        desk.resume(Level.HALT)
    assert levels == [[], [1, 2], [1], [1, 2], [1, 2]]


def test_space_that_moves_about_the_floor_pauses_once() -> None:
    world, desk = virtual_world(), Desk()
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk.halts)
    for turn in range(360):
        world.disk.fill((1023 + turn % 2) * MIB)
        space.look()
    assert (desk.raised, desk.levels) == (["1023 MiB free in /"], [1])


def test_a_level_for_want_of_space_may_be_lifted_where_there_is_room_again() -> None:
    world, desk = virtual_world(), Desk()
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk.halts)
    found = []
    for free_mib in (200, 300, 1100, 1200):
        world.disk.fill(free_mib * MIB)
        found.append([space.refusal(level) for level in (Level.HALT, Level.PAUSE)])
    assert found == [
        ["200 MiB free in /, 256 MiB expected", "200 MiB free in /, 1127 MiB expected"],
        ["", "300 MiB free in /, 1127 MiB expected"],
        ["", "1100 MiB free in /, 1127 MiB expected"],
        ["", ""],
    ]


def test_a_warning_comes_first_and_once() -> None:
    world, desk = virtual_world(), Desk()
    world.disk.fill(1500 * MIB)
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk.halts)
    with capture_logs() as logs:
        space.look()
        space.look()
    assert [(line["event"], line["log_level"], line["value"]) for line in logs] == [("disk.low", "warning", 1500)]
    assert desk.raised == []
