"""A journal is read from its end backwards: every line once, packed files left out, and no more than was allowed."""

from pathlib import PurePath

import pytest

from playd.ops import newest_lines
from playd.ops.newest_lines import NewestLines
from playd.world.virtual import VirtualWorld, virtual_world

FOLDER = PurePath("/state/journal")
DAYS = ("2024-01-30.jsonl.gz", "2024-01-31.jsonl", "2024-02-01.jsonl")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> VirtualWorld:
    """Two files of ten lines behind a packed one; a read ends inside a line."""
    monkeypatch.setattr(newest_lines, "CHUNK_BYTES", 16)
    world = virtual_world()
    world.disk.mkdir(FOLDER)
    for day in DAYS:
        world.disk.write_replace(FOLDER / day, b"".join(b"%s %d\n" % (day[:10].encode(), n) for n in range(10)))
    return world


def test_every_line_of_the_files_that_are_not_packed_comes_once_and_the_newest_first(world: VirtualWorld) -> None:
    journal = NewestLines(world.disk, FOLDER, None, 10_000)
    lines = [line.decode() for some in journal for line in some]
    assert lines == [f"{day} {n}" for day in ("2024-02-01", "2024-01-31") for n in reversed(range(10))]
    assert (journal.packed, journal.is_spent) == (FOLDER / DAYS[0], False)


def test_no_more_is_read_than_was_allowed_and_no_line_is_cut(world: VirtualWorld) -> None:
    journal = NewestLines(world.disk, FOLDER, None, 40)
    lines = [line.decode() for some in journal for line in some]
    assert lines == ["2024-02-01 9", "2024-02-01 8", "2024-02-01 7"]
    assert journal.is_spent


def test_a_journal_without_a_packed_file_names_none(world: VirtualWorld) -> None:
    world.disk.remove(FOLDER / DAYS[0])
    assert NewestLines(world.disk, FOLDER, None, 40).packed is None
