"""Drills of protection: whoever is dead, stopped or careless, a position keeps its stop."""

from decimal import Decimal
from typing import Any, Final

import anyio
import anyio.abc

from playd.ops.drills.bad_host import DISK
from playd.ops.drills.failing_disk import HANGS
from playd.ops.drills.invariants import under_stop
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, HELD, HELD_SYMBOL, SHADOW
from playd.ops.drills.programs import epoch_ms
from playd.ops.drills.report import CannotRun
from playd.ops.drills.scenarios.steps import (
    TRADED_S,
    alerted,
    alerts_to_a_file,
    bars_go_on,
    holds_still,
    lifted_by_a_person,
    stop_put_back,
    stop_removed,
)
from playd.ops.drills.stage import HURRY, SPEED, Stage
from playd.orders.halts import symbol_scope
from playd.world.ports import ChildSignal

COVERED_BY_GUARDIAN_S: Final = 20.0
COVERED_BY_DAEMON_S: Final = 40.0
RETURNS_S: Final = 45.0
ENDED_S: Final = 40.0
"""A watchdog's period, the beat before the fault, and what is given to a process that is aborted."""

WATCHDOG_S: Final = 20.0
"""`WatchdogSec` of the shipped unit."""

BEAT, READY = "WATCHDOG=1", "READY=1"
ABORTED_S: Final = 10.0
"""`TimeoutAbortSec` of the shipped unit."""

ENTRIES_GONE_S: Final = 90.0
ALONE_MIN: Final = 30
ALERTED_S: Final = 45.0
"""Noticed, and handed to a program, on a busy machine."""

NOTICED_S: Final = 15.0
"""Ten seconds without a beat, and the last one before them."""

SILENT_S: Final = 10.0
MORE_KILLS: Final = 4
LOOKED_AT_BARS: Final = 40
"""Of all instances together, behind the ten seconds: enough for those that enter often to want to."""

NOT_READY: Final = ("ACCOUNT_NOT_READY", "NOT_RUNNING")
REQUIRED: Final = """
[guardian]
required_for_practice = true
"""


async def dead_daemon(stage: Stage) -> None:
    """DRL-13: killed, and it stays down."""
    await stage.open(settings=alerts_to_a_file(stage))
    await holds_still(stage, HELD, HELD_SYMBOL)
    planned = await stage.stop_of(HELD_SYMBOL)
    stage.report.require(await stage.resting(), "before", "an entry rests")
    killed_s, killed_ms = stage.report.inject("SIGKILL", "daemon"), stage.world.clock.wall_ms()
    await stage.daemon.kill()
    await _stop_cancelled(stage, planned, "daemon killed, stop cancelled")
    await _noticed(stage, killed_ms)
    await stage.expect("daemon dead", lambda: _alarm(stage, "DAEMON_DEAD"), "the guardian has the alarm DAEMON_DEAD", RETURNS_S)
    await alerted(stage, "daemon dead", "CRITICAL DAEMON_DEAD", ALERTED_S, since_s=killed_s)

    async def nothing_rests() -> bool:
        return not await stage.resting()

    await stage.expect("daemon dead", nothing_rests, "resting entries are gone", ENTRIES_GONE_S, since_s=killed_s)
    await _half_an_hour_alone(stage)
    await stage.start_daemon()
    await stage.expect("daemon back", lambda: _alive(stage), "the guardian hears the daemon again", RETURNS_S)
    await alerted(stage, "daemon back", "OVER CRITICAL DAEMON_DEAD", ALERTED_S)
    await _guardian_told(stage)


async def _noticed(stage: Stage, killed_ms: int) -> None:
    """The guardian takes the daemon for dead, in time by its own log: how long a command takes that asks says nothing."""

    async def said() -> Any:
        lines = [line for line in stage.guardian.said("guardian.daemon") if line["msg"].endswith("dead")]
        return epoch_ms(lines[-1]["ts"]) if lines else None

    at_ms = await stage.expect("daemon dead", said, "the guardian says so", RETURNS_S)
    stage.report.saw("daemon dead", "noticed", recovery_s=(at_ms - killed_ms) / 1000, limit_s=NOTICED_S)


async def _half_an_hour_alone(stage: Stage) -> None:
    """What is open keeps its stop while the market goes on without the daemon, or is closed by it."""
    fault = f"daemon dead for {ALONE_MIN} min of market"
    bare = len((await stage.venue()).lapses)
    if not await stage.exchange.pass_quickly(ALONE_MIN, RETURNS_S):
        raise CannotRun(f"{ALONE_MIN} minutes of market did not pass within {RETURNS_S:g} s")
    venue = await stage.venue()
    held = {symbol: qty for symbol, qty in venue.positions.items() if qty}
    seen = ", ".join(f"{qty} {symbol}" for symbol, qty in held.items())
    covered = all(under_stop(venue, symbol) for symbol in held)
    stage.report.require(covered, fault, f"{seen}, {'each' if covered else 'not each'} under its stop" if held else "flat")
    lapses = venue.lapses[bare:]
    stage.report.require(not lapses, fault, f"times in which any had none: {lapses or 'none'}")
    await stage.exchange.release(SPEED)


