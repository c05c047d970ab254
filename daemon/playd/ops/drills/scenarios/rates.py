"""
DRL-16: the venue throttles entries, exits and repairs, protects itself, and bans our address; the ban outlives the daemon.
"""

from typing import Any, Final

from playd.core.orders import OrderState
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, HELD, HELD_SYMBOL, PLAYS, another
from playd.ops.drills.programs import until
from playd.ops.drills.scenarios.steps import (
    CREATE,
    TRADED_S,
    arm,
    bars_go_on,
    heal,
    hit_create,
    holds_still,
    is_over,
    lifted_by_a_person,
    resume,
)
from playd.ops.drills.stage import ANSWERED, SPEED, Stage
from playd.orders.halts import Level

COVERED_S: Final = 40.0
NOTICED_S: Final = 45.0
BANNED_S: Final = 45.0
"""While anything is open the venue is asked every half minute at least."""

AGAIN_S: Final = 5.0
BURST: Final = 6
CLOSED_S: Final = 40.0
ON_ITS_WAY_MS: Final = 250
"""An entry that had its turn before an exit was decided arrives first."""

TURN_MS: Final = 150
"""An exit that is sent so near to an entry has its turn with it: both wait for one reset, and either may wake first."""

CROWD: Final = {name: another(PLAYS[BUSY], name, symbol) for name, symbol in (("crowd", "DOGEUSDT"), ("more", "BNBUSDT"))}
"""Two more who enter every few minutes."""

SILENT_S: Final = 12.0
RETURNS_S: Final = 60.0
PROTECT_MS: Final = 200.0
PROTECTING: Final = "/v5/position/trading-stop"
DOUBT_S: Final = 90.0
"""A minute of proof, from the first reading on."""

BAN_S: Final = 600.0
LAST_S: Final = 5.0
"""Before its end nobody looks: the ban that is on record began with the first answer."""

BAN_LOOK_S: Final = 2.0
SLOW: Final = 6.0
"""Market minutes per minute."""


async def rate_trouble(stage: Stage) -> None:
    await stage.open(plays={**PLAYS, **CROWD}, terms=("--markets", "6"))
    await _entry(stage, "an entry answered three times with 10006", {"code": 10006}, times=3)
    await _reset_in_the_past(stage)
    await _entry(stage, "an entry taken, and answered with 10429", {"code": 10429, "effect": True}, times=1)
    await _burst(stage)
    await holds_still(stage, HELD, HELD_SYMBOL)
    await arm(stage, "answer", {"path": PROTECTING}, times=3, given={"code": 10006})
    began_s = await arm(stage, "remove_stop", {"symbol": HELD_SYMBOL, "account": ACCOUNT})
    await stage.expect_covered(HELD_SYMBOL, "stop cancelled, repair answered with 10006", COVERED_S, since_s=began_s)
    await stage.exchange.release(SPEED)
    rows = (await stage.ctl("limits", "--json")).data
    waits = [row["wait_p99_ms"] for row in rows if row["bucket"].endswith(PROTECTING)]
    stage.report.require(
        waits and max(waits) <= PROTECT_MS, "outside a ban", f"a stop waits {max(waits, default=0.0):.0f} ms for its turn (p99)"
    )
    await _banned(stage)


async def _entry(stage: Stage, fault: str, given: dict[str, Any], *, times: int) -> str:
    """An entry is answered with a code that says "not now"; it ends once, and is one order. Its link id."""
    link = await hit_create(stage, fault, "answer", given, times=times)

    async def over() -> Any:
        return next((row for row in stage.table("orders") if row["link_id"] == link and is_over(row)), None)

    row = await stage.expect(fault, over, lambda row: f"the order is {row['state']}", TRADED_S)
    made = [each for each in (await stage.venue()).newest() if each["orderLinkId"] == link]
    right = len(made) == 1 if row["state"] == OrderState.FILLED else len(made) <= 1
    stage.report.require(right, fault, f"{len(made)} orders at the venue")
    return link


async def _reset_in_the_past(stage: Stage) -> None:
    """The venue's word for when places are free again lies behind us: that is now, and the next try need not wait for it."""
    fault = "an entry answered with 10006 and a reset a minute ago"
    link = await _entry(stage, fault, {"code": 10006, "reset_s": -60}, times=1)
    refused_ms = max(row["wall_ms"] for row in await stage.exchange.entries("fault") if link in row.get("link_ids", ()))
    again_ms = next((wall_ms for wall_ms, params in (await stage.venue()).creates if params.get("orderLinkId") == link), None)
    if again_ms is not None:
        stage.report.saw(fault, "sent again", recovery_s=(again_ms - refused_ms) / 1000, limit_s=AGAIN_S)
    else:
        stage.report.missed(fault, "never sent again", limit_s=AGAIN_S)


async def _burst(stage: Stage) -> None:
    """Orders of everybody are answered with 10006 while entries come each second: what closes goes first all the same."""
    fault = "orders of everybody answered with 10006"
    began_ms = stage.world.clock.wall_ms()
    began_s = await arm(
        stage, "answer", {"path": CREATE, "account": ACCOUNT}, times=BURST, given={"code": 10006, "reset_s": 1.5}
    )
    ran = await stage.ctl("panic", HELD, "--yes", "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    stage.report.require(ran.code == 0 and ran.data["flat"], fault, f"a position is closed, exit {ran.code}")
    stage.report.saw(fault, "closed, and verified flat", recovery_s=took_s, limit_s=CLOSED_S)

    async def spent() -> bool:
        rows = (await stage.exchange.admin("GET", "faults"))["faults"]
        return any(row["spent"] and row["times"] == BURST for row in rows)

    await stage.expect(fault, spent, f"{BURST} orders were answered so", TRADED_S, since_s=began_s)
    passed = _passed_by_entries(stage, began_ms)
    stage.report.require(not passed, fault, f"exits that an entry passed by: {', '.join(passed) or 'none'}")
    lifted = await resume(stage, f"instance:{HELD}")
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}")
    await stage.ctl("start", HELD)
    await stage.until_covered(HELD_SYMBOL)


