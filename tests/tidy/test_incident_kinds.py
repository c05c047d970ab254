"""Whoever is woken finds a page: every kind of incident that can be opened has its row, its page and its command."""

import ast

from playd.ops.incident_kinds import KINDS, kind_of
from tests.tidy.source import ROOT, modules
from tests.tidy.test_runbooks import parse

OPENERS = {"open": 0, "halt_symbol": 2, "_alarm": 0}
"""Functions that open an incident, and the place of its kind among their arguments."""


def opened() -> set[str]:
    """Kinds that stand as text in calls of those functions; names of constants are read from their module."""
    found = set()
    for module in modules():
        constants = {
            target.id: node.value.value
            for node in module.nodes
            if isinstance(node, ast.AnnAssign)
            and isinstance(target := node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OPENERS:
                place = OPENERS[node.func.attr]
                kind = node.args[place] if len(node.args) > place else None
                value = kind.value if isinstance(kind, ast.Constant) else constants.get(getattr(kind, "id", ""), "")
                if isinstance(value, str) and value.isupper() and len(value) > 2:
                    found.add(value)
    return found


def test_every_kind_that_is_opened_is_described() -> None:
    assert len(opened()) > 20
    assert sorted(opened() - KINDS.keys()) == []


def test_every_page_is_there_tells_of_its_kinds_and_every_first_command_is_understood() -> None:
    index = (ROOT / "runbooks" / "incidents.md").read_text()
    for name, kind in KINDS.items():
        assert f"| `{name}` | {kind.meaning} | `{kind.command}` |" in index, f"runbooks/incidents.md lacks the row of {name}"
        assert (ROOT / "runbooks" / kind.page).exists()
        parse(kind.command)


def test_names_with_a_place_are_found_under_their_first_word() -> None:
    assert kind_of("CLOCK_LOCAL") is KINDS["CLOCK"]
    assert kind_of("SLO_NAKED") is KINDS["SLO"]
