"""DRL-19: files damaged while the daemon is down. It refuses with a clear word or recovers; nothing damaged counts as empty."""

from contextlib import closing
from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.ops.drills.plays import HELD, HELD_SYMBOL
from playd.ops.drills.programs import until
from playd.ops.drills.report import CannotRun
from playd.ops.drills.scenarios.people import HALT_FILE
from playd.ops.drills.scenarios.protection import COVERED_BY_DAEMON_S, COVERED_BY_GUARDIAN_S
from playd.ops.drills.scenarios.steps import bars_after, holds_still, lifted_by_a_person, newest_bar, resume, stop_removed
from playd.ops.drills.stage import SPEED, Stage
from playd.ops.segments import segment_names
from playd.orders.halts import ALL

NOTICED_S: Final = 45.0
REFUSED_S: Final = 60.0
PAGE_BYTES: Final = 4096
BLOCKED_EXIT: Final = 8
DAMAGED_EXIT: Final = 78
BROKEN_CHAIN_EXIT: Final = 10
BROKEN: Final = "byte flipped in the journal"


async def damaged_files(stage: Stage) -> None:
    await stage.open()
    previous = _state(stage).with_name("state.json.prev")

    async def two_generations() -> bool:
        return stage.world.disk.exists(previous)

    if await until(two_generations, REFUSED_S) is None:
        raise CannotRun(f"{previous} was not there within {REFUSED_S:g} s: one generation is nothing to fall back from")
    await _state_and_tail(stage)
    await _kill_file(stage)
    await _both_states(stage)
    await _ledger(stage)
    await _journal(stage)


async def _state_and_tail(stage: Stage) -> None:
    """The newest state cut in half, both plans too, and half a record at the end of the journal."""
    await holds_still(stage, HELD, HELD_SYMBOL)
    await stage.daemon.kill()
    await _plans(stage)
    await stage.exchange.release(SPEED)
    _cut(stage, _state(stage))
    journal = _journal_file(stage)
    data = stage.world.disk.read_bytes(journal)
    stage.report.inject("torn record", "journal tail")
    stage.world.disk.write_replace(journal, data + data.splitlines()[-1][:20], keep_previous=False)
    await stage.start_daemon()

    async def damaged() -> Any:
        return stage.incident("STATE_DAMAGED")

    await stage.expect("state cut in half", damaged, "READY with the generation before, incident STATE_DAMAGED", NOTICED_S)
    verified = await stage.playd("audit", "verify", str(stage.state))
    stage.report.require(verified.code == 0, "torn record in the journal", f"cut off; `audit verify` ends with {verified.code}")
    trimmed = [record["data"] for record in _records(stage, journal) if record["kind"] == "journal.trimmed"]
    stage.report.require(trimmed, "torn record in the journal", f"that it was cut off is on record: {trimmed}")
    await _quarantined(stage, "state cut in half", "state.json")
    await _quarantined(stage, "both plans cut in half", "plan.json")


async def _plans(stage: Stage) -> None:
    """The daemon is dead: a guardian that begins reads the generation before, one that has read a plan keeps what it has."""
    plan = stage.state / "guardian" / "plan.json"
    _cut(stage, plan)
    stage.report.inject("SIGKILL", "guardian")
    await stage.guardian.kill()
    await stage.start_guardian()
    await _restored(stage, "plan cut in half, the guardian started on it")
    fault = "both plans cut in half"
    _cut(stage, plan.with_name("plan.json.prev"))
    _cut(stage, plan)  # once more, so that it is read again

    async def told() -> Any:
        alarms = (await stage.guardian_status()).get("alarms", [])
        return next((alarm for alarm in alarms if alarm["kind"] == "PLAN_UNREADABLE"), None)

    await stage.expect(fault, told, lambda alarm: f"the guardian has the alarm {alarm['kind']}", NOTICED_S)
    await _restored(stage, fault)


