"""DRL-23: a second daemon on the state of one that runs, then on its account alone."""

from typing import Any, Final

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import HELD_SYMBOL
from playd.ops.drills.scenarios.steps import bars_go_on
from playd.ops.drills.stage import Stage
from playd.orders.halts import account_scope

REFUSED_S: Final = 30.0
ELSEWHERE_S: Final = 150.0
"""Its start, its first order, and one reconciliation of orders, which comes every two minutes."""
COVERED_S: Final = 45.0
LOCK_HELD: Final = 79


async def second_daemon(stage: Stage) -> None:
    """DRL-23: on the state of one that runs, then on its account alone."""
    await on_the_same_state(stage)
    await _elsewhere(stage)


async def on_the_same_state(stage: Stage) -> None:
    """The first half: the lock refuses it, and the first one does not notice."""
    await stage.open()
    second = stage.program("second", *stage.daemon.arguments)
    began_s = stage.report.inject("start", "second daemon")
    await second.launch()
    code = await second.ended(REFUSED_S)
    stage.report.saw("second daemon", f"ended with {code}", recovery_s=stage.world.clock.mono_s() - began_s, limit_s=REFUSED_S)
    stage.report.require(code == LOCK_HELD, "second daemon", f"exit {code}, expected {LOCK_HELD}")
    stage.report.require("is held by another process" in second.text(), "second daemon", "it names the lock")
    stage.report.require("Traceback" not in second.text(), "second daemon", "without a traceback")
    bars = len(stage.table("bars"))

    async def decided() -> bool:
        return len(stage.table("bars")) > bars + 5

    await stage.expect("first daemon", decided, "goes on deciding bars", REFUSED_S)


async def _elsewhere(stage: Stage) -> None:
    """A second daemon on the account, with a state of its own: it sees orders in its own spelling, halts, and sends nothing."""
    fault = "second daemon elsewhere on the account"
    state = stage.directory / "elsewhere"
    config = stage.configure_elsewhere("elsewhere", "DOGEUSDT")
    second = stage.program("elsewhere", "run", "--config", str(config), "--state", str(state))
    began_s = stage.report.inject("start", "daemon elsewhere")
    stage.strangers.append(state)
    await second.launch()

    async def halted() -> Any:
        rows = (*stage.table("halts"), *stage.table("halts", state))
        return next((row for row in rows if row["code"] == "SECOND_DAEMON"), None)

    found = await stage.expect(fault, halted, "one of the two is halted", ELSEWHERE_S, since_s=began_s)
    stage.report.require(
        (found["level"], found["scope"]) == (2, account_scope(ACCOUNT)), fault, f"level {found['level']} on {found['scope']}"
    )
    await bars_go_on(stage, fault, REFUSED_S)
    sent = sum(row["intent"] is not None for row in stage.table("orders", state))
    stage.report.require(sent <= 1, fault, f"it sent {sent} orders")
    await second.stop()
    await stage.expect_covered(HELD_SYMBOL, fault, COVERED_S)
