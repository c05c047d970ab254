"""The watch: halts of rules and failed instances are incidents until they are over, also over a restart; people are not told of
what they did themselves."""

import errno
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import orjson

from playd.control.context import Daemon
from playd.control.watch import EventFile, Watch, incident_line
from playd.ops.meters import Meters
from playd.ops.recon_history import ReconHistory
from playd.orders.halts import ALL, Halts, Level
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.settings.model import Incidents as IncidentSettings
from playd.supervisor.states import State
from playd.world.virtual import VirtualWorld, virtual_world
from tests.simulation.order_world import MemoryJournal

STATE_DIR = PurePath("/state")


class Side:
    """A watch over a real ledger, halts and incidents; instances are names with a state."""

    def __init__(self, world: VirtualWorld, slots: dict[str, Any]) -> None:
        self.ledger = Ledger.open(world.disk, world.clock, STATE_DIR / "ledger.sqlite")
        self.journal = MemoryJournal()
        self.halts = Halts(self.ledger, world.disk, world.clock, self.journal, STATE_DIR)
        self.incidents = Incidents(self.ledger, world.clock, self.journal)
        ops = SimpleNamespace(
            incidents=self.incidents,
            meters=Meters(),
            recons=ReconHistory(self.ledger, 0),
            log_file=SimpleNamespace(trouble=""),
            loaded=SimpleNamespace(settings=SimpleNamespace(incidents=IncidentSettings())),
        )
        self.log_file = ops.log_file
        daemon = SimpleNamespace(
            ops=ops,
            halts=self.halts,
            ledger=self.ledger,
            clock=world.clock,
            accounts=SimpleNamespace(held={}),
            supervisor=SimpleNamespace(slots=slots),
            progress=SimpleNamespace(ready=False),
        )
        self.daemon = cast("Daemon", daemon)
        self.watch = Watch(self.daemon, [])

    def look(self) -> list[tuple[str, str, str]]:
        self.watch.step(objectives=False)
        return sorted((each.kind, each.severity, each.scope) for each in self.incidents.open_ones())


def slot(state: State) -> Any:
    return SimpleNamespace(record=SimpleNamespace(uid="uid1"), name="one", state=state, reason_text="broken")


def world() -> VirtualWorld:
    made = virtual_world()
    made.disk.mkdir(STATE_DIR)
    return made


def test_a_rules_halt_is_an_incident_until_it_is_lifted_and_a_pause_or_a_persons_is_none() -> None:
    side = Side(world(), {})
    side.halts.raise_level("account:a", Level.PAUSE, "BLIND", "x")
    side.halts.raise_level("account:b", Level.HALT, "OPERATOR", "x", actor="uid:0(root)")
    assert side.look() == []
    raised = side.halts.raise_level("account:a", Level.HALT, "ACCOUNT_LOST", "gone")
    assert side.look() == side.look() == [("HALTED", "critical", "account:a")]
    side.halts.lift(raised.id, by="me", note="")
    assert side.look() == []


def test_another_rule_that_halts_what_is_halted_is_told_too_and_once() -> None:
    side = Side(world(), {})
    side.halts.raise_level(ALL, Level.HALT, "KILL_FILE", "there", actor="file")
    side.look()
    side.halts.raise_level(ALL, Level.HALT, "JOURNAL_BROKEN", "record 7: changed")
    for _ in range(2):
        side.look()
        (incident,) = side.incidents.open_ones()
        assert ("there" in incident.text, "record 7: changed" in incident.text, incident.count) == (True, True, 2)


def test_a_persons_pause_hides_no_halt_of_a_rule_on_the_same_scope() -> None:
    side = Side(world(), {})
    side.halts.raise_level("account:a", Level.PAUSE, "OPERATOR", "x", actor="uid:0(root)")
    side.halts.raise_level("account:a", Level.HALT, "ACCOUNT_LOST", "gone")
    side.halts.raise_level("account:a", Level.HALT, "OPERATOR", "x", actor="uid:0(root)")
    assert side.look() == [("HALTED", "critical", "account:a")]


