"""
Subscriptions of control clients: published messages fan out to bounded queues, and publishing never waits for anybody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from playd.control.protocol import JsonObject
from playd.core.limits import STREAM_BEHIND_CLOSE, STREAM_BEHIND_DROP

TOPICS = ("status", "events", "logs", "fills", "verdicts")

Filter = Callable[[str, JsonObject], bool]
"""Whether a message of a topic is wanted."""


@dataclass(slots=True)
class Subscription:
    """
    One client's view of some topics.

    A subscriber `STREAM_BEHIND_DROP` messages behind loses the newer ones and is told how many, at the latest when it has
    read what was queued; one that loses `STREAM_BEHIND_CLOSE - STREAM_BEHIND_DROP` in a row is closed as `too_slow`.
    """

    topics: frozenset[str]
    wants: Filter
    inbox: MemoryObjectSendStream[JsonObject]
    outbox: MemoryObjectReceiveStream[JsonObject]
    dropped: int = 0
    closed: bool = field(default=False)
    too_slow: bool = field(default=False)

    def offer(self, topic: str, data: JsonObject) -> None:
        """Queue a message if it is wanted; count it as dropped when the queue is full. Never waits, never raises."""
        if self.closed or topic not in self.topics or not self.wants(topic, data):
            return
        message = {"topic": topic, **data}
        try:
            if self.dropped:
                self.inbox.send_nowait(_notice(self.dropped))
                self.dropped = 0
            self.inbox.send_nowait(message)
        except anyio.WouldBlock:
            self.dropped += 1
            if self.dropped > STREAM_BEHIND_CLOSE - STREAM_BEHIND_DROP:
                self.too_slow = True
                self.close()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.close()

    def loss(self) -> JsonObject | None:
        """The notice of what was dropped, once, when everything that was queued before has been read; else None."""
        if not self.dropped or self.outbox.statistics().current_buffer_used:
            return None
        count, self.dropped = self.dropped, 0
        return _notice(count)

    def close(self) -> None:
        """End the subscription; what is queued can still be read."""
        self.closed = True
        self.inbox.close()


class StreamHub:
    """All subscriptions of the daemon."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def subscribe(self, topics: frozenset[str], wants: Filter) -> Subscription:
        """A new subscription; whoever asked for it calls `unsubscribe`."""
        inbox, outbox = anyio.create_memory_object_stream[JsonObject](STREAM_BEHIND_DROP)
        subscription = Subscription(topics, wants, inbox, outbox)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a subscription; whoever reads its queue comes to the end of it."""
        subscription.close()
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def publish(self, topic: str, data: JsonObject) -> None:
        """Offer a message to everybody who wants it."""
        for subscription in tuple(self._subscriptions):
            subscription.offer(topic, data)
            if subscription.closed:
                self._subscriptions.remove(subscription)

    def wanted(self, topic: str) -> bool:
        """Whether anybody listens to a topic, so that nobody builds messages for nobody."""
        return any(topic in subscription.topics for subscription in self._subscriptions)

    def statistics(self) -> dict[str, float]:
        """Subscribers now."""
        return {"subscribers": len(self._subscriptions)}


def _notice(count: int) -> JsonObject:
    return {"topic": "dropped", "count": count}
