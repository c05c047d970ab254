"""DRL-16: the venue throttles entries and repairs, protects itself, and bans our address; the ban outlives the daemon."""

from contextlib import closing
from typing import Any, Final

from playd.core.orders import OrderState
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import HELD_SYMBOL
from playd.ops.drills.programs import until
from playd.ops.drills.scenarios.steps import TRADED_S, arm, bars_go_on, heal, hit_create, is_over
from playd.ops.drills.stage import ANSWERED, Stage

COVERED_S: Final = 40.0
NOTICED_S: Final = 20.0
BANNED_S: Final = 45.0
"""While anything is open the venue is asked every half minute at least."""

SILENT_S: Final = 15.0
RETURNS_S: Final = 60.0
PROTECT_MS: Final = 200.0
PROTECTING: Final = "/v5/position/trading-stop"
BAN_KEY: Final = "ban_until_ms:venue"


async def rate_trouble(stage: Stage) -> None:
    await stage.open(guardian=False)
    await _entry(stage, "an entry answered three times with 10006", {"code": 10006}, times=3)
    await _entry(stage, "an entry taken, and answered with 10429", {"code": 10429, "effect": True}, times=1)
    began_s = await arm(stage, "remove_stop", {"symbol": HELD_SYMBOL, "account": ACCOUNT})
    await arm(stage, "answer", {"path": PROTECTING}, times=3, given={"code": 10006})
    await stage.expect_covered(HELD_SYMBOL, "stop cancelled, repair answered with 10006", COVERED_S, since_s=began_s)
    rows = (await stage.ctl("limits", "--json")).data
    waits = [row["wait_p99_ms"] for row in rows if row["bucket"].endswith(PROTECTING)]
    stage.report.require(
        waits and max(waits) <= PROTECT_MS, "outside a ban", f"a stop waits {max(waits, default=0.0):.0f} ms for its turn (p99)"
    )
    await _banned(stage)


async def _entry(stage: Stage, fault: str, given: dict[str, Any], *, times: int) -> None:
    """An entry is answered with a code that says "not now"; it ends once, and is one order."""
    link = await hit_create(stage, fault, "answer", given, times=times)

    async def over() -> Any:
        return next((row for row in stage.table("orders") if row["link_id"] == link and is_over(row)), None)

    row = await stage.expect(fault, over, lambda row: f"the order is {row['state']}", TRADED_S)
    made = [each for each in (await stage.venue()).newest() if each["orderLinkId"] == link]
    wanted = 1 if row["state"] == OrderState.FILLED else 0
    stage.report.require(len(made) == wanted, fault, f"{len(made)} orders at the venue")


async def _banned(stage: Stage) -> None:
    """
    Every request is answered with 403: not one more leaves, not by the next life of the daemon either.

    A ban lasts ten minutes. The drill does not wait for its end: it moves the end that is on record to now.
    """
    fault = "every request answered with 403"
    began_s = await arm(stage, "answer", {"path": "/v5/*"}, times=0, given={"http": 403})

    async def paused() -> Any:
        return stage.halt("BANNED")

    found = await stage.expect(fault, paused, "the account is paused", BANNED_S, since_s=began_s)
    stage.report.require(found["level"] == 1, fault, f"level {found['level']} on {found['scope']}")
    await _nothing_leaves(stage, fault)
    stage.report.inject("SIGKILL", "daemon")
    await stage.daemon.kill()
    await stage.daemon.launch()
    fault = f"{fault}, daemon killed and started"
    stage.report.require(await until(_serves(stage), NOTICED_S) is not None, fault, "it answers `playctl`")
    await _nothing_leaves(stage, fault)
    stage.report.require(await stage.stop_of_record(HELD_SYMBOL), fault, f"{HELD_SYMBOL} keeps its stop at the venue")
    await stage.daemon.kill()
    with closing(stage.world.disk.open_sqlite(stage.state / "ledger.sqlite")) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE key = ?", (BAN_KEY,))
    healed_s = await heal(stage)
    await stage.start_daemon()

    async def lifted() -> bool:
        return stage.halt("BANNED") is None

    await stage.expect("the ban is over", lifted, "the pause has lifted itself", RETURNS_S, since_s=healed_s)
    await bars_go_on(stage, "the ban is over", RETURNS_S)
    await stage.expect_covered(HELD_SYMBOL, "the ban is over", COVERED_S)


async def _nothing_leaves(stage: Stage, fault: str) -> None:
    """Nothing more arrives at the exchange for a while."""
    before = await _refused(stage)

    async def silent() -> bool:
        return await _refused(stage) == before

    await stage.stays(fault, silent, "no request leaves", SILENT_S)


async def _refused(stage: Stage) -> int:
    rows = (await stage.exchange.admin("GET", "faults"))["faults"]
    return sum(int(row["hits"]) for row in rows)


def _serves(stage: Stage) -> Any:
    async def serves() -> bool:
        return (await stage.ctl("status", "--json")).code in ANSWERED

    return serves