def test_a_rule_that_told_of_itself_is_not_told_again_and_a_persons_kill_file_neither() -> None:
    side = Side(world(), {})
    side.incidents.open("NAKED", "critical", "symbol:a/B", "x")
    side.halts.raise_level("symbol:a/B", Level.HALT, "NAKED", "x")
    side.halts.raise_level(ALL, Level.HALT, "OPERATOR", "x", actor="uid:0(root)")
    assert side.look() == [("NAKED", "critical", "symbol:a/B")]


def test_a_failed_instance_is_an_incident_that_ends_with_the_failure_also_over_a_restart() -> None:
    there, slots = world(), {"one": slot(State.FAILED)}
    first = Side(there, slots)
    assert first.look() == [("INSTANCE_FAILED", "critical", "instance:uid1")]
    first.ledger.close()
    again = Side(there, slots)
    assert again.look() == [("INSTANCE_FAILED", "critical", "instance:uid1")]
    assert [each.count for each in again.incidents.open_ones()] == [1]
    slots["one"] = slot(State.RUNNING)
    assert again.look() == []


def test_the_halt_of_a_failed_instance_is_told_by_the_one_incident_until_both_are_over() -> None:
    there, slots = world(), {"one": slot(State.FAILED)}
    side = Side(there, slots)
    halt = side.halts.raise_level("instance:uid1", Level.HALT, "INSTANCE_FAILED", "4 crashes")
    told = [("INSTANCE_FAILED", "critical", "instance:uid1")]
    assert side.look() == side.look() == told
    slots["one"] = slot(State.CREATED)
    assert side.look() == told
    side.halts.lift(halt.id, by="uid:1(a)", note="mended")
    assert side.look() == []
    assert [each.count for each in side.incidents.latest(5)] == [1]


def test_a_breach_of_an_earlier_life_is_over_because_it_is_measured_anew() -> None:
    there = world()
    first = Side(there, {})
    first.incidents.open("SLO_NAKED", "warning", "symbol:a/B", "x")
    first.ledger.close()
    assert Side(there, {}).look() == []


def test_log_lines_that_no_file_takes_are_told_until_they_are_written_again() -> None:
    side = Side(world(), {})
    side.log_file.trouble, side.log_file.lost = "No space left on device", 3
    assert side.look() == side.look() == [("LOG_LOST", "warning", ALL)]
    side.log_file.trouble = ""
    assert side.look() == []


def told_in(there: VirtualWorld) -> list[tuple[str, int, str]]:
    """Event, record and incident of each line of the file of incidents."""
    lines = map(orjson.loads, there.disk.read_bytes(STATE_DIR / "incident_events.jsonl").splitlines())
    return [(line["event"], line["journal_seq"], line["key"]) for line in lines]


def test_lines_are_appended_whole_and_a_full_disk_costs_lines_but_nothing_else() -> None:
    there = world()
    file = EventFile(there.disk, STATE_DIR / "incident_events.jsonl")
    record: dict[str, Any] = {"ts_ms": 1, "seq": 7, "actor": "daemon", "data": {"kind": "NAKED", "scope": "all", "text": "x"}}
    file.add(incident_line("incident.open", record))
    file.write()
    there.disk.fail("write", "*incident_events.jsonl", code=errno.ENOSPC, times=1, torn_bytes=20)
    file.add(incident_line("incident.ack", record))
    file.write()
    file.add(incident_line("incident.resolve", record))
    file.write()
    assert told_in(there) == [("open", 7, "NAKED/all"), ("resolve", 7, "NAKED/all")]


