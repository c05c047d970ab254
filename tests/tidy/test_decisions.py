"""Every page of a decision has its number in its heading, and stands in the index once."""

import re
from pathlib import Path

import pytest

from tests.tidy.source import ROOT

FOLDER = ROOT / "daemon" / "decisions"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem[:3])
def test_a_page_begins_with_its_number_and_title(page: Path) -> None:
    heading = page.read_text().split("\n", 1)[0]
    assert re.fullmatch(rf"# {page.name[:3]} [A-Z].*[^.]", heading), heading


def test_every_page_stands_in_the_index_once() -> None:
    listed = re.findall(r"(?m)^\* \[(\d{3})\]\(([^)]+)\) [A-Z].*\.$", (FOLDER / "README.md").read_text())
    assert sorted(name for _, name in listed) == [page.name for page in PAGES]
    assert [name for number, name in listed if not name.startswith(f"{number}-")] == []


def test_no_number_is_given_twice() -> None:
    numbers = [page.name[:3] for page in PAGES]
    assert sorted(set(numbers)) == numbers
