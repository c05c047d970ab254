"""A Play is named by its path or by the stem of a file in the plays folder or below it."""

from pathlib import Path

import pytest

from playd.core.errors import PlayError
from playd.supervisor.plays import find_play
from playd.world.real import real_world


@pytest.fixture(name="plays")
def plays_folder(tmp_path: Path) -> Path:
    for name in ("turtle.yml", "pairs/zscore.yaml", "pairs/twice.yml", "other/twice.yml", ".git/hidden.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    return tmp_path


def found(given: str, plays: Path) -> str:
    return str(find_play(real_world().disk, given, plays, plays).relative_to(plays))


def test_a_stem_is_found_in_the_folder_and_below_it(tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / "zscore.yaml").write_text("")
    assert found("zscore", tmp_path) == "pairs/zscore.yaml"
    assert found("pairs/zscore.yaml", tmp_path) == "pairs/zscore.yaml"


def test_a_stem_that_fits_two_files_is_refused_with_both(plays: Path) -> None:
    with pytest.raises(PlayError, match=r"twice: fits \d+ files: .*other/twice.yml.*pairs/twice.yml"):
        found("twice", plays)


def test_an_unknown_stem_names_the_nearest_one(plays: Path) -> None:
    with pytest.raises(PlayError, match=r"no such Play in .*; there are: turtle, twice, zscore; did you mean `turtle`"):
        found("turtel", plays)
