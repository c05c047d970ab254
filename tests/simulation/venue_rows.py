"""Rows of the fake venue: rules of its symbols, its transaction log, and the stop that hangs on a position."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from playd.core.instrument import Instrument
from playd.core.orders import Execution, OrderRequest, Side, VenueOrder, VenuePosition
from playd.orders.fold import VirtualPosition, add
from playd.venues.port import Transaction

ZERO = Decimal(0)
SYMBOL = "BTCUSDT"


@dataclass
class Held:
    """What the venue holds of a symbol."""

    signed: Decimal = ZERO
    entry: Decimal = ZERO
    stop: Decimal = ZERO
    target: Decimal = ZERO
    seq: int = 1
    stop_order_id: str = ""


def instrument(symbol: str = SYMBOL) -> Instrument:
    return Instrument(
        symbol=symbol,
        tick=Decimal("0.1"),
        step=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_qty=Decimal(1000),
        max_market_qty=Decimal(1000),
        min_notional_usdt=Decimal(5),
    )


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
    return VenueOrder(
        venue_order_id=order_id,
        link_id=request.link_id,
        parent_link_id="",
        symbol=request.symbol,
        side=request.side,
        order_type=request.order_type,
        status="New",
        qty=qty,
        price=request.price or ZERO,
        trigger_price=ZERO,
        cum_qty=ZERO,
        avg_price=ZERO,
        reduce_only=request.reduce_only,
        stop_order_type="",
        create_type="CreateByUser",
        cancel_type="UNKNOWN",
        reject_reason="EC_NoError",
        stop=request.stop or ZERO,
        target=request.target or ZERO,
        position_idx=0,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def stop_row(order_id: str, symbol: str, signed: Decimal, trigger: Decimal, parent: str, now_ms: int) -> VenueOrder:
    """The attached stop of a position of `signed` quantity; `parent` is the link id of the entry that brought it."""
    return VenueOrder(
        venue_order_id=order_id,
        link_id="",
        parent_link_id=parent,
        symbol=symbol,
        side=Side.SELL if signed > 0 else Side.BUY,
        order_type="Market",
        status="Untriggered",
        qty=abs(signed),
        price=ZERO,
        trigger_price=trigger,
        cum_qty=ZERO,
        avg_price=ZERO,
        reduce_only=True,
        stop_order_type="StopLoss",
        create_type="CreateByStopLoss",
        cancel_type="UNKNOWN",
        reject_reason="EC_NoError",
        stop=ZERO,
        target=ZERO,
        position_idx=0,
        created_ms=now_ms,
        updated_ms=now_ms,
    )


def position_row(symbol: str, position: Held, mark: Decimal, liquidation: Decimal, now_ms: int) -> VenuePosition:
    """A position as the venue shows it."""
    side = None if position.signed == 0 else (Side.BUY if position.signed > 0 else Side.SELL)
    return VenuePosition(
        symbol=symbol,
        side=side,
        qty=abs(position.signed),
        entry_price=position.entry,
        mark_price=mark,
        stop=position.stop,
        target=position.target,
        leverage=Decimal(3),
        liq_price=liquidation,
        unrealised_usdt=ZERO,
        position_idx=0,
        seq=position.seq,
        updated_ms=now_ms,
    )
