"""`playd audit verify` as a person runs it: the verdict in one line, as JSON, and as an exit code."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from playd.ops.journal import open_journal
from playd.settings.model import Journal
from playd.world.real import real_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    """A state directory with a journal of a few records."""
    async with open_journal(real_world(), tmp_path / "journal", Journal(), version="test") as (journal, _):
        for number in range(5):
            journal.append("daemon.ready", {"number": number})
    return tmp_path


def verify(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", "verify", *arguments])
    return result.exit_code, result.output


def journal_file(state: Path) -> Path:
    (file,) = (state / "journal").iterdir()
    return file


async def test_a_whole_journal_is_0_by_either_directory_and_says_its_head(state: Path) -> None:
    code, text = verify(str(state))
    assert (code, text) == verify(str(state / "journal"))
    assert code == 0
    head = text.rsplit("head ", 1)[1].strip()
    assert verify(str(state), "--anchor", head)[0] == 0
    code, text = verify(str(state), "--json")
    assert (code, json.loads(text)["result"], json.loads(text)["records"]) == (0, "whole", 6)


DAMAGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "changed": lambda lines: [*lines[:3], lines[3].replace(b'"number":2', b'"number":7'), *lines[4:]],
    "dropped": lambda lines: [*lines[:3], *lines[4:]],
    "swapped": lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_record_is_10_and_the_first_of_them_is_named(
    state: Path, damage: Callable[[list[bytes]], list[bytes]]
) -> None:
    file = journal_file(state)
    file.write_bytes(b"".join(damage(file.read_bytes().splitlines(keepends=True))))
    code, text = verify(str(state), "--json")
    assert code == 10
    assert json.loads(text)["damage"]["line"] == 4
    assert f"{file.name}:4: record 4" in verify(str(state))[1]


async def test_a_cut_end_shows_against_a_published_head(state: Path) -> None:
    file = journal_file(state)
    head = verify(str(state))[1].rsplit("head ", 1)[1].strip()
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    assert verify(str(state))[0] == 0
    assert verify(str(state), "--anchor", head)[0] == 10


async def test_nothing_to_read_is_1_and_a_wrong_question_is_78(tmp_path: Path) -> None:
    assert verify(str(tmp_path))[0] == 1
    assert verify(str(tmp_path / "missing"))[0] == 1
    assert verify(str(tmp_path), "--anchor", "12")[0] == 78
    assert verify(str(tmp_path), "--from", "yesterday")[0] == 78
