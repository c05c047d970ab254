"""DRL-27: the kill file is made and removed; only a person lifts what it raised. Then the directory of a second one is away."""

from typing import Any, Final

import anyio

from playd.ops.drills.programs import until
from playd.ops.drills.report import DrillError
from playd.ops.drills.scenarios.steps import entries, resume
from playd.ops.drills.stage import Stage
from playd.orders.halts import ALL

HALT_FILE: Final = "HALT"
HALTED_S: Final = 1.0
LOOKS_S: Final = 2.0
"""How much later a look that is taken each second may come on a machine that has other things to do."""

WATCHED_S: Final = 6.0
RECOGNISED_S: Final = 30.0


async def kill_file(stage: Stage) -> None:
    disk, path, elsewhere = stage.world.disk, stage.state / HALT_FILE, stage.directory / "elsewhere"
    disk.mkdir(elsewhere)
    await stage.open(guardian=False, settings=f'[halt]\nextra_file = "{elsewhere / HALT_FILE}"')

    async def halted() -> Any:
        return stage.halt("KILL_FILE")

    stage.report.inject("create", "kill file")
    disk.write_replace(path, b"by hand, with bytes that are no text: \x00\xff", keep_previous=False)
    await _everything_halted(stage, "kill file made")
    before = await entries(stage)
    await anyio.sleep(WATCHED_S)
    stage.report.require(await entries(stage) == before, "kill file there", f"no entry arrives for {WATCHED_S:g} s")
    refused = await resume(stage, "all")
    stage.report.require(refused.code == 8, "resume beside the file", f"refused with exit {refused.code}")
    stage.report.inject("remove", "kill file")
    disk.remove(path)
    await stage.stays("kill file removed", halted, "the halt stands", WATCHED_S)
    lifted = await resume(stage, "all")
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}")
    stage.report.inject("remove", "directory of the second kill file")
    disk.remove_tree(elsewhere)
    await _everything_halted(stage, "directory of the second kill file away")
    disk.mkdir(elsewhere)
    lifted = await resume(stage, "all")
    stage.report.require(lifted.code == 0, "directory there again, resume by a person", f"exit {lifted.code}")


async def _everything_halted(stage: Stage, fault: str) -> None:
    """
    Level 2 on everything, within a second by the halt's own stamp: how often we look is not the daemon's delay.

    Judged at three, because the machine may be busy with other things.
    """
    made_ms = stage.world.clock.wall_ms()

    async def halted() -> Any:
        return stage.halt("KILL_FILE")

    halt = await until(halted, RECOGNISED_S)
    if halt is None:
        stage.report.missed(fault, "no halt", limit_s=HALTED_S)
        raise DrillError
    took_s = max((halt["raised_ms"] - made_ms) / 1000, 0.0)
    seen = f"halt of level {halt['level']} on {halt['scope']}"
    stage.report.saw(fault, seen, recovery_s=took_s, limit_s=HALTED_S + LOOKS_S)
    stage.report.require(halt["level"] == 2 and halt["scope"] == ALL, fault, "level 2 on everything")
