"""`playd drill` as anybody has it: one real drill, and what it says of those that cannot be run."""

import json
import os
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from playd.ops.drills.catalog import BY_ID
from playd.ops.drills.run import run_drill
from playd.ops.drills.scenarios.processes import on_the_same_state
from playd.world.real import real_world
from playd.world.real import run as run_loop
from tests.integration.daemon_kit import ROOT, WITHIN_S, environment, program


def test_every_level_is_listed_and_what_is_not_built_is_refused(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["drill", "list", "--json"])
    rows = {row["id"]: row for row in json.loads(listed.stdout)}
    assert len(rows) == 37
    assert rows["DRL-13"]["here"] == "yes"
    missing = next(row for row in rows.values() if row["here"] == "not built")
    refused = CliRunner().invoke(app, ["drill", "run", missing["id"], "--state", str(tmp_path)])
    assert (refused.exit_code, "not built" in refused.output) == (2, True)
    unknown = CliRunner().invoke(app, ["drill", "run", "DRL-99", "--state", str(tmp_path)])
    assert (unknown.exit_code, "no drill 'DRL-99'" in unknown.output) == (4, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_second_daemon_is_drilled_with_real_processes(tmp_path: Path) -> None:
    drill = replace(BY_ID["DRL-23"], halts=(), opens=())  # what a daemon elsewhere on the account leads to is its second half
    outcome = run_loop(lambda world: run_drill(world, drill, on_the_same_state, state_dir=tmp_path, code="none"), real_world())
    record: Any = outcome.record
    assert outcome.passed, record
    assert [fault["kind"] for fault in record["faults"]] == ["start"]
    assert {each["id"] for each in record["invariants"]} >= {"INV-01", "INV-02", "INV-12", "INV-15", "INV-27"}
    assert any("that of an undisturbed run" in line["seen"] for line in record["lines"])
    assert [line["seen"] for line in record["lines"] if line["fault"] == "all that followed"] == [
        "halts: none",
        *(line["seen"] for line in record["lines"] if line["seen"].startswith(("incidents: ", "incidents left open: "))),
        "acts of the guardian: none",
    ]
    (kept,) = (tmp_path / "evidence").iterdir()
    assert json.loads(kept.read_text()) == record


@pytest.mark.slow
def test_an_interrupted_drill_leaves_no_process_and_no_directory(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="pd-") as short:  # a socket's path has an end
        interrupt(tmp_path, Path(short))


def interrupt(tmp_path: Path, temporary: Path) -> None:
    command = program("playd", "drill", "run", "27", "--state", str(tmp_path))
    variables = {**environment(tmp_path), "TMPDIR": str(temporary)}
    process = subprocess.Popen(command, env=variables, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    assert b"DRL-27" in process.stderr.readline()
    began_s = monotonic()
    while monotonic() < began_s + WITHIN_S and not any("exchange serve" in each for each in running(temporary)):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert list(temporary.iterdir()) == []
    assert running(temporary) == []


def running(directory: Path) -> list[str]:
    """Command lines of all processes that work in a directory."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found.append(Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:  # it has just ended
                continue
    return [each for each in found if str(directory) in each]
