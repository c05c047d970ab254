"""Runbooks can be followed: their links lead somewhere, and the programs understand every command on them."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from playd.cli import playctl_app, playd
from tests.tidy.source import ROOT

PAGES = [*sorted((ROOT / "runbooks").glob("*.md")), ROOT / "systemd" / "README.md", ROOT / "state" / "README.md"]
LINKED = [
    *PAGES,
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "bench/README.md")),
    *sorted((ROOT / "daemon").rglob("*.md")),
]
PROGRAMS: dict[str, Any] = {"playctl": typer.main.get_command(playctl_app.app), "playd": typer.main.get_command(playd.app)}
STAND_INS = {"NAME": "mine"}
AS_WHOM = r"(?:sudo (?:-u playd )?)?(?:env \S+=\S+ )?(?:\.venv/bin/)?"
"""What may stand before a command: whose it is, where the kernels lie, and where the program is before it is linked."""


def commands(page: Path) -> list[str]:
    """Every whole command line of our programs: in indented blocks, and in backquotes when it has arguments."""
    text = page.read_text()
    blocks = re.findall(rf"(?m)^ {{4,}}{AS_WHOM}(play(?:ctl|d) .*)$", text)
    inline = re.findall(rf"`{AS_WHOM}(play(?:ctl|d) [^`…]+)`", text)
    return [command.split("  #")[0].strip() for command in blocks + inline]


def parse(command: str) -> None:
    """Read a command line as its program would, without running it. Raises what the program would refuse it with."""
    program, *words = (STAND_INS.get(word, word) for word in shlex.split(command))
    found = PROGRAMS[program]
    while hasattr(found, "commands"):
        name = words.pop(0)
        assert name in found.commands, f"{program} has no command {name}"
        found = found.commands[name]
    found.make_context(program, words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_on_a_page_is_understood(page: Path) -> None:
    for command in commands(page):
        parse(command)


def test_a_wrong_command_would_be_seen() -> None:
    with pytest.raises(AssertionError, match="no command"):
        parse("playctl levitate all")
    with pytest.raises(Exception, match="--colour"):
        parse("playctl status --colour")


def test_every_command_of_the_tour_is_understood() -> None:
    lines = re.findall(r"(?m)^ {4}\$ (play(?:ctl|d) .*)$", (ROOT / "README.md").read_text())
    assert len(lines) > 30
    for line in lines:
        parse(re.split(r" +[#>] ", line)[0])


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.stem)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


def test_every_runbook_is_in_the_index() -> None:
    index = (ROOT / "runbooks" / "README.md").read_text()
    assert [page.name for page in (ROOT / "runbooks").glob("*.md") if page.name != "README.md" and page.name not in index] == []
