"""Low space stops new risk in time, and space alone lifts only what a rule may lift."""

from pathlib import PurePath

from structlog.testing import capture_logs

from playd.ops.free_space import FreeSpace
from playd.orders.halts import Halt, Level
from playd.settings.model import Disk as DiskSettings
from playd.world.virtual import virtual_world

MIB = 1024 * 1024


class Desk:
    """Levels in force on `all`, as `orders.halts` keeps them: one that is held is not raised again."""

    def __init__(self) -> None:
        self.held: dict[int, str] = {}
        self.raised: list[str] = []

    @property
    def levels(self) -> list[int]:
        return sorted(self.held)

    def raise_level(self, scope: str, level: Level, code: str, text: str) -> Halt:
        if int(level) not in self.held:
            self.held[int(level)] = text
            self.raised.append(text)
        return Halt(1, scope, level, code, text, "daemon", 0)

    def lift_pauses(self, scope: str, code: str, note: str) -> None:
        self.held.pop(int(Level.PAUSE), None)


def test_each_floor_raises_its_level_and_room_lifts_the_pause() -> None:
    world, desk = virtual_world(), Desk()
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk)
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
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk)
    levels = []
    for free_mib in (4000, 200, 500, 200, 100):
        world.disk.fill(free_mib * MIB)
        space.look()
        levels.append(desk.levels)
        desk.held.pop(int(Level.HALT), None)  # a person resumes
    assert levels == [[], [1, 2], [1], [1, 2], [1, 2]]


def test_space_that_moves_about_the_floor_pauses_once() -> None:
    world, desk = virtual_world(), Desk()
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk)
    for turn in range(360):
        world.disk.fill((1023 + turn % 2) * MIB)
        space.look()
    assert (desk.raised, desk.levels) == (["1023 MiB free in /"], [1])


def test_a_level_for_want_of_space_may_be_lifted_where_there_is_room_again() -> None:
    world, desk = virtual_world(), Desk()
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk)
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
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk)
    with capture_logs() as logs:
        space.look()
        space.look()
    assert [(line["event"], line["log_level"], line["value"]) for line in logs] == [("disk.low", "warning", 1500)]
    assert desk.raised == []
