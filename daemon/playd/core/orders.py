"""
What travels between a decision and the venue: intents, orders, executions, positions, and the order state machine.

All are frozen values. Prices and quantities are decimals here (exact multiples of tick and step) and decimal strings at the
wire and in the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """Side of an order in the venue's words."""

    BUY = "Buy"
    SELL = "Sell"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class Action(StrEnum):
    """What an intent does. The first letter of a link id says it (`ACTION_LETTER`)."""

    ENTER = "enter"
    ADD = "add"
    REDUCE = "reduce"
    EXIT = "exit"
    STOP = "stop"
    TARGET = "target"
    FLATTEN = "flatten"
    CANCEL = "cancel"


class IntentClass(StrEnum):
    """Entries may be refused by gates; the other three reduce risk and always pass."""

    ENTRY = "entry"
    EXIT = "exit"
    PROTECT = "protect"
    CANCEL = "cancel"


class OrderState(StrEnum):
    """States of an order in the ledger."""

    INTENT = "INTENT"
    SENT = "SENT"
    ACKED = "ACKED"
    OPEN = "OPEN"
    PARTIAL = "PARTIAL"
    UNKNOWN = "UNKNOWN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    NEVER_ARRIVED = "NEVER_ARRIVED"
    DROPPED = "DROPPED"
    ORPHAN = "ORPHAN"

    @property
    def terminal(self) -> bool:
        """Final: no later report may change it."""
        return self in _TERMINAL


_TERMINAL: Final = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.NEVER_ARRIVED, OrderState.DROPPED}
)


@dataclass(frozen=True, slots=True)
class Intent:
    """
    A decision to trade, before gates. Written down and synced before anything is sent.

    `(instance_uid, cause, action, leg)` is its identity. `cause` is the bar's close in ms for decisions, otherwise the id of
    the panic, repair or command. `stop` and `target` are trigger prices; an entry without a stop is refused.
    `expires_ms` is market time; an entry that could not be sent by then is dropped. `price_ref` is the price decided on.
    `metadata` is what the Play attached to the action; it changes nothing.
    """

    instance_uid: str
    instance: str
    account: str
    symbol: str
    cause: str
    action: Action
    leg: int
    intent_class: IntentClass
    side: Side
    qty: Decimal
    price_ref: Decimal
    bar_close_ms: int
    expires_ms: int
    reason: str
    stop: Decimal | None = None
    target: Decimal | None = None
    order_type: str = "Market"
    price: Decimal | None = None
    time_in_force: str = "IOC"
    play_digest: str = ""
    inputs_digest: str = ""
    metadata: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order as it is sent. `stop`/`target` attach Full-mode stop and target to an entry."""

    link_id: str
    symbol: str
    side: Side
    qty: Decimal
    order_type: str = "Market"
    price: Decimal | None = None
    time_in_force: str = "IOC"
    reduce_only: bool = False
    stop: Decimal | None = None
    target: Decimal | None = None
    position_idx: int = 0
    slippage_tolerance_pct: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """
    An order as the venue reports it (REST or private stream). `status`, `time_in_force`, `trigger_by` are its own words.

    `raw_digest` is that of the row as it came, empty for what no venue reported.
    """

    venue_order_id: str
    link_id: str
    parent_link_id: str
    symbol: str
    side: Side
    order_type: str
    status: str
    qty: Decimal
    price: Decimal
    trigger_price: Decimal
    cum_qty: Decimal
    avg_price: Decimal
    reduce_only: bool
    stop_order_type: str
    create_type: str
    cancel_type: str
    reject_reason: str
    stop: Decimal
    target: Decimal
    position_idx: int
    created_ms: int
    updated_ms: int
    time_in_force: str = ""
    trigger_by: str = ""
    close_on_trigger: bool = False
    raw_digest: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Execution:
    """
    One execution row. Only some `exec_type`s move a position (`MOVES_POSITION`); funding never does.

    `fee` is positive when paid, in `fee_currency`; `seq` rises per symbol, `time_ms` is market time. `raw_digest` is that of
    the row as it came, empty for what no venue reported.
    """

    exec_id: str
    link_id: str
    venue_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    fee_currency: str
    exec_type: str
    create_type: str
    stop_order_type: str
    closed_size: Decimal
    exec_pnl: Decimal
    is_maker: bool
    seq: int
    time_ms: int
    position_idx: int = 0
    raw_digest: str = field(default="", compare=False)

    @property
    def fee_usdt(self) -> Decimal:
        """What it cost in USDT: nothing when the fee was paid in another coin, which the account may be set to."""
        return self.fee if self.fee_currency in ("", "USDT") else Decimal(0)


MOVES_POSITION: Final = frozenset({"Trade", "AdlTrade", "BustTrade", "BlockTrade", "MovePosition"})
"""Execution types that change a position by their quantity; all others never do."""


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A position as the venue reports it. `side` is None when flat; `stop`/`target` are zero when absent."""

    symbol: str
    side: Side | None
    qty: Decimal
    entry_price: Decimal
    mark_price: Decimal
    stop: Decimal
    target: Decimal
    leverage: Decimal
    liq_price: Decimal
    unrealised_usdt: Decimal
    position_idx: int
    seq: int
    updated_ms: int

    @property
    def signed_qty(self) -> Decimal:
        """Positive for a long, negative for a short, zero when flat."""
        if self.side is None:
            return Decimal(0)
        return self.qty if self.side is Side.BUY else -self.qty


@dataclass(frozen=True, slots=True)
class Wallet:
    """USDT side of the account. Rates are None where the venue does not state them (isolated margin)."""

    equity_usdt: Decimal
    balance_usdt: Decimal
    available_usdt: Decimal
    unrealised_usdt: Decimal
    im_rate: Decimal | None
    mm_rate: Decimal | None
    time_ms: int