async def _restored(stage: Stage, fault: str) -> None:
    """The guardian puts the planned stop back."""
    planned = await stage.stop_of(HELD_SYMBOL)
    removed_s = await stop_removed(stage, HELD_SYMBOL)
    seen = f"{fault}, stop cancelled"
    stop = await stage.expect_covered(HELD_SYMBOL, seen, COVERED_BY_GUARDIAN_S, since_s=removed_s)
    stage.report.require(stop == planned, seen, f"stop {stop}, planned {planned}")


async def _both_states(stage: Stage) -> None:
    """Both generations: the instance is refused, its position is watched, the files stay as they were found."""
    disk, newest = stage.world.disk, _state(stage)
    previous = newest.with_name("state.json.prev")
    await holds_still(stage, HELD, HELD_SYMBOL)  # whose instance is refused enters nothing any more
    await stage.daemon.kill()
    good = {path: disk.read_bytes(path) for path in (newest, previous)}
    _cut(stage, newest)
    _flip(stage, previous)
    found = {path: disk.read_bytes(path) for path in good}
    await stage.start_daemon()
    rows = {row["name"]: row for row in (await stage.ctl("status", "--json")).data["instances"]}
    states = {name: row["state"] for name, row in rows.items()}
    stage.report.require(states[HELD] == "failed", "both states damaged", f"the instance is {states.pop(HELD)}")
    stage.report.require(set(states.values()) == {"running"}, "both states damaged", "the others run")
    began_s = await stop_removed(stage, HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, "stop of the refused instance cancelled", COVERED_BY_DAEMON_S, since_s=began_s)
    await stage.daemon.kill()
    await stage.exchange.release(SPEED)
    kept = {path: disk.read_bytes(path) for path in good}
    stage.report.require(kept == found, "both states damaged", "the files are as they were found")
    for path, data in good.items():
        disk.write_replace(path, data, keep_previous=False)


async def _ledger(stage: Stage) -> None:
    """The ledger's first page, then the one where its orders begin, then all of it: no start, exit 78, nothing made anew."""
    # Behind a clean stop: behind a crash the same page may stand in the write-ahead log, and its damage has no effect.
    await stage.start_daemon()
    await stage.daemon.stop()
    disk, path = stage.world.disk, stage.state / "ledger.sqlite"
    good = disk.read_bytes(path)
    for page in (1, _first_page_of(stage, "orders")):
        fault = f"page {page} of the ledger overwritten"
        at = (page - 1) * PAGE_BYTES
        damaged = good[:at] + b"\xff" * PAGE_BYTES + good[at + PAGE_BYTES :]
        stage.report.inject("overwrite", "ledger page", page=page)
        disk.write_replace(path, damaged, keep_previous=False)
        await _refused(stage, fault)
        stage.report.require(disk.read_bytes(path) == damaged, fault, "the file is as it was found")
    stage.report.inject("remove", "ledger")
    disk.remove(path)
    await _refused(stage, "ledger away")
    stage.report.require(not disk.exists(path), "ledger away", "no empty one is made")
    disk.write_replace(path, good, keep_previous=False)
    await stage.start_daemon()
    await stage.expect_covered(HELD_SYMBOL, "ledger put back", NOTICED_S)
    await _begins_again(stage)


async def _begins_again(stage: Stage) -> None:
    """The states of the refused instance are whole again, which it cannot know: a person lets it begin."""
    fault = "both states put back"
    for command in ("reset-failed", "start"):
        ran = await stage.ctl(command, HELD)
        stage.report.require(ran.code == 0, fault, f"`playctl {command}`: exit {ran.code}")

    newest = newest_bar(stage)

    async def decides() -> bool:
        return bool(bars_after(stage, newest, HELD))

    await stage.expect(fault, decides, "it decides bars again", NOTICED_S)


async def _refused(stage: Stage, fault: str) -> None:
    """A start ends, with a word about the ledger and what to do."""
    await stage.daemon.launch()
    code = await stage.daemon.ended(REFUSED_S)
    said = stage.daemon.text()
    stage.report.require(code == DAMAGED_EXIT, fault, f"the start ends with {code}")
    stage.report.require("ledger.sqlite" in said and "restore a backup" in said, fault, "it says what to do")


