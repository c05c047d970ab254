"""
DRL-26: panic under fire, in every scope: an instance, a symbol, an account, everything.

Each scope is closed while its closing order is throttled and, when it is taken, the answer lost; each by the guardian, because
the daemon is dead or stopped; an instance in a market that takes a part of it a minute; a symbol that cannot be closed.
It ends flat and verified, or says with exit 11 and a critical incident that it did not; a stop stays until its position is
gone.
"""

from decimal import Decimal
from typing import Any, Final

import anyio

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import HELD, HELD_SYMBOL, PLAYS
from playd.ops.drills.programs import until
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
from playd.orders.halts import ALL, instance_scope
from playd.world.ports import ChildSignal

THIN: Final = ("--depth-usdt", "0.8")
"""One step at each of its fifty levels in a minute: a third of the position."""

LARGE: Final = {**PLAYS, HELD: PLAYS[HELD].replace("value: 10}", "value: 30}")}

INSTANCE, SYMBOL, WHOLE = HELD, f"symbol:{ACCOUNT}/{HELD_SYMBOL}", f"account:{ACCOUNT}"
SCOPES: Final = (INSTANCE, SYMBOL, WHOLE, ALL)
WIDE: Final = (WHOLE, ALL)
"""They are agreed to by their phrase, and stop everybody."""

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
    for scope in SCOPES:
        await _under_fire(stage, scope)
    for scope in (INSTANCE, SYMBOL, ALL):
        await _daemon_dead(stage, scope)
    await _not_to_be_closed(stage)
    await _by_the_guardian(stage)


async def _panic(stage: Stage, fault: str, scope: str, limit_s: float) -> None:
    """Panic of a scope, which ends in time, flat and verified, and takes no stop from what is still open."""
    bare = len((await stage.venue()).lapses)
    began_s = stage.report.inject("panic", scope)
    agreed = ("--confirm", f"PANIC {scope}") if scope in WIDE else ("--yes",)
    ran = await stage.ctl("panic", scope, *agreed, "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    venue = await stage.venue()
    left = [f"{held} {symbol}" for symbol, held in venue.positions.items() if held and (scope in WIDE or symbol == HELD_SYMBOL)]
    seen = f"exit {ran.code}, left at the venue: {', '.join(left) or 'nothing'}"
    stage.report.require(ran.code == 0 and ran.data["flat"] and not left, fault, seen)
    stage.report.saw(fault, "flat and verified", recovery_s=took_s, limit_s=limit_s)
    lapses = venue.lapses[bare:]
    stage.report.require(not lapses, fault, f"positions that lost their stop before they were gone: {lapses or 'none'}")
    if scope in WIDE:
        resting = await stage.resting()
        stage.report.require(not resting, fault, f"entries that rest: {', '.join(resting.values()) or 'none'}")


async def _may_begin_again(stage: Stage, scope: str) -> None:
    """A person lifts a panic that the daemon has carried out, which it takes at once."""
    _halt_file_removed(stage, scope)
    lifted = await resume(stage, _stored(scope))
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}: {lifted.text.strip()[:120]}")
    await _started(stage, scope)


async def _started(stage: Stage, scope: str) -> None:
    """A person starts whom a panic has stopped: a lifted one starts nothing by itself."""
    for name in stage.plays if scope in WIDE else (HELD,):
        await stage.ctl("start", name)
    await stage.until_covered(HELD_SYMBOL)


def _halt_file_removed(stage: Stage, scope: str) -> None:
    if scope == ALL:
        path = stage.state / HALT_FILE
        is_there = stage.world.disk.exists(path)
        stage.report.require(is_there, f"panic of {scope}", f"{HALT_FILE} was written, for a person to remove")
        stage.world.disk.remove(path)


def _stored(scope: str) -> str:
    """A scope as halts are called."""
    return instance_scope(HELD) if scope == INSTANCE else scope


