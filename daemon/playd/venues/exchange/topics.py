"""Who listens to which topic."""

from collections.abc import Callable
from typing import Any

import orjson

from playd.venues.exchange.socket import Client


class Topics:
    """Clients by topic. An unused topic has no entry, so that asking costs one lookup."""

    def __init__(self) -> None:
        self._clients: dict[str, list[Client]] = {}

    def add(self, topic: str, client: Client) -> None:
        self._clients.setdefault(topic, []).append(client)
        client.topics.add(topic)

    def remove(self, topic: str, client: Client) -> None:
        client.topics.discard(topic)
        clients = self._clients.get(topic, [])
        if client in clients:
            clients.remove(client)
        if not clients:
            self._clients.pop(topic, None)

    def drop(self, client: Client) -> None:
        """Forget a client that is gone."""
        for topic in sorted(client.topics):
            self.remove(topic, client)

    def clients(self, topic: str) -> list[Client]:
        return self._clients.get(topic, [])

    def is_heard(self, uid: int, topic: str) -> bool:
        """Whether a user listens to a private topic of linear perpetuals, under either of its names."""
        if not self._clients:
            return False
        clients = (*self.clients(topic), *self.clients(f"{topic}.linear"))
        return any(client.uid == uid for client in clients)

    def send(self, topic: str, build: Callable[..., dict[str, Any]], *details: object) -> None:
        """Queue the frame `build(topic, *details)`, if anybody listens."""
        clients = self._clients.get(topic)
        if clients:
            text = orjson.dumps(build(topic, *details))
            for client in clients:
                client.send_bytes(text)