def _first_page_of(stage: Stage, table: str) -> int:
    with closing(stage.world.disk.open_sqlite(stage.state / "ledger.sqlite", read_only=True)) as connection:
        return int(connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0])


async def _kill_file(stage: Stage) -> None:
    """A kill file that nobody can read, because it is a directory: it is there, and that is enough."""
    fault, path = "kill file that cannot be read", stage.state / HALT_FILE
    await stage.daemon.kill()
    stage.report.inject("unreadable", "kill file")
    stage.world.disk.mkdir(path)
    await stage.start_daemon()

    async def halted() -> Any:
        return stage.halt("KILL_FILE")

    found = await stage.expect(fault, halted, "READY, with everything halted", NOTICED_S)
    stage.report.require((found["level"], found["scope"]) == (2, ALL), fault, f"level {found['level']} on {found['scope']}")
    refused = await resume(stage, ALL)
    stage.report.require(refused.code == BLOCKED_EXIT, fault, f"resume beside it is refused with exit {refused.code}")
    stage.world.disk.remove_tree(path)
    await lifted_by_a_person(stage, ALL, "kill file removed", NOTICED_S)


async def _journal(stage: Stage) -> None:
    """One byte in the middle of the journal: `audit verify` names it, everything is halted until a person has looked."""
    disk, path = stage.world.disk, _journal_file(stage)
    await stage.daemon.kill()
    _flip(stage, path)
    verified = await stage.playd("audit", "verify", str(stage.state))
    stage.report.require(verified.code == BROKEN_CHAIN_EXIT, BROKEN, f"`audit verify`: {verified.text.strip()}")
    await stage.start_daemon()
    stage.known_break = verified.text.strip()

    async def halted() -> Any:
        return stage.halt("JOURNAL_BROKEN")

    await stage.expect(BROKEN, halted, "READY, with everything halted at level 2", NOTICED_S)
    first = _records(stage, _journal_file(stage))[0]["kind"]
    stage.report.require(first == "journal.break", BROKEN, f"a new file begins with {first}")
    await _quarantined(stage, BROKEN, path.name)
    kill_file = stage.state / HALT_FILE
    stage.report.require(disk.exists(kill_file), BROKEN, f"{HALT_FILE} was written, for a person to remove")
    disk.remove(kill_file)
    await lifted_by_a_person(stage, ALL, f"{BROKEN}, looked at", NOTICED_S)


async def _quarantined(stage: Stage, fault: str, name: str) -> None:
    """The damaged file is kept for a person."""
    disk, folder = stage.world.disk, stage.state / "quarantine"
    times = disk.list(folder) if disk.exists(folder) else []
    found = [each for time in times for each in _below(stage, folder / time)]
    stage.report.require(name in found, fault, f"set aside: {', '.join(sorted(set(found))) or 'nothing'}")


def _below(stage: Stage, directory: PurePath) -> list[str]:
    disk, names = stage.world.disk, []
    for name in disk.list(directory):
        names += _below(stage, directory / name) if disk.stat(directory / name).is_dir else [name]
    return names


def _cut(stage: Stage, path: PurePath) -> None:
    data = stage.world.disk.read_bytes(path)
    stage.report.inject("cut in half", path.name)
    stage.world.disk.write_replace(path, data[: len(data) // 2], keep_previous=False)


def _flip(stage: Stage, path: PurePath) -> None:
    """One bit in the middle of a file."""
    data = stage.world.disk.read_bytes(path)
    middle = len(data) // 2
    stage.report.inject("flip", path.name, byte=middle)
    stage.world.disk.write_replace(path, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :], keep_previous=False)


def _records(stage: Stage, path: PurePath) -> list[dict[str, Any]]:
    """The records of one file of the journal, which a daemon may be writing."""
    return [orjson.loads(line) for line in stage.world.disk.read_bytes(path).split(b"\n")[:-1]]


def _state(stage: Stage) -> PurePath:
    return stage.state / "instances" / HELD / "state.json"


def _journal_file(stage: Stage) -> PurePath:
    """The newest file of the journal."""
    directory = stage.state / "journal"
    return directory / segment_names(stage.world.disk, directory)[-1]
