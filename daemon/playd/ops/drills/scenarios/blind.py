"""DRL-07: every read of the account fails while positions are open."""

from typing import Final

import anyio

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD_SYMBOL
from playd.ops.drills.scenarios.steps import arm, bars_go_on, heal, holds_still, lifted_by_a_person
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import account_scope

READS: Final = (
    "/v5/position/list",
    "/v5/order/realtime",
    "/v5/order/history",
    "/v5/execution/list",
    "/v5/account/wallet-balance",
)
PAUSED_S: Final = 15.0
HALTED_S: Final = 60.0
NOTICED_S: Final = 20.0
"""The command that has everything read, a Python process, and the account's clock, on a machine with ten other jobs."""
BLIND_S: Final = 600.0
BLIND_LOOK_S: Final = 5.0
SLOW: Final = 6.0
"""Market minutes per minute, so that what is open stays open for a while."""

SEEN_AGAIN_S: Final = 15.0
EXIT_S: Final = 15.0
RETURNS_S: Final = 45.0


async def blind(stage: Stage) -> None:
    """DRL-07: all reads fail, for twenty seconds and for ten minutes, while positions are open."""
    await stage.open(guardian=False)
    scope = account_scope(ACCOUNT)
    began_s = await _no_reads(stage)
    fault = "all reads fail"
    await _halted(stage, fault, 1, PAUSED_S + NOTICED_S, since_s=began_s)
    await heal(stage)

    async def lifted() -> bool:
        return stage.halt("BLIND") is None

    await stage.expect("reads answered again", lifted, "the pause has lifted itself", SEEN_AGAIN_S)
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    began_s = await _no_reads(stage)
    closes = await _closes(stage)
    await stage.ctl("stop", BUSY, "--flatten")

    async def closing() -> bool:
        return await _closes(stage) > closes

    await stage.expect(f"{fault}, a position is to be closed", closing, "the exit is sent", EXIT_S)
    await _halted(stage, fault, 2, HALTED_S + NOTICED_S, since_s=began_s)
    took_s = stage.world.clock.mono_s() - began_s
    stage.report.require(took_s >= HALTED_S, fault, f"level 2 after {took_s:.0f} s, not before {HALTED_S:g} s")
    await _for_ten_minutes(stage, fault, began_s)
    entries = [row["link_id"] for row in stage.table("orders") if row["state"] in ("CANCELLED", "NEVER_ARRIVED", "REJECTED")]
    open_ones = {row["orderLinkId"] for row in (await stage.venue()).newest() if row["orderStatus"] in ("New", "Untriggered")}
    wrong = sorted(open_ones.intersection(entries) - {""})
    stage.report.require(not wrong, fault, f"assumed over and open at the venue: {', '.join(wrong) or 'none'}")
    incidents = [row for row in stage.table("incidents") if row["kind"] == "BLIND"]
    stage.report.require(len(incidents) == 1, fault, f"{len(incidents)} incident BLIND")
    await heal(stage)
    await lifted_by_a_person(stage, scope, "reads answered again", RETURNS_S)
    await bars_go_on(stage, "reads answered again", RETURNS_S)


async def _for_ten_minutes(stage: Stage, fault: str, began_s: float) -> None:
    """Nothing more is decided by the time that passes: the halt stands, the daemon lives, the position keeps its stop."""
    await stage.exchange.release(SLOW)
    held = (await stage.venue()).positions[HELD_SYMBOL]
    while stage.world.clock.mono_s() - began_s < BLIND_S:
        await anyio.sleep(BLIND_LOOK_S)
        kept = await stage.stop_of_record(HELD_SYMBOL) or (await stage.venue()).positions[HELD_SYMBOL] != held
        if not (stage.halt("BLIND") and stage.daemon.alive and kept):
            stage.report.missed(fault, f"not for {BLIND_S:g} s: halted, alive, {HELD_SYMBOL} with its stop")
            return
    stage.report.saw(fault, f"halted, alive, {HELD_SYMBOL} with its stop, for {BLIND_S:g} s")
    await stage.exchange.release(SPEED)


async def _no_reads(stage: Stage) -> float:
    began_s = stage.world.clock.mono_s()
    for path in READS:
        where = {"path": path, "account": ACCOUNT}
        await arm(stage, "answer", where, times=0, given={"http": 503}, name=f"reads at {began_s:.0f} s")
    await stage.ctl("reconcile", ACCOUNT)
    return began_s


async def _halted(stage: Stage, fault: str, level: int, limit_s: float, *, since_s: float) -> None:
    async def halted() -> bool:
        return any(row["code"] == "BLIND" and row["level"] == level and not row["lifted_ms"] for row in stage.table("halts"))

    await stage.expect(fault, halted, f"the account is at level {level}", limit_s, since_s=since_s)


async def _closes(stage: Stage) -> int:
    """How many orders that may only reduce have arrived."""
    return sum(bool(params.get("reduceOnly")) for _, params in (await stage.venue()).creates)
