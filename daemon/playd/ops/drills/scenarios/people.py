"""Drills of people: the kill file, a panic."""

from decimal import Decimal
from typing import Any, Final

import anyio

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD, HELD_SYMBOL
from playd.ops.drills.programs import until
from playd.ops.drills.report import DrillError
from playd.ops.drills.scenarios.steps import CREATE, arm, entries, heal, holds_still, resume
from playd.ops.drills.stage import SPEED, Stage
from playd.orders.halts import ALL
from playd.world.ports import ChildSignal

HALT_FILE: Final = "HALT"
HALTED_S: Final = 1.0
LOOKS_S: Final = 2.0
"""How much later a look that is taken each second may come on a machine that has other things to do."""

WATCHED_S: Final = 6.0
FLAT_S: Final = 20.0
UNDER_FIRE_S: Final = 40.0
PROTECTED_S: Final = 5.0
MOVED_BACK_S: Final = 10.0
"""Until then it is covered, only elsewhere."""

RECOGNISED_S: Final = 30.0
FOREIGN_SYMBOL: Final = "DOGEUSDT"
FAR_PRICE: Final = Decimal("0.08")
"""Half of what it costs, so that an order to buy waits."""


async def kill_file(stage: Stage) -> None:
    """DRL-27: made, then removed; only a person lifts what it raised. Then the directory of a second one is away."""
    disk, path, elsewhere = stage.world.disk, stage.state / HALT_FILE, stage.directory / "elsewhere"
    disk.mkdir(elsewhere)
    await stage.open(guardian=False, settings=f'[halt]\nextra_file = "{elsewhere / HALT_FILE}"')

    async def halted() -> Any:
        return stage.halt("KILL_FILE")

    stage.report.inject("create", "kill file")
    disk.write_replace(path, b"by hand, with bytes that are no text: \x00\xff", keep_previous=False)
    await _everything_halted(stage, "kill file made")
    before = await entries(stage)
    await anyio.sleep(WATCHED_S)
    stage.report.require(await entries(stage) == before, "kill file there", f"no entry arrives for {WATCHED_S:g} s")
    refused = await resume(stage, "all")
    stage.report.require(refused.code == 8, "resume beside the file", f"refused with exit {refused.code}")
    stage.report.inject("remove", "kill file")
    disk.remove(path)
    await stage.stays("kill file removed", halted, "the halt stands", WATCHED_S)
    lifted = await resume(stage, "all")
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}")
    stage.report.inject("remove", "directory of the second kill file")
    disk.remove_tree(elsewhere)
    await _everything_halted(stage, "directory of the second kill file away")
    disk.mkdir(elsewhere)
    lifted = await resume(stage, "all")
    stage.report.require(lifted.code == 0, "directory there again, resume by a person", f"exit {lifted.code}")


async def _everything_halted(stage: Stage, fault: str) -> None:
    """
    Level 2 on everything, within a second by the halt's own stamp: how often we look is not the daemon's delay.

    Judged at three, because the machine may be busy with other things.
    """
    made_ms = stage.world.clock.wall_ms()

    async def halted() -> Any:
        return stage.halt("KILL_FILE")

    halt = await until(halted, RECOGNISED_S)
    if halt is None:
        stage.report.missed(fault, "no halt", limit_s=HALTED_S)
        raise DrillError
    took_s = max((halt["raised_ms"] - made_ms) / 1000, 0.0)
    seen = f"halt of level {halt['level']} on {halt['scope']}"
    stage.report.saw(fault, seen, recovery_s=took_s, limit_s=HALTED_S + LOOKS_S)
    stage.report.require(halt["level"] == 2 and halt["scope"] == ALL, fault, "level 2 on everything")