def _passed_by_entries(stage: Stage, began_ms: int) -> list[str]:
    """Exits that waited while an entry was sent, and had no turn of their own with it."""
    orders = [row for row in stage.table("orders") if row["created_ms"] >= began_ms and row["intent"]]
    sent, taken = dict[str, list[int]](), dict[str, int]()
    for event in stage.table("order_events"):
        if event["source"] == "send":
            sent.setdefault(event["link_id"], []).append(event["received_ms"])
        elif event["link_id"] not in taken and event["before"] == OrderState.SENT:
            taken[event["link_id"]] = event["received_ms"]
    entered = [at_ms for row in orders if not row["reduce_only"] for at_ms in sent.get(row["link_id"], [])]
    passed = []
    for row in (row for row in orders if row["reduce_only"]):
        link = row["link_id"]
        waited = [each for each in entered if row["created_ms"] + ON_ITS_WAY_MS < each < taken.get(link, 0)]
        passed += [link for each in waited if not any(abs(each - own) <= TURN_MS for own in sent[link])]
    return passed


async def _banned(stage: Stage) -> None:
    """
    For ten minutes every request is answered with 403: not one more leaves than daemon and guardian need to learn of it, not by
    the next life of the daemon either. Then both go on by themselves.
    """
    fault = f"every request answered with 403 for {BAN_S / 60:g} min"
    await stage.exchange.release(SLOW)
    began_s = await arm(stage, "answer", {"path": "/v5/*"}, times=0, given={"http": 403}, when={"until_s": BAN_S})

    async def paused() -> Any:
        return stage.halt("BANNED")

    found = await stage.expect(fault, paused, "the account is paused", BANNED_S, since_s=began_s)
    stage.report.require(found["level"] == 1, fault, f"level {found['level']} on {found['scope']}")
    known = await _heard(stage, fault, began_s)
    stage.report.inject("SIGKILL", "daemon")
    await stage.daemon.kill()
    await stage.daemon.launch()
    again = f"{fault}, daemon killed and started"
    stage.report.require(await until(_serves(stage), NOTICED_S) is not None, again, "it answers `playctl`")
    venue = await stage.venue()
    covered = "keeps its stop at the venue" if venue.positions[HELD_SYMBOL] else "is flat, by its stop or target"
    stage.report.require(venue.stops(HELD_SYMBOL) or not venue.positions[HELD_SYMBOL], again, f"{HELD_SYMBOL} {covered}")
    left_s = round(began_s + BAN_S - LAST_S - stage.world.clock.mono_s())
    await stage.stays(again, lambda: _silent(stage, known), "no request leaves", left_s, look_s=BAN_LOOK_S)
    stage.report.require(stage.halt("BANNED"), again, "the pause stands to its end")
    await _ban_over(stage, began_s + BAN_S)


async def _ban_over(stage: Stage, ended_s: float) -> None:
    """Nobody says that it is over: the end that is on record comes, and the venue is asked."""
    fault = "the ban is over"

    async def lifted() -> bool:
        return stage.halt("BANNED") is None

    await stage.expect(fault, lifted, "the pause has lifted itself", BANNED_S + RETURNS_S, since_s=ended_s)
    await heal(stage)
    await stage.expect(fault, stage.ready, "READY", RETURNS_S)
    await stage.exchange.release(SPEED)
    await _looked_at(stage, fault)
    await bars_go_on(stage, fault, RETURNS_S)
    await stage.expect_covered(HELD_SYMBOL, fault, COVERED_S)


async def _looked_at(stage: Stage, fault: str) -> None:
    """
    Ten minutes in which nothing could be read leave levels for a person: the blind account, an order that met the ban and was
    in doubt all the time, a position whose stop could not be looked at.
    """

    async def read_again() -> bool:
        return not any(row["state"] == OrderState.UNKNOWN for row in stage.table("orders"))

    await stage.expect(fault, read_again, "no order is in doubt", DOUBT_S)
    left = [row for row in stage.table("halts") if row["lifted_ms"] is None and row["level"] >= Level.HALT]
    for scope in sorted({row["scope"] for row in left}):
        await lifted_by_a_person(stage, scope, fault, RETURNS_S)


async def _heard(stage: Stage, fault: str, began_s: float) -> int:
    """Daemon and guardian have heard of it: no request leaves any more. How many did until then."""
    clock = stage.world.clock
    count, since_s = await _refused(stage), clock.mono_s()

    async def quiet() -> bool:
        nonlocal count, since_s
        now = await _refused(stage)
        if now != count:
            count, since_s = now, clock.mono_s()
        return clock.mono_s() - since_s >= SILENT_S

    limit_s = BANNED_S + SILENT_S
    await stage.expect(fault, quiet, lambda _: f"{count} requests were answered, then none leaves", limit_s, since_s=began_s)
    return count


async def _silent(stage: Stage, known: int) -> bool:
    return await _refused(stage) == known


async def _refused(stage: Stage) -> int:
    rows = (await stage.exchange.admin("GET", "faults"))["faults"]
    return sum(int(row["hits"]) for row in rows)


def _serves(stage: Stage) -> Any:
    async def serves() -> bool:
        return (await stage.ctl("status", "--json")).code in ANSWERED

    return serves
