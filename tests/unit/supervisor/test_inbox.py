"""After a downtime, events and missed bars are merged by market time; live, an event is applied when it comes."""

from dataclasses import replace

from playd.core.orders import Action
from playd.orders.fills import FillEvent, OrderEnded
from playd.supervisor.inbox import Inbox
from tests.unit.supervisor.test_translate import EXECUTION

OPEN_MS = EXECUTION.time_ms


def fill(n: int, time_ms: int) -> FillEvent:
    return FillEvent(n, replace(EXECUTION, time_ms=time_ms), Action.ENTER, "entry", "l", True)


def test_an_execution_waits_for_the_bar_it_happened_in() -> None:
    inbox = Inbox()
    inbox.put(fill(1, OPEN_MS))
    assert inbox.due(OPEN_MS, expecting=True) is None
    assert inbox.due(OPEN_MS + 60_000, expecting=False) == fill(1, OPEN_MS)
    assert len(inbox) == 0


def test_an_adopted_position_waits_for_the_bar_in_which_it_was_handed_over() -> None:
    adopted = replace(fill(1, OPEN_MS), reason="adopted", taken_ms=OPEN_MS + 90_000)
    inbox = Inbox()
    inbox.put(adopted)
    assert inbox.due(OPEN_MS + 60_000, expecting=True) is None
    assert inbox.due(OPEN_MS + 120_000, expecting=False) == adopted


def test_events_keep_their_order_even_when_a_later_one_would_be_due() -> None:
    inbox = Inbox()
    inbox.put(fill(1, OPEN_MS + 60_000))
    inbox.put(OrderEnded(2, Action.ENTER, "cancelled", "l"))
    assert inbox.due(OPEN_MS + 60_000, expecting=True) is None
    assert inbox.take_all() == [fill(1, OPEN_MS + 60_000), OrderEnded(2, Action.ENTER, "cancelled", "l")]


def test_an_end_waits_until_the_engine_has_sent_the_order_again() -> None:
    ended = OrderEnded(1, Action.ENTER, "rejected", "l")
    inbox = Inbox()
    inbox.put(ended)
    assert inbox.due(OPEN_MS, expecting=False) is None
    assert inbox.due(OPEN_MS, expecting=True) == ended
