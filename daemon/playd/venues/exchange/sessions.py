"""A WebSocket from upgrade to close: what every kind has in common. Frames enter in `Session.receive`."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import anyio
import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from playd.venues.exchange.faults.on_sockets import operation_fault, refused_upgrade
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.ledger import Ledger
from playd.venues.exchange.socket import Client
from playd.venues.exchange.text import whole_number

FRAME_MAX: Final = 256 * 1024
"""Longest frame a client may send; a full list of topics is 21 000 characters."""

SWEEP_S: Final = 30.0
"""How often the venue looks for idle sockets: one may live that much longer."""

ANSWER_AFTER_S: Final = 0.02
FIRST_FRAME_AFTER_S: Final = 0.05
"""
How long after its request a subscription is acknowledged, and how long it is silent, outside lock-step. Connectors note what
they have asked for, and who receives it, after they have asked; the way to the venue gives them the time for that.
"""

_ACTIVE_TIMES_S: Final = (30, 600)


class Session:
    """
    One socket of a client. `detail` says more about the path it came by, e.g. the category of a public one.

    An answer leaves `pause_s` after it was given. `kind` is what faults call such a socket.
    """

    pause_s = 0.0
    kind = "private"

    def __init__(self, floor: Floor, client: Client, address: str, detail: str) -> None:
        self.floor = floor
        self.client = client
        self.address = address
        self.detail = detail

    async def receive(self, text: str) -> None:
        """Deal with one frame of the client."""
        try:
            frame = orjson.loads(text)
        except orjson.JSONDecodeError:
            frame = None
        if isinstance(frame, dict):
            await self.meet(str(frame.get("op") or ""), frame)
        else:
            self.refuse({}, "", "error:decode error, a JSON object is expected")

    async def meet(self, op: str, frame: dict[str, Any]) -> None:
        """Deal with one operation as far as faults on command let it come."""
        fault = operation_fault(self.floor.faults, op, self.kind, self.floor.alias_of(self.client.uid), _topics_in(frame))
        if fault == "":
            self.serve(op, frame)
        elif fault is not None:
            self.refuse(frame, op, fault)

    def serve(self, op: str, frame: dict[str, Any]) -> None:
        """Deal with one operation."""
        raise NotImplementedError

    def refuse(self, frame: dict[str, Any], op: str, text: str) -> None:
        """Say that an operation was not done."""
        self.acknowledge(frame, op, success=False, text=text)

    def acknowledge(
        self, frame: dict[str, Any], op: str, *, success: bool = True, text: str = "", after_s: float = 0.0
    ) -> None:
        """The answer of public and private sockets, with the `req_id` of the frame as it was; `auth` has none of its own."""
        req_id = {} if op == "auth" and "req_id" not in frame else {"req_id": frame.get("req_id", "")}
        answer = {"success": success, "ret_msg": text, "conn_id": self.client.conn_id, **req_id, "op": op}
        self.client.send(answer, after_s=after_s)


class TopicSession(Session):
    """A socket with topics: public or private."""

    def serve(self, op: str, frame: dict[str, Any]) -> None:
        if op == "playd.barrier":
            number = frame.get("barrier")
            self.floor.lockstep.echo(self.client, number if isinstance(number, int) else 0)
        elif op == "ping":
            self.client.send(self.pong(frame))
        elif op == "subscribe":
            self._subscribe(frame)
        elif op == "unsubscribe":
            for topic in _topics_in(frame):
                self.floor.topics.remove(topic, self.client)
            self.acknowledge(frame, "unsubscribe")
        elif op == "playd.lockstep":
            self.opt_in(frame)
        else:
            self.refuse(frame, op, "error:invalid op")

    def _subscribe(self, frame: dict[str, Any]) -> None:
        """All topics or none: one bad topic refuses the request."""
        topics = _topics_in(frame)
        fault = self.fault_of(topics) if topics else "error:args must be a list of topics"
        for topic in topics:
            if not self.exists(topic):
                fault = fault or f"error:handler not found,topic:{topic}"
            if topic in self.client.topics:
                fault = fault or f"error:already subscribed,topic:{topic}"
        if fault:
            self.refuse(frame, "subscribe", fault)
            return
        if self.floor.config.lockstep:
            self.acknowledge(frame, "subscribe")
        else:
            self.acknowledge(frame, "subscribe", after_s=ANSWER_AFTER_S)
            self.client.hush(FIRST_FRAME_AFTER_S)
        for topic in dict.fromkeys(topics):
            self.floor.topics.add(topic, self.client)
            self.begin(topic)
        self.floor.market.wake()

    def opt_in(self, frame: dict[str, Any]) -> None:
        """Take a seat in lock-step."""
        self.acknowledge(frame, "playd.lockstep")
        self.floor.lockstep.opt_in(self.client)
        if self.floor.market.ended:
            self.client.send(self.floor.market.end_notice())
        self.floor.market.wake()

    def fault_of(self, topics: list[str]) -> str:
        """What is wrong with a list of topics as a whole, empty when nothing is."""
        return ""

    def exists(self, topic: str) -> bool:
        """Whether this socket may subscribe to `topic`."""
        raise NotImplementedError

    def begin(self, topic: str) -> None:
        """What a new subscriber gets at once."""

    def pong(self, frame: dict[str, Any]) -> dict[str, Any]:
        """The answer to a ping."""
        raise NotImplementedError


def address_of(request: web.Request) -> str:
    """Where a request comes from."""
    return request.remote or ""


async def serve_socket(floor: Floor, request: web.Request, kind: type[Session], detail: str) -> web.StreamResponse:
    """Serve one socket until it closes."""
    address = address_of(request)
    if not floor.gate.admits_socket(address, floor.world.clock.mono_s()):
        return web.Response(status=403, text="too many connections")
    refused = refused_upgrade(floor.faults, kind.kind)
    if refused:
        return web.Response(status=refused, text="refused on command")
    if kind.kind != "public":
        return await _serve(floor, request, kind, detail)
    with floor.gate.public_socket(address, detail) as may_stay:
        return await _serve(floor, request, kind, detail) if may_stay else web.Response(status=403, text="too many connections")


async def _serve(floor: Floor, request: web.Request, kind: type[Session], detail: str) -> web.StreamResponse:
    address = address_of(request)
    ws = web.WebSocketResponse(max_msg_size=FRAME_MAX, compress=True)
    try:
        await ws.prepare(request)
    except ConnectionError:  # whoever asked has gone before the upgrade
        return web.Response()
    sent = _unnoted if kind.kind == "public" else _noted_by(floor.ledger)
    clock, conn_id = floor.world.clock, floor.world.random.token(8)

    def abort() -> None:
        if request.transport is not None:
            request.transport.abort()

    client = Client(conn_id, ws, clock.mono_s, sent, floor.faults, floor.alias_of, abort, kind.kind, kind.pause_s)
    session = kind(floor, client, address, detail)
    floor.clients.append(client)
    floor.ledger.note("opened", conn=client.conn_id, address=address, path=request.path)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.write)
            async with anyio.create_task_group() as watch:
                watch.start_soon(_cut_when_idle, client, _idle_s(request, floor.config.idle_s))
                async for message in ws:
                    client.heard()
                    if message.type is WSMsgType.TEXT:
                        await session.receive(message.data)
                    elif message.type is WSMsgType.BINARY:
                        await session.receive(message.data.decode(errors="replace"))
                watch.cancel_scope.cancel()
            client.hang_up()
    finally:
        client.forget()
        floor.clients.remove(client)
        floor.topics.drop(client)
        floor.dcp.look()
        floor.ledger.note("closed", conn=client.conn_id, uid=client.uid, code=ws.close_code)
        if client.uid is not None and ws.close_code == WSCloseCode.OK:
            floor.lockstep.left(client)
        else:
            floor.lockstep.lost(client)
        floor.market.wake()
    return ws


def _unnoted(client: Client, frame: bytes) -> None:
    """Frames that concern nobody in particular are not kept."""


def _noted_by(ledger: Ledger) -> Callable[[Client, bytes], None]:
    def note(client: Client, frame: bytes) -> None:
        ledger.note("frame", conn=client.conn_id, uid=client.uid, frame=orjson.Fragment(frame))

    return note


async def _cut_when_idle(client: Client, idle_s: float) -> None:
    """Close a socket on which nothing has passed for so long."""
    while client.idle_s() < idle_s:  # noqa: ASYNC110 - a sweep now and then costs less than an event for every frame
        await anyio.sleep(min(SWEEP_S, idle_s))
    client.hang_up()


def _idle_s(request: web.Request, default_s: float) -> float:
    """`max_active_time` of the address, `30s` to `600s` or `1m` to `10m`; the default when it is absent or something else."""
    text = request.query.get("max_active_time", "")
    digits, unit = text[:-1], text[-1:]
    number = whole_number(digits)
    if number is None or unit not in ("s", "m"):
        return default_s
    asked_s = number * (60 if unit == "m" else 1)
    return float(asked_s) if _ACTIVE_TIMES_S[0] <= asked_s <= _ACTIVE_TIMES_S[1] else default_s


def _topics_in(frame: dict[str, Any]) -> list[str]:
    args = frame.get("args")
    return [str(topic) for topic in args] if isinstance(args, Iterable) and not isinstance(args, str) else []
