"""`playd drill`: list the drills, run one, run them all."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import anyio

from playd.control.render import Output, json_text, render_rows
from playd.control.tables import Column, word
from playd.core.errors import PlaydError
from playd.ops.drills.catalog import BY_ID, DRILLS, Drill
from playd.ops.drills.evidence import code_digest
from playd.ops.drills.run import Outcome, compile_plays, run_drill
from playd.ops.drills.scenarios.built import SCENARIOS
from playd.supervisor.edge import first_of
from playd.world.ports import Signal, World
from playd.world.real import real_world
from playd.world.real import run as run_loop

EXIT_FAILED: Final = 1
"""Of one drill, whether something did not hold or it could not be run: it proves nothing either way."""

EXIT_SOME_FAILED: Final = 10
"""Of all of them."""

EXIT_NOT_BUILT: Final = 2
EXIT_INTERRUPTED: Final = 130
ALL: Final = "all"

OURS: Final = ("PLAYD_", "BYBIT_", "TRADING_MODE", "CONFIRM_LIVE_TRADING")
SERVICE: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
SERVICE_DIRECTORIES: Final = ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY")
"""Variables that would lead the programs of a drill to somebody's real keys, settings or state."""

WAITING_AT_ONCE: Final = 3
"""Drills that mostly wait, beside the others."""

LIST_COLUMNS: Final = (
    Column("DRILL", word("id")),
    Column("LEVEL", word("level"), right=True),
    Column("NAME", word("name")),
    Column("HERE", word("here")),
    Column("FAULT", word("fault")),
    Column("MUST HOLD", word("holds"), wide=True),
)
RUN_COLUMNS: Final = (
    Column("FAULT", word("fault")),
    Column("SEEN", word("seen")),
    Column("RECOVERY", word("recovery"), right=True),
    Column("LIMIT", word("limit"), right=True),
    Column("VERDICT", word("verdict")),
)
ALL_COLUMNS: Final = (
    Column("DRILL", word("id")),
    Column("NAME", word("name")),
    Column("TOOK", word("took"), right=True),
    Column("WORST", word("worst"), right=True),
    Column("NAKED", word("naked"), right=True),
    Column("INVARIANTS", word("invariants"), right=True),
    Column("VERDICT", word("verdict")),
)


class NoSuchDrill(PlaydError):
    """There is no drill of that number."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """The arguments of `playd drill run`: a drill's number, or `all`, of which `jobs` run at a time."""

    drill: str
    state: str
    as_json: bool
    jobs: int


def list_drills(*, as_json: bool, wide: bool) -> int:
    """Print every drill and whether this version can run it."""
    rows = [
        {
            "id": drill.id,
            "level": drill.level,
            "name": drill.name,
            "here": "yes" if drill.id in SCENARIOS else "not built",
            "fault": drill.fault,
            "holds": drill.holds,
        }
        for drill in DRILLS
    ]
    output = Output.JSON if as_json else Output.WIDE if wide else Output.TABLE
    print(render_rows(rows, LIST_COLUMNS, output))
    return 0


def run_drills(options: DrillOptions) -> int:
    """
    Run one drill or all of them; 0 passed, 2 not built; else 1 for one drill and 10 for all, also where one could not be run.

    Raises `NoSuchDrill`, `SettingsError`, `OSError`.
    """
    chosen = _chosen(options.drill)
    if not chosen:
        return EXIT_NOT_BUILT
    world = real_world()
    names = [name for name in world.env.names() if name.startswith(OURS) or name in (*SERVICE, *SERVICE_DIRECTORIES)]
    state = world.process.working_dir() / (options.state or world.env.get("PLAYD_STATE_DIR") or "state")
    world.env.forget(names)
    try:
        return run_loop(lambda given: _main(given, chosen, state, options), world)
    except BaseExceptionGroup as group:
        known = first_of(group, PlaydError)
        if known is None:
            raise
        raise known from group


def _chosen(name: str) -> tuple[Drill, ...]:
    """The drills to run; none, with a word why, of one that is not built. Raises `NoSuchDrill`."""
    if name == ALL:
        return tuple(drill for drill in DRILLS if drill.id in SCENARIOS)
    number = name.upper().removeprefix("DRL-")
    drill = BY_ID.get(f"DRL-{number.zfill(2)}")
    if drill is None:
        raise NoSuchDrill(f"no drill {name!r}; `playd drill list` shows all, such as DRL-13")
    if drill.id not in SCENARIOS:
        _say(f"playd: {drill.id} ({drill.name}) is not built in this version; `playd drill list` shows what is")
    return (drill,) if drill.id in SCENARIOS else ()


