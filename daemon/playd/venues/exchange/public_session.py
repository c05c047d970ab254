"""A public socket: market topics of one category. Only linear has symbols."""

from typing import Any, Final

import orjson

from playd.venues.exchange.announced import STATUS_TOPIC
from playd.venues.exchange.sessions import TopicSession

TOPICS_LENGTH_MAX: Final = 21_000
"""Characters of all topics of a socket together."""

SPOT_TOPICS_MAX: Final = 10


class PublicSession(TopicSession):
    """`/v5/public/{category}`, and `/v5/public/misc/status` as `status`."""

    kind = "public"

    def fault_of(self, topics: list[str]) -> str:
        if self.detail == "spot" and len(topics) > SPOT_TOPICS_MAX:
            return f"args size >{SPOT_TOPICS_MAX}"
        if sum(map(len, (*topics, *self.client.topics))) > TOPICS_LENGTH_MAX:
            return f"error:args length >{TOPICS_LENGTH_MAX}"
        return ""

    def exists(self, topic: str) -> bool:
        if self.detail == "status":
            return topic == STATUS_TOPIC
        return self.detail == "linear" and self.floor.streams.exists(topic)

    def begin(self, topic: str) -> None:
        if topic == STATUS_TOPIC:
            return
        first = self.floor.streams.first_frame(topic)
        if first is not None:
            self.client.send_bytes(orjson.dumps(first))

    def pong(self, frame: dict[str, Any]) -> dict[str, Any]:
        req_id = frame.get("req_id", "")
        return {"success": True, "ret_msg": "pong", "conn_id": self.client.conn_id, "req_id": req_id, "op": "ping"}
