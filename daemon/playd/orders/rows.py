"""Frozen values of ledger rows, and how they travel to and from SQL."""

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.orders import Action, Execution, Intent, OrderRequest, OrderState, Side

_ZERO: Final = Decimal(0)


def text(value: Decimal | None) -> str | None:
    """Decimal as plain text, never with an exponent."""
    return None if value is None else format(value, "f")


def plain(value: Decimal) -> str:
    """Decimal as its shortest plain text, so that equal quantities are equal texts and SQL may compare them."""
    return format(value.normalize(), "f")


def decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """
    One order of the ledger. `owner` is an instance uid, a panic's name, or `foreign`.

    `cum_qty` is the sum of booked executions, `venue_cum_qty` what the venue last reported: where they differ,
    executions are missing here, until a person accepts that they are. Orders that the venue made itself (attached stop and
    target) and orders of others have no intent; their `link_id` is `v:<venue order id>`. `position_idx` is 1 for the long and 2
    for the short side of a symbol in hedge mode, else 0.
    """

    link_id: str
    intent: str | None
    attempt: int
    owner: str
    action: Action | None
    symbol: str
    venue_order_id: str
    parent_link_id: str
    side: Side
    type: str
    tif: str
    qty: Decimal
    price: Decimal | None
    trigger: Decimal | None
    reduce_only: bool
    stop: Decimal | None
    target: Decimal | None
    protective: bool
    tolerance_pct: Decimal | None
    state: OrderState
    venue_status: str
    code: int | None
    cancel_type: str
    reject_reason: str
    cum_qty: Decimal
    venue_cum_qty: Decimal
    avg_price: Decimal
    created_ms: int
    signed_ms: int | None
    last_event_ms: int
    venue_ms: int
    position_idx: int = 0

    @property
    def open_qty(self) -> Decimal:
        """Quantity that may still execute; the worst case for an order in doubt."""
        return Decimal(0) if self.state.terminal else max(Decimal(0), self.qty - self.cum_qty)

    @property
    def unbooked_qty(self) -> Decimal:
        """Quantity that the venue reports as executed and whose executions are not booked here."""
        return max(Decimal(0), self.venue_cum_qty - self.cum_qty)

    @property
    def fills_missing(self) -> bool:
        """Whether the venue reports more executed than we have booked."""
        return self.venue_cum_qty > self.cum_qty

    @property
    def is_filled_unbooked(self) -> bool:
        """Whether the venue has filled the whole of it, so that nothing comes of it but executions that are missing."""
        return self.venue_status == "Filled" and self.fills_missing and not self.state.terminal

    def request(self) -> OrderRequest:
        """The order as it is sent; the same bytes each time, because it is read from the ledger."""
        return OrderRequest(
            link_id=self.link_id,
            symbol=self.symbol,
            side=self.side,
            qty=self.qty,
            order_type=self.type,
            price=self.price,
            time_in_force=self.tif,
            reduce_only=self.reduce_only,
            stop=self.stop,
            target=self.target,
            position_idx=self.position_idx,
            slippage_tolerance_pct=self.tolerance_pct,
        )


def order_row(row: sqlite3.Row) -> OrderRow:
    return OrderRow(
        link_id=row["link_id"],
        intent=row["intent"],
        attempt=row["attempt"],
        owner=row["owner"],
        action=Action(row["action"]) if row["action"] else None,
        symbol=row["symbol"],
        venue_order_id=row["venue_order_id"],
        parent_link_id=row["parent_link_id"],
        side=Side(row["side"]),
        type=row["type"],
        tif=row["tif"],
        qty=Decimal(row["qty"]),
        price=decimal(row["price"]),
        trigger=decimal(row["trigger"]),
        reduce_only=bool(row["reduce_only"]),
        stop=decimal(row["stop"]),
        target=decimal(row["target"]),
        protective=bool(row["protective"]),
        tolerance_pct=decimal(row["tolerance_pct"]),
        state=OrderState(row["state"]),
        venue_status=row["venue_status"],
        code=row["code"],
        cancel_type=row["cancel_type"],
        reject_reason=row["reject_reason"],
        cum_qty=Decimal(row["cum_qty"]),
        venue_cum_qty=Decimal(row["venue_cum_qty"]),
        avg_price=Decimal(row["avg_price"]),
        created_ms=row["created_ms"],
        signed_ms=row["signed_ms"],
        last_event_ms=row["last_event_ms"],
        venue_ms=row["venue_ms"],
        position_idx=row["position_idx"],
    )


def sent_row(intent: Intent, identity: str, attempt: int, request: OrderRequest, now_ms: int) -> OrderRow:
    """The row of an attempt that is about to be sent, as `order_row` reads it back from the ledger."""
    return OrderRow(
        link_id=request.link_id,
        intent=identity,
        attempt=attempt,
        owner=intent.instance_uid,
        action=intent.action,
        symbol=request.symbol,
        venue_order_id="",
        parent_link_id="",
        side=request.side,
        type=request.order_type,
        tif=request.time_in_force,
        qty=request.qty,
        price=request.price,
        trigger=None,
        reduce_only=request.reduce_only,
        stop=request.stop,
        target=request.target,
        protective=False,
        tolerance_pct=request.slippage_tolerance_pct,
        state=OrderState.SENT,
        venue_status="",
        code=None,
        cancel_type="",
        reject_reason="",
        cum_qty=_ZERO,
        venue_cum_qty=_ZERO,
        avg_price=_ZERO,
        created_ms=now_ms,
        signed_ms=now_ms,
        last_event_ms=now_ms,
        venue_ms=0,
        position_idx=request.position_idx,
    )


def execution_row(row: sqlite3.Row) -> Execution:
    return Execution(
        exec_id=row["exec_id"],
        link_id=row["link_id"] or "",
        venue_order_id=row["venue_order_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        qty=Decimal(row["qty"]),
        price=Decimal(row["price"]),
        value=Decimal(row["value"]),
        fee=Decimal(row["fee"]),
        fee_currency=row["fee_currency"],
        exec_type=row["exec_type"],
        create_type=row["create_type"],
        stop_order_type=row["stop_order_type"],
        closed_size=Decimal(row["closed_size"]),
        exec_pnl=Decimal(row["exec_pnl"]),
        is_maker=bool(row["is_maker"]),
        seq=row["seq"],
        time_ms=row["venue_ms"],
        position_idx=row["position_idx"],
    )