async def panic(stage: Stage) -> None:
    """DRL-26: of one instance, of a symbol under fire, of the account through the guardian, because the daemon is stopped."""
    await stage.open()
    before = await _venue_positions(stage)
    began_s = stage.report.inject("panic", HELD)
    ran = await stage.ctl("panic", HELD, "--yes", "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    after = await _venue_positions(stage)
    stage.report.require(ran.code == 0 and ran.data["flat"], "panic of one instance", f"exit {ran.code}")
    stage.report.require(before[HELD_SYMBOL] and not after[HELD_SYMBOL], "panic of one instance", "flat at the venue")
    stage.report.saw("panic of one instance", "answered", recovery_s=took_s, limit_s=FLAT_S)
    lifted = await resume(stage, f"instance:{HELD}")
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}")
    started = await stage.ctl("start", HELD)
    stage.report.require(
        started.code == 0, "start by a person", f"exit {started.code}: a lifted panic starts nothing by itself"
    )
    await stage.until_covered(HELD_SYMBOL)
    await _under_fire(stage)
    await _everything(stage)
    await stage.exchange.inside_a_minute()
    stage.report.inject("SIGSTOP", "daemon")
    stage.daemon.send(ChildSignal.STOP)
    began_s = stage.report.inject("panic", f"account:{ACCOUNT}")
    ran = await stage.ctl("panic", f"account:{ACCOUNT}", "--yes", "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    fault = "panic, daemon stopped"
    stage.report.require(ran.code == 0 and ran.data["flat"], fault, f"the guardian answers, exit {ran.code}")
    stage.report.require(not any((await _venue_positions(stage)).values()), fault, "flat at the venue, every symbol")
    stage.report.saw(fault, "answered", recovery_s=took_s, limit_s=FLAT_S)
    stage.daemon.send(ChildSignal.CONT)
    await stage.exchange.release(SPEED)

    async def halted() -> Any:
        return stage.halt("GUARDIAN_PANIC")

    await stage.expect("daemon goes on", halted, lambda row: f"halt GUARDIAN_PANIC of level {row['level']}", RECOGNISED_S)

    async def flat() -> bool:
        return not any((await _venue_positions(stage)).values())

    await stage.stays("daemon goes on", flat, "nothing is opened", WATCHED_S)


async def _under_fire(stage: Stage) -> None:
    """Panic of a symbol: its closing order is throttled, and when it is taken its answer is lost."""
    fault = "panic of a symbol, closing order throttled, then its answer lost"
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    orders = {"path": CREATE, "symbol": BUSY_SYMBOL}
    await arm(stage, "answer", orders, given={"code": 10006})
    began_s = await arm(stage, "drop_reply", orders, when={"after": 1})
    scope = f"symbol:{ACCOUNT}/{BUSY_SYMBOL}"
    ran = await stage.ctl("panic", scope, "--yes", "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    left = (await stage.venue()).positions[BUSY_SYMBOL]
    stage.report.require(ran.code == 0 and ran.data["flat"] and not left, fault, f"exit {ran.code}, {left} left at the venue")
    stage.report.saw(fault, "answered", recovery_s=took_s, limit_s=UNDER_FIRE_S)
    await heal(stage)
    await stage.exchange.release(SPEED)
    lifted = await resume(stage, scope)
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}: {lifted.text.strip()[:120]}")


async def _everything(stage: Stage) -> None:
    """Panic of all accounts at once, which needs its phrase; then everybody begins again, each by a person."""
    fault = "panic of everything"
    await stage.until_covered(HELD_SYMBOL)
    began_s = stage.report.inject("panic", ALL)
    ran = await stage.ctl("panic", ALL, "--confirm", f"PANIC {ALL}", "--reason", "drill", "--json")
    took_s = stage.world.clock.mono_s() - began_s
    stage.report.require(ran.code == 0, fault, f"exit {ran.code}")
    stage.report.require(not any((await _venue_positions(stage)).values()), fault, "flat at the venue, every symbol")
    resting = await stage.resting()
    stage.report.require(not resting, fault, f"entries that rest: {', '.join(resting.values()) or 'none'}")
    stage.report.saw(fault, "answered", recovery_s=took_s, limit_s=FLAT_S)
    left = stage.world.disk.exists(stage.state / HALT_FILE)
    stage.report.require(left, fault, f"{HALT_FILE} was written, for a person to remove")
    stage.world.disk.remove(stage.state / HALT_FILE)
    lifted = await resume(stage, ALL)
    stage.report.require(lifted.code == 0, "resume by a person", f"exit {lifted.code}: {lifted.text.strip()[:120]}")
    for name in stage.plays:
        await stage.ctl("start", name)
    await stage.until_covered(HELD_SYMBOL)


async def _venue_positions(stage: Stage) -> dict[str, Decimal]:
    found = (await stage.venue()).positions
    return {HELD_SYMBOL: Decimal(0), **found}
