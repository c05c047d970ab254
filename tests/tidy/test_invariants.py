"""The page of invariants says what looks after each: every name on it is there, and nothing looks that it does not tell of."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from playd.ops.drills import decisions, invariants
from playd.ops.drills.invariants import TABLES, Checked, Venue
from playd.ops.drills.scenarios.built import SCENARIOS
from playd.ops.incident_kinds import KINDS
from tests.simulation.seen_by_drills import ALWAYS
from tests.tidy.source import ROOT

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "daemon" / "invariants.md").read_text().splitlines()
    if line.startswith("| INV-")
]
OF_THE_STAGE = {"INV-27", "INV-33"}
"""What a drill's stage looks for itself: the journal as a whole, and secrets in everything that was written."""


def of(column: int, word: str) -> set[str]:
    return {row[0][:6] for row in ROWS if row[column] == word}


def ids(checks: tuple[Callable[..., Checked], ...]) -> set[str]:
    empty: dict[str, Any] = {name: [] for name in TABLES}
    return {check(Venue(), empty).id for check in checks}


def test_every_invariant_has_its_row() -> None:
    assert [row[0][:6] for row in ROWS] == [f"INV-{number:02}" for number in range(1, 39)]
    assert {len(row) for row in ROWS} == {6}


def test_what_is_checked_behind_every_step_and_every_drill_is_what_the_page_says() -> None:
    assert of(3, "each step") == ids(ALWAYS)
    assert of(4, "yes") == ids((*invariants.CHECKS, *decisions.CHECKS)) | OF_THE_STAGE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:6])
def test_every_name_on_the_page_is_there(row: list[str]) -> None:
    text = " ".join(row)
    files = [ROOT / name for name in re.findall(r"`(tests/\S+\.py)`", text)]
    files += [ROOT / "daemon" / "playd" / name for name in re.findall(r"`([a-z_]+/[a-z_]+\.py)`", text)]
    files += [ROOT / "tests" / "simulation" / name for name in re.findall(r"`([a-z_]+\.py)`", row[3])]
    assert [str(path) for path in files if not path.exists()] == []
    drills = [f"DRL-{number}" for listed in re.findall(r"DRL-([\d, ]*\d)", text) for number in listed.split(", ")]
    assert [number for number in drills if number not in SCENARIOS] == []
    assert [kind for kind in re.findall(r"`([A-Z_]{4,})`", row[5]) if kind not in KINDS] == []


def test_the_second_look_asks_for_exactly_what_the_page_says_is_found_by_it() -> None:
    looks = (ROOT / "daemon" / "playd" / "orders").glob("second_*.py")
    asked = {number for path in looks for number in re.findall(r"\((INV-\d\d)\)", path.read_text())}

    assert asked == {row[0][:6] for row in ROWS if "`INVARIANT`" in row[5]}


def test_what_is_looked_for_while_running_says_what_happens_then() -> None:
    assert [row[0] for row in ROWS if row[0].endswith("◆") and not row[5]] == []
