"""Whoever reads a log can look up what a line means: every event that the source names is in the catalogue, and no other."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from playd.market.feed_watch import NoteKind
from playd.ops.events import EVENTS
from playd.ops.kinds import KINDS
from tests.tidy.source import ROOT, Module, modules

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
REPORTERS = {"report", "_report", "on_event", "_on_event", "transition"}
"""Functions that hand an event on to the log; the event is the first text among their arguments."""


def named(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        target = node.func
        name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
        owner = ast.unparse(target.value) if isinstance(target, ast.Attribute) else ""
        if (name in LEVELS and owner in ("_log", "self._log", "log")) or name in REPORTERS:
            texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            yield from texts[:1] if name in LEVELS else [text for text in texts if text in EVENTS or _is_event(text)][:1]


def _is_event(text: str) -> bool:
    subject, dot, what = text.partition(".")
    return bool(dot) and subject.isalpha() and what.replace("_", "").isalpha()


def test_every_event_of_the_source_is_in_the_catalogue() -> None:
    found = {event for module in modules() if "drills" not in module.name for event in named(module) if event != "feed."}
    assert len(found) > 30
    assert sorted(found - EVENTS.keys()) == []


def test_a_line_has_a_level_that_the_catalogue_gives_its_event() -> None:
    wrong = []
    for module in (each for each in modules() if "drills" not in each.name):
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS and node.args:
                event = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
                if event in EVENTS and node.func.attr not in EVENTS[event].levels.split():
                    wrong.append(f"{module.name}: {event} is {node.func.attr}, not {EVENTS[event].levels}")
    assert wrong == []
    assert {level for event in EVENTS.values() for level in event.levels.split()} <= LEVELS


class Said(NamedTuple):
    """One call that logs: where, its event, and the names of its fields as far as they stand there."""

    place: str
    event: str
    fields: frozenset[str]


def said(module: Module) -> Iterator[Said]:
    """
    Every line that the source logs with its event as a text: keywords of the call, and keys of a dictionary that is handed on,
    there or filled in the same function.
    """
    for function in (node for node in module.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        filled = dict(_filled(function))
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            event = next((text for text in texts if text in EVENTS), "")
            if event and name in LEVELS | REPORTERS:
                given = {each.arg for each in node.keywords if each.arg} if name in LEVELS else set()
                for each in node.args:
                    given |= _keys(each) | filled.get(getattr(each, "id", ""), set())
                yield Said(module.place(node), event, frozenset("exc" if each == "exc_info" else each for each in given))


def _keys(node: ast.AST) -> set[str]:
    keys = node.keys if isinstance(node, ast.Dict) else []
    return {str(key.value) for key in keys if isinstance(key, ast.Constant)}


def _filled(function: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Names of dictionaries with the keys that they begin with or get."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _keys(node.value):
            found.setdefault(node.targets[0].id, set()).update(_keys(node.value))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            held, key = node.targets[0].value, node.targets[0].slice
            if isinstance(held, ast.Name) and isinstance(key, ast.Constant):
                found.setdefault(held.id, set()).add(str(key.value))
    yield from found.items()


def test_a_line_has_no_field_that_the_catalogue_does_not_give_its_event() -> None:
    lines = [line for module in modules() if "drills" not in module.name for line in said(module)]
    assert len(lines) > 50
    assert {line.event for line in lines if len(line.fields) > 4} >= {"fill.booked", "bar.verdict"}, "dictionaries are read too"
    wrong = [
        f"{line.place}: {line.event} has {sorted(more)}"
        for line in lines
        if (more := line.fields - {"msg", *EVENTS[line.event].fields.split()})
    ]
    assert wrong == []


def test_every_event_that_somebody_acts_on_has_a_page_that_is_there() -> None:
    assert [name for name, event in EVENTS.items() if event.level != "info" and not event.page] == []
    assert {page for event in EVENTS.values() if (page := event.page) and not (ROOT / "runbooks" / page).exists()} == set()


def test_every_note_of_the_market_is_in_it_and_nothing_that_nobody_says() -> None:
    notes = {f"feed.{kind}" for kind in NoteKind}
    assert notes <= EVENTS.keys()
    text = "\n".join(module.text for module in modules() if module.name != "playd.ops.events")
    assert [event for event in EVENTS if f'"{event}"' not in text and event not in notes] == []


def test_every_kind_of_record_is_written_somewhere() -> None:
    text = "\n".join(module.text for module in modules() if module.name not in ("playd.ops.kinds", "playd.ops.events"))
    made = {"slo.open", "slo.close"}  # f"slo.{event}"
    assert [kind for kind in sorted(KINDS - made) if f'"{kind}"' not in text] == []
