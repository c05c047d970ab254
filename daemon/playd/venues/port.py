"""
The venue port: what an account may ask of an exchange, whatever exchange it is.

One implementation speaks Bybit V5 (`venues/bybit`). Reads raise `VenueError` or `LinkError`; writes never raise for what the
venue or the network did: they return a `Reply`, because a lost answer is a fact about an order, not an exception.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Final, Protocol

from playd.core.candles import Candle
from playd.core.instrument import Instrument
from playd.core.orders import Execution, OrderRequest, VenueOrder, VenuePosition, Wallet
from playd.core.reply_codes import ReplyClass

CREATE: Final = "/v5/order/create"
"""The endpoint of `VenuePort.place`. Whoever places takes its token from the budget first; every other call takes its own."""


class Priority(IntEnum):
    """Order in which requests that wait for the rate budget are served, first to last."""

    PROTECT = 0
    EXIT = 1
    CANCEL = 2
    RESOLVE = 3
    RECONCILE = 4
    ENTRY = 5
    DATA = 6


class Budget(Protocol):
    """The one rate budget of a key and an address. Implemented in `orders/budget.py`."""

    async def take(self, endpoint: str, priority: Priority, *, owner: str = "") -> None:
        """
        Wait until one request to `endpoint` (a path such as `/v5/order/create`) may leave.

        `owner` is the instance it is for, else the symbol, else empty. Of equal requests that wait, the one whose owner was
        served longest ago goes first.
        """
        ...

    def take_now(self, endpoint: str, priority: Priority, *, owner: str = "") -> bool:
        """Take the token if the request may leave at once and nobody waits; False, and nothing taken, otherwise."""
        ...

    def learn(self, endpoint: str, *, limit: int | None, left: int | None, reset_ms: int | None, code: int | None) -> None:
        """Report what the reply's rate headers and code said."""
        ...

    def banned(self) -> None:
        """Report HTTP 403, once each, by whoever reads the answer itself: everything to this address stops."""
        ...

    @property
    def banned_for_s(self) -> float:
        """Seconds until anything may be sent again; zero when it may now."""
        ...

    @property
    def entries_paused_for_s(self) -> float:
        """Seconds for which the venue wants no new risk, zero when it takes some."""
        ...

    @property
    def missing_stops(self) -> int:
        """Requests for stops that are missing which wait now; no entry leaves before them."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What is known after a write.

    `reply_class` decides; `code` is the venue's number (None when no readable answer came); `text` is redacted.
    `ACCEPTED` only means "request taken": the truth about an order arrives on the private stream. `raw_digest` is the SHA-256
    of the answer's bytes, empty where none came.
    """

    reply_class: ReplyClass
    code: int | None
    text: str
    venue_order_id: str = ""
    retry_after_s: float = 0.0
    raw_digest: str = ""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What the venue says about the key in use. `fingerprint` names it without showing it."""

    uid: str
    read_only: bool
    can_trade: bool
    can_withdraw: bool
    bound_to_addresses: bool
    days_left: int | None
    fingerprint: str = ""

    @property
    def rights(self) -> str:
        """What it may do, and where from, in words with a blank between."""
        trades = "trade" if self.can_trade and not self.read_only else ""
        words = ("read", trades, "withdraw" if self.can_withdraw else "", "bound" if self.bound_to_addresses else "")
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """Account-wide settings. `margin_mode` is the venue's word, e.g. `ISOLATED_MARGIN`."""

    margin_mode: str
    unified_status: int


@dataclass(frozen=True, slots=True)
class RiskTier:
    """Positions worth more than in the tier before, up to `limit_usdt`, need the part `mm_rate` of it as maintenance margin."""

    limit_usdt: Decimal
    mm_rate: Decimal


@dataclass(frozen=True, slots=True)
class Transaction:
    """
    One row of the venue's log of everything that changed the wallet, in USDT; `type` is the venue's word, e.g. `TRADE`.

    `change` is `cash_flow` less `fee` and `funding`, positive when paid. `exec_id` is empty where nothing was executed,
    `category` (the venue's word for the kind of market) where nothing was traded.
    """

    type: str
    symbol: str
    exec_id: str
    cash_flow: Decimal
    fee: Decimal
    funding: Decimal
    change: Decimal
    time_ms: int
    category: str = "linear"


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """Private stream: an order changed."""

    order: VenueOrder
    received_ms: int


