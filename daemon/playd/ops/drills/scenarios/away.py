"""
DRL-30: the daemon is off while the market goes on: for a minute, for twenty, for three hours, for three days.

What was due meanwhile is done first when it is back. What the venue holds (stop, target) it has done itself; a time exit is
decided again at the very bar at which it was due, at that bar's price, and sent at once; so is the exit at a stop that would
have followed the price, had anybody been there.
"""

from decimal import Decimal
from functools import partial
from typing import Any, Final

from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.ops.drills.plays import (
    DUE_WHILE_AWAY,
    HELD_SYMBOL,
    REACHED,
    STOPPED,
    TIMED,
    TIMED_BARS,
    TIMED_SYMBOL,
    TRAILED,
    WHILE_AWAY,
)
from playd.ops.drills.programs import until
from playd.ops.drills.report import CannotRun
from playd.ops.drills.scenarios.steps import BAR_MS, CREATE, bars_go_on, no_gaps
from playd.ops.drills.stage import SEED, SPEED, Stage
from playd.orders.order_book import FOREIGN

DOWN_MIN: Final = (1, 20, 180, 3 * DAY_MS // MINUTE_MS)
PASSES_S: Final = 120.0
"""Three days of market that nobody follows take some seconds; on a busy machine."""

COVERED_S: Final = 60.0
CAUGHT_UP_S: Final = 240.0
"""Every bar of three days is decided again: twenty seconds, and several times as long on a busy machine."""

MORE_TRIES: Final = 3
AGAIN_MIN: Final = 180
READY_S: Final = 120.0
MOVES: Final = "stop moves to "
FAR_AWAY: Final = Decimal("0.1")
"""Of the entry price: where a stop is that has not moved."""

YOUNG_BARS: Final = 10
"""So old a position may be when the daemon goes, for its time exit to be due while it is away."""


async def downtime(stage: Stage) -> None:
    await stage.open(plays={**WHILE_AWAY, **DUE_WHILE_AWAY}, terms=("--markets", "8"))
    due = set[str]()
    for minutes in DOWN_MIN:
        due |= await _away(stage, minutes)
    for _ in range(MORE_TRIES):  # where the market went the other way each time
        if due >= {STOPPED, REACHED, TRAILED}:
            break
        due |= await _away(stage, AGAIN_MIN)
    stage.report.require(due >= {STOPPED, REACHED, TRAILED}, "daemon off", f"due meanwhile: {', '.join(sorted(due))}")


async def _away(stage: Stage, minutes: int) -> set[str]:
    """The daemon is killed, and back after so many minutes of market; whose stop, target or trailing stop was due meanwhile."""
    fault = f"daemon off for {_spelled(minutes)}"
    entered_ms = await _ready_to_go(stage) if minutes > TIMED_BARS else None
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
    await _no_late_entry(stage, fault, before, back_ms)
    await _exits_first(stage, fault, before, gone_ms, back_ms)
    if entered_ms is not None and entered_ms + TIMED_BARS * BAR_MS < back_ms - BAR_MS:
        await _left_in_time(stage, fault, entered_ms, gone_ms)
    if entered_ms is None:
        return set()
    return {
        *_at_the_venue(stage, fault, gone_ms, back_ms),
        *await _at_a_stop_that_moved(stage, fault, gone_ms, back_ms),
    }


def _at_the_venue(stage: Stage, fault: str, gone_ms: int, back_ms: int) -> set[str]:
    """Whose stop or target the venue has executed meanwhile: booked to its owner, as what it was."""
    found = set[str]()
    for name, kind in ((STOPPED, "StopLoss"), (REACHED, "TakeProfit")):
        rows = [row for row in stage.table("executions") if row["owner"] == stage.uid_of(name)]
        met = [row for row in rows if gone_ms < row["venue_ms"] <= back_ms and row["stop_order_type"]]
        if met:
            found.add(name)
            right = {row["stop_order_type"] for row in met} == {kind}
            stage.report.require(
                right, fault, f"{name} was closed at the venue by its {met[0]['stop_order_type']} at {met[0]['price']}"
            )
    return found


async def _at_a_stop_that_moved(stage: Stage, fault: str, gone_ms: int, back_ms: int) -> set[str]:
    """The stop that follows the price: a missed bar moves it, a later one touches it, and the position is left at its price."""
    uid = stage.uid_of(TRAILED)
    missed = [row for row in stage.table("bars") if row["instance"] == uid and gone_ms < row["close_ms"] <= back_ms]
    exits = [
        row for row in stage.table("intents") if row["instance"] == uid and row["action"] == "exit" and row["bar_close_ms"]
    ]
    intent = next((row for row in exits if gone_ms < row["bar_close_ms"] <= back_ms), None)
    if intent is None:  # the market went the other way all the time
        return set()
    moves = [row for row in missed if row["close_ms"] < intent["bar_close_ms"] and row["detail"].startswith(MOVES)]
    stop = Decimal(max(moves, key=lambda row: int(row["close_ms"]))["detail"].removeprefix(MOVES)) if moves else None

    async def left() -> Any:
        links = {row["link_id"] for row in stage.table("orders") if row["intent"] == intent["id"]}
        return next((row for row in stage.table("executions") if row["link_id"] in links), None)

    closing = await stage.expect(fault, left, f"the position of {TRAILED} is left", COVERED_S)
    theory, filled = Decimal(intent["price_ref"]), Decimal(closing["price"])
    late = (closing["venue_ms"] - intent["bar_close_ms"]) // BAR_MS
    seen = (
        f"{TRAILED} is left for {intent['reason']} at {theory:f}, its stop after {len(moves)} moves at {stop}: due {late} bars"
    )
    stage.report.require((intent["reason"], theory) == ("catch_up: sl", stop), fault, f"{seen} before, at {filled:f}")
    told = (await stage.ctl("why", closing["link_id"])).text
    stage.report.require("catch_up: due" in told, fault, "`playctl why` tells when it was due, and what the wait has cost")
    return {TRAILED}


async def _running(stage: Stage) -> bool:
    """Whether everybody has caught up in this life of the daemon, by its log."""
    lines = stage.daemon.said("instance.transition")
    return {line["instance"] for line in lines if line["to"] == "running"} >= stage.plays.keys()


def _spelled(minutes: int) -> str:
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


async def _ready_to_go(stage: Stage) -> int:
    """
    Wait until everybody has a position whose exit may come while the daemon is away; when the one left by time was entered.

    That one is some bars old at most, and the stop that may follow the price has not begun to.
    """

    async def ready() -> int:
        rows = {row["instance"]: row for row in stage.table("virtual_positions") if Decimal(row["signed_qty"])}
        timed, trailed = rows.get(stage.uid_of(TIMED)), rows.get(stage.uid_of(TRAILED))
        if timed is None or trailed is None or not {stage.uid_of(STOPPED), stage.uid_of(REACHED)} <= rows.keys():
            return 0
        entry, stop = Decimal(trailed["avg_price"]), Decimal(trailed["stop"] or 0)
        opened = int(timed["opened_ms"])
        young = await stage.exchange.market_now_ms() - opened < YOUNG_BARS * BAR_MS
        return opened if young and abs(stop / entry - 1) > FAR_AWAY else 0

    found = await until(ready, READY_S)
    if found is None:
        raise CannotRun(f"no positions to go away from within {READY_S:g} s")
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


async def _no_late_entry(stage: Stage, fault: str, before: int, back_ms: int) -> None:
    """Nothing was entered on a bar that closed while nobody was there; bars of the time of warming are judged by their age."""
    closes = {row["link_id"]: row["intent"] for row in stage.table("orders")}
    bars = {row["id"]: row["bar_close_ms"] for row in stage.table("intents")}
    made = [row for row in await stage.exchange.entries("request") if row["path"] == CREATE][before:]
    opened = [row for row in made if not row["params"].get("reduceOnly")]
    decided = [(row, bars.get(closes.get(row["params"]["orderLinkId"], ""), 0)) for row in opened]
    late = [
        row["params"]["orderLinkId"] for row, bar_ms in decided if bar_ms <= back_ms and row["market_ms"] - bar_ms > 2 * BAR_MS
    ]
    stage.report.require(not late, fault, f"entries on bars of the downtime: {', '.join(late) or 'none'}")


async def _exits_first(stage: Stage, fault: str, before: int, gone_ms: int, back_ms: int) -> None:
    """What was due meanwhile is sent ahead of the first order that opens anything on its symbol."""
    intents = {row["id"]: row for row in stage.table("intents")}
    causes = {row["link_id"]: intents.get(row["intent"]) for row in stage.table("orders")}
    opened, due, late = set[str](), 0, 0
    for row in [row for row in await stage.exchange.entries("request") if row["path"] == CREATE][before:]:
        params, cause = row["params"], causes.get(row["params"]["orderLinkId"])
        if not params.get("reduceOnly"):
            opened.add(params["symbol"])
        elif cause is not None and gone_ms < (cause["bar_close_ms"] or 0) <= back_ms:
            due, late = due + 1, late + (params["symbol"] in opened)
    stage.report.require(not late, fault, f"{due} exits that were due, {late} of them behind an entry")


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
    right = right and intent["reason"] == "catch_up: time"
    stage.report.require(
        right, fault, f"{seen}, {paid}" if right else f"{intent['reason']} of {intent['bar_close_ms']}, {paid}"
    )
    told = (await stage.ctl("why", closing["link_id"])).text
    stage.report.require("catch_up: due" in told, fault, "`playctl why` tells when it was due, and what the wait has cost")


def _leaves(stage: Stage, row: dict[str, Any]) -> bool:
    if row["stop_order_type"]:
        return True
    return any(each["link_id"] == row["link_id"] and each["reduce_only"] for each in stage.table("orders"))
