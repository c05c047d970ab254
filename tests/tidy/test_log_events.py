"""Whoever reads a log can look up what a line means: every event that the source names is in the catalogue, and no other."""

import ast
from collections.abc import Iterator

from playd.market.feed_watch import NoteKind
from playd.ops.events import EVENTS
from playd.ops.kinds import KINDS
from tests.tidy.source import Module, modules

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


def test_every_note_of_the_market_is_in_it_and_nothing_that_nobody_says() -> None:
    notes = {f"feed.{kind}" for kind in NoteKind}
    assert notes <= EVENTS.keys()
    text = "\n".join(module.text for module in modules() if module.name != "playd.ops.events")
    assert [event for event in EVENTS if f'"{event}"' not in text and event not in notes] == []


def test_every_kind_of_record_is_written_somewhere() -> None:
    text = "\n".join(module.text for module in modules() if module.name not in ("playd.ops.kinds", "playd.ops.events"))
    made = {"slo.open", "slo.close"}  # f"slo.{event}"
    assert [kind for kind in sorted(KINDS - made) if f'"{kind}"' not in text] == []
