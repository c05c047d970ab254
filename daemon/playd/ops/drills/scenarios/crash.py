"""
DRL-28: one instance has a bug and raises at every bar, beside forty-nine good ones.

It is quarantined at its fourth crash with its position covered, and a bar in which it crashes costs the others nothing.
"""

from collections import defaultdict
from statistics import median
from typing import Any, Final

from playd.ops.drills.bad_host import ENGINE
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, crowd
from playd.ops.drills.programs import epoch_ms, until
from playd.ops.drills.report import CannotRun
from playd.ops.drills.scenarios.steps import TRADED_S, holds_still, lifted_by_a_person, no_gaps
from playd.ops.drills.stage import SPEED, Stage

CROWD: Final = 45
"""With the five of every stage they are fifty."""

CRASHES: Final = 4
QUARANTINE_S: Final = 90.0
RETURNS_S: Final = 60.0
QUIET_BATCHES: Final = 12
DELAYED_S: Final = 0.05


async def crash_loop(stage: Stage) -> None:
    fault = "an instance raises at every bar"
    stage.on_a_bad_host()
    await stage.open(crowd=crowd(CROWD))
    quiet_ms = await _quiet_spreads(stage)
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    began_ms = stage.world.clock.wall_ms()
    began_s = stage.host(ENGINE, kind="bug", play=BUSY)
    await stage.exchange.release(SPEED)

    async def quarantined() -> Any:
        return next((row for row in stage.table("instances") if row["name"] == BUSY and row["failed_code"]), None)

    seen = "quarantined as {failed_code}: {failed_text}"
    await stage.expect(fault, quarantined, lambda row: seen.format(**row), QUARANTINE_S, since_s=began_s)
    halt = stage.halt("INSTANCE_FAILED")
    stage.report.require(halt is not None and halt["level"] == 2, fault, "the instance is at level 2")
    crashes_ms = [at_ms for at_ms in _crashes(stage) if at_ms >= began_ms]
    stage.report.require(len(crashes_ms) == CRASHES, fault, f"{len(crashes_ms)} crashes")
    await _covered_or_closed(stage, fault)
    rows = {row["name"]: row for row in await stage.instances()}
    stage.report.require(BUSY not in rows and len(rows) == len(stage.running) - 1, fault, f"the {len(rows)} others decide bars")
    no_gaps(stage, fault, but=BUSY)
    _not_delayed(stage, fault, quiet_ms, crashes_ms)
    await _comes_back(stage)


async def _quiet_spreads(stage: Stage) -> list[float]:
    """From the first to the last decision of a bar by the good ones, bar by bar, in ms, while nothing is done."""
    since_ms = stage.world.clock.wall_ms()

    async def enough() -> list[float]:
        found = [float(last - first) for first, last in _batches(stage, since_ms)]
        return found if len(found) >= QUIET_BATCHES else []

    found = await until(enough, TRADED_S)
    if found is None:
        raise CannotRun(f"not {QUIET_BATCHES} bars of everybody within {TRADED_S:g} s")
    return found


def _batches(stage: Stage, since_ms: int) -> list[tuple[int, int]]:
    """When the first and the last of the good ones had decided a bar, for every bar that all of them have since then."""
    bad = stage.uid_of(BUSY)
    decided: defaultdict[int, list[int]] = defaultdict(list)
    for row in stage.table("bars"):
        if row["instance"] != bad and row["processed_ms"] >= since_ms and not row["late"]:
            decided[row["close_ms"]].append(row["processed_ms"])
    return [(min(each), max(each)) for each in decided.values() if len(each) == len(stage.running) - 1]


def _nearest(batches: list[tuple[int, int]], at_ms: int) -> tuple[int, int]:
    return min(batches, key=lambda batch: abs(batch[0] - at_ms))


def _crashes(stage: Stage) -> list[int]:
    """When the instance crashed, by the log."""
    lines = [line for line in stage.daemon.said("instance.restart") if line["instance"] == BUSY]
    lines += [line for line in stage.daemon.said("instance.transition") if line["instance"] == BUSY and line["to"] == "failed"]
    return [epoch_ms(line["ts"]) for line in lines]


def _not_delayed(stage: Stage, fault: str, quiet_ms: list[float], crashes_ms: list[int]) -> None:
    """
    The last of the others decides a bar of a crash at most 50 ms later than a quiet one, both behind the first of them.

    The nearest bar to each crash is taken, and of those the quickest: a machine that does other things delays some bars by more
    than that, a crash that costs something would delay each. The exact bound is a law of the suite, in virtual time.
    """
    batches = _batches(stage, 0)
    crashed = [_nearest(batches, at_ms) for at_ms in crashes_ms if batches]
    if not crashed:
        stage.report.missed(fault, "no bar of the others to compare", limit_s=DELAYED_S)
        return
    usual, now = median(quiet_ms), min(last - first for first, last in crashed)
    worst = max(last - first for first, last in crashed)
    seen = f"from the first to the last of the others {now} to {worst} ms at a crash, {usual:.0f} ms before"
    stage.report.saw(fault, seen, recovery_s=max(now - usual, 0.0) / 1000, limit_s=DELAYED_S)


async def _covered_or_closed(stage: Stage, fault: str) -> None:
    """What the instance left is under its stop at the venue, which may have closed it."""
    venue = await stage.venue()
    held, stops = venue.positions[BUSY_SYMBOL], venue.stops(BUSY_SYMBOL)
    seen = f"{held} {BUSY_SYMBOL} are left under {len(stops)} stop"
    stage.report.require(not held or stops, fault, seen if held else f"{BUSY_SYMBOL} was closed by its stop")


async def _comes_back(stage: Stage) -> None:
    """The bug is mended: a person lets the instance begin again, on the values of a run without it."""
    fault = "the bug is mended"
    stage.host_is_well(ENGINE)
    await lifted_by_a_person(stage, f"instance:{BUSY}", fault, RETURNS_S)
    for command in ("reset-failed", "start"):
        ran = await stage.ctl(command, BUSY)
        stage.report.require(ran.code == 0, fault, f"`playctl {command}`: exit {ran.code}")

    async def decides() -> bool:
        return any(row["name"] == BUSY and row["state"] == "running" for row in await stage.instances())

    await stage.expect(fault, decides, "it decides bars again", RETURNS_S)
