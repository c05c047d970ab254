"""What the hub notes is counted, said and put on record."""

from types import SimpleNamespace
from typing import Any

import pytest

from playd.cli.reports import Reports, fill_of_nobody_running
from playd.control.streams import StreamHub
from playd.market.feed_watch import FeedNote, NoteKind
from playd.ops.meters import Meters
from tests.simulation.order_world import MemoryJournal


@pytest.mark.parametrize("kind", [NoteKind.BAR_REVISED, NoteKind.BAR_OLD, NoteKind.GAP_FILLED, NoteKind.GAP_ABSENT])
def test_every_bar_that_came_otherwise_than_it_should_is_counted_by_what_was_done(kind: NoteKind) -> None:
    meters = Meters()
    reports = Reports(MemoryJournal(), StreamHub(), meters)
    for _ in range(2):
        reports.feed(FeedNote(kind, "BTCUSDT", 60_000, "why"))
    assert meters.counters["playd_bars_repaired_total"] == {(str(kind),): 2.0}


def slot() -> Any:
    record = SimpleNamespace(name="mine", uid="u1", account="main", symbol="BTCUSDT", mode="demo")
    return SimpleNamespace(record=record)


@pytest.mark.parametrize(
    ("verdict", "gate"),
    [("SPREAD", "quote"), ("SIGNAL_OLD", "replay"), ("HALTED", "halt"), ("NO_SIGNAL", None), ("SENT", None)],
)
def test_a_verdict_of_a_gate_counts_as_its_refusal(verdict: str, gate: str | None) -> None:
    meters = Meters()
    fields = {"verdict": verdict, "detail": "", "close_ms": 60_000, "late": False}
    Reports(MemoryJournal(), StreamHub(), meters).instance("bar.verdict", slot(), fields)
    assert meters.counters["playd_verdicts_total"] == {("mine", verdict): 1.0}
    assert meters.counters.get("playd_gate_refusals_total", {}) == ({("mine", gate): 1.0} if gate else {})


def test_how_long_a_decision_took_is_measured_by_mode() -> None:
    meters = Meters()
    Reports(MemoryJournal(), StreamHub(), meters).computed(slot(), 0.004)
    (found,) = meters.histograms["playd_decision_seconds"].items()
    assert (found[0], found[1].total) == (("demo",), 0.004)


def test_a_fill_of_whoever_does_not_run_is_told_by_its_record() -> None:
    data = {"reason": "panic", "side": "Sell", "qty": "0.1", "price": "60000", "fee": "1", "venue_ms": 5, "exec_id": "e"}
    record: dict[str, Any] = {"instance": "u1", "account": "main", "symbol": "BTCUSDT", "cause": "pd-1", "data": data}
    stopped, running = slot(), slot()
    stopped.engine, running.engine = None, object()
    stopped.name = running.name = "mine"
    told = fill_of_nobody_running(record, [stopped])
    assert told is not None
    assert (told["instance"], told["event"], told["qty"], told["time_ms"], told["link_id"]) == (
        "mine",
        "fill.booked",
        "0.1",
        5,
        "pd-1",
    )
    assert fill_of_nobody_running(record, [running]) is None
    foreign = fill_of_nobody_running({**record, "instance": "foreign"}, [running])
    assert foreign is not None
    assert foreign["instance"] == "foreign"
