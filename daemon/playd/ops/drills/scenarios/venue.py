"""
DRL-21: the venue acts by itself. It liquidates in steps, deleverages, settles, announces a delisting, ends a symbol, stops one.

What it closes is booked to its owner, the symbol is halted, and somebody is told within ten seconds.
"""

from decimal import Decimal
from typing import Any, Final

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import (
    BUSY,
    BUSY_SYMBOL,
    HELD,
    HELD_SYMBOL,
    RESTING_SYMBOL,
    TIMED,
    TIMED_SYMBOL,
    WHILE_AWAY,
    another,
)
from playd.ops.drills.scenarios.steps import (
    TRADED_S,
    alerted,
    alerts_to_a_file,
    arm,
    bars_go_on,
    holds_still,
    is_over,
    paged,
    struck,
)
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import symbol_scope

RETURNS_S: Final = 45.0
FORCED_S: Final = 10.0
COVERED_S: Final = 30.0
STEP: Final = 0.4
"""Of a position, in the first step of a liquidation."""

ANNOUNCED: Final = "announced"
ANNOUNCED_SYMBOL: Final = "BNBUSDT"
STOPPED: Final = "stopped"
STOPPED_SYMBOL: Final = "ADAUSDT"
NOTICE_MIN: Final = 240
"""Entries end three days before an end; this one is to come within the drill."""

LEFT_BARS: Final = 20
ENDS_WITHIN: Final = 12

RULES_S: Final = 60.0
SETTINGS: Final = """
[recon]
instruments_interval_s = {rules_s:g}
[risk]
delist_no_entry_h = 72
"""
PLAYS: Final = {
    **WHILE_AWAY,
    ANNOUNCED: another(WHILE_AWAY[TIMED], ANNOUNCED, ANNOUNCED_SYMBOL),
    STOPPED: another(WHILE_AWAY[TIMED], STOPPED, STOPPED_SYMBOL),
}


async def venue_acts(stage: Stage) -> None:
    settings = SETTINGS.format(rules_s=RULES_S) + alerts_to_a_file(stage)
    await stage.open(plays=PLAYS, settings=settings, terms=("--markets", "7"))
    announced_ms = stage.world.clock.wall_ms()
    await arm(stage, "delist", {"symbol": ANNOUNCED_SYMBOL}, given={"notice_min": NOTICE_MIN})
    await _stopped(stage)
    await _liquidated(stage)
    await _taken_away(stage, "deleverage", BUSY, BUSY_SYMBOL)
    await _taken_away(stage, "delist", TIMED, TIMED_SYMBOL)
    await _delisted(stage)
    await _announced(stage, announced_ms)


async def _liquidated(stage: Stage) -> None:
    """In two steps: a part is sold, the rest stays under a stop; then it is taken over."""
    fault = f"{HELD_SYMBOL} liquidated in part"
    await holds_still(stage, HELD, HELD_SYMBOL)
    before = (await stage.venue()).positions[HELD_SYMBOL]
    began_s = await arm(stage, "liquidate", {"symbol": HELD_SYMBOL, "account": ACCOUNT}, given={"share": STEP})
    await _booked(stage, fault, HELD_SYMBOL, HELD, began_s)
    left = (await stage.venue()).positions[HELD_SYMBOL]
    stage.report.require(0 < abs(left) < abs(before), fault, f"{left} of {before} {HELD_SYMBOL} are left")
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, the rest", COVERED_S)
    began_s = await arm(stage, "liquidate", {"symbol": HELD_SYMBOL, "account": ACCOUNT})
    fault = f"{HELD_SYMBOL} liquidated"  # halted and told since its first step
    await _in_the_books(stage, fault, HELD_SYMBOL, HELD, began_s)
    left = (await stage.venue()).positions[HELD_SYMBOL]
    stage.report.require(not left, fault, f"{left} {HELD_SYMBOL} are left")
    await stage.exchange.release(SPEED)


async def _taken_away(stage: Stage, kind: str, name: str, symbol: str) -> None:
    """The venue closes a position for reasons of its own."""
    fault = f"{kind} of {symbol}"
    await holds_still(stage, name, symbol)
    await arm(stage, kind, {"symbol": symbol} if kind == "delist" else {"symbol": symbol, "account": ACCOUNT})

    async def done() -> bool:
        return await struck(stage, kind, symbol)

    await stage.expect(fault, done, "the venue has done it", TRADED_S)
    await _booked(stage, fault, symbol, name, stage.world.clock.mono_s())
    await stage.exchange.release(SPEED)


async def _booked(stage: Stage, fault: str, symbol: str, owner: str, began_s: float) -> None:
    """What was closed is booked to its owner, the symbol at level 2, and somebody has been told."""
    await _in_the_books(stage, fault, symbol, owner, began_s)
    await _halted_and_told(stage, fault, symbol, "FORCED_CLOSE", began_s)


async def _in_the_books(stage: Stage, fault: str, symbol: str, owner: str, began_s: float) -> None:
    """What was closed is booked to its owner."""

    async def agree() -> bool:
        booked = sum(Decimal(row["signed_qty"]) for row in stage.table("virtual_positions") if row["symbol"] == symbol)
        return booked == (await stage.venue()).positions[symbol]

    await stage.expect(fault, agree, "the books say what the venue says", FORCED_S, since_s=began_s)
    closing = max((row for row in stage.table("executions") if row["symbol"] == symbol), key=lambda row: int(row["seq"]))
    right = closing["owner"] == stage.uid_of(owner)
    stage.report.require(right, fault, f"booked to {owner}: {closing['qty']} as {closing['exec_type']}")


