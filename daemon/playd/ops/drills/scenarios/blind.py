"""DRL-07: every read of the account fails while positions are open."""

from typing import Any, Final

import anyio

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import HELD_SYMBOL, TIMED, TIMED_SYMBOL, WHILE_AWAY
from playd.ops.drills.scenarios.steps import CREATE, TRADED_S, arm, bars_go_on, heal, holds_still, lifted_by_a_person
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import account_scope, symbol_scope

READS: Final = (
    "/v5/position/list",
    "/v5/order/realtime",
    "/v5/order/history",
    "/v5/execution/list",
    "/v5/account/wallet-balance",
)
SHORT_S, LONG_S, BLIND_S = 20.0, 70.0, 600.0
LEVELS: Final = {1: 15.0, 2: 60.0}
"""Seconds of blindness after which the account is at a level."""

LOOK_S: Final = 5.0
"""How much later it may be on a machine with ten other jobs."""

ASKED_S: Final = 45.0
"""A Python process, and the reads that it has done."""

BLIND_LOOK_S: Final = 5.0
SLOW: Final = 6.0
"""Market minutes per minute, so that what is open stays open for a while."""

SEEN_AGAIN_S: Final = 45.0
RETURNS_S: Final = 45.0
DOUBT: Final = "UNKNOWN_ORDER"
DOUBT_S: Final = 120.0
"""After which an order in doubt is a person's."""

OVER: Final = ("CANCELLED", "NEVER_ARRIVED", "REJECTED")


async def blind(stage: Stage) -> None:
    """For twenty seconds, for seventy, for ten minutes in which a Play leaves its position."""
    await stage.open(plays=WHILE_AWAY)
    await _short(stage)
    await _long(stage)
    await _for_ten_minutes(stage)
    await bars_go_on(stage, "reads answered again", RETURNS_S)


async def _short(stage: Stage) -> None:
    """The account is paused, and opens by itself."""
    fault = f"all reads fail for {SHORT_S:g} s"
    began_s, began_ms = await _no_reads(stage, fault)
    await _level(stage, fault, 1, began_s, began_ms)
    await _until(stage, began_s + SHORT_S)
    await heal(stage)

    async def lifted() -> bool:
        return stage.halt("BLIND") is None

    await stage.expect(f"{fault}, then answer", lifted, "the pause has lifted itself", SEEN_AGAIN_S)
    await stage.exchange.release(SPEED)
    halted = [row for row in stage.table("halts") if row["code"] == "BLIND" and row["level"] > 1]
    stage.report.require(not halted, fault, "never more than a pause")
    told = [row for row in stage.table("incidents") if row["kind"] == "BLIND"]
    stage.report.require(not told, fault, f"{len(told)} incidents: nobody is called for a pause that ends by itself")


async def _long(stage: Stage) -> None:
    """The account is halted, and a person opens it."""
    fault = f"all reads fail for {LONG_S:g} s"
    began_s, began_ms = await _no_reads(stage, fault)
    await _level(stage, fault, 1, began_s, began_ms)
    await _level(stage, fault, 2, began_s, began_ms)
    await _until(stage, began_s + LONG_S)
    await _read_again(stage, fault)


async def _for_ten_minutes(stage: Stage) -> None:
    """
    Nothing is assumed meanwhile; the exit of a Play is sent, and stays in doubt, because nothing tells what became of it.
    """
    fault = f"all reads fail for {BLIND_S / 60:g} min"
    await holds_still(stage, TIMED, TIMED_SYMBOL)
    began_s, began_ms = await _no_reads(stage, fault)
    await arm(stage, "drop_reply", {"path": CREATE, "symbol": TIMED_SYMBOL})
    for topic in ("order*", "execution*", "position*"):
        where = {"socket": "private", "topic": topic, "symbol": TIMED_SYMBOL}
        await arm(stage, "drop_frame", where, times=0, name=f"private reports of {TIMED_SYMBOL}")
    await stage.exchange.release(SPEED)

    async def sent() -> bool:
        """No price reaches the levels of the timed position: an order that may only reduce it is of its Play."""
        creates = (await stage.venue()).creates
        own = (row for at_ms, row in creates if at_ms >= began_ms and row["symbol"] == TIMED_SYMBOL)
        return any(row.get("reduceOnly") for row in own)

    await stage.expect(f"{fault}, the time of a position is over", sent, "an exit of its Play is sent", TRADED_S)
    await _level(stage, fault, 2, began_s, began_ms)
    await _watched(stage, fault, began_s)
    await _in_doubt(stage, f"{fault}, answer and reports of an exit lost")
    ended = {row["link_id"] for row in stage.table("orders") if row["state"] in OVER}
    open_ones = {row["orderLinkId"] for row in (await stage.venue()).newest() if row["orderStatus"] in ("New", "Untriggered")}
    wrong = sorted(open_ones.intersection(ended) - {""})
    stage.report.require(not wrong, fault, f"assumed over and open at the venue: {', '.join(wrong) or 'none'}")
    await _read_again(stage, fault)
    await lifted_by_a_person(stage, symbol_scope(ACCOUNT, TIMED_SYMBOL), f"{fault}, then answer", RETURNS_S)


