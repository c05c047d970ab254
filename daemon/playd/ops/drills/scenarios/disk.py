"""
DRL-18 and DRL-20: the state directory's disk is full, or it loses a sync.

Daemon and guardian run on a disk that fails on command (`failing_disk`), so that neither root nor a file system of its own is
needed.
"""

from collections.abc import Sequence
from decimal import Decimal
from fnmatch import fnmatch
from pathlib import PurePath
from typing import Any, Final

import anyio
import orjson

from playd.core.orders import Side
from playd.ops.drills.bad_host import DISK
from playd.ops.drills.failing_disk import BALLAST, NO_SPACE, REFUSED, SYNC_ERROR
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD, HELD_SYMBOL
from playd.ops.drills.scenarios.hands import FAR_PRICE, FOREIGN_QTY, FOREIGN_SYMBOL
from playd.ops.drills.scenarios.people import HALT_FILE
from playd.ops.drills.scenarios.protection import COVERED_BY_GUARDIAN_S
from playd.ops.drills.scenarios.steps import (
    ON_ITS_WAY_S,
    TRADED_S,
    alive,
    bars_go_on,
    entries,
    holds_still,
    is_over,
    lifted_by_a_person,
    stop_removed,
)
from playd.ops.drills.stage import HURRY, SPEED, Stage
from playd.ops.guardian_records import records_after
from playd.orders.guardian.plan_file import DIRECTORY
from playd.orders.halts import ALL, Level

HALTED_S: Final = 30.0
"""Whatever writes next finds the disk full; free space is measured every ten seconds."""

ENDED_S: Final = 30.0
RETURNS_S: Final = 45.0
QUIET_S: Final = 10.0
LOST_EXIT: Final = 74
LEDGER, JOURNAL, STATES, PLAN = "the ledger", "the journal", "states of instances", "the guardian's plan"
KILL, REST = "the kill file", "what trading can do without"
INCIDENTS: Final = "incident_events.jsonl"
GUARDIANS_JOURNAL: Final = "journal"
FILES: Final = {
    LEDGER: ["ledger.sqlite"],
    JOURNAL: ["*/state/journal/*"],
    STATES: ["state.json", "columns.bin"],
    PLAN: ["plan.json"],
    KILL: [HALT_FILE],
    REST: [INCIDENTS, "ops_slo_events.jsonl", "*/state/market/*", "*/state/logs/*", "*/state/recon/*"],
}
MET: Final = (
    *("*/ledger.sqlite", "*/state/journal/*", "*/state.json", "*/plan.json", f"*/{HALT_FILE}", f"*/{INCIDENTS}"),
    *("*/state/market/*", "*/state/logs/*", "*/state/recon/*", "*/guardian/journal/*"),
)
"""
Each of these is refused its room. Not here is what is written too seldom to be sure of it (images of columns, breaches), what
asks for room before it begins (the ballast, backups), and what people ask for (evidence, results of backtests).
"""

STATES_S: Final = 4.0


async def disk_full(stage: Stage) -> None:
    """DRL-18: no space for each kind of file, then for none, with a dead daemon and with a living one; each time some again."""
    await _open(stage)
    for files in (LEDGER, JOURNAL):
        await _full_for(stage, files)
    await _full_for(stage, KILL, ("halt", ALL, "--reason", "drill"))
    await _full_for_states(stage)
    await _full_for_plan(stage)
    await _full_for_the_rest(stage)
    await _full_beside_a_dead_daemon(stage)
    await _full_for_all(stage)
    _each_met_it(stage)