async def wedged_daemon(stage: Stage) -> None:
    """DRL-12: alive, but it does nothing: stopped by a signal, then standing still in a commit. Its manager ends it."""
    stage.on_a_bad_host()
    manager = _Manager(stage)
    async with anyio.create_task_group() as beside:
        await beside.start(manager.hear, name="service manager")
        await stage.open()
        await _stopped_by_a_signal(stage, manager)
        await _guardian_told(stage)
        await _loop_blocked(stage, manager)
        beside.cancel_scope.cancel()


async def _stopped_by_a_signal(stage: Stage, manager: "_Manager") -> None:
    fault = "daemon stopped by a signal"
    planned = await _about_to_be_wedged(stage, manager)
    began_s = stage.report.inject("SIGSTOP", "daemon")
    stage.daemon.send(ChildSignal.STOP)
    await _stop_cancelled(stage, planned, f"{fault}, stop cancelled")
    await manager.ends_it(fault, began_s)
    await _clean_restart(stage, manager, fault)


async def _loop_blocked(stage: Stage, manager: "_Manager") -> None:
    """The disk does not answer, and no task of the daemon comes to its turn."""
    fault = "a commit hangs"
    planned = await _about_to_be_wedged(stage, manager)
    began_s = stage.host(DISK, kind=HANGS)
    async with anyio.create_task_group() as asking:
        asking.start_soon(stage.ctl, "pause", BUSY, name="something to commit")
        await stage.expect(fault, lambda: manager.unfed(WATCHDOG_S / 2), "its beats stop", WATCHDOG_S, since_s=began_s)
        await _stop_cancelled(stage, planned, f"{fault}, stop cancelled")
        await manager.ends_it(fault, began_s)
        asking.cancel_scope.cancel()
    stage.host_is_well(DISK)
    await _clean_restart(stage, manager, fault)


async def _about_to_be_wedged(stage: Stage, manager: "_Manager") -> Decimal:
    """The daemon feeds its watchdog, and a position is open that nothing closes meanwhile; the stop that is planned for it."""
    beats = manager.beats

    async def fed() -> bool:
        return manager.beats > beats

    await stage.expect("before", fed, "the daemon feeds its watchdog", WATCHDOG_S)
    await holds_still(stage, HELD, HELD_SYMBOL)
    return await stage.stop_of(HELD_SYMBOL)


async def _clean_restart(stage: Stage, manager: "_Manager", fault: str) -> None:
    """What the manager does next: it is told READY, bars are decided, what is open is covered, the guardian hears it."""
    lives = manager.lives
    await stage.exchange.release(SPEED)
    await stage.start_daemon()
    stage.report.require(manager.lives == lives + 1, f"{fault}, started again", "the manager is told READY")
    await bars_go_on(stage, f"{fault}, started again", RETURNS_S)
    await stage.until_covered(HELD_SYMBOL)
    await stage.expect(f"{fault}, started again", lambda: _alive(stage), "the guardian hears the daemon again", RETURNS_S)


