"""`playd play check` names everything that is wrong with every file, for people and for programs."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from tests.unit.plays.plays_of import play_text

GOOD = play_text('{all: [[close, ">", open]]}')


def check(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["play", "check", *arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(name="files")
def three_files(tmp_path: Path) -> list[str]:
    """A good Play, one with two errors, and a path without a file."""
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(GOOD)
    bad.write_text(GOOD.replace('[close, ">"', '[clsoe, ">"').replace("symbol: BTCUSDT", "symbol: btcusdt"))
    return [str(good), str(bad), str(tmp_path / "none.yml")]


def test_all_errors_of_all_files_are_printed_at_once(files: list[str]) -> None:
    code, out, err = check(*files)
    assert code == 6
    assert "small: good" in out
    assert "bad.yml:4:9: E201 symbol" in err
    assert "E410 actions.entry_long.all[0][0]" in err
    assert "did you mean `close`?" in err
    assert "none.yml: no such file" in err
    assert "1 of 3 files good, 3 errors" in err


def test_programs_get_the_parts_of_each_finding(files: list[str]) -> None:
    code, out, _ = check("--json", *files)
    answer = orjson.loads(out)
    assert (code, answer["ok"], [one["ok"] for one in answer["files"]]) == (6, False, [True, False, False])
    unknown = next(finding for finding in answer["files"][1]["findings"] if finding["code"] == "E410")
    assert (unknown["line"], unknown["path"], unknown["nearest"]) == (10, "actions.entry_long.all[0][0]", "close")
    assert unknown["found"] == "the unknown id `clsoe`"
    assert "a built-in (open, high" in unknown["allowed"]


def test_strict_refuses_what_has_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "unused.yml"
    path.write_text(GOOD.replace("features: {}", "features: {idle: {indicator: ema}}"))
    assert check(str(path))[0] == 0
    code, out, err = check("--strict", str(path))
    assert (code, out) == (6, "")
    assert "0 of 1 files good, 0 errors, 1 warnings" in err
    assert not orjson.loads(check("--strict", "--json", str(path))[1])["files"][0]["ok"]
