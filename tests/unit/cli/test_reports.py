"""What the hub notes is counted, said and put on record."""

import pytest

from playd.cli.reports import Reports
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
