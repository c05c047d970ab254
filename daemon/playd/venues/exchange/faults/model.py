"""What a fault is, and the events it may hit. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Seam(StrEnum):
    """Where the outside world touches the exchange."""

    REQUEST = "request"
    """A REST request, or an order frame of a trade socket, has arrived."""

    DONE = "done"
    """It has taken effect and is not answered yet."""

    OPERATION = "operation"
    """A socket asks: `auth`, `subscribe` and so on. Its path is the operation."""

    CONNECT = "connect"
    """Somebody wants to open a socket."""

    FRAME = "frame"
    """A frame is about to leave on a socket."""

    CLOCK = "clock"
    """The exchange looks at its clock to judge a time stamp or to write one."""

    MARKET = "market"
    """The exchange is about to say something of the market, or to let it do something."""

    MOMENT = "moment"
    """A candle has opened, or a delay is over."""


@dataclass(frozen=True, slots=True)
class Event:
    """
    One thing that happens. Empty means that the event has no such thing.

    `path` of a request or the operation of a socket; `socket` its kind: `public`, `private`, `trade`; `account` the alias.
    """

    seam: Seam
    path: str = ""
    topic: str = ""
    socket: str = ""
    account: str = ""
    symbols: tuple[str, ...] = ()
    link_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """Patterns (`*` for anything) that an event must match; empty matches every event."""

    path: str = ""
    topic: str = ""
    socket: str = ""
    account: str = ""
    symbol: str = ""
    link_id: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """
    From when on and until when, counted from arming: wall seconds and market minutes; `market_ms` is a time of the market.

    The first `after` matching events pass unharmed. Of those behind them each is hit with `probability`, drawn from `seed`.
    `until_s` 0 has no end.
    """

    from_s: float = 0.0
    until_s: float = 0.0
    market_min: float = 0.0
    market_ms: int = 0
    after: int = 0
    probability: float = 1.0
    seed: int = 0

    @property
    def waits_for_market(self) -> bool:
        return bool(self.market_min or self.market_ms)


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One misbehaviour. It hits at `seams` where the event matches `where` and `when` allows it, `times` times (0: without end).

    `params` are those of its kind, complete and checked. Of operations and frames of sockets it hits only
    `operations`; empty means all.
    """

    name: str
    kind: str
    seams: frozenset[Seam]
    operations: tuple[str, ...] = ()
    where: Where = Where()
    when: When = When()
    times: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> float:
        return float(self.params[name])

    def text(self, name: str) -> str:
        return str(self.params[name])
