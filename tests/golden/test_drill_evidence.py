"""The evidence of a drill has the fields and the units that its readers expect."""

from pathlib import PurePath

import orjson

import playd
from playd.ops.drills.catalog import BY_ID
from playd.ops.drills.consequences import Consequences
from playd.ops.drills.evidence import evidence, write_evidence
from playd.ops.drills.invariants import Checked
from playd.ops.drills.report import Report
from playd.world.virtual import ManualClock, MemoryDisk

EXPECTED = {
    "drill": "DRL-12",
    "version": playd.__version__,
    "code_digest": "c0de",
    "seed": 8,
    "against": "local exchange",
    "started_ms": 1_700_000_000_000,
    "duration_s": 41.5,
    "faults": [{"at_ms": 2500, "kind": "SIGSTOP", "target": "daemon", "params": {"for_s": 9}}],
    "expected": {
        "level": 1,
        "incident": "GUARDIAN_STOP",
        "limit_s": 20.0,
        "halts": ["MANUAL_STOP 1"],
        "guardian": ["stop", "cancel"],
    },
    "observed": {
        "level": 2,
        "incident": ["GUARDIAN_STOP"],
        "halts": ["NAKED 2"],
        "still_open": [],
        "guardian": {"stop": 1},
        "worst_s": 12.346,
        "naked_s": 11.0,
        "orders_per_intent_max": 1,
    },
    "lines": [
        {"fault": "stopped", "seen": "covered", "recovery_s": 12.346, "limit_s": 20.0, "passed": True},
        {"fault": "goes on", "seen": "incident", "recovery_s": None, "limit_s": None, "passed": True},
    ],
    "invariants": [
        {"id": "INV-01", "checks": 4, "violations": []},
        {"id": "INV-12", "checks": 2, "violations": ["BTCUSDT: 1 in the books, 2 at the venue"]},
    ],
    "passed": False,
    "first_violation": "INV-12: BTCUSDT: 1 in the books, 2 at the venue",
}


def told() -> Report:
    """A drill in which one invariant did not hold."""
    clock = ManualClock(1_700_000_000_000)
    report = Report.begin(clock)
    clock.advance(2.5)
    report.inject("SIGSTOP", "daemon", for_s=9)
    report.saw("stopped", "covered", recovery_s=12.3456, limit_s=20.0)
    report.require(held=True, fault="goes on", seen="incident")
    report.invariants = (Checked("INV-01", 4, ()), Checked("INV-12", 2, ("BTCUSDT: 1 in the books, 2 at the venue",)))
    report.found = Consequences(("NAKED 2",), ("GUARDIAN_STOP",), (), {"stop": 1})
    report.naked_s, report.orders_per_intent_max = 11.0, 1
    return report


def test_the_evidence_of_a_failed_drill() -> None:
    disk, state = MemoryDisk(ManualClock()), PurePath("/state")
    record = evidence(BY_ID["DRL-12"], told(), seed=8, code="c0de", duration_s=41.5)
    path = write_evidence(disk, state, record)
    assert orjson.loads(disk.read_bytes(path)) == EXPECTED
    assert path.parent == state / "evidence"
    assert path.name.startswith("drill-12-")
    assert write_evidence(disk, state, record) == path, "the same record has the same name"


def test_a_drill_passes_only_when_everything_was_seen_in_time() -> None:
    report = told()
    report.invariants = ()
    assert report.passed
    assert report.first_violation is None
    report.saw("stopped", "covered", recovery_s=20.5, limit_s=20.0)
    assert not report.passed
    assert report.first_violation == "stopped: covered"
    assert not Report.begin(ManualClock()).passed, "nothing was looked at"
