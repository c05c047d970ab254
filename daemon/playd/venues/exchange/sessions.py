"""A WebSocket from upgrade to close: operations, acknowledgements in the venue's two dialects, lock-step."""

from collections.abc import Iterable
from typing import Any, Final

import anyio
import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from playd.venues.exchange import auth
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.socket import Client
from playd.venues.exchange.streams import PRIVATE_TOPICS

FRAME_MAX: Final = 256 * 1024
"""Longest frame a client may send; a full list of topics is 21 000 characters."""


async def serve_public(floor: Floor, request: web.Request) -> web.WebSocketResponse:
    """`/v5/public/linear`."""
    return await _serve(floor, request, _PublicSession)


async def serve_private(floor: Floor, request: web.Request) -> web.WebSocketResponse:
    """`/v5/private`."""
    return await _serve(floor, request, _PrivateSession)


class _Session:
    """Operations that both kinds know."""

    def __init__(self, floor: Floor, client: Client) -> None:
        self.floor = floor
        self.client = client

    def receive(self, text: str) -> None:
        """Deal with one frame of the client."""
        try:
            frame = orjson.loads(text)
        except orjson.JSONDecodeError:
            frame = None
        if not isinstance(frame, dict):
            self._acknowledge({}, "", success=False, text="error:decode error, a JSON object is expected")
            return
        op = frame.get("op")
        if op == "playd.barrier":
            number = frame.get("barrier")
            self.floor.lockstep.echo(self.client, number if isinstance(number, int) else 0)
        elif op == "ping":
            self.client.send(self._pong(frame))
        elif op == "subscribe":
            self._subscribe(frame)
        elif op == "unsubscribe":
            for topic in self._topics_in(frame):
                self.floor.topics.remove(topic, self.client)
            self._acknowledge(frame, "unsubscribe")
        elif op == "playd.lockstep":
            self._opt_in(frame)
        elif op == "auth":
            self._authenticate(frame)
        else:
            self._acknowledge(frame, str(op or ""), success=False, text="error:invalid op")

    def _subscribe(self, frame: dict[str, Any]) -> None:
        """All topics or none: one bad topic refuses the request."""
        topics = self._topics_in(frame)
        for topic in topics:
            if not self._exists(topic):
                self._acknowledge(frame, "subscribe", success=False, text=f"error:handler not found,topic:{topic}")
                return
            if topic in self.client.topics:
                self._acknowledge(frame, "subscribe", success=False, text=f"error:already subscribed,topic:{topic}")
                return
        self._acknowledge(frame, "subscribe")
        for topic in dict.fromkeys(topics):
            self.floor.topics.add(topic, self.client)
            self._begin(topic)
        self.floor.market.wake()

    def _opt_in(self, frame: dict[str, Any]) -> None:
        self._acknowledge(frame, "playd.lockstep")
        self.floor.lockstep.opt_in(self.client)
        if self.floor.market.ended:
            self.client.send(self.floor.market.end_notice())
        self.floor.market.wake()

    def _exists(self, topic: str) -> bool:
        raise NotImplementedError

    def _begin(self, topic: str) -> None:
        """What a new subscriber gets at once."""

    def _authenticate(self, frame: dict[str, Any]) -> None:
        self._acknowledge(frame, "auth", success=False, text="error:invalid op")

    def _pong(self, frame: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _acknowledge(self, frame: dict[str, Any], op: str, *, success: bool = True, text: str = "") -> None:
        req_id = frame.get("req_id", "")
        self.client.send({"success": success, "ret_msg": text, "conn_id": self.client.conn_id, "req_id": req_id, "op": op})

    @staticmethod
    def _topics_in(frame: dict[str, Any]) -> list[str]:
        args = frame.get("args")
        return [str(topic) for topic in args] if isinstance(args, Iterable) and not isinstance(args, str) else []


class _PublicSession(_Session):
    def _exists(self, topic: str) -> bool:
        return self.floor.streams.exists(topic)

    def _begin(self, topic: str) -> None:
        first = self.floor.streams.first_frame(topic)
        if first is not None:
            self.client.send(first)

    def _pong(self, frame: dict[str, Any]) -> dict[str, Any]:
        req_id = frame.get("req_id", "")
        return {"success": True, "ret_msg": "pong", "conn_id": self.client.conn_id, "req_id": req_id, "op": "ping"}


class _PrivateSession(_Session):
    def _exists(self, topic: str) -> bool:
        return self.client.uid is not None and topic in PRIVATE_TOPICS

    def _authenticate(self, frame: dict[str, Any]) -> None:
        args = frame.get("args")
        key, expires, signature = args if isinstance(args, list) and len(args) == 3 else ("", "", "")
        account = self.floor.account_of_key(str(key))
        try:
            wall_ms = self.floor.world.clock.wall_ms()
            auth.check_socket(account.secret if account else None, expires, signature, wall_ms)
        except Refusal as refusal:
            self._acknowledge(frame, "auth", success=False, text=refusal.text)
            return
        self.client.uid = account.uid if account else None
        self._acknowledge(frame, "auth")

    def _opt_in(self, frame: dict[str, Any]) -> None:
        if self.client.uid is None:
            self._acknowledge(frame, "playd.lockstep", success=False, text="error:not authenticated")
            return
        super()._opt_in(frame)

    def _pong(self, frame: dict[str, Any]) -> dict[str, Any]:
        stamp = str(self.floor.world.clock.wall_ms())
        return {"req_id": frame.get("req_id", ""), "op": "pong", "args": [stamp], "conn_id": self.client.conn_id}


async def _serve(floor: Floor, request: web.Request, kind: type[_Session]) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(max_msg_size=FRAME_MAX, compress=False)
    await ws.prepare(request)
    client = Client(floor.world.random.token(8), ws)
    session = kind(floor, client)
    floor.clients.append(client)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.write)
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    session.receive(message.data)
                elif message.type is WSMsgType.BINARY:
                    session.receive(message.data.decode(errors="replace"))
            client.hang_up()
    finally:
        client.forget()
        floor.clients.remove(client)
        floor.topics.drop(client)
        if client.uid is not None and ws.close_code == WSCloseCode.OK:
            floor.lockstep.left(client)
        else:
            floor.lockstep.lost(client)
        floor.market.wake()
    return ws