def test_a_line_that_a_crash_cut_off_spoils_no_other() -> None:
    there = world()
    there.disk.write_replace(STATE_DIR / "incident_events.jsonl", b'{"event":"op', keep_previous=False)
    file = EventFile(there.disk, STATE_DIR / "incident_events.jsonl")
    record: dict[str, Any] = {"ts_ms": 1, "seq": 7, "actor": "daemon", "data": {"kind": "NAKED", "scope": "all", "text": "x"}}
    file.add(incident_line("incident.ack", record))
    file.write()
    cut, *whole = there.disk.read_bytes(STATE_DIR / "incident_events.jsonl").splitlines()
    assert cut == b'{"event":"op'
    assert [orjson.loads(line)["event"] for line in whole] == ["ack"]


def test_every_line_about_an_incident_bears_its_name_and_how_grave_it_is() -> None:
    side = Side(world(), {})
    side.incidents.open("NAKED", "critical", ALL, "x")
    opened = side.incidents.open_ones()[0]
    side.incidents.acknowledge(opened, "uid:1(a)", "seen")
    side.incidents.resolve("NAKED", ALL, "covered")
    side.incidents.open("NAKED", "critical", ALL, "again")
    told = [(kind, data) for kind, data in side.journal.records if kind.startswith("incident.")]
    lines = [incident_line(kind, {"ts_ms": 1, "seq": 1, "actor": "daemon", "data": data}) for kind, data in told]
    assert [line["event"] for line in lines] == ["open", "ack", "resolve", "reopen"]
    assert {(line["incident_id"], line["severity"], line["ticket"]) for line in lines} == {(opened.name, "critical", None)}


def test_a_critical_incident_that_nobody_acknowledges_is_said_again_and_then_too_late_over_restarts() -> None:
    there = world()
    side = Side(there, {})
    side.incidents.open("NAKED", "critical", ALL, "x")
    side.incidents.open("FEED", "warning", ALL, "y")
    for minutes in (4, 1, 1, 4, 6):
        there.clock.advance(minutes * 60.0)
        side.look()
        side.watch = Watch(side.daemon, [])
    side.incidents.acknowledge(side.incidents.open_ones()[-1], "uid:1(a)", "seen")
    there.clock.advance(3600.0)
    side.look()
    told = [(kind, data["note"]) for kind, data in side.journal.records if data.get("note", "").startswith("not ack")]
    repeats = [("incident.repeat", f"not acknowledged for {minutes} min") for minutes in (5, 10, 15)]
    assert told == [*repeats, ("incident.sla_breach", "not acknowledged for 15 min")]


def test_an_incident_that_becomes_graver_is_on_record_again() -> None:
    side = Side(world(), {})
    for severity in ("warning", "warning", "critical", "warning", "critical"):
        side.incidents.open("STOP_REFUSED", severity, ALL, "refused")
    told = [data["severity"] for kind, data in side.journal.records if kind == "incident.open"]
    assert told == ["warning", "critical"]
    assert [(each.severity, each.count) for each in side.incidents.open_ones()] == [("critical", 5)]


def test_an_incident_that_comes_again_soon_is_the_same_one_to_be_acknowledged_anew() -> None:
    there = world()
    side = Side(there, {})
    side.incidents.open("NAKED", "critical", ALL, "first")
    (first,) = side.incidents.open_ones()
    side.incidents.acknowledge(first, "uid:0(root)", "seen")
    side.incidents.resolve("NAKED", ALL, "covered")
    there.clock.advance(29 * 60)
    side.incidents.open("NAKED", "warning", ALL, "again")
    (again,) = side.incidents.open_ones()
    assert (again.name, again.state, again.severity, again.count, again.text) == (first.name, "reopened", "warning", 2, "again")
    assert (again.opened_ms, again.since_ms) == (first.opened_ms, there.clock.wall_ms())
    side.incidents.resolve("NAKED", ALL, "covered")
    there.clock.advance(31 * 60)
    side.incidents.open("NAKED", "critical", ALL, "later")
    assert side.incidents.open_ones()[0].name != first.name
    told = [kind for kind, _ in side.journal.records if kind.startswith("incident.")]
    assert told == [f"incident.{word}" for word in ("open", "ack", "resolve", "reopen", "resolve", "open")]
