"""
Half an hour of market behind the last fault of a drill, in which nothing is done.

What must be true then is the same for every drill: everybody decides bars again, on the values of a run that nothing disturbed;
no halt and no incident is left but those that the drill says a person must lift.
"""

from datetime import UTC, datetime
from typing import Any, Final

from playd.core.orders import OrderState
from playd.market.synthetic import MORE_SYMBOLS, SYMBOLS, SyntheticFeed
from playd.ops.drills.catalog import Drill
from playd.ops.drills.decisions import PEOPLE
from playd.ops.drills.programs import epoch_ms, until
from playd.ops.drills.stage import ANSWERED, SEED, Stage
from playd.ops.drills.undisturbed import told_truths, truths
from playd.plays.load import load_play

AFTER_BARS: Final = 30
DOUBT_ENDS_S: Final = 80.0
"""An order that the venue refused while its answer was lost is nowhere to be found: a minute of proof ends its doubt."""

SETTLED_S: Final = 20.0

OF_A_DAY: Final = ("SLO_RECON_MATCH",)
"""Figures over a day, which one fault spoils for that long."""

HAPPENED: Final = (
    *("GUARDIAN_STOP", "FORCED_CLOSE", "MANUAL_CLOSE", "MANUAL_STOP", "STATE_DAMAGED", "INSTANCE_FAILED", "STOP_LOST"),
)
"""Incidents that tell of something that happened: no rule can see its end, a person closes them."""

BY_HAND: Final = ("MANUAL_STOP",)
"""What a drill leaves that takes a stop away by hand: the symbol is paused until a person has looked."""

FAULT: Final = "half an hour later"
MARKETS: Final = (*SYMBOLS, *MORE_SYMBOLS)
"""A symbol is drawn by its place in this list, however many of it an exchange has."""


async def half_an_hour(stage: Stage, drill: Drill) -> None:
    """Let thirty bars pass behind a drill and look at what is left of it."""
    await stage.exchange.admin("DELETE", "faults")

    async def no_doubt() -> bool:
        return not any(row["state"] == OrderState.UNKNOWN for row in stage.table("orders"))

    await until(no_doubt, DOUBT_ENDS_S)
    passed = await stage.bars_pass(AFTER_BARS)
    stage.report.require(passed, FAULT, f"{AFTER_BARS} bars are decided by every instance that runs")
    if passed:
        await _settled(stage, drill)
        await _as_undisturbed(stage)


async def _settled(stage: Stage, drill: Drill) -> None:
    """What a rule raised a rule has lifted, and what needs a person is what the drill says."""

    async def only_known() -> bool:
        return not _halts(stage, drill) and not _incidents(stage, drill)

    await until(only_known, SETTLED_S)
    halts, incidents = _halts(stage, drill), _incidents(stage, drill)
    stage.report.require(not halts, FAULT, f"halts that nobody expects: {', '.join(halts) or 'none'}")
    stage.report.require(not incidents, FAULT, f"critical incidents that nobody expects: {', '.join(incidents) or 'none'}")
    await _closed_by_a_person(stage, drill)
    if drill.incident:
        _opened_and_closed(stage, drill.incident)


async def _closed_by_a_person(stage: Stage, drill: Drill) -> None:
    """What tells of something that happened once is closed by whoever has looked; the rest must have closed by itself."""
    listed = await stage.ctl("incident", "list", "--json")
    for row in listed.data if listed.code in ANSWERED else ():
        if row["kind"] in HAPPENED and row["kind"] not in drill.stays:
            await stage.ctl("incident", "resolve", row["id"], "--note", "drilled")


def _opened_and_closed(stage: Stage, kind: str) -> None:
    """The incident of a drill was opened, and is closed: by itself, or by a person where it tells of what happened once."""
    found = _of_kind(stage, kind)
    closed = bool(found) and all(row["resolved_ms"] is not None for row in found)
    by = "a person" if kind in HAPPENED else "itself"
    seen = f"opened, and {f'closed by {by}' if closed else 'is open still'}" if found else "never opened"
    stage.report.require(closed, FAULT, f"incident {kind} was {seen}")


def _of_kind(stage: Stage, kind: str) -> list[dict[str, Any]]:
    """Every incident of a kind, on whatever scope."""
    return [row for row in stage.table("incidents") if row["kind"] == kind]


def _halts(stage: Stage, drill: Drill) -> list[str]:
    """Halts in force that neither a person raised nor the drill leaves to one."""
    known = (*drill.leaves, *BY_HAND)
    left = [row for row in stage.table("halts") if row["lifted_ms"] is None and row["code"] not in known]
    rows = [row for row in left if not row["actor"].startswith(PEOPLE)]
    return [f"{row['code']} level {row['level']} on {row['scope']}" for row in rows]


def _incidents(stage: Stage, drill: Drill) -> list[str]:
    known = open_until_closed(drill)
    rows = [row for row in stage.table("incidents") if row["resolved_ms"] is None and row["severity"] == "critical"]
    return [f"{row['kind']} on {row['scope']}" for row in rows if row["kind"] not in known]


def open_until_closed(drill: Drill) -> frozenset[str]:
    """
    Kinds of incidents that may be open before a person has closed any: what the drill says stays, its own, figures over a day,
    and what tells of something that happened and is named among what its fault leads to.
    """
    told = {*drill.opens, *drill.may_open}.intersection(HAPPENED)
    halted = ("HALTED",) if drill.leaves else ()
    return frozenset((*drill.leaves, *drill.stays, drill.incident, *OF_A_DAY, *told, *halted))


async def _as_undisturbed(stage: Stage) -> None:
    """The newest bar of every running instance is decided on the values of a run that nothing disturbed."""
    await stage.exchange.hold()
    names = [row["name"] for row in await stage.instances() if row["name"] in stage.plays]
    differing = [found for name in names if (found := await unlike_drawn(stage, name))]
    seen = f"the next decision of {len(names)} of {len(stage.plays)} instances, which run, is that of an undisturbed run"
    stage.report.require(names and not differing, FAULT, f"other values: {', '.join(differing)}" if differing else seen)


async def unlike_drawn(stage: Stage, name: str, close_ms: int | None = None) -> str:
    """
    Which decision of an instance (the newest one, or that of the bar that closed at `close_ms`) rests on other values than in a
    run over the market as it was drawn, as text; empty when it is that run's.
    """
    at = () if close_ms is None else ("--at", f"{datetime.fromtimestamp(close_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}")
    ran = await stage.ctl("explain", name, *at, "--json")
    told = ran.data["explanation"] if ran.code == 0 else None
    if told is None:
        return f"{name} explains nothing: {ran.text.strip()[:200]}"
    play, told_ms = load_play(stage.plays[name], name), epoch_ms(told["time"])
    (anchor_ms,) = (row["anchor_ms"] for row in stage.table("instances") if row["name"] == name)
    candles = SyntheticFeed(SEED, symbols=MARKETS).candles(play.symbol, anchor_ms, told_ms)
    return "" if truths(play, candles, told_ms) == told_truths(told) else f"{name} at {told['time']}"
