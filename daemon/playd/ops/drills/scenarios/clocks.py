"""DRL-17: the venue's clock is another, then somebody sets ours."""

from functools import partial
from typing import Any, Final

from playd.ops.drills.bad_host import CLOCK
from playd.ops.drills.plays import HELD, HELD_SYMBOL
from playd.ops.drills.scenarios.steps import arm, bars_go_on, heal, hit_create, holds_still, is_over, no_gaps, stop_removed
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import ALL

EXIT_S: Final = 45.0
RETURNS_S: Final = 45.0
COVERED_S: Final = 40.0
SAMPLED_S: Final = 90.0
"""A sample of the venue's clock each minute; on a busy machine."""
STEP_SEEN_S: Final = 30.0
"""A look each second, and three samples of the venue's clock."""

SKEW_MS: Final = 5000
DRIFT_MS: Final = 400
DRIFTED_MS: Final = 1000
"""Beyond `clock.warn_ms`, then beyond `clock.stop_ms`."""


async def clock(stage: Stage) -> None:
    """DRL-17: the venue's clock is five seconds ahead, then five behind, then drifts; then somebody sets ours."""
    stage.on_a_bad_host()
    await stage.open()
    await _one_re_sign(stage)
    for by_ms in (SKEW_MS, -SKEW_MS):
        await holds_still(stage, HELD, HELD_SYMBOL)  # nothing is entered any more while everything is paused
        known = _clock_halts(stage)
        began_s = await arm(stage, "skew_clock", {}, times=0, given={"by_ms": by_ms})
        fault = f"clocks {by_ms / 1000:+g} s apart"
        await _stop_restored(stage, fault)
        await stage.expect(fault, partial(_paused_anew, stage, known), "everything is paused", SAMPLED_S, since_s=began_s)
        await _pause_lifted(stage, f"{fault}, then right again", await heal(stage))
    no_gaps(stage, "clocks apart and together")
    doubled = [row for row in stage.table("halts") if row["code"].startswith("CLOCK") and row["level"] > 1]
    stage.report.require(not doubled, "clocks apart and together", "never more than a pause")
    await _drift(stage)
    await _own_clock(stage)


async def _own_clock(stage: Stage) -> None:
    """Ours is set forward, then back behind the time: noticed within seconds, because ages are measured by another clock."""
    for by_ms in (SKEW_MS, -SKEW_MS):
        if by_ms < 0:
            await holds_still(stage, HELD, HELD_SYMBOL)
        known = _clock_halts(stage)
        began_s = stage.host(CLOCK, ahead_ms=by_ms)
        fault = f"our clock set to {by_ms / 1000:+g} s"
        await stage.expect(fault, partial(_paused_anew, stage, known), "everything is paused", STEP_SEEN_S, since_s=began_s)
        if by_ms < 0:  # where a patience that went by this clock would not end; a fourth stop within an hour is a person's
            await _stop_restored(stage, fault)
        await _pause_lifted(stage, f"{fault}, then right again", stage.host_is_well(CLOCK))
    await bars_go_on(stage, "our clock is right again", RETURNS_S)
    no_gaps(stage, "our clock set and right again")


async def _stop_restored(stage: Stage, fault: str) -> None:
    """A cancelled stop is back, whatever the clocks say."""
    removed_s = await stop_removed(stage, HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", COVERED_S, since_s=removed_s)
    await stage.exchange.release(SPEED)


async def _pause_lifted(stage: Stage, fault: str, healed_s: float) -> None:
    async def lifted() -> bool:
        return not await _clock_halt(stage)

    await stage.expect(fault, lifted, "the pause has lifted itself", SAMPLED_S, since_s=healed_s)


async def _one_re_sign(stage: Stage) -> None:
    """An entry is answered that its time is wrong: it is signed once more under the same id, and is one order."""
    fault = "an entry answered with 10002"
    link = await hit_create(stage, fault, "answer", {"code": 10002})

    async def over() -> Any:
        return next((row for row in stage.table("orders") if row["link_id"] == link and is_over(row)), None)

    await stage.expect(fault, over, lambda row: f"the order is {row['state']}", EXIT_S)
    # What was refused is no create.
    again = sum(params.get("orderLinkId") == link for _, params in (await stage.venue()).creates)
    made = sum(row["orderLinkId"] == link for row in (await stage.venue()).newest())
    seen = f"signed again under the same id: {again} time, {made} order at the venue"
    stage.report.require((again, made) == (1, 1), fault, seen)


async def _drift(stage: Stage) -> None:
    """
    More than a quarter of a second apart is told, and stops nothing; a second apart pauses everything.

    Seen by a start, which looks three times at once: what is believed is the median of five looks, one each minute.
    """
    fault = f"clocks {DRIFT_MS / 1000:g} s apart at a start"

    async def settled() -> bool:
        return all(row["resolved_ms"] is not None for row in _clock_incidents(stage))

    await stage.expect("before", settled, "no incident of clocks is open", SAMPLED_S)
    await stage.daemon.stop()
    began_s = await arm(stage, "skew_clock", {}, times=0, given={"by_ms": DRIFT_MS})
    await stage.start_daemon()

    async def told() -> Any:
        return next((row for row in _clock_incidents(stage) if row["resolved_ms"] is None), None)

    await stage.expect(fault, told, lambda row: f"a {row['severity']} {row['kind']}", SAMPLED_S, since_s=began_s)
    stage.report.require(not await _clock_halt(stage), fault, "nothing is paused")
    await bars_go_on(stage, fault, RETURNS_S)
    fault, known = f"clocks {DRIFTED_MS / 1000:g} s apart at a start", _clock_halts(stage)
    await stage.daemon.stop()
    began_s = await arm(stage, "skew_clock", {}, times=0, given={"by_ms": DRIFTED_MS - DRIFT_MS})
    await stage.start_daemon()
    await stage.expect(fault, partial(_paused_anew, stage, known), "everything is paused", SAMPLED_S, since_s=began_s)
    await _pause_lifted(stage, f"{fault}, then right again", await heal(stage))


def _clock_incidents(stage: Stage) -> list[dict[str, Any]]:
    """Incidents about clocks, oldest first."""
    return [row for row in stage.table("incidents") if row["kind"].startswith(("SLO_CLOCK", "CLOCK"))]


def _clock_halts(stage: Stage) -> set[int]:
    """Every halt of everything that was ever raised because of a clock."""
    return {row["id"] for row in stage.table("halts") if row["scope"] == ALL and row["code"].startswith("CLOCK")}


async def _paused_anew(stage: Stage, known: set[int]) -> bool:
    """Whether such a halt was raised beside the known ones: one of before says nothing about the present fault."""
    return bool(_clock_halts(stage) - known)


async def _clock_halt(stage: Stage) -> bool:
    rows = stage.table("halts")
    return any(row["scope"] == ALL and row["code"].startswith("CLOCK") and not row["lifted_ms"] for row in rows)