async def _main(world: World, drills: Sequence[Drill], state: PurePath, options: DrillOptions) -> int:
    """Run the drills, some at a time, unless a signal comes: then everything is cleaned up first."""
    outcomes: dict[str, Outcome] = {}
    limiter = anyio.CapacityLimiter(max(options.jobs, 1))
    beside = anyio.CapacityLimiter(WAITING_AT_ONCE) if options.jobs > 1 else limiter
    code = code_digest(world.disk)
    interrupted = False

    async def on_signal() -> None:
        nonlocal interrupted
        with world.process.signals() as signals:
            async for signal in signals:
                if signal in (Signal.TERM, Signal.INT):
                    interrupted = True
                    group.cancel_scope.cancel()

    async def one(drill: Drill) -> None:
        async with beside if drill.waits else limiter:
            _say(f"{drill.id} {drill.name}: {drill.fault} …")
            outcome = await run_drill(world, drill, SCENARIOS[drill.id], state_dir=state, code=code)
            if outcome.refused and len(drills) > 1:
                # Beside others a start may take too long; what is not run proves nothing.
                _tell(outcome, options)
                outcome = await run_drill(world, drill, SCENARIOS[drill.id], state_dir=state, code=code)
        outcomes[drill.id] = outcome
        _tell(outcome, options)

    async with anyio.create_task_group() as group:
        group.start_soon(on_signal)
        await compile_plays(world)
        async with anyio.create_task_group() as running:
            # The long ones first, so that none is left alone at the end.
            for drill in sorted(drills, key=lambda each: -each.deadline_s):
                running.start_soon(one, drill, name=drill.id)
        group.cancel_scope.cancel()
    if interrupted:
        _say("interrupted; every process of the drill has ended")
        return EXIT_INTERRUPTED
    in_order = [outcomes[drill.id] for drill in drills]
    _tell_all(in_order, options)
    return exit_code(in_order, options.drill)


def exit_code(outcomes: Sequence[Outcome], wanted: str) -> int:
    """How `playd drill run` ends behind these outcomes, `wanted` being what was asked for."""
    if all(outcome.passed for outcome in outcomes):
        return 0
    return EXIT_SOME_FAILED if wanted == ALL else EXIT_FAILED


def _tell(outcome: Outcome, options: DrillOptions) -> None:
    """The table of one drill, and where its evidence lies."""
    if outcome.refused:
        _say(f"playd: {outcome.drill.id} could not be run: {outcome.refused}")
    elif not options.as_json:
        print(render_rows(_rows(outcome), RUN_COLUMNS, Output.TABLE))
        _say(f"{outcome.drill.id} {_verdict(outcome)} in {outcome.duration_s:.0f} s; evidence {outcome.evidence}")
    if outcome.report.left_behind is not None:
        _say(f"logs and ledgers are left in {outcome.report.left_behind}")


def _rows(outcome: Outcome) -> list[dict[str, Any]]:
    report = outcome.report
    rows: list[dict[str, Any]] = [
        {
            "fault": line.fault,
            "seen": line.seen,
            "recovery": _seconds(line.recovery_s),
            "limit": _seconds(line.limit_s),
            "verdict": "held" if line.passed else "FAILED",
        }
        for line in report.lines
    ]
    broken = [(each.id, text) for each in report.invariants for text in each.violations]
    rows += [{"fault": f"invariant {number}", "seen": text, "verdict": "FAILED"} for number, text in broken]
    held = [each for each in report.invariants if not each.violations]
    if held:
        seen = f"{len(held)} invariants held in {sum(each.checks for each in held)} checks"
        rows.append({"fault": "both ledgers", "seen": seen, "verdict": "held"})
    return rows


def _tell_all(outcomes: Sequence[Outcome], options: DrillOptions) -> None:
    if options.as_json:
        records = [outcome.record or {"drill": outcome.drill.id, "refused": outcome.refused} for outcome in outcomes]
        print(json_text(records if options.drill == ALL else records[0]))
    elif options.drill == ALL:
        print(render_rows([_summary(outcome) for outcome in outcomes], ALL_COLUMNS, Output.TABLE))


def _summary(outcome: Outcome) -> dict[str, Any]:
    report = outcome.report
    return {
        "id": outcome.drill.id,
        "name": outcome.drill.name,
        "took": _seconds(outcome.duration_s),
        "worst": _seconds(report.worst_s),
        "naked": _seconds(report.naked_s),
        "invariants": f"{sum(not each.violations for each in report.invariants)}/{len(report.invariants)}",
        "verdict": _verdict(outcome),
    }


def _verdict(outcome: Outcome) -> str:
    return "not run" if outcome.refused else "passed" if outcome.passed else "FAILED"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _say(text: str) -> None:
    print(text, file=sys.stderr)
