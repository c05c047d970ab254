"""A trade socket: the order requests of REST as frames, one reply for each. The socket's signature counts for all of them."""

from collections.abc import Mapping
from typing import Any, Final

from playd.venues.exchange import auth, desk
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.keys import ApiKey
from playd.venues.exchange.private_session import authenticate
from playd.venues.exchange.rates import rate_headers
from playd.venues.exchange.refusal import (
    ALREADY_AUTHENTICATED,
    DUPLICATE_REQUEST_ID,
    NOT_AUTHENTICATED,
    PARAMETER,
    TOO_MANY_FROM_ADDRESS,
    UNKNOWN_OPERATION,
    Refusal,
)
from playd.venues.exchange.sessions import Session
from playd.venues.exchange.socket import Client

PATHS: Final = {
    f"order.{name}": f"/v5/order/{name}"
    for name in ("create", "amend", "cancel", "create-batch", "amend-batch", "cancel-batch")
}
REQUEST_ID_MAX: Final = 36
REQUEST_IDS_KEPT: Final = 10_000


class TradeSession(Session):
    """`/v5/trade`."""

    pause_s = 0.002
    """The official connector notes whom a reply is for after it has sent the request: a reply must not be faster than that."""

    def __init__(self, floor: Floor, client: Client, address: str, detail: str) -> None:
        super().__init__(floor, client, address, detail)
        self.key: ApiKey | None = None
        self._request_ids: dict[object, None] = {}

    def serve(self, op: str, frame: dict[str, Any]) -> None:
        try:
            if op == "auth":
                if self.key is not None:
                    raise Refusal(ALREADY_AUTHENTICATED, "Repeat auth")
                self.key = authenticate(self, frame)
                self._reply(frame, op)
            elif op == "ping":
                self._reply(frame, "pong", data=[str(self.floor.world.clock.wall_ms())])
            elif op in PATHS:
                self._order(frame, op)
            else:
                raise Refusal(UNKNOWN_OPERATION, f"op {op[:30]!r} is not an operation of this socket")
        except Refusal as refusal:
            self._reply(frame, op, refusal.code, refusal.text)

    def refuse(self, frame: dict[str, Any], op: str, text: str) -> None:
        self._reply(frame, op, PARAMETER, text)

    def _order(self, frame: dict[str, Any], op: str) -> None:
        """One order request. Limits, rights and effects are those of the REST path."""
        if self.key is None:
            raise Refusal(NOT_AUTHENTICATED, "User authentication failed.")
        if not self.floor.gate.admits_order_frame(self.address, self.floor.world.clock.mono_s()):
            raise Refusal(TOO_MANY_FROM_ADDRESS, "Exceeds the IP rate limit")
        self._check_request_id(frame)
        header, args = frame.get("header"), frame.get("args")
        if not isinstance(header, Mapping) or not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], dict):
            raise Refusal(PARAMETER, "params error: header and one object in args are needed")
        stamp_ms, _, window_ms = auth.read_window(_text(header, "X-BAPI-TIMESTAMP"), _text(header, "X-BAPI-RECV-WINDOW"))
        clock, config = self.floor.world.clock, self.floor.config
        auth.check_window(stamp_ms, window_ms, clock.wall_ms())
        key = auth.check_key(self.floor.keys.find(self.key.key), config.environment, self.address, clock.wall_ms())
        caller = desk.Caller(self.floor.books.accounts[key.uid], key, self.address, self.client.conn_id)
        answer = desk.serve(self.floor, PATHS[op], args[0], caller)
        limits = rate_headers(answer.allowance, clock.wall_ms())
        self._reply(
            frame,
            op,
            answer.code,
            answer.text,
            data=answer.result,
            retExtInfo=answer.extra,
            header={**limits, "Traceid": self.floor.world.random.token(8), "Timenow": str(clock.wall_ms())},
        )

    def _check_request_id(self, frame: dict[str, Any]) -> None:
        """An id may come once. Only the latest ids are remembered, so that a socket that lives for long stays small."""
        request_id = frame.get("reqId")
        if request_id is None:
            return
        if len(str(request_id)) > REQUEST_ID_MAX:
            raise Refusal(PARAMETER, f"params error: reqId is longer than {REQUEST_ID_MAX}")
        if request_id in self._request_ids:
            raise Refusal(DUPLICATE_REQUEST_ID, "Duplicate reqId")
        self._request_ids[request_id] = None
        if len(self._request_ids) > REQUEST_IDS_KEPT:
            self._request_ids.pop(next(iter(self._request_ids)))

    def _reply(self, frame: dict[str, Any], op: str, code: int = 0, text: str = "OK", **more: Any) -> None:
        request_id = {"reqId": frame["reqId"]} if "reqId" in frame else {}
        body = {**request_id, "retCode": code, "retMsg": text, "op": op, **more, "connId": self.client.conn_id}
        self.client.send(body)


def _text(header: Mapping[str, Any], name: str) -> str:
    return str(header.get(name) or "")
