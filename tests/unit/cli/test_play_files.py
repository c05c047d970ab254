"""The commands that write Play files touch only what they are asked to."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from playd.plays.load import load_play
from playd.plays.templates import TEMPLATES
from tests.unit.plays.plays_of import play_text

GOOD = play_text('{all: [[close, ">", open]]}')
OLD = GOOD.replace("name: small", "id: small").replace('[close, ">", open]', "[close, gt, open]")


def play(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["play", *arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(name="old")
def file_with_older_spellings(tmp_path: Path) -> Path:
    path = tmp_path / "old.yml"
    path.write_text(OLD)
    return path


def test_an_import_reports_its_changes_and_writes_a_good_play(old: Path) -> None:
    new = old.with_name("new.yml")
    code, out, err = play("import", str(old), "-o", str(new))
    assert (code, out) == (0, "")
    assert "old.yml:3:1: id: small -> name: small (same meaning)" in err
    assert "2 changes, 0 of meaning; the result is good" in err
    assert load_play(new.read_text(), "new.yml").name == "small"
    assert old.read_text() == OLD


def test_an_import_never_overwrites_what_it_reads(old: Path) -> None:
    for target in (old, old.parent / ".." / old.parent.name / "old.yml"):
        code, _, err = play("import", str(old), "-o", str(target))
        assert code == 78
        assert "is the file itself" in err
    assert old.read_text() == OLD


def test_what_cannot_be_read_is_named_by_the_file_that_was_read(old: Path) -> None:
    old.write_text("version: 3\n\tname: x\n")
    code, _, err = play("import", str(old), "-o", str(old.with_name("new.yml")))
    assert (code, err.startswith(f"{old}:2:1: E100")) == (6, True), err


def test_programs_get_the_changes_of_an_import(old: Path) -> None:
    code, out, _ = play("import", "--json", str(old))
    answer = orjson.loads(out)
    assert (code, answer["ok"], answer["problems"]) == (0, True, [])
    assert answer["changes"][0] == {
        "line": 3,
        "column": 1,
        "path": "id",
        "text": "small",
        "new_path": "name",
        "new_text": "small",
        "meaning_changed": "",
    }


def test_a_check_of_the_form_names_files_and_changes_nothing(old: Path) -> None:
    old.write_text(GOOD)
    assert play("fmt", "--check", str(old)) == (1, f"{old}\n", "")
    assert old.read_text() == GOOD


def test_a_formatted_file_is_canonical_and_a_broken_one_is_left_alone(old: Path) -> None:
    good = old.with_name("good.yml")
    good.write_text(GOOD)
    code, _, err = play("fmt", "--write", str(good), str(old))
    assert code == 6
    assert "E901" in err
    assert (good.read_text(), old.read_text()) == (GOOD, OLD)
    assert play("fmt", "--write", str(good))[0] == 0
    assert good.read_text().startswith('version: "3.0.0"\nname: small\n')
    assert play("fmt", "--check", str(good)) == (0, "", "")


def test_a_play_whose_canonical_form_would_be_too_large_is_left_alone_and_that_is_said(tmp_path: Path) -> None:
    """Rules on one line get a line for each condition: the file has 40 KiB, its form more than a Play may have."""
    rule = "{any: [[close, '>', 70], {all: [[open, '>', 80], [low, '<', 60]]}]}"
    many = f"{{any: [{', '.join([rule] * 300)}]}}"
    dense = play_text(f"{{any: [{many}, {many}]}}")
    path, out = tmp_path / "dense.yml", tmp_path / "out.yml"
    path.write_text(dense)
    assert play("check", str(path))[0] == 0
    for how in ("--write", "--check"):
        code, said, err = play("fmt", how, str(path))
        assert (code, said) == (6, "")
        assert re.search(
            rf"{path}: found a Play whose canonical form has \d{{5}} bytes, expected at most 65536; .* left as it is", err
        )
    assert path.read_text() == dense
    path.write_text(dense.replace("name: small", "id: small"))
    code, _, err = play("import", str(path), "-o", str(out))
    assert code == 6
    assert f"{out}:1:1: E100: found a Play whose canonical form has {out.stat().st_size} bytes, expected at most 65536" in err


def test_a_play_is_shown_with_its_program_in_four_forms(old: Path) -> None:
    old.write_text(GOOD)
    play_hash = load_play(GOOD, "f.yml").play_hash
    text = play("show", str(old))[1]
    assert play_hash[:16] in text
    assert "1m (base, execution): warm-up 0 bars" in text
    shown = orjson.loads(play("show", "--json", str(old))[1])
    assert (shown["play_hash"], shown["play"]["name"]) == (play_hash, "small")
    assert shown["program"]["kernels"] == {"<": 1, ">": 1}
    picture = ET.fromstring(play("show", "--svg", str(old))[1])
    words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "actions.entry_long.all[0]" in words
    assert 'label="actions.entry_long.all[0]\\n' in play("show", "--dot", str(old))[1]
    assert play("show", "--dot", "--svg", str(old))[0] == 2


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_a_good_play_in_canonical_form(template: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    assert play("new", "--template", template, "-o", str(path))[0] == 0
    assert play("check", "--strict", str(path))[0] == 0
    assert play("fmt", "--check", str(path)) == (0, "", "")
    assert load_play(path.read_text(), "mine.yml").name == "mine"
    assert play("new", "--template", template, "-o", str(path))[0] == 78


def test_an_unknown_template_is_answered_with_those_there_are() -> None:
    code, _, err = play("new", "--template", "brekout")
    assert code == 78
    assert "expected trend, reversion, breakout or structure; did you mean `breakout`?" in err
