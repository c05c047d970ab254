"""Which question of an import an edit has answered, where what is left of the file does not tell."""

import pytest

from playd.core.limits import PLAY_FILE_BYTES
from playd.plays.importing.importer import import_play
from playd.plays.load import UNANSWERED, check_play
from playd.plays.questions import MARKER
from tests.unit.plays.test_import_spellings import GOOD

TWO_LENGTHS = GOOD.replace("params: {length: 14}", "params: {length: 016}", 1).replace("{length: 50}", "{length: 016}")


def questions(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith(MARKER)]


def test_a_question_about_what_is_gone_waits_until_its_comment_is_taken_away() -> None:
    first = import_play(f"{GOOD}risk_limits: {{max_daily_loss_pct: 3}}\n", "f.yml").text
    more = f"{first}tags: [a]\n"
    second = import_play(more, "f.yml")
    assert second.failed
    assert questions(second.text) == questions(first) != []
    assert not import_play(more.replace(questions(first)[0], ""), "f.yml").failed


@pytest.mark.parametrize(
    ("asked", "left", "answer", "waiting"),
    [
        (f"{GOOD}tags: [016, 017]\n", '"016"', "a", 2),  # one value, two questions: which of them was answered?
        (TWO_LENGTHS, 'length: "016"', "length: 16", 1),  # the same question in two places
    ],
)
def test_an_answer_takes_no_other_question_away(asked: str, left: str, answer: str, waiting: int) -> None:
    first = import_play(asked, "f.yml").text
    assert len(questions(first)) == 2
    assert left in first
    second = import_play(first.replace(left, answer, 1), "f.yml")
    assert second.failed
    assert len(questions(second.text)) == waiting


def test_the_checker_warns_of_a_question_until_it_is_answered() -> None:
    first = import_play(f"{GOOD}tags: [016]\n", "f.yml").text
    for text, warned in ((first, True), (first.replace('"016"', "sixteen"), False)):
        play, report = check_play(text, "f.yml")
        assert play is not None
        assert any(finding.code == UNANSWERED for finding in report.findings) is warned


def test_a_question_below_aliases_that_are_written_out_too_long_is_no_crash() -> None:
    # What an anchor names is written at every alias: the result is larger than a Play file may be.
    long = "x" * (PLAY_FILE_BYTES // 20)
    aliases = ", ".join(["*a"] * 21)
    result = import_play(f"{GOOD}description: &a {long}\ntags: [{aliases}]\nrisk_limits: {{max_daily_loss_pct: 3}}\n", "f.yml")
    assert result.failed
    assert any(finding.code == "E100" for finding in result.findings)
