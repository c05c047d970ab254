"""
Every broken Play in `broken/` is refused with exactly the findings beside it, all at once.

To accept changed words, write what a failing test shows into the `.txt` file, and read the difference.
"""

from pathlib import Path

import pytest

from playd.core.errors import PlayError
from playd.plays.load import load_play

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yml"))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_play_is_refused_with_every_finding(path: Path) -> None:
    with pytest.raises(PlayError) as refusal:
        load_play(path.read_text(encoding="utf-8"), path.name)
    assert str(refusal.value) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_finding_names_its_place_and_what_was_expected() -> None:
    for path in BROKEN:
        for line in path.with_suffix(".txt").read_text(encoding="utf-8").splitlines():
            place, _, text = line.partition(": ")
            name, row, column = place.split(":")
            assert name == path.name
            assert int(row) >= 1
            assert int(column) >= 1
            assert "found " in text
            assert "expected" in text or "not available in this version" in text
