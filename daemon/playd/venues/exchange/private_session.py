"""A private socket: what happens to one user. Nothing is told before it has said who it is."""

from typing import Any

from playd.venues.exchange import auth
from playd.venues.exchange.keys import ApiKey
from playd.venues.exchange.private_topics import PRIVATE_TOPICS
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.requests import CATEGORIES
from playd.venues.exchange.sessions import Session, TopicSession


def authenticate(session: Session, frame: dict[str, Any]) -> ApiKey:
    """The key that an `auth` frame of this socket proves. Raises `Refusal`."""
    args = frame.get("args")
    if not isinstance(args, list) or len(args) != 3:
        raise Refusal(PARAMETER, "Params Error: key, expires and signature are needed")
    key, expires, signature = args
    floor = session.floor
    wall_ms = floor.wall_ms()
    found = auth.check_key(floor.keys.find(str(key)), floor.config.environment, session.address, wall_ms)
    auth.check_socket(found, expires, signature, wall_ms)
    session.client.uid = found.uid
    floor.ledger.note("authenticated", conn=session.client.conn_id, uid=found.uid, key=found.key)
    return found


class PrivateSession(TopicSession):
    """`/v5/private`."""

    def serve(self, op: str, frame: dict[str, Any]) -> None:
        if op != "auth":
            super().serve(op, frame)
            return
        try:
            authenticate(self, frame)
        except Refusal as refusal:
            self.refuse(frame, "auth", refusal.text)
        else:
            self.acknowledge(frame, "auth")

    def exists(self, topic: str) -> bool:
        return self.client.uid is not None and topic in PRIVATE_TOPICS

    def begin(self, topic: str) -> None:
        if topic.startswith("dcp."):
            self.floor.dcp.look()

    def fault_of(self, topics: list[str]) -> str:
        """A topic for all categories and one for a single category exclude each other."""
        of_categories = (topic for topic in topics if topic.rpartition(".")[2] in CATEGORIES)
        both = next((topic for topic in of_categories if topic.rpartition(".")[0] in topics), "")
        return both and f"error:handler not found,topic:{both}"

    def opt_in(self, frame: dict[str, Any]) -> None:
        if self.client.uid is None:
            self.refuse(frame, "playd.lockstep", "error:not authenticated")
        else:
            super().opt_in(frame)

    def pong(self, frame: dict[str, Any]) -> dict[str, Any]:
        stamp = str(self.floor.wall_ms())
        return {"req_id": frame.get("req_id", ""), "op": "pong", "args": [stamp], "conn_id": self.client.conn_id}
