"""What is said of drills is so: every one of level 1 can be run, and every one that can be run has its row for people."""

from playd.ops.drills.catalog import BY_ID, DRILLS
from playd.ops.drills.scenarios.built import SCENARIOS
from tests.tidy.source import ROOT


def test_every_drill_of_level_1_is_there() -> None:
    assert [drill.id for drill in DRILLS if drill.level == 1 and drill.id not in SCENARIOS] == []
    assert SCENARIOS.keys() <= BY_ID.keys()


def test_every_drill_that_can_be_run_has_its_row_in_the_runbook() -> None:
    page = (ROOT / "runbooks" / "drills.md").read_text()
    assert [number for number in SCENARIOS if f"| {number} |" not in page] == []
