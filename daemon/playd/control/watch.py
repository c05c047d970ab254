"""
The watch over everything: each second objectives are read, halts and failures become incidents, and blind seconds are
counted. Incidents and breaches are also written down in files of their own, for people and programs without the ledger.
"""

from pathlib import PurePath
from typing import Final, NoReturn

import anyio
import structlog

from playd.control.context import Daemon
from playd.control.slo_readings import readings
from playd.core.canonical import Json, canonical_json
from playd.core.errors import RecordError, is_full
from playd.ops.reminders import Reminders
from playd.ops.slo import Breach
from playd.orders.halts import ALL, FILE_CODE, Level, instance_scope
from playd.orders.incidents import Incidents
from playd.supervisor.own_halts import GIVEN_UP
from playd.supervisor.states import State
from playd.world.ports import Disk

LOOK_EVERY_S: Final = 1.0
READ_EVERY: Final = 5
"""Objectives are read at every fifth look."""

BREACH_KIND: Final = "SLO_"

PEOPLE: Final = ("uid:",)
"""How the actor of a halt begins that a person raised: who raised it knows of it."""

_log = structlog.get_logger()


class EventFile:
    """One file of lines that only grows. A full disk loses lines of it, which ledger and journal have all the same."""

    def __init__(self, disk: Disk, path: PurePath) -> None:
        self._disk = disk
        self._path = path
        self._lines: list[bytes] = []

    def add(self, line: dict[str, Json]) -> None:
        """Keep one line for the next `write`."""
        self._lines.append(canonical_json(line) + b"\n")

    def write(self) -> None:
        """Append what was kept and sync it. Raises `RecordError` when the disk refuses for another reason than space."""
        if not self._lines:
            return
        data, self._lines = b"".join(self._lines), []
        try:
            self._append(data)
        except OSError as error:
            if not is_full(error):
                raise RecordError(f"{self._path}: {error.strerror or error}") from error
            _log.error("events.lost", msg=f"{self._path}: no space left", value=data.count(b"\n"), unit="lines")

    def _append(self, data: bytes) -> None:
        """Half a line that a crash left is ended, half of one that found no room is taken back: each would spoil the next."""
        appender = self._disk.open_append(self._path)
        whole = appender.size
        try:
            if whole and self._disk.read_from(self._path, whole - 1, 1) != b"\n":
                appender.write(b"\n")
            appender.write(data)
            appender.sync()
        except OSError:
            self._disk.truncate(self._path, whole)
            raise
        finally:
            appender.close()


class BreachIncidents:
    """A breach is an incident `SLO_<NAME>` on its scope, unless the rule behind the figure has one of its own."""

    def __init__(self, incidents: Incidents) -> None:
        self._incidents = incidents

    def opened(self, breach: Breach, text: str) -> str:
        """Open the incident of a breach, or make it graver; its name."""
        self._incidents.open(_kind(breach), breach.severity, breach.scope, text)
        found = (each.name for each in self._incidents.open_ones() if (each.kind, each.scope) == (_kind(breach), breach.scope))
        return next(found, "")

    def closed(self, breach: Breach, note: str) -> None:
        self._incidents.resolve(_kind(breach), breach.scope, note)


def _kind(breach: Breach) -> str:
    return f"{BREACH_KIND}{breach.name.upper()}"


def incident_line(kind: str, record: dict[str, Json]) -> dict[str, Json]:
    """The line of `incident_events.jsonl` for a journal record about an incident."""
    data = record["data"]
    assert isinstance(data, dict)
    return {
        "v": 1,
        "ts_ms": record["ts_ms"],
        "event": kind.partition(".")[2],
        "incident_id": data.get("name"),
        "key": f"{data.get('kind')}/{data.get('scope')}",
        "severity": data.get("severity"),
        "scope": data.get("scope"),
        "title": data.get("kind"),
        "detail": data.get("text") or data.get("note"),
        "actor": record["actor"],
        "journal_seq": record["seq"],
        "ticket": None,
    }