async def _full_for_all(stage: Stage) -> None:
    """Whoever writes first has the ballast released; an exit and a panic are carried out and on record."""
    await holds_still(stage, BUSY, BUSY_SYMBOL)
    stage.report.require(_ballast(stage), "before", f"{BALLAST} is held")
    began_s = stage.host(DISK, kind=NO_SPACE)
    fault = "no space left"

    await _all_halted(stage, fault, began_s)
    stage.report.require(not _ballast(stage), fault, f"{BALLAST} was released")
    await _exit(stage, fault)
    await stage.exchange.release(SPEED)
    await anyio.sleep(ON_ITS_WAY_S)
    arrived = await entries(stage)
    await stage.stays(fault, lambda: alive(stage), "the daemon lives", QUIET_S)
    stage.report.require(await entries(stage) == arrived, fault, f"no entry arrives for {QUIET_S:g} s")
    ran = await stage.ctl("panic", HELD, "--yes", "--reason", "drill", "--json")
    stage.report.require(ran.code == 0 and ran.data["flat"], f"{fault}, panic", f"flat and on record, exit {ran.code}")

    async def recorded() -> bool:
        rows = [row for row in stage.table("virtual_positions") if row["symbol"] == HELD_SYMBOL]
        return all(not Decimal(row["signed_qty"]) for row in rows)

    await stage.expect(f"{fault}, panic", recorded, "the ledger has it", RETURNS_S)
    await _space_again(stage, fault)
    await stage.ctl("start", BUSY)
    before = await entries(stage)

    async def enters() -> bool:
        return await entries(stage) > before

    await stage.expect("space again", enters, "entries go on", TRADED_S)


async def _exit(stage: Stage, fault: str) -> None:
    """An instance leaves its position; the ledger has it, and that it was stopped."""
    ran = await stage.ctl("stop", BUSY, "--flatten", "--json")
    left = (await stage.venue()).positions[BUSY_SYMBOL]
    stage.report.require(ran.code == 0 and not left, f"{fault}, an exit", f"exit {ran.code}, {left} left")

    async def recorded() -> bool:
        uid = stage.uid_of(BUSY)
        rows = [row for row in stage.table("virtual_positions") if row["instance"] == uid]
        exits = [row for row in stage.table("orders") if row["owner"] == uid and row["reduce_only"] and row["intent"]]
        return bool(exits) and is_over(exits[-1]) and not any(Decimal(row["signed_qty"]) for row in rows)

    await stage.expect(f"{fault}, an exit", recorded, "the ledger has it", RETURNS_S)


async def _full_for(stage: Stage, files: str, command: Sequence[str] = ("reconcile", ACCOUNT)) -> None:
    """The first who finds no room is whoever writes these files, at the latest because of the command."""
    fault = f"no space for {files}"
    began_s = stage.host(DISK, kind=NO_SPACE, files=FILES[files])
    await stage.ctl(*command)

    await _all_halted(stage, fault, began_s)
    stage.report.require(not _ballast(stage), fault, f"{BALLAST} was released")
    await _space_again(stage, fault)


async def _all_halted(stage: Stage, fault: str, began_s: float) -> None:
    """Space falls past the floors of pause and halt at once: the pause is raised first, what is waited for is the halt."""

    async def halted() -> bool:
        raised = [row for row in stage.table("halts") if row["code"] == "DISK" and row["lifted_ms"] is None]
        return any((row["level"], row["scope"]) == (Level.HALT, ALL) for row in raised)

    await stage.expect(fault, halted, f"level {Level.HALT} on {ALL}", HALTED_S, since_s=began_s)


async def _full_for_states(stage: Stage) -> None:
    """A state that cannot be kept stays as it was; who it is of goes on, because the ledger knows everything."""
    fault, path = f"no space for {STATES}", stage.state / "instances" / HELD / "state.json"
    stage.host(DISK, kind=NO_SPACE, files=FILES[STATES])
    await stage.stays(fault, lambda: alive(stage), "the daemon lives", STATES_S)
    before = stage.world.disk.read_bytes(path)
    await bars_go_on(stage, fault, RETURNS_S)
    stage.report.require(stage.world.disk.read_bytes(path) == before, fault, "the state stays as it was")
    crashed = stage.daemon.said("instance.restart")
    stage.report.require(not crashed, fault, f"{len(crashed)} instances crashed")
    stage.host_is_well(DISK)

    async def kept() -> bool:
        return stage.world.disk.read_bytes(path) != before

    await stage.expect("space again", kept, "the state is kept again", RETURNS_S)