class _Manager:
    """
    A service manager: it hears what the daemon tells the socket of its unit, and does what the shipped one asks for when there
    is no beat: SIGABRT (a stopped process is let go to take it), SIGKILL where that is not enough.
    """

    def __init__(self, stage: Stage) -> None:
        self.beats = 0
        self.lives = 0
        """How often READY was told."""
        self._stage = stage
        self._path = stage.directory / "notify"
        self._heard_s = stage.world.clock.mono_s()
        stage.daemon.variables = {"NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}

    async def hear(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Until cancelled."""
        async with self._stage.world.process.notifications(self._path) as told:
            task_status.started()
            async for text in told:
                lines = text.splitlines()
                self.lives += READY in lines
                if BEAT in lines or READY in lines:
                    self.beats += BEAT in lines
                    self._heard_s = self._stage.world.clock.mono_s()

    async def unfed(self, for_s: float) -> bool:
        """Whether there was no beat for so long."""
        return self._stage.world.clock.mono_s() - self._heard_s >= for_s

    async def ends_it(self, fault: str, began_s: float) -> None:
        """Wait until the watchdog is over, and end the daemon; it is dead in time."""
        daemon, report = self._stage.daemon, self._stage.report
        seen = f"no beat for {WATCHDOG_S:g} s"
        await self._stage.expect(fault, lambda: self.unfed(WATCHDOG_S), seen, ENDED_S, since_s=began_s)
        daemon.send(ChildSignal.ABRT)
        daemon.send(ChildSignal.CONT)
        code = await daemon.ended(ABORTED_S)
        how = f"the manager aborts it: ended with {code}"
        if code is None:
            await daemon.kill()
            how = f"the manager kills it {ABORTED_S:g} s behind SIGABRT"
        report.saw(fault, how, recovery_s=self._stage.world.clock.mono_s() - began_s, limit_s=ENDED_S)


async def dead_guardian(stage: Stage) -> None:
    """
    DRL-14: killed; then again and again, each time as soon as it is back.

    No account of a drill has real money; so it is configured to wait for the guardian as one with real money does.
    """
    await stage.open(settings=REQUIRED)
    await _without_guardian(stage, "guardian killed", kills=1)
    await _without_guardian(stage, "guardian killed again and again", kills=MORE_KILLS)
    stage.report.saw("guardian back", f"{HELD} enters again")


async def _without_guardian(stage: Stage, fault: str, *, kills: int) -> None:
    """It dies so often; then entries wait, an exit and a stop do not, until it is back for good."""
    await holds_still(stage, HELD, HELD_SYMBOL)  # behind the kill nothing is entered any more
    for life in range(kills):
        if life:
            await stage.start_guardian()
        began_s, killed_ms = stage.report.inject("SIGKILL", "guardian", life=life), stage.world.clock.wall_ms()
        await stage.guardian.kill()
    await stage.expect(fault, lambda: _silent(stage), "the daemon says that it hears nothing", RETURNS_S, since_s=began_s)
    await stop_put_back(stage, HELD_SYMBOL, f"{fault}, stop cancelled by hand", COVERED_BY_DAEMON_S)
    ran = await stage.ctl("stop", HELD, "--flatten", "--json")
    left = (await stage.venue()).positions[HELD_SYMBOL]
    stage.report.require(ran.code == 0 and not left, f"{fault}, an exit", f"exit {ran.code}, {left} left")
    await stage.ctl("start", HELD)
    await _entries_refused(stage, fault, killed_ms)
    await stage.start_guardian()
    await stage.expect("guardian back", lambda: _heard(stage), "the daemon hears it", RETURNS_S)
    scope = symbol_scope(ACCOUNT, HELD_SYMBOL)  # a hand at its stop has paused the symbol
    await lifted_by_a_person(stage, scope, "guardian back", RETURNS_S)
    await stage.until_covered(HELD_SYMBOL)


async def _entries_refused(stage: Stage, fault: str, killed_ms: int) -> None:
    """From ten seconds on no entry passes, and the refusal says why."""
    silent_ms = killed_ms + round(1000 * SILENT_S)
    uids = {row["uid"] for row in stage.table("instances") if row["name"] != SHADOW}

    def since() -> list[dict[str, Any]]:
        return [row for row in stage.table("bars") if row["processed_ms"] > silent_ms and row["instance"] in uids]

    async def refused() -> Any:
        rows = [row for row in since() if row["verdict"] in NOT_READY and "guardian" in row["detail"]]
        return rows[0] if rows and len(since()) >= LOOKED_AT_BARS else None

    await stage.exchange.release(HURRY)
    await stage.expect(fault, refused, lambda row: f"an entry is refused: {row['detail']}", TRADED_S)
    await stage.exchange.release(SPEED)
    entered = sum(row["verdict"] == "ENTERED" for row in since())
    stage.report.require(not entered, fault, f"{entered} of {len(since())} bars entered later than {SILENT_S:g} s after it")


async def _stop_cancelled(stage: Stage, planned: Decimal, fault: str) -> None:
    """A hand takes the stop away; the planned one must be back, and nothing traded."""
    async with stage.exchange.hand() as hand:
        before = await hand.position(HELD_SYMBOL)
        began_s = await stop_removed(stage, HELD_SYMBOL)
        stop = await stage.expect_covered(HELD_SYMBOL, fault, COVERED_BY_GUARDIAN_S, since_s=began_s)
        after = await hand.position(HELD_SYMBOL)
    stage.report.require(stop == planned, fault, f"stop {stop}, planned {planned}")
    stage.report.require(after.signed_qty == before.signed_qty, fault, f"position {before.signed_qty}, then {after.signed_qty}")


async def _guardian_told(stage: Stage) -> None:
    async def told() -> Any:
        return stage.incident("GUARDIAN_STOP")

    await stage.expect("daemon back", told, "the daemon has the guardian's record as incident GUARDIAN_STOP", RETURNS_S)


async def _alarm(stage: Stage, kind: str) -> bool:
    return kind in str((await stage.guardian_status()).get("alarms"))


async def _alive(stage: Stage) -> bool:
    return (await stage.guardian_status()).get("daemon") == "alive"


async def _silent(stage: Stage) -> bool:
    return bool((await _link(stage)).get("missing"))


async def _heard(stage: Stage) -> bool:
    link = await _link(stage)
    return link.get("age_s") is not None and not link.get("missing")


async def _link(stage: Stage) -> dict[str, Any]:
    """What the daemon knows of the guardian."""
    found: dict[str, Any] = (await stage.ctl("status", "--json")).data["daemon"]["guardian"]
    return found
