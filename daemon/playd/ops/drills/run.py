"""One drill from beginning to end: stage, scenario, judgement, record."""

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

import anyio

from playd.core.canonical import Json
from playd.ops.drills.afterwards import half_an_hour
from playd.ops.drills.catalog import Drill
from playd.ops.drills.consequences import judged
from playd.ops.drills.evidence import evidence, write_evidence
from playd.ops.drills.judgement import judge
from playd.ops.drills.plays import BUSY, DUE_WHILE_AWAY, PLAYS, WHILE_AWAY, with_limit_entries, with_trailing_stop
from playd.ops.drills.report import CannotRun, DrillError, Report
from playd.ops.drills.scenarios.built import Scenario
from playd.ops.drills.stage import SEED, Stage, staged
from playd.supervisor.edge import first_of, say
from playd.world.ports import World

COMPILER: Final = "playd.cli.compile_kernels"
JUDGED_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a drill. `refused` says why it could not be run; there is no evidence then."""

    drill: Drill
    report: Report
    duration_s: float
    refused: str = ""
    evidence: PurePath | None = None
    record: dict[str, Json] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.refused and self.report.passed


async def run_drill(world: World, drill: Drill, scenario: Scenario, *, state_dir: PurePath, code: str) -> Outcome:
    """
    Run one drill within its deadline and keep its evidence below `state_dir`.

    Every process of it has ended when this returns or raises, cancellation included; its directory is gone too, unless it did
    not pass. Raises `SettingsError`, and `OSError` when the evidence cannot be written.
    """
    report = Report.begin(world.clock)
    refused = ""
    async with staged(world, report) as stage:
        with anyio.move_on_after(drill.deadline_s) as bound:
            refused = await _play(scenario, drill, stage, report)
        if bound.cancelled_caught:
            report.missed("the drill", f"not over within {drill.deadline_s:g} s", limit_s=drill.deadline_s)
        if not refused:
            await _judge(stage, drill, report)
        if refused or not report.passed:
            report.left_behind = stage.directory
    duration_s = world.clock.mono_s() - report.began_s
    if refused:
        return Outcome(drill, report, duration_s, refused)
    record = evidence(drill, report, seed=SEED, code=code, duration_s=duration_s)
    return Outcome(drill, report, duration_s, evidence=write_evidence(world.disk, state_dir, record), record=record)


async def compile_plays(world: World) -> None:
    """
    Machine code for the Plays of every drill, in a child: daemons that begin together would each compile the same, and how long
    that takes on a busy machine says nothing about a daemon.
    """
    async with staged(world, Report.begin(world.clock)) as stage:
        plays = {**PLAYS, **WHILE_AWAY, **DUE_WHILE_AWAY, "limits": with_trailing_stop(with_limit_entries(PLAYS[BUSY]))}
        stage.configure(plays=plays)
        await world.process.run_module(COMPILER, [str(stage.directory / f"{name}.yml") for name in plays])


async def _play(scenario: Scenario, drill: Drill, stage: Stage, report: Report) -> str:
    """
    Play the scenario and the half hour behind it; why it could not be played when nothing was done yet, else empty and
    everything is in the report.
    """
    try:
        await scenario(stage)
        await half_an_hour(stage, drill)
    except Exception as error:  # noqa: BLE001 - whatever stands in the way of a drill is its result; its processes end above
        if first_of(error, DrillError) is None:
            if not report.faults:
                return _why(error)
            report.missed("the drill", _why(error))
    return ""


async def _judge(stage: Stage, drill: Drill, report: Report) -> None:
    try:
        with anyio.fail_after(JUDGED_WITHIN_S):
            await judge(stage)
        for held, seen in judged(drill, report.found):
            report.require(held, "all that followed", seen)
    except Exception as error:  # noqa: BLE001 - ledgers that cannot be read are a finding like any other
        report.missed("the judgement", _why(error))


def _why(error: Exception) -> str:
    known = first_of(error, CannotRun)
    return str(known) if known is not None else say(error)
