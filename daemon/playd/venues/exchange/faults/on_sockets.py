"""Faults of sockets: connections that end, stay silent or are slow, and frames that get lost, come twice or out of order."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import orjson

from playd.venues.exchange.faults import on_market
from playd.venues.exchange.faults.board import FaultBoard
from playd.venues.exchange.faults.matcher import matches
from playd.venues.exchange.faults.model import Event, Fault, Seam, Where

_DROPS: Final = ("half_open", "drop_frame", "missed_fill", "stale_ticker", "missing_candle")
_DOUBLES: Final = ("duplicate_frame", "repeated_fill")
_REFUSALS: Final = {
    "refuse_authentication": "Params Error: error sign!",
    "expire_key": "Your api key has expired.",
    "refuse_subscription": "error:handler not found",
}


class Cuttable(Protocol):
    """A connected socket as far as a cut is concerned."""

    @property
    def kind(self) -> str:
        """Which of the sockets it is: public, private or trade."""
        ...

    @property
    def uid(self) -> int | None:
        """User it has authenticated as; None until then, and on public ones."""
        ...

    def hang_up(self) -> None:
        """Close it once what is queued has gone out."""
        ...

    def abort(self) -> None:
        """End the connection at once, without a word."""
        ...


def cut(clients: Iterable[Cuttable], alias_of: Callable[[int | None], str], fault: Fault, event: Event) -> bool:
    """Close the sockets that the fault names by kind and account; whether there were any. `event` was what set it off."""
    meant = [client for client in clients if _means(fault, client.kind, alias_of(client.uid), event)]
    for client in meant:
        if fault.params["goodbye"]:
            client.hang_up()
        else:
            client.abort()
    return bool(meant)


def _means(fault: Fault, kind: str, account: str, event: Event) -> bool:
    where = Where(socket=fault.where.socket, account=fault.where.account)
    if event.seam is Seam.FRAME:  # a frame sets off the end of its own kind of socket
        where = replace(where, socket=event.socket)
    return matches(replace(fault, where=where), Event(Seam.CONNECT, socket=kind, account=account))


class Outlet:
    """The way out of one socket. `who` gives its kind and the alias of its user."""

    def __init__(self, board: FaultBoard, who: Callable[[], tuple[str, str]]) -> None:
        self._board = board
        self._who = who
        self._held: list[bytes] = []
        self._late: deque[tuple[float, bytes]] = deque()
        """Frames that leave later, each behind its time, oldest first. They leave when another one passes."""
        self._frozen: dict[tuple[int, str], tuple[Fault, int]] = {}
        """By the identity of a fault and a topic: the fault, which so keeps it, and the stamp at which time stands still."""

    async def pass_on(self, frame: bytes) -> Sequence[bytes]:
        """What leaves instead of a frame: usually itself."""
        if not self._board.listens(Seam.FRAME):
            self._frozen.clear()
            return (*self._overdue(math.inf), *self._release(), frame) if self._held or self._late else (frame,)
        return (*self._overdue(self._board.mono_s), *await self._pass_on(frame))

    async def _pass_on(self, frame: bytes) -> Sequence[bytes]:
        kind, account = self._who()
        faults = self._board.hit_by(_frame_event(frame, kind, account))
        copies = 1
        for fault in faults:
            if fault.kind == "slow":
                await self._board.pause(fault.number("delay_s"))
            elif fault.kind in _DROPS:
                return ()
            elif fault.kind == "late_frames":
                self._late.append((self._board.mono_s + fault.number("delay_s"), frame))
                return ()
            elif fault.kind == "frozen_time":
                frame = self._stamped_before(fault, frame)
            elif fault.kind in on_market.REWRITES:
                return (*on_market.REWRITES[fault.kind](fault, frame), *self._release())
            elif fault.kind in _DOUBLES:
                copies = 2
            elif fault.kind == "reorder_frames" and not self._held:
                self._held.append(frame)
                return ()
        return (*[frame] * copies, *self._release())

    @property
    def is_dead(self) -> bool:
        """Whether not even a goodbye gets out."""
        kind, account = self._who()
        return self._board.holds("half_open", Event(Seam.FRAME, socket=kind, account=account))

    def _overdue(self, now_s: float) -> list[bytes]:
        """Late frames whose time has come."""
        found = []
        while self._late and self._late[0][0] <= now_s:
            found.append(self._late.popleft()[1])
        return found

    def _stamped_before(self, fault: Fault, frame: bytes) -> bytes:
        """The frame, stamped as the first one of its topic that the fault has hit; one without topic or stamp as it is."""
        body: dict[str, Any] = orjson.loads(frame)
        if "ts" not in body or "topic" not in body:
            return frame
        _, body["ts"] = self._frozen.setdefault((id(fault), str(body["topic"])), (fault, int(body["ts"])))
        return orjson.dumps(body)

    def _release(self) -> list[bytes]:
        held, self._held = self._held, []
        return held


def operation_fault(board: FaultBoard, op: str, kind: str, account: str, topics: Sequence[str]) -> str | None:
    """What is said instead of doing an operation: empty to do it, None to say nothing at all."""
    if not board.listens(Seam.OPERATION):
        return ""
    for topic in topics or ("",):
        for fault in board.hit_by(Event(Seam.OPERATION, op, topic, kind, account)):
            if fault.kind == "half_open":
                return None
            text = _REFUSALS[fault.kind]
            return f"{text},topic:{topic}" if topic else text
    return ""


def refused_upgrade(board: FaultBoard, kind: str) -> int:
    """The HTTP status that a new connection is refused with, 0 when it may come in."""
    faults = board.hit_by(Event(Seam.CONNECT, socket=kind))
    return next((int(fault.params.get("http", 503)) for fault in faults), 0)


def _frame_event(frame: bytes, kind: str, account: str) -> Event:
    body: dict[str, Any] = orjson.loads(frame)
    data = body.get("data")
    rows = (
        [row for row in data if isinstance(row, dict)] if isinstance(data, list) else [data] if isinstance(data, dict) else []
    )
    topic = str(body.get("topic", ""))
    symbols = {str(row[name]) for row in rows for name in ("symbol", "s") if row.get(name)} or {topic.rpartition(".")[2]}
    links = tuple(str(row["orderLinkId"]) for row in rows if row.get("orderLinkId"))
    name = "confirm" if any(row.get("confirm") is True for row in rows) else str(body.get("op", ""))
    return Event(Seam.FRAME, name, topic, kind, account, tuple(sorted(symbols)), links)
