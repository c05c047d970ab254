"""A resume never opens what the space of the disk holds, and never says that it did."""

from pathlib import PurePath
from typing import Any

import pytest

from playd.control.halt_methods import lift_halt
from playd.control.params import LiftHalt
from playd.control.protocol import Code, RpcError
from playd.ops.free_space import FreeSpace
from playd.orders.halts import ALL, Level
from playd.settings.model import Disk as DiskSettings
from tests.unit.control.test_halts_of_a_closed_account import CALL, starting

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


def daemon_with(free_mib: int) -> Any:
    """A daemon that measured so much free space, and whose accounts are all flat and agree."""
    daemon = starting()
    daemon.ops.space = FreeSpace(daemon.ops.world.disk, PurePath("/state"), DiskSettings(), daemon.halts)
    measured(daemon, free_mib)
    return daemon


def measured(daemon: Any, free_mib: int) -> None:
    daemon.ops.world.disk.fill(free_mib * MIB)
    daemon.ops.space.look()


async def resume(daemon: Any) -> Any:
    """As the runbook says it: without the kill file that a halt left."""
    if daemon.halts.kill_files_there:
        daemon.ops.world.disk.remove(daemon.halts.kill_file)
    return await lift_halt(daemon, LiftHalt(request_id="r", scope="all", reason="seen", confirm="RESUME all"), CALL)


def in_force(daemon: Any) -> list[tuple[int, str]]:
    return [(int(halt.level), halt.code) for halt in daemon.halts.in_force(ALL) if halt.code != "KILL_FILE"]


async def test_a_resume_half_way_lifts_the_halt_and_leaves_the_pause() -> None:
    daemon = daemon_with(200)
    daemon.ops.world.disk.fill(300 * MIB)
    answer = await resume(daemon)
    assert in_force(daemon) == [(1, "DISK")]
    assert (answer["lifted_level"], [row["code"] for row in answer["still_in_force"]]) == (2, ["DISK"])


async def test_a_pause_of_a_person_is_lifted_beside_the_one_of_the_disk() -> None:
    daemon = daemon_with(500)
    daemon.halts.raise_level(ALL, Level.PAUSE, "OPERATOR", "lunch", actor="uid:1(me)")
    await resume(daemon)
    assert in_force(daemon) == [(1, "DISK")]


@pytest.mark.parametrize(("free_mib", "due_mib"), [(100, 256), (500, 1127)])
async def test_nothing_is_lifted_where_only_the_disk_holds_it(free_mib: int, due_mib: int) -> None:
    daemon = daemon_with(free_mib)
    before = in_force(daemon)
    with pytest.raises(RpcError, match=f"{free_mib} MiB free in /state, {due_mib} MiB expected") as refused:
        await resume(daemon)
    assert (refused.value.code, refused.value.reason) == (Code.REFUSED, "not_resolved")
    assert in_force(daemon) == before


async def test_space_that_goes_while_the_books_are_compared_is_seen_before_anything_is_lifted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = daemon_with(200)
    daemon.ops.world.disk.fill(300 * MIB)

    async def compared(*_: object) -> None:
        daemon.ops.world.disk.fill(100 * MIB)

    monkeypatch.setattr("playd.control.halt_methods._refuse_unless_resolved", compared)
    with pytest.raises(RpcError, match="100 MiB free"):
        await resume(daemon)
    assert in_force(daemon) == [(2, "DISK"), (1, "DISK")]
