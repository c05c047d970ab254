"""Isolated margin of an account: what positions and resting orders hold back, and what is free. Formulas: `playd.matching`."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.orders import Side
from playd.matching.money import (
    initial_margin_usdt,
    liquidation_price,
    maintenance_margin_usdt,
    order_cost_usdt,
)
from playd.venues.exchange.model import Account, Listing, Order, Position, place_of
from playd.venues.exchange.text import decimal_of, exact_product, exact_sum, plain

BPS: Final = 10_000.0
_MONEY: Final = Decimal("1E-8")


@dataclass(frozen=True, slots=True)
class Margin:
    """Margin of one position in USDT. `liquidation_text` is empty when the price can never be reached."""

    initial: Decimal
    maintenance: Decimal
    unrealised: Decimal
    liquidation_text: str


_NOTHING: Final = Margin(Decimal(0), Decimal(0), Decimal(0), "")


def margin_of(account: Account, position: Position, listing: Listing) -> Margin:
    """Margin at the present price; all zero when flat."""
    if position.steps == 0:
        return _NOTHING
    direction, qty, entry = position.direction, listing.qty(abs(position.steps)), float(position.entry)
    leverage, taker = float(position.leverage), account.taker_bps / BPS
    rate, deduction = account.maintenance_rate, account.maintenance_deduction_usdt
    maintenance = maintenance_margin_usdt(direction, qty, entry, listing.last, leverage, taker, rate, deduction)
    liquidation = liquidation_price(direction, qty, entry, leverage, rate, deduction)
    qty_decimal = listing.qty_decimal(position.steps)
    return Margin(
        initial=_money(initial_margin_usdt(direction, qty, entry, leverage, taker)),
        maintenance=_money(maintenance),
        unrealised=exact_product(qty_decimal, exact_sum(decimal_of(listing.last), -position.entry)),
        liquidation_text=_liquidation_text(liquidation, listing),
    )


def order_cost(account: Account, listing: Listing, side: Side, steps: int, price: float, leverage: Decimal) -> Decimal:
    """What an order that opens `steps` needs at `price`."""
    direction = 1 if side is Side.BUY else -1
    return decimal_of(order_cost_usdt(direction, listing.qty(steps), price, float(leverage), account.taker_bps / BPS))


def order_margin(account: Account, listings: dict[str, Listing], *, without: str = "") -> Decimal:
    """What resting limit orders hold back. Orders that only reduce hold nothing, nor do market and untriggered orders."""
    held = [_held(account, order, listings[order.symbol]) for order in account.orders.values() if order.order_id != without]
    return exact_sum(*held)


def available(account: Account, listings: dict[str, Listing], *, without: str = "") -> Decimal:
    """Free balance: wallet less the margin of positions and of resting orders (`without` names an order left out)."""
    held = [
        -margin_of(account, position, listings[position.symbol]).initial
        for position in account.positions.values()
        if position.steps
    ]
    return exact_sum(account.wallet, -order_margin(account, listings, without=without), *held)


def _held(account: Account, order: Order, listing: Listing) -> Decimal:
    if order.is_market or order.reduces or order.waits_for_trigger:
        return Decimal(0)
    leverage = account.positions[place_of(order.symbol, order.position_idx)].leverage
    return order_cost(account, listing, order.side, order.left_steps, listing.price(order.price_ticks), leverage)


def _money(value: float) -> Decimal:
    return Decimal(value).quantize(_MONEY)


def _liquidation_text(price: float, listing: Listing) -> str:
    if not math.isfinite(price) or price <= 0.0:
        return ""
    return plain(Decimal(price).quantize(listing.instrument.tick))