async def _thin_market(stage: Stage) -> None:
    """Of one instance, in a market that takes a part of its position a minute."""
    fault = "panic of an instance in a thin market"
    await _market(stage, THIN)
    await _whole(stage)
    held, began = (await _venue_positions(stage))[HELD_SYMBOL], len((await stage.venue()).creates)
    await stage.exchange.release(SPEED)
    await _panic(stage, fault, INSTANCE, UNDER_FIRE_S)
    made = [params for _, params in (await stage.venue()).creates[began:]]
    closes = [params for params in made if params["symbol"] == HELD_SYMBOL and params.get("reduceOnly")]
    stage.report.require(held and len(closes) > 1, fault, f"{held} {HELD_SYMBOL} closed in {len(closes)} parts")
    await _market(stage, ())
    await _may_begin_again(stage, INSTANCE)


async def _market(stage: Stage, terms: tuple[str, ...]) -> None:
    """The exchange begins another life, with a market as deep as `terms` say."""
    await stage.exchange.program.kill()
    stage.exchange.terms = terms
    await stage.exchange.start(SPEED)


async def _under_fire(stage: Stage, scope: str) -> None:
    """The closing order is throttled, and when it is taken its answer is lost."""
    fault = f"panic of {scope}, closing order throttled, then its answer lost"
    await holds_still(stage, HELD, HELD_SYMBOL)
    orders = {"path": CREATE, "symbol": HELD_SYMBOL}
    await arm(stage, "answer", orders, given={"code": 10006})
    await arm(stage, "drop_reply", orders, when={"after": 1})
    await _panic(stage, fault, scope, UNDER_FIRE_S)
    await heal(stage)
    await stage.exchange.release(SPEED)
    await _may_begin_again(stage, scope)


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


async def _daemon_dead(stage: Stage, scope: str) -> None:
    """The daemon is killed: the guardian carries the panic out, and the next life of the daemon knows of it."""
    fault = f"panic of {scope}, daemon killed"
    await holds_still(stage, HELD, HELD_SYMBOL)
    stage.report.inject("SIGKILL", "daemon")
    await stage.daemon.kill()
    await _panic(stage, fault, scope, FLAT_S)
    await stage.exchange.release(SPEED)
    await stage.start_daemon()
    await stage.expect(fault, lambda: _guardians(stage), _level, FOLLOWS_S)
    _halt_file_removed(stage, scope)
    await lifted_by_a_person(stage, _stored(scope), fault, FOLLOWS_S)
    await _started(stage, scope)


async def _guardians(stage: Stage) -> Any:
    return stage.halt("GUARDIAN_PANIC")


def _level(row: dict[str, Any]) -> str:
    return f"the daemon knows of it: level {row['level']} on {row['scope']}"


async def _not_to_be_closed(stage: Stage) -> None:
    """No closing order is taken for longer than a panic waits: it says so, the stop stays, and it goes on by itself."""
    fault = f"panic of {SYMBOL}, no closing order is taken"
    await holds_still(stage, HELD, HELD_SYMBOL)
    began_s = await arm(stage, "answer", {"path": CREATE, "symbol": HELD_SYMBOL}, times=0, given={"code": 10006})
    ran = await stage.ctl("panic", SYMBOL, "--yes", "--reason", "drill", "--json")
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
    await _may_begin_again(stage, SYMBOL)


async def _by_the_guardian(stage: Stage) -> None:
    fault = f"panic of {WHOLE}, daemon stopped"
    await stage.exchange.inside_a_minute()
    stage.report.inject("SIGSTOP", "daemon")
    stage.daemon.send(ChildSignal.STOP)
    await _panic(stage, fault, WHOLE, FLAT_S)
    stage.daemon.send(ChildSignal.CONT)
    await stage.exchange.release(SPEED)
    await stage.expect("daemon goes on", lambda: _guardians(stage), _level, FOLLOWS_S)

    async def stays_flat() -> bool:
        return not any((await _venue_positions(stage)).values())

    await stage.stays("daemon goes on", stays_flat, "nothing is opened", WATCHED_S)


async def _venue_positions(stage: Stage) -> dict[str, Decimal]:
    found = (await stage.venue()).positions
    return {HELD_SYMBOL: Decimal(0), **found}
