"""Rows of the fake venue: its orders, the stop that hangs on a position, its transaction log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from playd.core.orders import Execution, OrderRequest, Side, VenueOrder, VenuePosition
from playd.orders.fold import VirtualPosition, add
from playd.venues.port import Transaction
from tests.rows import ZERO, venue_order, venue_position


@dataclass
class Held:
    """What the venue holds of a symbol."""

    signed: Decimal = ZERO
    entry: Decimal = ZERO
    stop: Decimal = ZERO
    target: Decimal = ZERO
    seq: int = 1
    stop_order_id: str = ""


def transfer_of(amount: Decimal, time_ms: int) -> Transaction:
    kind = "TRANSFER_IN" if amount > 0 else "TRANSFER_OUT"
    return Transaction(kind, "", "", amount, ZERO, ZERO, amount, time_ms)


def log_of(executions: Iterable[Execution], transfers: Sequence[Transaction]) -> list[Transaction]:
    """Every execution with what it earned, and the transfers, by time."""
    held: dict[str, VirtualPosition] = {}
    rows = [*transfers]
    for each in executions:
        before = held.get(each.symbol, VirtualPosition())
        after = held[each.symbol] = add(before, each)
        gain, fee = after.realised - before.realised, after.fees - before.fees
        funding = after.funding - before.funding
        kind = "SETTLEMENT" if each.exec_type == "Funding" else "TRADE"
        rows.append(Transaction(kind, each.symbol, each.exec_id, gain, fee, funding, gain - fee - funding, each.time_ms))
    return sorted(rows, key=lambda row: row.time_ms)


def order_row(order_id: str, request: OrderRequest, qty: Decimal, now_ms: int) -> VenueOrder:
    """An order as it was taken; `qty` is what is left of it where it only reduces."""
    return venue_order(
        order_id,
        link_id=request.link_id,
        symbol=request.symbol,
        side=request.side,
        order_type=request.order_type,
        qty=qty,
        price=request.price or ZERO,
        reduce_only=request.reduce_only,
        stop=request.stop or ZERO,
        target=request.target or ZERO,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def stop_row(order_id: str, symbol: str, signed: Decimal, trigger: Decimal, parent: str, now_ms: int) -> VenueOrder:
    """The attached stop of a position of `signed` quantity; `parent` is the link id of the entry that brought it."""
    return venue_order(
        order_id,
        parent_link_id=parent,
        symbol=symbol,
        side=Side.SELL if signed > 0 else Side.BUY,
        order_type="Market",
        status="Untriggered",
        qty=abs(signed),
        trigger_price=trigger,
        reduce_only=True,
        stop_order_type="StopLoss",
        create_type="CreateByStopLoss",
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def position_row(symbol: str, position: Held, mark: Decimal, liquidation: Decimal, now_ms: int) -> VenuePosition:
    """A position as the venue shows it."""
    return venue_position(
        position.signed,
        mark,
        symbol=symbol,
        entry_price=position.entry,
        stop=position.stop,
        target=position.target,
        liq_price=liquidation,
        seq=position.seq,
        updated_ms=now_ms,
    )
