"""Drills of the venue and the way to it: cut and silent sockets, absence, forced closes."""

from decimal import Decimal
from typing import Any, Final

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import (
    BUSY,
    BUSY_SYMBOL,
    HELD_SYMBOL,
    RESTING_SYMBOL,
    TIMED,
    TIMED_SYMBOL,
    WHILE_AWAY,
)
from playd.ops.drills.scenarios.steps import (
    TRADED_S,
    alive,
    arm,
    bars_go_on,
    heal,
    holds_still,
    is_over,
    no_gaps,
)
from playd.ops.drills.stage import SPEED, Stage

RETURNS_S: Final = 45.0
AWAY_S: Final = 15.0
FORCED_S: Final = 10.0
QUARANTINE_S: Final = 90.0


async def venue_down(stage: Stage) -> None:
    """DRL-25: away in session, answering with 503, and away when the daemon starts."""
    await stage.open(guardian=False)
    daemon = stage.daemon.child
    stage.report.inject("SIGKILL", "exchange")
    await stage.exchange.program.kill()
    await stage.stays("venue away in session", lambda: alive(stage), "the daemon lives", AWAY_S)
    began_s = stage.world.clock.mono_s()
    await stage.exchange.start(SPEED)
    await bars_go_on(stage, "venue back", RETURNS_S, since_s=began_s)
    await stage.expect_covered(HELD_SYMBOL, "venue back", RETURNS_S)
    await arm(stage, "answer", {"path": "/v5/*"}, times=0, given={"http": 503})
    await stage.stays("every request answered with 503", lambda: alive(stage), "the daemon lives", AWAY_S)
    await heal(stage)
    await bars_go_on(stage, "requests answered again", RETURNS_S)
    stage.report.require(stage.daemon.child is daemon, "venue away in session", "one life of the daemon, no restart")
    await stage.daemon.stop()
    stage.report.inject("SIGKILL", "exchange")
    await stage.exchange.program.kill()
    await stage.daemon.launch()

    async def waits() -> bool:
        return bool(stage.daemon.said("account.waiting"))

    await stage.expect("venue away at a start", waits, "the daemon waits and says so", TRADED_S)
    began_s = stage.world.clock.mono_s()
    await stage.exchange.start(SPEED)
    await stage.expect("venue comes late", stage.ready, "READY", TRADED_S, since_s=began_s)


async def venue_acts(stage: Stage) -> None:
    """DRL-21: the venue closes positions by force, and ends symbols: with a position, and with an entry that rests."""
    await stage.open(guardian=False, plays=WHILE_AWAY)
    began_s = await arm(stage, "liquidate", {"symbol": HELD_SYMBOL, "account": ACCOUNT})

    async def booked() -> Any:
        return stage.incident("FORCED_CLOSE")

    await stage.expect("position liquidated", booked, "incident FORCED_CLOSE", FORCED_S, since_s=began_s)

    async def halted() -> bool:
        return any(HELD_SYMBOL in row["scope"] and row["level"] >= 2 for row in stage.table("halts"))

    await stage.expect("position liquidated", halted, f"{HELD_SYMBOL} halted", FORCED_S, since_s=began_s)
    await _taken_away(stage, "deleverage", BUSY, BUSY_SYMBOL)
    await _taken_away(stage, "delist", TIMED, TIMED_SYMBOL)
    await _delisted(stage)


async def _taken_away(stage: Stage, kind: str, name: str, symbol: str) -> None:
    """The venue closes a position for reasons of its own: booked to its owner, the symbol halted."""
    fault = f"{kind} of {symbol}"
    await holds_still(stage, name, symbol)
    await arm(stage, kind, {"symbol": symbol} if kind == "delist" else {"symbol": symbol, "account": ACCOUNT})

    async def done() -> bool:
        armed = (await stage.exchange.admin("GET", "faults"))["faults"]
        return any(row["fault"] == kind and int(row["hits"]) for row in armed)

    await stage.expect(fault, done, "the venue has done it", TRADED_S)
    began_s = stage.world.clock.mono_s()

    async def halted() -> bool:
        return any(symbol in row["scope"] and row["level"] >= 2 for row in stage.table("halts"))

    await stage.expect(fault, halted, f"{symbol} halted", FORCED_S, since_s=began_s)

    async def agree() -> bool:
        booked = sum(Decimal(row["signed_qty"]) for row in stage.table("virtual_positions") if row["symbol"] == symbol)
        return booked == (await stage.venue()).positions[symbol]

    await stage.expect(fault, agree, "the books say what the venue says", FORCED_S, since_s=began_s)
    await stage.exchange.release(SPEED)


async def _delisted(stage: Stage) -> None:
    """A symbol ends: its resting entry is gone, and no other one is sent."""
    fault = f"{RESTING_SYMBOL} is taken off the list"
    began_s = await arm(stage, "delist", {"symbol": RESTING_SYMBOL})

    async def over() -> bool:
        rows = [row for row in stage.table("orders") if row["symbol"] == RESTING_SYMBOL]
        return all(is_over(row) for row in rows)

    await stage.expect(fault, over, "its orders are over in the books", RETURNS_S, since_s=began_s)
    sent = sum(params["symbol"] == RESTING_SYMBOL for _, params in (await stage.venue()).creates)
    await bars_go_on(stage, fault, RETURNS_S)
    after = sum(params["symbol"] == RESTING_SYMBOL for _, params in (await stage.venue()).creates)
    stage.report.require(after - sent <= 1, fault, f"{after - sent} orders are sent afterwards")


async def crash_loop(stage: Stage) -> None:
    """DRL-28, as far as it can be done from outside: one instance fails at every start, because its history is refused."""
    await stage.open(guardian=False)
    began_s = await arm(stage, "answer", {"path": "/v5/market/kline", "symbol": BUSY_SYMBOL}, times=0, given={"code": 10001})
    await stage.ctl("restart", BUSY)

    async def quarantined() -> Any:
        return next((row for row in stage.table("instances") if row["name"] == BUSY and row["failed_code"]), None)

    seen = "quarantined as {failed_code}: {failed_text}"
    await stage.expect(
        "instance fails at every start", quarantined, lambda row: seen.format(**row), QUARANTINE_S, since_s=began_s
    )
    halt = stage.halt("INSTANCE_FAILED")
    stage.report.require(halt is not None and halt["level"] == 2, "instance fails at every start", "the instance is at level 2")
    await heal(stage)
    states = {row["name"]: row["state"] for row in (await stage.ctl("status", "--json")).data["instances"]}
    others = {state for name, state in states.items() if name != BUSY}
    stage.report.require(others == {"running"}, "instance fails at every start", "the others run")
    no_gaps(stage, "instance fails at every start", but=BUSY)
