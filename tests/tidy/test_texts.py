"""What stands in tracked files, and what must not."""

import ast
import re

import pytest

from tests.tidy.source import ROOT, Module, modules, tracked_files

MOST_LINES = 500
WIDEST_LINE = 140
BINARY = {".parquet", ".png", ".npz", ".gz"}
BANNED = {
    "a path of somebody's machine": re.compile(r"(?<![\w./])/(?:root|work|opt|home/\w+|Users/\w+)/"),
    "a package index": re.compile(r"--(?:extra-)?index-url|--find-links|pypi\.org/simple|/simple/|(?i:\bpip\.conf\b)"),
    "an issue number": re.compile(r"(?i)\bissues? #?\d+\b|(?<![\w&/])#\d{1,4}\b(?![\w-])"),
    "work that was put off": re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"),
    "a conflict mark": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}
OWN_RULES = "tests/tidy/"
"""These files spell out what they ban."""


def _texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in BINARY and not name.startswith(OWN_RULES):
            found.append((name, path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("what", BANNED)
def test_no_tracked_text_holds(what: str) -> None:
    faults = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for name, text in _texts()
        for match in BANNED[what].finditer(text)
        if not (name == "LICENSE" or (what == "an issue number" and name.endswith((".css", ".svg"))))
    ]
    assert not faults, "\n".join(faults)


def test_no_source_file_is_too_long_to_hold_one_idea() -> None:
    faults = [
        f"{name}: {text.count(chr(10))} lines"
        for name, text in _texts()
        if name.endswith(".py") and text.count("\n") > MOST_LINES
    ]
    assert not faults, "\n".join(faults)


def test_every_text_ends_with_one_newline() -> None:
    assert [name for name, text in _texts() if text and (not text.endswith("\n") or text.endswith("\n\n"))] == []


def test_no_line_of_a_page_is_too_wide_to_read() -> None:
    """Rows of tables cannot be broken, nor can what a program printed; the address behind a link is not read."""
    unread = re.compile(r"(?ms)^```.*?^```$|^(?:\||    ).*?$|\]\([^)]*\)")
    faults = [
        f"{name}:{number}: {len(line)} characters"
        for name, text in _texts()
        if name.endswith(".md")
        for number, line in enumerate(unread.sub(lambda found: "\n" * found.group().count("\n"), text).splitlines(), 1)
        if len(line) > WIDEST_LINE
    ]
    assert not faults, "\n".join(faults)


def test_every_line_of_the_change_log_is_whole() -> None:
    """A reader skims it by its lines, so that none goes on in the next one."""
    found = next(text for name, text in _texts() if name == "CHANGELOG.md")
    entries = found.split("\n### ", 1)[1].splitlines()
    assert [line for line in entries if line.startswith((" ", "*")) and not re.match(r"\* \S", line)] == []


@pytest.mark.parametrize("module", [m for m in modules() if m.path.name == "__init__.py"], ids=lambda module: module.name)
def test_every_package_tells_its_story(module: Module) -> None:
    story = ast.get_docstring(module.tree) or ""
    assert story, f"{module.name} has no docstring"
    if module.name.count(".") == 1:
        assert 2 <= len(story.splitlines()) <= 20, f"{module.name}: say what lives here"


def test_every_module_says_what_it_is() -> None:
    assert [module.name for module in modules() if not ast.get_docstring(module.tree)] == []


def test_nothing_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "helper", "misc", "common", "stuff"}
    assert [module.name for module in modules() if module.name.rsplit(".", 1)[-1] in vague] == []


def test_broad_catches_give_their_reason() -> None:
    faults = []
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or (
                    isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
                )
                reraised = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                if broad and not reraised and "#" not in _head_of(module, node):
                    faults.append(module.place(node))
    assert not faults, "\n".join(faults)


def _head_of(module: Module, handler: ast.ExceptHandler) -> str:
    """The `except` line and what stands between it and the first statement."""
    return "\n".join(module.text.splitlines()[handler.lineno - 1 : handler.body[0].lineno - 1] or [module.line(handler)])
