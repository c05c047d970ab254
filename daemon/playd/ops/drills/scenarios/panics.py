"""
DRL-26: panic under fire, in every scope: of an instance in a thin market, of a symbol whose closing order is throttled and then
its answer lost, of everything, of a symbol that cannot be closed, of the account by the guardian, the daemon being stopped.

It ends flat and verified, or says with exit 11 and a critical incident that it did not; a stop stays until its position is
gone.
"""

from decimal import Decimal
from typing import Any, Final

import anyio

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD, HELD_SYMBOL, PLAYS
from playd.ops.drills.programs import Ran, until
from playd.ops.drills.report import CannotRun
from playd.ops.drills.scenarios.people import HALT_FILE
from playd.ops.drills.scenarios.steps import (
    CREATE,
    STILL_S,
    TRADED_S,
    arm,
    heal,
    holds_still,
    is_over,
    lifted_by_a_person,
    resume,
)
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import ALL
from playd.world.ports import ChildSignal

THIN: Final = ("--depth-usdt", "0.8")
"""One step at each of its fifty levels in a minute: a third of the position."""

LARGE: Final = {**PLAYS, HELD: PLAYS[HELD].replace("value: 10}", "value: 30}")}

FLAT_S: Final = 20.0
UNDER_FIRE_S: Final = 40.0
GIVEN_UP_S: Final = 75.0
"""A panic waits a minute for its end."""

FOLLOWS_S: Final = 45.0
WATCHED_S: Final = 6.0
INCOMPLETE: Final = 11
UNFINISHED: Final = "PANIC_UNFINISHED"


async def panic(stage: Stage) -> None:
    await stage.open(plays=LARGE)
    await _thin_market(stage)
    await _under_fire(stage)
    await _everybody(stage, "panic of the account", f"account:{ACCOUNT}")
    await _everybody(stage, "panic of everything", ALL)
    await _daemon_dead(stage)
    await _not_to_be_closed(stage)
    await _by_the_guardian(stage)


async def _panic(stage: Stage, fault: str, scope: str, limit_s: float, *given: str) -> Ran:
    """Panic of a scope, which ends flat and verified in time."""
    began_s = stage.report.inject("panic", scope)
    ran = await stage.ctl("panic", scope, *(given or ("--yes",)), "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    stage.report.require(ran.code == 0, fault, f"exit {ran.code}")
    stage.report.saw(fault, "flat and verified", recovery_s=took_s, limit_s=limit_s)
    return ran


async def _may_begin_again(stage: Stage, scope: str, *names: str) -> None:
    """A person lifts a panic, and starts whom it has stopped: a lifted panic starts nothing by itself."""
    lifted = await resume(stage, scope)
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}: {lifted.text.strip()[:120]}")
    for name in names:
        await stage.ctl("start", name)
    await stage.until_covered(HELD_SYMBOL)


async def _thin_market(stage: Stage) -> None:
    """Of one instance, in a market that takes a part of its position a minute."""
    fault = "panic of an instance in a thin market"
    await _market(stage, THIN)
    await _whole(stage)
    before, began = await _venue_positions(stage), len((await stage.venue()).creates)
    await stage.exchange.release(SPEED)
    ran = await _panic(stage, fault, HELD, UNDER_FIRE_S)
    after, venue = await _venue_positions(stage), await stage.venue()
    closes = [params for _, params in venue.creates[began:] if params["symbol"] == HELD_SYMBOL and params.get("reduceOnly")]
    stage.report.require(ran.data["flat"] and before[HELD_SYMBOL] and not after[HELD_SYMBOL], fault, "flat at the venue")
    stage.report.require(len(closes) > 1, fault, f"closed in {len(closes)} parts")
    naked_ms = venue.naked_ms.get(HELD_SYMBOL, 0)
    stage.report.require(not naked_ms, fault, f"its stop stayed until it was flat: {naked_ms} ms without one")
    await _market(stage, ())
    await _may_begin_again(stage, f"instance:{HELD}", HELD)


async def _market(stage: Stage, terms: tuple[str, ...]) -> None:
    """The exchange begins another life, with a market as deep as `terms` say."""
    await stage.exchange.program.kill()
    stage.exchange.terms = terms
    await stage.exchange.start(SPEED)


async def _under_fire(stage: Stage) -> None:
    """Panic of a symbol: its closing order is throttled, and when it is taken its answer is lost."""
    fault = "panic of a symbol, closing order throttled, then its answer lost"
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    orders = {"path": CREATE, "symbol": BUSY_SYMBOL}
    await arm(stage, "answer", orders, given={"code": 10006})
    began_s = await arm(stage, "drop_reply", orders, when={"after": 1})
    scope = f"symbol:{ACCOUNT}/{BUSY_SYMBOL}"
    ran = await stage.ctl("panic", scope, "--yes", "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    left = (await stage.venue()).positions[BUSY_SYMBOL]
    stage.report.require(ran.code == 0 and ran.data["flat"] and not left, fault, f"exit {ran.code}, {left} left at the venue")
    stage.report.saw(fault, "answered", recovery_s=took_s, limit_s=UNDER_FIRE_S)
    await heal(stage)
    await stage.exchange.release(SPEED)
    lifted = await resume(stage, scope)
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}: {lifted.text.strip()[:120]}")


