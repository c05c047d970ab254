"""DRL-11: the stop of a position is taken away, by a hand and by the venue; then the venue takes no other one."""

from typing import Any, Final

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import HELD, HELD_SYMBOL
from playd.ops.drills.programs import epoch_ms
from playd.ops.drills.scenarios.steps import alive, arm, heal, holds_still, lifted_by_a_person, stop_put_back
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import symbol_scope

COVERED_S: Final = 40.0
"""Covered or flat."""

ASKED_S: Final = 5.0
"""The daemon's first rung is at two seconds, on a busy machine."""

HALTED_S: Final = (5.0, 10.0)
GUARDIAN_S: Final = (15.0, 25.0)
"""From its own first look, which it takes every five seconds."""

CLOSED_S: Final = (30.0, COVERED_S)
RETURNS_S: Final = 45.0
CHECKED_S: Final = 15.0
"""A fill is verified within ten seconds, and two more for an answer that is on its way."""

NO_STOP: Final = "no_stop"
TRADING_STOP: Final = "/v5/position/trading-stop"


async def naked(stage: Stage) -> None:
    """
    Nobody is dead, but for one cancelled stop without a guardian. The last ladder is climbed to its end.

    The market stands in a long minute while a stop is away: nothing but us may close the position or end its danger.
    """
    await stage.open()
    await holds_still(stage, HELD, HELD_SYMBOL)
    await stop_put_back(stage, HELD_SYMBOL, "stop cancelled by hand", COVERED_S)
    await _by_the_venue(stage)
    stage.report.inject("SIGKILL", "guardian")
    await stage.guardian.kill()
    await stop_put_back(stage, HELD_SYMBOL, "stop cancelled by hand, no guardian", COVERED_S)
    await stage.start_guardian()
    await _passed_already(stage)
    began_ms, closed_ms = await _no_stop_taken(stage)
    await stage.exchange.release(SPEED)
    await stage.stays("stops are taken again", lambda: alive(stage), "the daemon lives", CHECKED_S)
    checks = [row for row in stage.table("halts") if row["code"] == "FILL_CHECK"]
    other = [row["text"] for row in checks if NO_STOP not in row["text"] or not began_ms <= row["raised_ms"] <= closed_ms]
    seen = f"{len(checks)} fills had no stop while none was taken; checks that failed beside: {', '.join(other) or 'none'}"
    stage.report.require(not other, "stops are taken again", seen)


async def _by_the_venue(stage: Stage) -> None:
    """The venue prepares a liquidation, and cancels what protects the position."""
    fault = "stop cancelled by the venue, which prepares a liquidation"
    planned = await stage.stop_of(HELD_SYMBOL)
    began_s = await arm(stage, "remove_stop", {"symbol": HELD_SYMBOL, "account": ACCOUNT}, given={"by": "venue"})

    async def known() -> Any:
        return stage.incident("STOP_LOST")

    await stage.expect(fault, known, lambda row: f"incident STOP_LOST: {row['text']}", COVERED_S, since_s=began_s)
    stop = await stage.expect_covered(HELD_SYMBOL, fault, COVERED_S, since_s=began_s)
    stage.report.require(stop == planned, fault, f"stop {stop}, planned {planned}")


async def _passed_already(stage: Stage) -> None:
    """The venue says that the price is beyond the stop (110093): there is nothing to wait for, and the position is closed."""
    fault = "stop cancelled, its price said to be passed"
    await arm(stage, "answer", {"path": TRADING_STOP, "symbol": HELD_SYMBOL}, times=0, given={"code": 110093})
    began_s = await _cancelled_under_a_fault(stage)

    async def flat() -> bool:
        return not (await stage.venue()).positions[HELD_SYMBOL]

    await stage.expect(fault, flat, "the position is closed", COVERED_S, since_s=began_s)
    await heal(stage)
    stage.report.require(stage.halt("UNPROTECTABLE"), fault, "halt UNPROTECTABLE")
    await lifted_by_a_person(stage, symbol_scope(ACCOUNT, HELD_SYMBOL), fault, RETURNS_S)
    await stage.exchange.release(SPEED)


async def _no_stop_taken(stage: Stage) -> tuple[int, int]:
    """
    The venue has no room for another stop order (110009), however often it is asked, and by whom. When that began and when the
    position was closed, epoch ms.
    """
    fault = "stop cancelled, every other one refused"
    await holds_still(stage, HELD, HELD_SYMBOL)
    await arm(stage, "answer", {"path": TRADING_STOP, "symbol": HELD_SYMBOL}, times=0, given={"code": 110009}, name=fault)
    known = len(stage.guardian.said("guardian.stop.repaired"))
    began_s = await _cancelled_under_a_fault(stage)
    began_ms = stage.world.clock.wall_ms() - round((stage.world.clock.mono_s() - began_s) * 1000)

    async def flat() -> bool:
        return not (await stage.venue()).positions[HELD_SYMBOL]

    await stage.expect(fault, flat, "the position is closed", COVERED_S, since_s=began_s)
    closed_ms = stage.world.clock.wall_ms()
    hits = [int(row["wall_ms"]) for row in await stage.exchange.entries("fault") if row["name"] == fault]
    halts = [row for row in stage.table("halts") if row["code"] == "NAKED" and row["raised_ms"] >= began_ms]
    guardian = [epoch_ms(line["ts"]) for line in stage.guardian.said("guardian.stop.repaired")[known:]]
    levels = ", ".join(f"level {row['level']} on {row['scope']}" for row in halts)
    stage.report.require(halts and halts[0]["level"] == 2, fault, levels or "no halt")
    for rung, moments_ms, (earliest_s, latest_s) in (
        ("the daemon asks for another one", hits, (0.0, ASKED_S)),
        ("the symbol is halted", [int(row["raised_ms"]) for row in halts], HALTED_S),
        ("the guardian asks, too", guardian, GUARDIAN_S),
        ("the position is closed", [closed_ms], CLOSED_S),
    ):
        took_s = (min(moments_ms) - began_ms) / 1000 if moments_ms else float("inf")
        if earliest_s <= took_s + 0.1 and moments_ms:
            stage.report.saw(f"{fault}: rung of {earliest_s:g} s", rung, recovery_s=took_s, limit_s=latest_s)
        else:
            stage.report.missed(f"{fault}: rung of {earliest_s:g} s", f"{rung} after {took_s:.1f} s", limit_s=latest_s)
    await heal(stage)
    return began_ms, closed_ms


async def _cancelled_under_a_fault(stage: Stage) -> float:
    """The venue refuses stops of the symbol, so no hand can take one away: the venue does it itself. The moment."""
    return await arm(stage, "remove_stop", {"symbol": HELD_SYMBOL, "account": ACCOUNT})