class Watch:
    """`run` until cancelled. Raises `RecordError` when what it finds cannot be recorded."""

    def __init__(self, daemon: Daemon, files: list[EventFile]) -> None:
        self._daemon = daemon
        self._files = files
        self._reminders = Reminders(daemon.ledger, daemon.ops.incidents)
        found = daemon.ops.incidents.open_ones()
        self._halted = {each.scope: each.text for each in found if each.kind == "HALTED"}
        self._failed = {each.scope for each in found if each.kind == GIVEN_UP}
        self._log_trouble = "since the last start" if any(each.kind == "LOG_LOST" for each in found) else ""
        for each in found:
            if each.kind.startswith(BREACH_KIND):
                daemon.ops.incidents.resolve(each.kind, each.scope, "the daemon was started again, it is measured anew")

    async def run(self) -> NoReturn:
        """Look each second."""
        looks = 0
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            looks += 1
            self.step(objectives=looks % READ_EVERY == 0)

    def step(self, *, objectives: bool) -> None:
        """One look. Objectives count from ready on: before, nothing is promised."""
        daemon = self._daemon
        self._count_blindness()
        self._count_reconciliations()
        self._tell_failures()
        self._tell_halts()
        self._tell_log()
        self._reminders.step(daemon.ops.loaded.settings.incidents, daemon.clock.wall_ms())
        if objectives and daemon.progress.ready:
            daemon.ops.breaches.take(readings(daemon), daemon.clock.wall_ms())
        for file in self._files:
            file.write()

    def _count_blindness(self) -> None:
        """Of accounts that are not open too: nobody reads those either."""
        for alias, held in self._daemon.accounts.held.items():
            if held.blind is not None and held.blind.for_s:
                self._daemon.ops.meters.count("blind_seconds_total", alias, by=LOOK_EVERY_S)

    def _count_reconciliations(self) -> None:
        """Those since the last look; not every one of them is worth a record of the journal."""
        for account, result in self._daemon.ops.recons.update():
            self._daemon.ops.meters.count("recon_runs_total", account, result)

    def _tell_halts(self) -> None:
        """
        A halt that needs a person is an incident, unless a person raised it or the rule has opened one itself.

        The kill file that a person's halt of everything leaves behind is that person's too.
        """
        incidents = self._daemon.ops.incidents
        told = {(each.kind, each.scope) for each in incidents.open_ones()}
        present: dict[str, str] = {}
        in_force = self._daemon.halts.in_force()
        by_people = {halt.scope for halt in in_force if halt.actor.startswith(PEOPLE)}
        for halt in in_force:
            of_people = halt.actor.startswith(PEOPLE) or (halt.code == FILE_CODE and halt.scope in by_people)
            if halt.level >= Level.HALT and not of_people and (halt.code, halt.scope) not in told:
                text = f"level {int(halt.level)}, {halt.code}: {halt.text}"
                present[halt.scope] = f"{present[halt.scope]}; {text}" if halt.scope in present else text
        for scope in self._halted.keys() - present.keys():
            incidents.resolve("HALTED", scope, "the halt was lifted")
        for scope in [scope for scope, text in present.items() if self._halted.get(scope) != text]:
            # Also when another rule halts what is halted already: a person reads all of them.
            incidents.open("HALTED", "critical", scope, present[scope])
        self._halted = present

    def _tell_log(self) -> None:
        """Log lines that no file takes any more; trading goes on without them."""
        file = self._daemon.ops.log_file
        trouble = file.trouble if file is not None else ""
        if trouble and not self._log_trouble:
            self._daemon.ops.incidents.open("LOG_LOST", "warning", ALL, f"log lines are lost: {trouble}")
        elif self._log_trouble and file is not None and not trouble:
            self._daemon.ops.incidents.resolve("LOG_LOST", ALL, f"log lines are written again; {file.lost} were lost")
        self._log_trouble = trouble

    def _tell_failures(self) -> None:
        """An instance is failed until that is cleared, and its halt is lifted: with real money a person does both."""
        incidents = self._daemon.ops.incidents
        failed = {halt.scope: halt.text for halt in self._daemon.halts.in_force() if halt.code == GIVEN_UP}
        failed |= {
            instance_scope(slot.record.uid): f"{slot.name}: {slot.reason_text}"
            for slot in self._daemon.supervisor.slots.values()
            if slot.state is State.FAILED
        }
        for scope in self._failed - failed.keys():
            incidents.resolve(GIVEN_UP, scope, "it was reset, resumed or removed")
        for scope in failed.keys() - self._failed:
            incidents.open(GIVEN_UP, "critical", scope, failed[scope])
        self._failed = set(failed)