async def _halted_and_told(stage: Stage, fault: str, symbol: str, code: str, began_s: float) -> None:
    async def halted() -> Any:
        rows = (row for row in stage.table("halts") if row["scope"] == symbol_scope(ACCOUNT, symbol) and row["level"] >= 2)
        return next((row for row in rows if row["code"] == code), None)

    await stage.expect(fault, halted, lambda row: f"{row['code']}: {symbol} at level {row['level']}", FORCED_S, since_s=began_s)

    words = f"CRITICAL {code} on {symbol_scope(ACCOUNT, symbol)} "
    await alerted(stage, fault, words, FORCED_S, since_s=began_s)


async def _delisted(stage: Stage) -> None:
    """A symbol ends: its resting entry is gone, and no other one is sent."""
    fault = f"{RESTING_SYMBOL} is taken off the list"
    began_s = await arm(stage, "delist", {"symbol": RESTING_SYMBOL})

    async def over() -> bool:
        rows = [row for row in stage.table("orders") if row["symbol"] == RESTING_SYMBOL]
        return all(is_over(row) for row in rows)

    await stage.expect(fault, over, "its orders are over in the books", RETURNS_S, since_s=began_s)
    sent = await _sent(stage, RESTING_SYMBOL)
    await bars_go_on(stage, fault, RETURNS_S)
    after = await _sent(stage, RESTING_SYMBOL)
    stage.report.require(after - sent <= 1, fault, f"{after - sent} orders are sent afterwards")


async def _stopped(stage: Stage) -> None:
    """A symbol does not trade for a while, and nobody said so: its next order is refused, an exit goes when it trades again."""
    fault = f"{STOPPED_SYMBOL} is no longer traded"
    await holds_still(stage, STOPPED, STOPPED_SYMBOL)
    await arm(stage, "change_rules", {"symbol": STOPPED_SYMBOL}, given={"status": "PreLaunch"})
    await stage.exchange.release(SPEED)

    async def refused() -> Any:
        rows = (row for row in stage.table("halts") if row["scope"] == symbol_scope(ACCOUNT, STOPPED_SYMBOL))
        return next((row for row in rows if row["level"] >= 2), None)

    await stage.expect(fault, refused, lambda row: f"{row['code']}: {row['text']}", TRADED_S)
    began_s = stage.world.clock.mono_s()
    await _halted_and_told(stage, fault, STOPPED_SYMBOL, "SYMBOL_REFUSED", began_s)

    async def known() -> Any:
        return _rules_changed(stage, STOPPED_SYMBOL)

    await stage.expect(fault, known, lambda row: str(row["text"]), FORCED_S, since_s=began_s)
    await paged(stage, fault, "RULES_CHANGED", symbol_scope(ACCOUNT, STOPPED_SYMBOL), FORCED_S)
    await stage.expect_covered(STOPPED_SYMBOL, fault, COVERED_S)
    began_s = await arm(stage, "change_rules", {"symbol": STOPPED_SYMBOL}, given={"status": "Trading"})

    async def left() -> bool:
        return not (await stage.venue()).positions[STOPPED_SYMBOL]

    await stage.expect(f"{STOPPED_SYMBOL} trades again", left, "the exit that was refused is done", RETURNS_S, since_s=began_s)


async def _announced(stage: Stage, announced_ms: int) -> None:
    """The end of a symbol has a date: told, no entry is taken any more, what is open is left to its Play; then it ends."""
    fault = f"the end of {ANNOUNCED_SYMBOL} is announced"

    async def known() -> Any:
        return _rules_changed(stage, ANNOUNCED_SYMBOL)

    row = await stage.expect(fault, known, lambda row: str(row["text"]), 2 * RULES_S)
    took_s = (int(row["opened_ms"]) - announced_ms) / 1000  # much else was done and looked at meanwhile
    stage.report.saw(fault, "known in time", recovery_s=took_s, limit_s=2 * RULES_S)
    await paged(stage, fault, "RULES_CHANGED", symbol_scope(ACCOUNT, ANNOUNCED_SYMBOL), FORCED_S)

    async def refused() -> Any:
        own = [row for row in stage.table("bars") if row["instance"] == stage.uid_of(ANNOUNCED)]
        return next((row for row in own if row["verdict"] == "INSTRUMENT"), None)

    await stage.expect(fault, refused, lambda row: f"an entry is refused: {row['detail']}", TRADED_S)
    halted = [row for row in stage.table("halts") if row["scope"] == symbol_scope(ACCOUNT, ANNOUNCED_SYMBOL)]
    stage.report.require(not halted, fault, "what is open there is left to its Play")

    for _ in range(ENDS_WITHIN):
        if await struck(stage, "delist", ANNOUNCED_SYMBOL):
            break
        await stage.bars_pass(LEFT_BARS)
    stage.report.require(await struck(stage, "delist", ANNOUNCED_SYMBOL), fault, "its end has come")


def _rules_changed(stage: Stage, symbol: str) -> Any:
    rows = (row for row in stage.table("incidents") if row["kind"] == "RULES_CHANGED")
    return next((row for row in rows if row["scope"] == symbol_scope(ACCOUNT, symbol)), None)


async def _sent(stage: Stage, symbol: str) -> int:
    """How many orders of a symbol have arrived."""
    return sum(params["symbol"] == symbol for _, params in (await stage.venue()).creates)
