"""Frames of one user to the sockets of that user."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from playd.venues.exchange.changes import Frame
from playd.venues.exchange.rows import Row
from playd.venues.exchange.topics import Topics

PRIVATE_TOPICS: Final = frozenset(
    {
        *(
            name + category
            for name in ("order", "execution", "execution.fast", "position")
            for category in ("", ".spot", ".linear", ".inverse", ".option")
        ),
        *("wallet", "greeks", "dcp.future", "dcp.spot", "dcp.option"),
    }
)
"""
What a private socket may listen to. Nothing ever comes of other categories than linear, on `greeks`, which are those of
options, and on `dcp`, which arms.
"""

_FAST: Final = (
    *("category", "symbol", "execId", "execPrice", "execQty", "orderId", "isMaker", "orderLinkId", "side", "execTime", "seq"),
)
"""Fields of `execution.fast`."""


def send_private(topics: Topics, frames: Iterable[Frame]) -> None:
    """Private frames to the sockets of their users, in order."""
    for frame in frames:
        envelope = {"id": frame.frame_id, "topic": frame.topic, "creationTime": frame.creation_ms, "data": frame.data}
        _send_to_user(topics, frame, frame.topic, envelope)
        if frame.topic == "execution":
            fast = [_fast_row(row) for row in frame.data if row["execType"] == "Trade"]
            if fast:
                topic = "execution.fast"
                _send_to_user(topics, frame, topic, {"topic": topic, "creationTime": frame.creation_ms, "data": fast})


def _send_to_user(topics: Topics, frame: Frame, topic: str, envelope: dict[str, Any]) -> None:
    text = b""
    for client in (*topics.clients(topic), *topics.clients(f"{topic}.linear")):
        if client.uid == frame.uid:
            text = text or orjson.dumps(envelope)
            client.told = True
            client.send_bytes(text)


def _fast_row(row: Row) -> Row:
    """The short form of an execution. A maker's link id is left out, as the venue does."""
    short = {name: row[name] for name in _FAST}
    return {**short, "orderLinkId": ""} if row["isMaker"] else short


def is_heard(topics: Topics, uid: int, topic: str) -> bool:
    """Whether a user listens to a private topic; the short form of executions is made of the long one."""
    return topics.is_heard(uid, topic) or (topic == "execution" and topics.is_heard(uid, "execution.fast"))