@dataclass(frozen=True, slots=True)
class ExecutionUpdate:
    """Private stream: something was executed."""

    execution: Execution
    received_ms: int


@dataclass(frozen=True, slots=True)
class PositionUpdate:
    """Private stream: a position (or its stop) changed."""

    position: VenuePosition
    received_ms: int


@dataclass(frozen=True, slots=True)
class WalletUpdate:
    """Private stream: a balance changed."""

    wallet: Wallet
    received_ms: int


@dataclass(frozen=True, slots=True)
class StreamUp:
    """Private stream: authenticated and every subscription acknowledged; the gap before it is not closed yet."""

    connection: int


@dataclass(frozen=True, slots=True)
class StreamDown:
    """Private stream: lost. What happens at the venue is unseen until the next `StreamUp`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Barrier:
    """
    Lock-step only: the exchange waits until `VenuePort.barrier_done(number)` is called.

    Everything received before it must have been dealt with first. Never sent by a real venue.
    """

    number: int


PrivateEvent = OrderUpdate | ExecutionUpdate | PositionUpdate | WalletUpdate | StreamUp | StreamDown | Barrier


class VenuePort(Protocol):
    """
    One account at one venue.

    Times are venue time in ms (market time on a simulated market). Every list is complete: implementations page to the end.
    Each call has a deadline of its own (writes 5 s, reads 10 s) and takes its token from the rate budget, except writes whose
    caller took it already (`place`, because the token must precede the ledger commit).
    """

    async def place(self, order: OrderRequest) -> Reply:
        """Send an order. From the moment its bytes may have left, a caller who is cancelled still hears the reply first."""
        ...

    async def cancel(self, symbol: str, *, link_id: str = "", venue_order_id: str = "", priority: Priority) -> Reply:
        """Cancel one order, by the venue's id where it is given, else by link id."""
        ...

    async def set_stops(
        self, symbol: str, *, stop: Decimal | None, target: Decimal | None, position_idx: int = 0, priority: Priority
    ) -> Reply:
        """Set the position's Full-mode stop and target. None leaves a leg as it is, zero removes it."""
        ...

    async def set_leverage(self, symbol: str, leverage: Decimal) -> Reply:
        """Set the leverage of both sides of a symbol; "already so" comes back as class `no_change`."""
        ...

    async def open_orders(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenueOrder]:
        """All open orders of the account: active, conditional and attached."""
        ...

    async def order_realtime(
        self, symbol: str, link_id: str, *, venue_order_id: str = "", priority: Priority
    ) -> VenueOrder | None:
        """The order among open and recently closed ones, by the venue's own id where that is given; None: not there."""
        ...

    async def order_history(
        self, symbol: str, link_id: str, *, venue_order_id: str = "", priority: Priority
    ) -> VenueOrder | None:
        """The order among closed ones, likewise."""
        ...

    async def executions(
        self,
        *,
        since_ms: int | None = None,
        symbol: str = "",
        link_id: str = "",
        venue_order_id: str = "",
        priority: Priority,
    ) -> Sequence[Execution]:
        """Executions, oldest first, of one order where an id of it is given; funding rows included."""
        ...

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        """Open positions; with `symbol` its row also when flat."""
        ...

    async def wallet(self, *, priority: Priority) -> Wallet:
        """The USDT side of the account."""
        ...

    async def transactions(
        self, *, since_ms: int | None = None, until_ms: int | None = None, priority: Priority
    ) -> Sequence[Transaction]:
        """
        What changed the wallet, oldest first, both ends included. Without `since_ms` that of the venue's default range, a day.
        """
        ...

    async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        """Rules of the symbols that the venue lists; unknown ones are absent."""
        ...

    async def risk_tiers(self, symbol: str) -> tuple[RiskTier, ...]:
        """Tiers of a symbol, smallest first; none where it is not listed."""
        ...

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        """Closed one-minute candles that open in `[start_ms, end_ms)`, oldest first."""
        ...

    async def key_info(self) -> KeyInfo:
        """What the venue says about the key in use; judging it is the caller's."""
        ...

    async def account_info(self) -> AccountInfo:
        """Settings of the whole account, margin mode included."""
        ...

    async def clock_offset_ms(self) -> tuple[float, float]:
        """One sample: (venue wall clock - ours, round trip), both in ms."""
        ...

    async def barrier_done(self, number: int) -> None:
        """Answer a `Barrier`."""
        ...