async def _in_doubt(stage: Stage, fault: str) -> None:
    """The exit is in doubt for as long as nobody can say what became of it; in time its symbol is halted."""

    async def halted() -> Any:
        return stage.halt(DOUBT)

    row = await stage.expect(fault, halted, lambda row: str(row["text"]), ASKED_S)
    asked = [each for each in stage.table("order_events") if each["after"] == "UNKNOWN" and each["link_id"] in row["text"]]
    took_s = (int(row["raised_ms"]) - min(int(each["received_ms"]) for each in asked)) / 1000
    seen = f"level {row['level']} on {row['scope']}, not before {DOUBT_S:g} s"
    right = (row["level"], row["scope"]) == (2, symbol_scope(ACCOUNT, TIMED_SYMBOL))
    if right and took_s >= DOUBT_S - 0.1:
        stage.report.saw(fault, seen, recovery_s=took_s, limit_s=DOUBT_S + LOOK_S)
    else:
        stage.report.missed(fault, f"{seen}: after {took_s:.1f} s")


async def _read_again(stage: Stage, fault: str) -> None:
    """One incident, which closes itself; the halt is a person's to lift."""
    incidents = [row for row in stage.table("incidents") if row["kind"] == "BLIND" and row["resolved_ms"] is None]
    stage.report.require(len(incidents) == 1, fault, f"{len(incidents)} incident BLIND is open")
    await heal(stage)

    async def closed() -> bool:
        found = stage.incident("BLIND")
        return found is not None and found["resolved_ms"] is not None

    await stage.expect(f"{fault}, then answer", closed, "the incident is over", SEEN_AGAIN_S)
    await stage.exchange.release(SPEED)
    await lifted_by_a_person(stage, account_scope(ACCOUNT), f"{fault}, then answer", RETURNS_S)


async def _watched(stage: Stage, fault: str, began_s: float) -> None:
    """The halt stands, the daemon lives, the position keeps its stop."""
    await stage.exchange.release(SLOW)
    held = (await stage.venue()).positions[HELD_SYMBOL]
    while stage.world.clock.mono_s() - began_s < BLIND_S:
        await anyio.sleep(BLIND_LOOK_S)
        kept = await stage.stop_of_record(HELD_SYMBOL) or (await stage.venue()).positions[HELD_SYMBOL] != held
        if not (stage.halt("BLIND") and stage.daemon.alive and kept):
            stage.report.missed(fault, f"not for {BLIND_S:g} s: halted, alive, {HELD_SYMBOL} with its stop")
            return
    stage.report.saw(fault, f"halted, alive, {HELD_SYMBOL} with its stop, for {BLIND_S:g} s")


async def _no_reads(stage: Stage, fault: str) -> tuple[float, int]:
    """Let every read of an account with an open position fail; when the first one did, by monotonic clock and in epoch ms."""
    await stage.until_covered(HELD_SYMBOL)
    await stage.exchange.release(SLOW)
    for path in READS:
        await arm(stage, "answer", {"path": path, "account": ACCOUNT}, times=0, given={"http": 503}, name=fault)
    await stage.ctl("reconcile", ACCOUNT)

    async def failed() -> list[int]:
        return [int(row["wall_ms"]) for row in await stage.exchange.entries("fault") if row["name"] == fault]

    hits_ms = await stage.expect(fault, failed, "the first one fails", ASKED_S)
    exposed = [symbol for symbol, position in (await stage.venue()).positions.items() if position]
    stage.report.require(exposed, fault, f"exposed with {', '.join(exposed)}")
    clock, began_ms = stage.world.clock, min(hits_ms)
    return clock.mono_s() - (clock.wall_ms() - began_ms) / 1000, began_ms


async def _level(stage: Stage, fault: str, level: int, began_s: float, began_ms: int) -> None:
    """The account is at a level when its time of blindness is over, and not before."""

    async def halted() -> Any:
        rows = (row for row in stage.table("halts") if row["code"] == "BLIND" and row["raised_ms"] >= began_ms)
        return next((row for row in rows if row["level"] == level), None)

    due_s = LEVELS[level]
    row = await stage.expect(fault, halted, f"the account is at level {level}", due_s + ASKED_S, since_s=began_s)
    took_s = (int(row["raised_ms"]) - began_ms) / 1000
    seen = f"level {level} on {row['scope']}, not before {due_s:g} s"
    if took_s >= due_s - 0.1 and row["scope"] == account_scope(ACCOUNT):
        stage.report.saw(fault, seen, recovery_s=took_s, limit_s=due_s + LOOK_S)
    else:
        stage.report.missed(fault, f"{seen}: after {took_s:.1f} s")


async def _until(stage: Stage, moment_s: float) -> None:
    await anyio.sleep(max(moment_s - stage.world.clock.mono_s(), 0.0))
