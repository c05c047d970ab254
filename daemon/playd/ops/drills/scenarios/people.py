"""
DRL-27: the kill file is made and removed; only a person lifts what it raised. Then the directory of a second one is away, and
then nobody may look into the directories.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import anyio

from playd.ops.drills.bad_host import DISK
from playd.ops.drills.failing_disk import UNREADABLE
from playd.ops.drills.programs import until
from playd.ops.drills.report import DrillError
from playd.ops.drills.scenarios.steps import ON_ITS_WAY_S, entries, resume
from playd.ops.drills.stage import Stage
from playd.orders.halts import ALL

HALT_FILE: Final = "HALT"
HALTED_S: Final = 1.0
TRIES: Final = 3
WATCHED_S: Final = 6.0
RECOGNISED_S: Final = 30.0
BYTES: Final = b"by hand, with bytes that are no text: \x00\xff"


async def kill_file(stage: Stage) -> None:
    disk, path, elsewhere = stage.world.disk, stage.state / HALT_FILE, stage.directory / "elsewhere"
    disk.mkdir(elsewhere)
    stage.on_a_bad_host()
    await stage.open(settings=f'[halt]\nextra_file = "{elsewhere / HALT_FILE}"')

    async def halted() -> Any:
        return stage.halt("KILL_FILE")

    create = partial(disk.write_replace, path, BYTES, keep_previous=False)
    stage.report.inject("create", "kill file")
    await _everything_halted(stage, "kill file made", create, partial(disk.remove, path))
    await anyio.sleep(ON_ITS_WAY_S)
    before = await entries(stage)
    await anyio.sleep(WATCHED_S)
    stage.report.require(await entries(stage) == before, "kill file there", f"no entry arrives for {WATCHED_S:g} s")
    refused = await resume(stage, ALL)
    stage.report.require(refused.code == 8, "resume beside the file", f"refused with exit {refused.code}")
    stage.report.inject("remove", "kill file")
    disk.remove(path)
    await stage.stays("kill file removed", halted, "the halt stands", WATCHED_S)
    await _lifted(stage, "resume by a person")
    stage.report.inject("remove", "directory of the second kill file")
    away = "directory of the second kill file away"
    await _everything_halted(stage, away, partial(disk.remove_tree, elsewhere), partial(disk.mkdir, elsewhere))
    disk.mkdir(elsewhere)
    await _lifted(stage, "directory there again, resume by a person")
    close = partial(stage.host, DISK, kind=UNREADABLE, files=[HALT_FILE])
    await _everything_halted(stage, "directories unreadable", close, partial(stage.host_is_well, DISK))
    refused = await resume(stage, ALL)
    stage.report.require(refused.code == 8, "resume beside unreadable directories", f"refused with exit {refused.code}")
    stage.host_is_well(DISK)
    await stage.stays("directories readable", halted, "the halt stands", WATCHED_S)
    await _lifted(stage, "directories readable, resume by a person")


async def _lifted(stage: Stage, fault: str) -> None:
    lifted = await resume(stage, ALL)
    stage.report.require(lifted.code == 0, fault, f"exit {lifted.code}")


async def _everything_halted(stage: Stage, fault: str, make: Callable[[], object], end: Callable[[], object]) -> None:
    """
    Level 2 on everything, within a second by the halt's own stamp: how often we look is not the daemon's delay.

    A machine that does other things may keep a look waiting: what was later is ended by `end` and made again, three times at
    most. A daemon that looks too seldom is late each time.
    """

    async def halted() -> Any:
        return stage.halt("KILL_FILE")

    for left in reversed(range(TRIES)):
        made_ms = stage.world.clock.wall_ms()
        make()
        halt = await until(halted, RECOGNISED_S)
        if halt is None:
            stage.report.missed(fault, "no halt", limit_s=HALTED_S)
            raise DrillError
        took_s = max((halt["raised_ms"] - made_ms) / 1000, 0.0)
        if took_s <= HALTED_S or not left:
            seen = f"halt of level {halt['level']} on {halt['scope']}"
            stage.report.saw(fault, seen, recovery_s=took_s, limit_s=HALTED_S)
            stage.report.require(halt["level"] == 2 and halt["scope"] == ALL, fault, "level 2 on everything")
            return
        end()
        await _lifted(stage, f"{fault}, {took_s:.1f} s: once more")
