"""
DRL-30: the daemon is off while the market goes on: for a minute, for twenty, for three hours, for three days.

What was due meanwhile is done first when it is back. What the venue holds (stop, target) it has done itself; a time exit is
decided again at the very bar at which it was due, at that bar's price, and sent at once.
"""

from decimal import Decimal
from functools import partial
from typing import Any, Final

from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.ops.drills.plays import HELD_SYMBOL, TIMED, TIMED_BARS, TIMED_SYMBOL, WHILE_AWAY
from playd.ops.drills.programs import until
from playd.ops.drills.report import CannotRun
from playd.ops.drills.scenarios.steps import BAR_MS, CREATE, TRADED_S, bars_go_on, no_gaps
from playd.ops.drills.stage import SEED, SPEED, Stage
from playd.orders.order_book import FOREIGN

DOWN_MIN: Final = (1, 20, 180, 3 * DAY_MS // MINUTE_MS)
PASSES_S: Final = 120.0
"""Three days of market that nobody follows take some seconds; on a busy machine."""

COVERED_S: Final = 60.0
CAUGHT_UP_S: Final = 240.0
"""Every bar of three days is decided again: twenty seconds, and several times as long on a busy machine."""

YOUNG_BARS: Final = 10
"""So old a position may be when the daemon goes, for its time exit to be due while it is away."""


async def downtime(stage: Stage) -> None:
    await stage.open(plays=WHILE_AWAY)
    for minutes in DOWN_MIN:
        await _away(stage, minutes)


async def _away(stage: Stage, minutes: int) -> None:
    fault = f"daemon off for {_spelled(minutes)}"
    entered_ms = await _young_position(stage) if minutes > TIMED_BARS else None
    stage.report.inject("SIGKILL", "daemon", minutes=minutes)
    await stage.daemon.kill()
    before, gone_ms = len((await stage.venue()).creates), await stage.exchange.market_now_ms()
    if not await stage.exchange.pass_quickly(minutes, PASSES_S):
        raise CannotRun(f"{minutes} minutes of market did not pass within {PASSES_S:g} s")
    back_ms = await stage.exchange.market_now_ms()
    await stage.exchange.release(SPEED)
    began_s = stage.world.clock.mono_s()
    await stage.daemon.launch()
    await _covered_or_flat(stage, fault, began_s)
    seen = "every bar of that time is decided again, READY"
    await stage.expect(fault, stage.ready, seen, CAUGHT_UP_S, since_s=began_s)
    await stage.expect(fault, partial(_running, stage), "every instance runs again", CAUGHT_UP_S, since_s=began_s)
    await stage.until_covered(HELD_SYMBOL)
    await bars_go_on(stage, fault, CAUGHT_UP_S)
    no_gaps(stage, fault)
    await _no_late_entry(stage, fault, before)
    if entered_ms is not None and entered_ms + TIMED_BARS * BAR_MS < back_ms - BAR_MS:
        await _left_in_time(stage, fault, entered_ms, gone_ms)


async def _running(stage: Stage) -> bool:
    """Whether everybody has caught up in this life of the daemon, by its log."""
    lines = stage.daemon.said("instance.transition")
    return {line["instance"] for line in lines if line["to"] == "running"} >= stage.plays.keys()


def _spelled(minutes: int) -> str:
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


async def _young_position(stage: Stage) -> int:
    """Wait for a position of the instance that leaves by time, not older than some bars; when it was entered."""

    async def young() -> int:
        rows = [row for row in stage.table("virtual_positions") if row["instance"] == stage.uid_of(TIMED)]
        opened = next((int(row["opened_ms"]) for row in rows if Decimal(row["signed_qty"])), 0)
        return opened if opened and await stage.exchange.market_now_ms() - opened < YOUNG_BARS * BAR_MS else 0

    found = await until(young, TRADED_S)
    if found is None:
        raise CannotRun(f"{TIMED} did not enter within {TRADED_S:g} s")
    return found


async def _covered_or_flat(stage: Stage, fault: str, began_s: float) -> None:
    """Whatever is open at the venue has its stop, and the books say what the venue says."""

    async def agree() -> bool:
        venue = await stage.venue()
        booked: dict[str, Decimal] = {}
        for row in stage.table("virtual_positions"):
            if row["instance"] != FOREIGN and not row["account"].startswith("shadow-"):
                booked[row["symbol"]] = booked.get(row["symbol"], Decimal(0)) + Decimal(row["signed_qty"])
        return all(
            booked.get(symbol, Decimal(0)) == position and (not position or bool(venue.stops(symbol)))
            for symbol, position in venue.positions.items()
        )

    await stage.expect(fault, agree, "what is open is covered and in the books", COVERED_S, since_s=began_s)


async def _no_late_entry(stage: Stage, fault: str, before: int) -> None:
    closes = {row["link_id"]: row["intent"] for row in stage.table("orders")}
    bars = {row["id"]: row["bar_close_ms"] for row in stage.table("intents")}
    made = [row for row in await stage.exchange.entries("request") if row["path"] == CREATE][before:]
    late = [
        row["params"]["orderLinkId"]
        for row in made
        if not row["params"].get("reduceOnly")
        and row["market_ms"] - bars.get(closes.get(row["params"]["orderLinkId"], ""), 0) > 2 * BAR_MS
    ]
    stage.report.require(not late, fault, f"entries on bars of the downtime: {', '.join(late) or 'none'}")


async def _left_in_time(stage: Stage, fault: str, entered_ms: int, gone_ms: int) -> None:
    """The position whose time was over meanwhile: left at the venue by its stop or target, or by an exit of the very bar."""

    async def left() -> Any:
        rows = [row for row in stage.table("executions") if row["owner"] == stage.uid_of(TIMED)]
        return next((row for row in rows if row["venue_ms"] > gone_ms and _leaves(stage, row)), None)

    closing = await stage.expect(fault, left, f"the position of {TIMED} is left", COVERED_S)
    if closing["stop_order_type"]:
        stage.report.saw(fault, f"{TIMED} was closed at the venue by its {closing['stop_order_type']}")
        return
    order = next(row for row in stage.table("orders") if row["link_id"] == closing["link_id"])
    intent = next(row for row in stage.table("intents") if row["id"] == order["intent"])
    due_ms = entered_ms // BAR_MS * BAR_MS + TIMED_BARS * BAR_MS
    bar = SyntheticFeed(SEED).candles(TIMED_SYMBOL, due_ms - BAR_MS, due_ms)
    theory, filled = Decimal(intent["price_ref"]), Decimal(closing["price"])
    seen = f"left for {intent['reason']} of the bar that was due, {(closing['venue_ms'] - due_ms) // BAR_MS} bars later"
    paid = f"at {filled:f} instead of {theory:f}, {(filled / theory - 1) * 10_000:+.0f} bps"
    right = intent["bar_close_ms"] == due_ms and float(theory) == float(bar.close[-1])
    stage.report.require(
        right, fault, f"{seen}, {paid}" if right else f"{intent['reason']} of {intent['bar_close_ms']}, {paid}"
    )
    told = (await stage.ctl("why", closing["link_id"])).text
    stage.report.require("catch_up: due" in told, fault, "`playctl why` tells when it was due, and what the wait has cost")


def _leaves(stage: Stage, row: dict[str, Any]) -> bool:
    if row["stop_order_type"]:
        return True
    return any(each["link_id"] == row["link_id"] and each["reduce_only"] for each in stage.table("orders"))
