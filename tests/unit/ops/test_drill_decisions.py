"""Each invariant of decisions finds what it is there for: a ledger that is right, then one thing made wrong in it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from playd.ops.drills.decisions import check_decisions
from playd.ops.drills.invariants import TABLES, Venue

Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture
def tables() -> Tables:
    """An order that was in doubt for a minute, entries before and behind it, a refusal with its reason."""
    found: Tables = {name: [] for name in TABLES}
    entry = {"class": "entry", "symbol": "BTCUSDT", "parameters_digest": "p", "play_digest": "d", "gates": "{}"}
    found["intents"] = [{**entry, "id": "a", "created_ms": 1000}, {**entry, "id": "b", "created_ms": 70_000}]
    found["orders"] = [{"link_id": link, "symbol": "BTCUSDT", "intent": intent} for link, intent in (("x", "a"), ("y", "b"))]
    states = (("SENT", 1000), ("UNKNOWN", 2000), ("UNKNOWN", 30_000), ("NEVER_ARRIVED", 65_000))
    found["order_events"] = [
        {"link_id": "x", "n": n, "source": "resolver", "after": state, "received_ms": at_ms}
        for n, (state, at_ms) in enumerate(states)
    ]
    halt = {"code": "BLIND", "level": 2, "scope": "all", "lifted_ms": 9000, "lifted_by": "uid:0", "note": "looked"}
    found["halts"] = [halt, {**halt, "level": 1, "lifted_by": "daemon"}, {**halt, "lifted_ms": None, "lifted_by": None}]
    verdicts = (("ENTERED", ""), ("UNRESOLVED", "order x is in doubt"), ("ENTERED", ""))
    found["bars"] = [
        {"instance": "i", "close_ms": 60_000 * n, "processed_ms": 60_000 * n + 500, "verdict": verdict, "detail": detail}
        for n, (verdict, detail) in enumerate(verdicts)
    ]
    return found


def violated(tables: Tables, venue: Venue | None = None) -> dict[str, tuple[str, ...]]:
    return {each.id: each.violations for each in check_decisions(venue or Venue(), tables) if each.violations}


def test_a_right_ledger_violates_nothing_and_everything_was_looked_at(tables: Tables) -> None:
    assert violated(tables) == {}
    looked_at = {each.id: each.checks for each in check_decisions(Venue(), tables)}
    assert looked_at == {"INV-08": 2, "INV-09": 1, "INV-19": 1, "INV-22": 3, "INV-36": 3}


BREAKS: dict[str, Callable[[Tables], Any]] = {
    "INV-08": lambda tables: tables["intents"][1].update(created_ms=40_000),
    "INV-09": lambda tables: tables["order_events"][2].update(source="send"),
    "INV-19": lambda tables: tables["halts"][0].update(lifted_by="daemon"),
    "INV-22": lambda tables: tables["bars"][2].update(processed_ms=50_000),
    "INV-36": lambda tables: tables["bars"][1].update(detail=""),
}


@pytest.mark.parametrize("number", BREAKS)
def test_one_thing_made_wrong_is_found(tables: Tables, number: str) -> None:
    BREAKS[number](tables)
    assert violated(tables).keys() == {number}


def test_an_order_whose_doubt_never_ends_forbids_every_later_entry(tables: Tables) -> None:
    del tables["order_events"][-1]
    (fault,) = violated(tables)["INV-08"]
    assert "entry b was committed 68000 ms after order x was in doubt" in fault


def test_a_clock_that_a_drill_had_set_is_no_other_order(tables: Tables) -> None:
    late = deepcopy(tables)
    late["bars"][1]["processed_ms"] += 9000
    late["bars"][2]["processed_ms"] -= 60_000
    assert violated(late, Venue(clock_off_ms=5000)) == {}
    assert violated(late).keys() == {"INV-22"}
