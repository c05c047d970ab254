"""Rows of the transaction log and of closed profit: the accounts behind the wallet."""

from decimal import Decimal
from typing import Final

from playd.venues.exchange.listing import Listing
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.rows import Fill, Row
from playd.venues.exchange.text import exact_sum, float_text, plain

_LOG_TYPES: Final = {"Trade": "TRADE", "BustTrade": "LIQUIDATION", "AdlTrade": "ADL", "Delivery": "DELIVERY"}
_PRICE_DIGITS: Final = Decimal("1E-15")


def trade(account: Account, order: Order, fill: Fill, position: Position, listing: Listing) -> Row:
    """A fill. `change` is cash flow less fee; the wallet of `account` has it already."""
    return {
        **_frame(account, order.symbol, fill.time_ms, fill.sequence),
        "side": str(order.side),
        "type": _LOG_TYPES[fill.exec_type],
        "transSubType": "",
        "qty": listing.qty_text(fill.steps),
        "size": _size(position, listing),
        "tradePrice": listing.price_text(fill.ticks),
        "funding": "",
        "fee": plain(fill.fee),
        "cashFlow": plain(fill.pnl),
        "change": plain(exact_sum(fill.pnl, -fill.fee)),
        "feeRate": float_text(fill.fee_rate),
        "tradeId": fill.exec_id,
        "orderId": order.order_id,
        "orderLinkId": order.link_id,
    }


def funding(account: Account, position: Position, listing: Listing, execution: Row, paid: Decimal) -> Row:
    """A funding stamp: `funding` is positive when received."""
    rate = Decimal(execution["feeRate"]) * position.direction
    return {
        **_frame(account, position.symbol, int(execution["execTime"]), execution["seq"]),
        "side": execution["side"],
        "type": "SETTLEMENT",
        "transSubType": "",
        "qty": execution["execQty"],
        "size": _size(position, listing),
        "tradePrice": execution["execPrice"],
        "funding": plain(-paid),
        "fee": "0",
        "cashFlow": "0",
        "change": plain(-paid),
        "feeRate": plain(rate),
        "tradeId": execution["execId"],
        "orderId": execution["orderId"],
        "orderLinkId": "",
    }


def moved(account: Account, amount: Decimal, time_ms: int, sequence: int) -> Row:
    """Money that came in, as that which an account starts with, or went out when negative."""
    return {
        **_frame(account, "", time_ms, sequence),
        "side": "None",
        "type": "TRANSFER_OUT" if amount < 0 else "TRANSFER_IN",
        "transSubType": "",
        "qty": "0",
        "size": "0",
        "tradePrice": "0",
        "funding": "0",
        "fee": "0",
        "cashFlow": plain(amount),
        "change": plain(amount),
        "feeRate": "0",
        "tradeId": "",
        "orderId": "",
        "orderLinkId": "",
    }


def closed_pnl(order: Order, fill: Fill, position: Position, listing: Listing) -> Row:
    """What a closing order has earned so far, net of its own fees and its share of the opening fees."""
    qty = listing.qty_decimal(order.closed_steps)
    exit_price = _average_price(order.closed_exit, qty, listing)
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "side": str(order.side),
        "qty": listing.qty_text(order.qty_steps),
        "orderPrice": listing.price_text(order.price_ticks) if order.price_ticks else exit_price,
        "orderType": order.order_type,
        "execType": fill.exec_type,
        "closedSize": listing.qty_text(order.closed_steps),
        "cumEntryValue": plain(order.closed_entry),
        "avgEntryPrice": plain((order.closed_entry / qty).quantize(_PRICE_DIGITS)),
        "cumExitValue": plain(order.closed_exit),
        "avgExitPrice": exit_price,
        "closedPnl": plain(order.closed_pnl),
        "fillCount": str(order.closed_fills),
        "leverage": plain(position.leverage),
        "openFee": plain(order.closed_open_fee),
        "closeFee": plain(order.closed_close_fee),
        "createdTime": str(fill.time_ms),
        "updatedTime": str(fill.time_ms),
    }


def _average_price(value: Decimal, qty: Decimal, listing: Listing) -> str:
    """In the digits of the tick where it is a whole count of them, as with every single fill."""
    ticks = value / qty / listing.counted.tick
    if ticks == int(ticks):
        return listing.price_text(int(ticks))
    return plain((value / qty).quantize(_PRICE_DIGITS))


def _frame(account: Account, symbol: str, time_ms: int, sequence: int) -> Row:
    return {
        "id": f"{account.uid}_{symbol or 'USDT'}_{sequence}",
        "symbol": symbol,
        "category": "linear" if symbol else "",
        "transactionTime": str(time_ms),
        "currency": "USDT",
        "cashBalance": plain(account.wallet),
        "bonusChange": "",
        "extraFees": "",
    }


def _size(position: Position, listing: Listing) -> str:
    return listing.qty_text(position.steps) if position.steps else "0"
