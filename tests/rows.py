"""Rows as tests need them: one builder for each kind, which knows all that a test does not care about."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from playd.core.instrument import Instrument
from playd.core.orders import Execution, OrderState, Side, VenueOrder, VenuePosition
from playd.orders.rows import OrderRow

ZERO = Decimal(0)
SYMBOL = "BTCUSDT"


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


BTC = instrument()


def execution(exec_id: str, side: Side, qty: Decimal, price: Decimal, **more: Any) -> Execution:
    """A trade without a fee, of an order that nobody knows; `more` are other fields of it."""
    row = Execution(
        exec_id=exec_id,
        link_id="",
        venue_order_id="",
        symbol=SYMBOL,
        side=side,
        qty=qty,
        price=price,
        value=qty * price,
        fee=ZERO,
        fee_currency="USDT",
        exec_type="Trade",
        create_type="",
        stop_order_type="",
        closed_size=ZERO,
        exec_pnl=ZERO,
        is_maker=False,
        seq=1,
        time_ms=1,
    )
    return replace(row, **more)


def venue_order(venue_order_id: str, **more: Any) -> VenueOrder:
    """A limit to buy one that rests at the venue and was sent by nobody we know; `more` are other fields of it."""
    row = VenueOrder(
        venue_order_id=venue_order_id,
        link_id="",
        parent_link_id="",
        symbol=SYMBOL,
        side=Side.BUY,
        order_type="Limit",
        status="New",
        qty=Decimal(1),
        price=ZERO,
        trigger_price=ZERO,
        cum_qty=ZERO,
        avg_price=ZERO,
        reduce_only=False,
        stop_order_type="",
        create_type="CreateByUser",
        cancel_type="UNKNOWN",
        reject_reason="EC_NoError",
        stop=ZERO,
        target=ZERO,
        position_idx=0,
        created_ms=0,
        updated_ms=0,
    )
    return replace(row, **more)


def venue_position(signed: Decimal, mark: Decimal, **more: Any) -> VenuePosition:
    """A position without stop that was entered at the mark, or a flat symbol; `more` are other fields of it."""
    row = VenuePosition(
        symbol=SYMBOL,
        side=None if signed == 0 else (Side.BUY if signed > 0 else Side.SELL),
        qty=abs(signed),
        entry_price=mark,
        mark_price=mark,
        stop=ZERO,
        target=ZERO,
        leverage=Decimal(3),
        liq_price=ZERO,
        unrealised_usdt=ZERO,
        position_idx=0,
        seq=1,
        updated_ms=0,
    )
    return replace(row, **more)


def ledger_order(link_id: str, **more: Any) -> OrderRow:
    """A limit to buy one as the ledger keeps it, with nothing executed; `more` are other fields of it."""
    row = OrderRow(
        link_id=link_id,
        intent="i",
        attempt=0,
        owner="a",
        action=None,
        symbol=SYMBOL,
        venue_order_id="",
        parent_link_id="",
        side=Side.BUY,
        type="Limit",
        tif="GTC",
        qty=Decimal(1),
        price=None,
        trigger=None,
        reduce_only=False,
        stop=None,
        target=None,
        protective=False,
        tolerance_pct=None,
        state=OrderState.OPEN,
        venue_status="",
        code=None,
        cancel_type="",
        reject_reason="",
        cum_qty=ZERO,
        venue_cum_qty=ZERO,
        avg_price=ZERO,
        created_ms=0,
        signed_ms=None,
        last_event_ms=0,
        venue_ms=0,
    )
    return replace(row, **more)