async def _full_for_plan(stage: Stage) -> None:
    """The guardian keeps the last good plan, a person is told, and the plan is written as soon as it can be."""
    fault, path = f"no space for {PLAN}", stage.state / "guardian" / "plan.json"
    before = stage.world.disk.read_bytes(path)
    stage.host(DISK, kind=NO_SPACE, files=FILES[PLAN])
    await stage.exchange.release(HURRY)  # positions come and go, and with them what is to be planned

    async def told() -> Any:
        found = stage.incident("GUARDIAN_PLAN")
        return found if found is not None and found["resolved_ms"] is None else None

    await stage.expect(fault, told, lambda row: str(row["text"]), TRADED_S)
    await stage.exchange.release(SPEED)
    stage.report.require(stage.world.disk.read_bytes(path) == before, fault, "the last good plan stays")
    await bars_go_on(stage, fault, RETURNS_S)
    stage.host_is_well(DISK)

    async def written() -> bool:
        return await told() is None

    await stage.expect("space again", written, "the plan is written again", RETURNS_S)


async def _full_for_the_rest(stage: Stage) -> None:
    """Lines of events, bars, the log, a difference that was found: they are lost, nobody is halted, and they are kept again."""
    fault = f"no space for {REST}"
    halts = len(stage.table("halts"))
    stage.host(DISK, kind=NO_SPACE, files=FILES[REST])
    async with stage.exchange.hand() as hand:
        link = await hand.rest_order(FOREIGN_SYMBOL, Side.BUY, FOREIGN_QTY, FAR_PRICE)

        async def told() -> Any:
            return stage.incident("FOREIGN_ORDER")

        await stage.expect(fault, told, lambda row: f"incident {row['kind']} is in the ledger", RETURNS_S)
        await stage.ctl("reconcile", ACCOUNT)
        await bars_go_on(stage, fault, RETURNS_S)
        lost = ("open", "FOREIGN_ORDER") not in _incident_lines(stage)
        stage.report.require(lost, fault, f"its line in {INCIDENTS} is lost")
        raised = len(stage.table("halts")) - halts
        stage.report.require(not raised, fault, f"{raised} halts")
        recorded = _bytes_below(stage, stage.state / "market")
        stage.host_is_well(DISK)
        await hand.cancel(FOREIGN_SYMBOL, link)

    async def kept() -> bool:
        return ("resolve", "FOREIGN_ORDER") in _incident_lines(stage)

    await stage.expect("space again", kept, "the end of the incident is written, and no line is torn", RETURNS_S)

    async def on_record() -> bool:
        return _bytes_below(stage, stage.state / "market") > recorded

    await stage.expect("space again", on_record, "bars are recorded again", RETURNS_S)


def _incident_lines(stage: Stage) -> list[tuple[str, str]]:
    """What happened to which kind of incident, by the file for people and programs without the ledger; every line is whole."""
    lines = map(orjson.loads, stage.world.disk.read_bytes(stage.state / INCIDENTS).splitlines())
    return [(line["event"], line["title"]) for line in lines]


def _bytes_below(stage: Stage, directory: PurePath) -> int:
    disk, count = stage.world.disk, 0
    for path in (directory / name for name in disk.list(directory)):
        found = disk.stat(path)
        count += _bytes_below(stage, path) if found.is_dir else found.size
    return count


