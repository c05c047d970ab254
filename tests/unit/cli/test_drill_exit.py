"""How `playd drill run` ends: one drill with 0 or 1, all of them with 0 or 10."""

import pytest

from playd.cli.drill import DrillOptions, NoSuchDrill, exit_code, run_drills
from playd.ops.drills.catalog import BY_ID
from playd.ops.drills.report import Report
from playd.ops.drills.run import Outcome
from playd.world.virtual import ManualClock


def outcome(*, held: bool, refused: str = "") -> Outcome:
    report = Report.begin(ManualClock())
    report.require(held, "something", "seen")
    return Outcome(BY_ID["DRL-27"], report, 1.0, refused)


PASSED, FAILED, NOT_RUN = outcome(held=True), outcome(held=False), outcome(held=True, refused="no port was free")


@pytest.mark.parametrize(
    ("outcomes", "wanted", "code"),
    [
        ([PASSED], "27", 0),
        ([FAILED], "27", 1),
        ([NOT_RUN], "27", 1),
        ([PASSED, PASSED], "all", 0),
        ([PASSED, FAILED], "all", 10),
        ([PASSED, NOT_RUN], "all", 10),
        ([FAILED], "all", 10),
    ],
)
def test_one_that_failed_and_one_of_all_end_apart(outcomes: list[Outcome], wanted: str, code: int) -> None:
    assert exit_code(outcomes, wanted) == code


def test_a_drill_that_there_is_not_ends_as_any_target_that_there_is_not() -> None:
    with pytest.raises(NoSuchDrill, match="no drill '99'") as refused:
        run_drills(DrillOptions("99", "", as_json=False, jobs=1))
    assert refused.value.exit_code == 4