async def _everybody(stage: Stage, fault: str, scope: str) -> None:
    """Panic of an account, or of all at once, which needs its phrase; then everybody begins again, each by a person."""
    await stage.until_covered(HELD_SYMBOL)
    began_s = stage.report.inject("panic", scope)
    ran = await stage.ctl("panic", scope, "--confirm", f"PANIC {scope}", "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    stage.report.require(ran.code == 0, fault, f"exit {ran.code}")
    stage.report.require(not any((await _venue_positions(stage)).values()), fault, "flat at the venue, every symbol")
    resting = await stage.resting()
    stage.report.require(not resting, fault, f"entries that rest: {', '.join(resting.values()) or 'none'}")
    stage.report.saw(fault, "answered", recovery_s=took_s, limit_s=FLAT_S)
    if scope == ALL:
        left = stage.world.disk.exists(stage.state / HALT_FILE)
        stage.report.require(left, fault, f"{HALT_FILE} was written, for a person to remove")
        stage.world.disk.remove(stage.state / HALT_FILE)
    await _may_begin_again(stage, scope, *stage.plays)


async def _whole(stage: Stage) -> None:
    """Wait until a position is as large as its entry wanted it, which a thin market takes minutes for; it stands then."""

    async def whole() -> bool:
        await stage.exchange.hold()
        rows = [row for row in stage.table("orders") if row["symbol"] == HELD_SYMBOL and row["intent"]]
        if (await stage.venue()).positions[HELD_SYMBOL] and all(is_over(row) for row in rows):
            return True
        await stage.exchange.release(SPEED)
        await anyio.sleep(STILL_S)
        return False

    if await until(whole, TRADED_S) is None:
        raise CannotRun(f"{HELD_SYMBOL} was not entered as a whole within {TRADED_S:g} s")


async def _daemon_dead(stage: Stage) -> None:
    """Panic of a symbol while the daemon is dead: the guardian carries it out, and the next life of the daemon knows of it."""
    fault, scope = "panic of a symbol, daemon killed", f"symbol:{ACCOUNT}/{HELD_SYMBOL}"
    await holds_still(stage, HELD, HELD_SYMBOL)
    stage.report.inject("SIGKILL", "daemon")
    await stage.daemon.kill()
    ran = await _panic(stage, fault, scope, FLAT_S)
    left = (await _venue_positions(stage))[HELD_SYMBOL]
    stage.report.require(ran.data["flat"] and not left, fault, f"the guardian answers: {left} left at the venue")
    await stage.exchange.release(SPEED)
    await stage.start_daemon()

    async def halted() -> Any:
        return stage.halt("GUARDIAN_PANIC")

    await stage.expect(fault, halted, lambda row: f"started again: level {row['level']} on {row['scope']}", FOLLOWS_S)
    await lifted_by_a_person(stage, scope, fault, FOLLOWS_S)
    await stage.ctl("start", HELD)
    await stage.until_covered(HELD_SYMBOL)


async def _not_to_be_closed(stage: Stage) -> None:
    """No closing order is taken for longer than a panic waits: it says so, the stop stays, and it goes on by itself."""
    fault = "panic of a symbol, no closing order is taken"
    scope = f"symbol:{ACCOUNT}/{HELD_SYMBOL}"
    await holds_still(stage, HELD, HELD_SYMBOL)
    began_s = await arm(stage, "answer", {"path": CREATE, "symbol": HELD_SYMBOL}, times=0, given={"code": 10006})
    ran = await stage.ctl("panic", scope, "--yes", "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    stage.report.saw(fault, f"exit {ran.code}", recovery_s=took_s, limit_s=GIVEN_UP_S)
    stage.report.require(ran.code == INCOMPLETE, fault, f"exit {ran.code}, expected {INCOMPLETE}")
    told = stage.incident(UNFINISHED)
    stage.report.require(told is not None and told["severity"] == "critical", fault, f"a critical incident {UNFINISHED}")
    venue = await stage.venue()
    held, stops = venue.positions[HELD_SYMBOL], venue.stops(HELD_SYMBOL)
    stage.report.require(held and stops, fault, f"{held} {HELD_SYMBOL} are left under {len(stops)} stop")
    healed_s = await heal(stage)
    await stage.exchange.release(SPEED)

    async def flat() -> bool:
        over = stage.incident(UNFINISHED)
        return not (await _venue_positions(stage))[HELD_SYMBOL] and over is not None and over["resolved_ms"] is not None

    seen = "flat without another command, the incident is over"
    await stage.expect("closing orders are taken again", flat, seen, FOLLOWS_S, since_s=healed_s)
    await _may_begin_again(stage, scope, HELD)


async def _by_the_guardian(stage: Stage) -> None:
    fault = "panic of the account, daemon stopped"
    await stage.exchange.inside_a_minute()
    stage.report.inject("SIGSTOP", "daemon")
    stage.daemon.send(ChildSignal.STOP)
    ran = await _panic(stage, fault, f"account:{ACCOUNT}", FLAT_S)
    flat = ran.data["flat"] and not any((await _venue_positions(stage)).values())
    stage.report.require(flat, fault, "the guardian answers: flat at the venue, every symbol")
    stage.daemon.send(ChildSignal.CONT)
    await stage.exchange.release(SPEED)

    async def halted() -> Any:
        return stage.halt("GUARDIAN_PANIC")

    await stage.expect("daemon goes on", halted, lambda row: f"halt GUARDIAN_PANIC of level {row['level']}", FOLLOWS_S)

    async def stays_flat() -> bool:
        return not any((await _venue_positions(stage)).values())

    await stage.stays("daemon goes on", stays_flat, "nothing is opened", WATCHED_S)


async def _venue_positions(stage: Stage) -> dict[str, Decimal]:
    found = (await stage.venue()).positions
    return {HELD_SYMBOL: Decimal(0), **found}
