"""Faults of requests: what happens to one between its arrival and its reply. One way for REST and for the trade socket."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

from playd.venues.exchange.faults.board import FaultBoard
from playd.venues.exchange.faults.model import Event, Fault, Seam
from playd.venues.exchange.refusal import KEY_EXPIRED, NO_SUCH_ORDER, WRONG_SIGNATURE

T = TypeVar("T")
ReplyT_co = TypeVar("ReplyT_co", covariant=True)

_UNSIGNED: Final = ("/v5/market/", "/v5/system/", "/v5/announcements/")
_CHANGING: Final = ("/v5/order/amend", "/v5/order/cancel")
MAINTENANCE_STATUS: Final = 503
STATUS_PATH: Final = "/v5/system/status"


class Wire(Protocol[ReplyT_co]):
    """The way back to one client: for REST a response, for a trade socket a frame."""

    def effect(self, faults: Sequence[Fault]) -> ReplyT_co:
        """Do what the request asks; its reply, as far as these faults let it be seen."""

    def refuse(self, code: int, text: str, reset_s: float = ...) -> ReplyT_co:
        """A reply with a code of the venue. One for coming too often says that places are free again in `reset_s`."""

    def status(self, http: int, text: str) -> ReplyT_co:
        """A reply below the venue's own: of the servers in front of it."""

    def lost(self) -> ReplyT_co:
        """No reply: the connection ends."""


class Meeting(Generic[T]):
    """One request and the faults that hit it."""

    def __init__(self, board: FaultBoard, event: Event, wire: Wire[T]) -> None:
        self._board = board
        self._event = event
        self._wire = wire

    async def reply(self) -> T:
        """What goes back in the end."""
        faults = self._board.hit_by(self._event)
        for fault in faults:
            if fault.kind == "delay":
                await self._board.pause(fault.number("delay_s"))
        for fault in faults:
            if fault.kind == "drop_request":
                return await self._lose(fault)
        instead = next((reply for fault in faults if (reply := self._instead(fault)) is not None), None)
        if instead is not None:
            return instead
        reply = self._effect(faults)
        self._board.hit_by(_done(self._event))
        for fault in faults:
            if fault.kind == "delay_reply":
                await self._board.pause(fault.number("delay_s"))
            elif fault.kind == "drop_reply":
                return await self._lose(fault)
            elif fault.kind == "answer":
                reply = self._answer(fault)
        return reply

    def _effect(self, faults: list[Fault]) -> T:
        reply = self._wire.effect(faults)
        for fault in faults:
            if fault.kind == "duplicate":
                second = self._wire.effect(faults)
                reply = second if fault.text("reply") == "second" else reply
        return reply

    def _instead(self, fault: Fault) -> T | None:
        """The reply to a request that takes no effect because of this fault, None when it does not stand in the way."""
        path = self._event.path
        if fault.kind == "answer" and not fault.params["effect"]:
            return self._answer(fault)
        if fault.kind == "maintenance" and path != STATUS_PATH:
            return self._wire.status(MAINTENANCE_STATUS, "system under maintenance")
        if fault.kind == "order_not_found" and path.startswith(_CHANGING):
            return self._wire.refuse(NO_SUCH_ORDER, "order not exists or too late to cancel")
        if path.startswith(_UNSIGNED):
            return None
        if fault.kind == "refuse_authentication":
            return self._wire.refuse(WRONG_SIGNATURE, "error sign!")
        if fault.kind == "expire_key":
            return self._wire.refuse(KEY_EXPIRED, "Your api key has expired.")
        return None

    def _answer(self, fault: Fault) -> T:
        if fault.params["http"]:
            return self._wire.status(int(fault.params["http"]), fault.text("text"))
        code = int(fault.params["code"])
        text = fault.text("text") or TEXTS.get(code, "fault on command")
        return self._wire.refuse(code, text, fault.number("reset_s"))

    async def _lose(self, fault: Fault) -> T:
        await self._board.pause(fault.number("silent_s"))
        return self._wire.lost()


TEXTS: Final = {
    10000: "Server Timeout",
    10002: "invalid request, please check your server timestamp or recv_window param.",
    10006: "Too many visits. Exceeded the API Rate Limit.",
    10016: "Internal server error.",
    10019: "ws trade service is restarting, do not accept new request",
    10429: "System level frequency protection",
}


def request_event(path: str, account: str, socket: str, params: Mapping[str, Any]) -> Event:
    """What a request is about; of a batch, all of its orders."""
    batch = params.get("request")
    parts = [params, *(part for part in batch if isinstance(part, Mapping))] if isinstance(batch, list) else [params]
    symbols = tuple(str(part["symbol"]) for part in parts if part.get("symbol"))
    links = tuple(str(part["orderLinkId"]) for part in parts if part.get("orderLinkId"))
    return Event(Seam.REQUEST, path, socket=socket, account=account, symbols=symbols, link_ids=links)


def _done(event: Event) -> Event:
    return Event(Seam.DONE, event.path, event.topic, event.socket, event.account, event.symbols, event.link_ids)
