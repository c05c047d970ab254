"""Low space stops new risk in time, and space alone lifts only what a rule may lift."""

from pathlib import PurePath

from structlog.testing import capture_logs

from playd.ops.free_space import FreeSpace
from playd.orders.halts import Halt, Level
from playd.settings.model import Disk as DiskSettings
from playd.world.virtual import virtual_world

MIB = 1024 * 1024


class Desk:
    """Remembers what was asked of the halts."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def raise_level(self, scope: str, level: Level, code: str, text: str) -> Halt:
        self.asked.append((f"raise {scope} {code} {text}", int(level)))
        return Halt(1, scope, level, code, text, "daemon", 0)

    def lift_pauses(self, scope: str, code: str, note: str) -> None:
        self.asked.append((f"lift {scope} {code} {note}", 1))


def test_each_floor_raises_its_level_once_and_room_lifts_the_pause() -> None:
    world, desk = virtual_world(), Desk()
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk)
    for free_mib in (4000, 1023, 1000, 255, 100, 1024):
        world.disk.fill(free_mib * MIB)
        assert space.look() == free_mib
    assert desk.asked == [
        ("lift all DISK 4000 MiB free in /", 1),
        ("raise all DISK 1023 MiB free in /", 1),
        ("raise all DISK 255 MiB free in /", 2),
        ("lift all DISK 1024 MiB free in /", 1),
    ]


def test_a_warning_comes_first_and_once() -> None:
    world, desk = virtual_world(), Desk()
    world.disk.fill(1500 * MIB)
    space = FreeSpace(world.disk, PurePath("/"), DiskSettings(), desk)
    with capture_logs() as logs:
        space.look()
        space.look()
    assert [(line["event"], line["log_level"], line["value"]) for line in logs] == [("disk.low", "warning", 1500)]
    assert [what for what, _ in desk.asked if what.startswith("raise")] == []
