"""A trade socket: the order requests of REST as frames, one reply for each. The socket's signature counts for all of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from playd.venues.exchange import auth, desk
from playd.venues.exchange.faults.model import Event, Fault
from playd.venues.exchange.faults.on_requests import Meeting, request_event
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.keys import ApiKey
from playd.venues.exchange.private_session import authenticate
from playd.venues.exchange.rates import WINDOW_S, rate_headers
from playd.venues.exchange.refusal import (
    ALREADY_AUTHENTICATED,
    DUPLICATE_REQUEST_ID,
    NOT_AUTHENTICATED,
    PARAMETER,
    SERVER_ERROR,
    TOO_MANY_FROM_ADDRESS,
    TOO_MANY_VISITS,
    UNKNOWN_OPERATION,
    Refusal,
)
from playd.venues.exchange.requests import CATEGORIES
from playd.venues.exchange.sessions import Session
from playd.venues.exchange.socket import Client

PATHS: Final = {
    f"order.{name}": f"/v5/order/{name}"
    for name in ("create", "amend", "cancel", "create-batch", "amend-batch", "cancel-batch")
}
Body = dict[str, Any]
REQUEST_ID_MAX: Final = 36
REQUEST_IDS_KEPT: Final = 10_000


class TradeSession(Session):
    """`/v5/trade`."""

    kind = "trade"
    pause_s = 0.002
    """The official connector notes whom a reply is for after it has sent the request: a reply must not be faster than that."""

    def __init__(self, floor: Floor, client: Client, address: str, detail: str) -> None:
        super().__init__(floor, client, address, detail)
        self.key: ApiKey | None = None
        self._request_ids: dict[str, None] = {}

    async def meet(self, op: str, frame: dict[str, Any]) -> None:
        """Order requests meet the faults of requests. One that waits holds up those behind it."""
        if op not in PATHS:
            await super().meet(op, frame)
            return
        wire = OrderWire(self, op, frame)
        reply = await Meeting(self.floor.faults, wire.event(), wire).reply()
        if reply:
            self.client.send(reply)

    def serve(self, op: str, frame: dict[str, Any]) -> None:
        self.client.send(self.answer(op, frame))

    def answer(self, op: str, frame: dict[str, Any]) -> Body:
        """Deal with one operation; what goes back."""
        try:
            if op == "auth":
                if self.key is not None:
                    raise Refusal(ALREADY_AUTHENTICATED, "Repeat auth")
                self.key = authenticate(self, frame)
                return self.reply(frame, op)
            if op == "ping":
                return self.reply(frame, "pong", data=[str(self.floor.wall_ms())])
            if op in PATHS:
                return self._order(frame, op)
            raise Refusal(UNKNOWN_OPERATION, f"op {op[:30]!r} is not an operation of this socket")
        except Refusal as refusal:
            return self.reply(frame, op, refusal.code, refusal.text)

    def refuse(self, frame: dict[str, Any], op: str, text: str) -> None:
        self.client.send(self.reply(frame, op, PARAMETER, text))

    def _order(self, frame: dict[str, Any], op: str) -> Body:
        """One order request. Limits, rights and effects are those of the REST path."""
        if self.key is None:
            raise Refusal(NOT_AUTHENTICATED, "User authentication failed.")
        if not self.floor.gate.admits_order_frame(self.address, self.floor.world.clock.mono_s()):
            raise Refusal(TOO_MANY_FROM_ADDRESS, "Exceeds the IP rate limit")
        self._check_request_id(frame)
        header, args = frame.get("header"), frame.get("args")
        if not isinstance(header, Mapping) or not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], dict):
            raise Refusal(PARAMETER, "params error: header and one object in args are needed")
        if args[0].get("category") not in CATEGORIES:
            raise Refusal(UNKNOWN_OPERATION, "category is not correct or supported")
        stamp_ms, window_ms = auth.read_window(_text(header, "X-BAPI-TIMESTAMP"), _text(header, "X-BAPI-RECV-WINDOW"))
        config = self.floor.config
        auth.check_window(stamp_ms, window_ms, self.floor.wall_ms())
        key = auth.check_key(self.floor.keys.find(self.key.key), config.environment, self.address, self.floor.wall_ms())
        caller = desk.Caller(self.floor.books.accounts[key.uid], key, self.address, self.client.conn_id)
        answer = desk.serve(self.floor, PATHS[op], args[0], caller)
        limits = rate_headers(answer.allowance, self.floor.wall_ms())
        return self.reply(
            frame,
            op,
            answer.code,
            answer.text,
            data=answer.result,
            retExtInfo=answer.extra,
            header={**limits, "Traceid": self.floor.world.random.token(8), "Timenow": str(self.floor.wall_ms())},
        )

    def _check_request_id(self, frame: dict[str, Any]) -> None:
        """An id may come once. Only the latest ids are remembered, so that a socket that lives for long stays small."""
        if frame.get("reqId") is None:
            return
        request_id = str(frame["reqId"])  # a client may send anything, and gets it back as it was
        if len(request_id) > REQUEST_ID_MAX:
            raise Refusal(PARAMETER, f"params error: reqId is longer than {REQUEST_ID_MAX}")
        if request_id in self._request_ids:
            raise Refusal(DUPLICATE_REQUEST_ID, "Duplicate reqId")
        self._request_ids[request_id] = None
        if len(self._request_ids) > REQUEST_IDS_KEPT:
            self._request_ids.pop(next(iter(self._request_ids)))

    def reply(self, frame: dict[str, Any], op: str, code: int = 0, text: str = "OK", **more: Any) -> Body:
        """The reply to a frame."""
        request_id = {"reqId": frame["reqId"]} if "reqId" in frame else {}
        return {**request_id, "retCode": code, "retMsg": text, "op": op, **more, "connId": self.client.conn_id}


class OrderWire:
    """One order frame and the ways to answer it. What is lost is an empty reply, which is not sent."""

    def __init__(self, session: TradeSession, op: str, frame: dict[str, Any]) -> None:
        self._session = session
        self._op = op
        self._frame = frame

    def effect(self, _faults: Sequence[Fault]) -> Body:
        return self._session.answer(self._op, self._frame)

    def refuse(self, code: int, text: str, reset_s: float = WINDOW_S) -> Body:
        floor = self._session.floor
        spent = rate_headers(floor.rates.spent(PATHS[self._op], reset_s), floor.wall_ms()) if code == TOO_MANY_VISITS else None
        return self._session.reply(self._frame, self._op, code, text, **({"header": spent} if spent else {}))

    def status(self, http: int, text: str) -> Body:
        return self.refuse(SERVER_ERROR, text or f"HTTP {http}")

    def lost(self) -> Body:
        return {}

    def event(self) -> Event:
        """What the frame is about."""
        session, args = self._session, self._frame.get("args")
        params = args[0] if isinstance(args, list) and args and isinstance(args[0], dict) else {}
        account = session.floor.alias_of(session.client.uid)
        return request_event(PATHS[self._op], account, "trade", params)


def _text(header: Mapping[str, Any], name: str) -> str:
    return str(header.get(name) or "")
