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
    arm,
    bars_go_on,
    holds_still,
    is_over,
)
from playd.ops.drills.stage import SPEED, Stage

RETURNS_S: Final = 45.0
AWAY_S: Final = 15.0
FORCED_S: Final = 10.0
QUARANTINE_S: Final = 90.0


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
