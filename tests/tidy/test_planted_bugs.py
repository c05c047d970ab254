"""The list of planted bugs still fits the code: each stands for one place, and none is planted already."""

import pytest

from tests.planted.plant import PACKAGE, RESULTS, Bug, bugs


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.id)
def test_a_planted_bug_has_its_place(bug: Bug) -> None:
    text = (PACKAGE / bug.file).read_text()
    assert text.count(bug.old) == 1, f"{bug.file} has changed: tests/planted/bugs.toml must say anew where {bug.id} is planted"
    assert bug.old != bug.new


def test_every_planted_bug_is_in_the_table_of_results_and_was_caught() -> None:
    rows = {line.split("|")[1].strip(): line for line in RESULTS.read_text().splitlines() if line.startswith("| ")}
    assert {bug.id for bug in bugs()} <= rows.keys()
    assert not [bug.id for bug in bugs() if "**nobody**" in rows[bug.id]]
