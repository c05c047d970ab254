"""The evidence of a drill: one JSON document that says what was done, what was seen and whether it passed."""

import hashlib
from pathlib import PurePath
from typing import Final

import orjson

import playd
from playd.core.canonical import Json, digest
from playd.ops.drills.catalog import Drill
from playd.ops.drills.report import Report
from playd.world.ports import Disk

AGAINST: Final = "local exchange"
DIRECTORY: Final = "evidence"
_DIGITS: Final = 16
"""Of a digest in a file's name."""


def code_digest(disk: Disk) -> str:
    """SHA-256 over every source file of the package, names and bytes, as it lies on disk."""
    package = PurePath(playd.__file__).parent
    found = hashlib.sha256()
    for path in _sources(disk, package):
        found.update(path.relative_to(package).as_posix().encode() + b"\0" + disk.read_bytes(path))
    return found.hexdigest()


def _sources(disk: Disk, directory: PurePath) -> list[PurePath]:
    paths: list[PurePath] = []
    for name in disk.list(directory):
        path = directory / name
        if disk.stat(path).is_dir:
            paths += _sources(disk, path)
        elif path.suffix == ".py":
            paths.append(path)
    return paths


def evidence(drill: Drill, report: Report, *, seed: int, code: str, duration_s: float) -> dict[str, Json]:
    """The record. Times in epoch ms, durations in seconds, `faults[].at_ms` from the start of the drill."""
    lines: list[Json] = [
        {
            "fault": line.fault,
            "seen": line.seen,
            "recovery_s": _rounded(line.recovery_s),
            "limit_s": line.limit_s,
            "passed": line.passed,
        }
        for line in report.lines
    ]
    return {
        "drill": drill.id,
        "version": playd.__version__,
        "code_digest": code,
        "seed": seed,
        "against": AGAINST,
        "started_ms": report.started_ms,
        "duration_s": _rounded(duration_s),
        "faults": [
            {"at_ms": each.at_ms, "kind": each.kind, "target": each.target, "params": each.params} for each in report.faults
        ],
        "expected": {
            "level": drill.level_expected,
            "incident": drill.incident,
            "limit_s": drill.limit_s,
            "halts": [*drill.halts],
            "guardian": [*drill.guardian],
        },
        "observed": {
            "level": report.found.level,
            "incident": [*report.found.incidents],
            "halts": [*report.found.halts],
            "still_open": [*report.found.still_open],
            "guardian": dict(report.found.guardian),
            "worst_s": _rounded(report.worst_s),
            "naked_s": _rounded(report.naked_s),
            "orders_per_intent_max": report.orders_per_intent_max,
        },
        "lines": lines,
        "invariants": [
            {"id": each.id, "checks": each.checks, "violations": list(each.violations)} for each in report.invariants
        ],
        "passed": report.passed,
        "first_violation": report.first_violation,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def write_evidence(disk: Disk, state_dir: PurePath, record: dict[str, Json]) -> PurePath:
    """Keep the record below the state directory, under a name made of its content. Raises `OSError`."""
    directory = state_dir / DIRECTORY
    disk.mkdir(directory)
    number = str(record["drill"]).removeprefix("DRL-")
    path = directory / f"drill-{number}-{digest(record)[:_DIGITS]}.json"
    disk.write_replace(path, orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), keep_previous=False)
    return path
