"""
The order in which events and bars reach an engine, live and after a downtime. Pure.

Live, an event is older than the next bar, so it is applied when it arrives. After a downtime, events and missed bars arrive
apart from each other and are merged by market time: what was executed inside a bar is applied before that bar.
"""

from collections import deque

from playd.orders.fills import FillEvent, FundingEvent, InstanceEvent, OrderEnded


class Inbox:
    """Events that wait for the bars they belong behind."""

    def __init__(self) -> None:
        self._waiting: deque[InstanceEvent] = deque()

    def put(self, event: InstanceEvent) -> None:
        """Add the next event, in the order of its number."""
        self._waiting.append(event)

    def due(self, close_ms: int, *, expecting: bool) -> InstanceEvent | None:
        """
        The next event to apply before the bar that closes at `close_ms` is decided, or None.

        An execution is due when it happened before that close, a position that was adopted when it was handed over before it:
        what an earlier bar decides was never asked of it, whenever somebody else had opened it. An order's end carries no
        market time: it is due as soon as the engine is `expecting` one, which it is from the decision that sent the order on.
        """
        if not self._waiting:
            return None
        first = self._waiting[0]
        is_due = expecting if isinstance(first, OrderEnded) else _happened_ms(first) < close_ms
        return self._waiting.popleft() if is_due else None

    def take_all(self) -> list[InstanceEvent]:
        """Everything that waits, in order; used once no bar is missing any more."""
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def __len__(self) -> int:
        return len(self._waiting)


def _happened_ms(event: FillEvent | FundingEvent) -> int:
    taken_ms = event.taken_ms if isinstance(event, FillEvent) else None
    return event.execution.time_ms if taken_ms is None else taken_ms