async def _full_beside_a_dead_daemon(stage: Stage) -> None:
    """The guardian begins and covers without any room, and has it on record later; the daemon's start has the ballast."""
    fault = "no space left, daemon dead"
    await holds_still(stage, HELD, HELD_SYMBOL)
    stage.report.inject("SIGKILL", "daemon")
    await stage.daemon.kill()
    stage.host(DISK, kind=NO_SPACE)
    stage.report.inject("SIGKILL", "guardian")
    await stage.guardian.kill()
    await stage.start_guardian()
    removed_s = await stop_removed(stage, HELD_SYMBOL)
    seen = f"{fault}, guardian started, stop cancelled"
    await stage.expect_covered(HELD_SYMBOL, seen, COVERED_BY_GUARDIAN_S, since_s=removed_s)
    await stage.exchange.release(SPEED)
    fault = "no space left, daemon started"
    await stage.start_daemon()
    await _all_halted(stage, fault, stage.world.clock.mono_s())
    stage.report.require(not _ballast(stage), fault, f"{BALLAST} was released")
    await _space_again(stage, fault)

    async def on_record() -> bool:
        found = records_after(stage.world.disk, stage.state / DIRECTORY / GUARDIANS_JOURNAL, 0)
        return any(record["kind"] == "stop.repaired" for record in found)

    await stage.expect("space again", on_record, "the guardian's stop is in its journal", RETURNS_S)

    async def told() -> Any:
        return stage.incident("GUARDIAN_STOP")

    await stage.expect("space again", told, lambda row: str(row["text"]), RETURNS_S)


def _each_met_it(stage: Stage) -> None:
    """No kind of file was left out, by what the disk itself says that it refused."""
    met = stage.world.disk.read_bytes(stage.directory / REFUSED).decode().splitlines()
    left = [each for each in MET if not any(fnmatch(path, each) for path in met)]
    seen = f"{len(MET)} kinds of files met a full disk, never met it: {', '.join(left) or 'none'}"
    stage.report.require(not left, "no space at each write", seen)


async def _space_again(stage: Stage, fault: str) -> None:
    """There is room: the ballast is back by itself, the halt is a person's to lift."""
    healed_s = stage.host_is_well(DISK)
    stage.report.require(
        stage.world.disk.exists(stage.state / HALT_FILE), fault, f"{HALT_FILE} was written, for a person to remove"
    )
    stage.world.disk.remove(stage.state / HALT_FILE)
    await lifted_by_a_person(stage, ALL, "space again", RETURNS_S)

    async def held() -> bool:
        return _ballast(stage)

    await stage.expect("space again", held, f"{BALLAST} is held again", RETURNS_S, since_s=healed_s)


async def sync_error(stage: Stage) -> None:
    """DRL-20: EIO at a sync of the ledger, then of the journal."""
    await _open(stage)
    for files in (LEDGER, JOURNAL):
        fault = f"a sync of {files} fails"
        await holds_still(stage, HELD, HELD_SYMBOL)
        began_s = stage.host(DISK, kind=SYNC_ERROR, files=FILES[files])
        await stage.ctl("pause", BUSY)  # something to record
        code = await stage.daemon.ended(ENDED_S)
        took_s = stage.world.clock.mono_s() - began_s
        stage.report.saw(fault, f"the daemon ends with {code}", recovery_s=took_s, limit_s=ENDED_S)
        stage.report.require(code == LOST_EXIT, fault, f"exit {code}, expected {LOST_EXIT}")
        torn = any(line.startswith("Traceback") for line in stage.daemon.text().splitlines())
        stage.report.require(not torn, fault, "without a traceback")
        removed_s = await stop_removed(stage, HELD_SYMBOL)
        await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", COVERED_BY_GUARDIAN_S, since_s=removed_s)
        await stage.exchange.release(SPEED)
        stage.host_is_well(DISK)
        await stage.start_daemon()
        await bars_go_on(stage, f"{fault}, started again", RETURNS_S)
        left = stage.world.disk.exists(stage.state / HALT_FILE)
        stage.report.require(left, fault, f"{HALT_FILE} was written, for a person to remove")
        stage.world.disk.remove(stage.state / HALT_FILE)
        await lifted_by_a_person(stage, ALL, f"{fault}, looked at", RETURNS_S)


async def _open(stage: Stage) -> None:
    stage.on_a_bad_host()
    await stage.open()


def _ballast(stage: Stage) -> bool:
    return stage.world.disk.exists(stage.state / BALLAST)
