"""Margin of an account: what positions and resting orders hold back, and what is free. Formulas: `playd.matching`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

from playd.core.orders import Side
from playd.matching.money import (
    cross_maintenance_usdt,
    cross_margin_usdt,
    cross_terms,
    initial_margin_usdt,
    liquidation_price,
    maintenance_margin_usdt,
    order_cost_usdt,
)
from playd.venues.exchange.listing import MAX_PRICE, Listing, RiskTier
from playd.venues.exchange.model import Account, Order, Position, place_of
from playd.venues.exchange.text import decimal_of, exact_product, exact_sum, plain, rounded

BPS: Final = 10_000.0
_MONEY: Final = Decimal("1E-8")


Listings = Mapping[str, Listing]


@dataclass(frozen=True, slots=True)
class Margin:
    """Margin of one position in USDT. `liquidation_text` is empty when the price can never be reached."""

    initial: Decimal
    maintenance: Decimal
    unrealised: Decimal
    liquidation_text: str


@dataclass(frozen=True, slots=True)
class Risk:
    """The terms of an isolated position that is liquidated, and settled, where this one is."""

    leverage: float
    mm_rate: float
    deduction_usdt: float


_NOTHING: Final = Margin(Decimal(0), Decimal(0), Decimal(0), "")


def margin_of(account: Account, position: Position, listings: Listings) -> Margin:
    """Margin at the mark price; all zero when flat."""
    if position.steps == 0:
        return _NOTHING
    listing = listings[position.symbol]
    liquidation = liquidation_of(account, position, listings)
    return Margin(
        initial=_initial(account, position, listing),
        maintenance=_maintenance(account, position, listing),
        unrealised=unrealised(position, listing),
        liquidation_text=_liquidation_text(liquidation, listing),
    )


def unrealised(position: Position, listing: Listing) -> Decimal:
    """Profit at the mark price, exact."""
    return exact_product(listing.qty_decimal(position.steps), exact_sum(decimal_of(listing.mark), -position.entry))


def tier_of(listing: Listing, value_usdt: float) -> int:
    """Place of the tier that a position of this value is in; the last one has no end."""
    return next((place for place, tier in enumerate(listing.tiers) if value_usdt <= tier.limit_usdt), len(listing.tiers) - 1)


def maintenance_terms(account: Account, position: Position, listing: Listing) -> tuple[float, float]:
    """
    Maintenance rate and deduction of a position's tier; the deduction makes the margin continuous between tiers.

    The tier goes by the value at entry, so that it does not depend on the moment of asking.
    """
    if not listing.tiers:
        return account.maintenance_rate, account.maintenance_deduction_usdt
    place = tier_of(listing, listing.qty(abs(position.steps)) * float(position.entry))
    return listing.tiers[place].mm_rate, float(deduction_of(listing.tiers, place))


def deduction_of(tiers: Sequence[RiskTier], place: int) -> Decimal:
    """What the maintenance margin of a tier is lowered by, because its rate holds for the lower part of the value too."""
    steps = pairwise(tiers[: place + 1])
    rises = ((lower, exact_sum(decimal_of(upper.mm_rate), -decimal_of(lower.mm_rate))) for lower, upper in steps)
    return exact_sum(*(exact_product(decimal_of(lower.limit_usdt), rise) for lower, rise in rises))


def risk_of(account: Account, position: Position, listings: Listings) -> Risk:
    """How a position that is open is liquidated: by its own margin, or by that of the whole account."""
    listing = listings[position.symbol]
    rate, deduction = maintenance_terms(account, position, listing)
    if not account.is_cross or position.steps == 0:
        return _isolated_risk(account, position, listing, rate, deduction)
    others = [each for each in account.positions.values() if each.steps and each is not position]
    equity = exact_sum(account.wallet, *(unrealised(each, listings[each.symbol]) for each in others))
    owed = exact_sum(*(_maintenance(account, each, listings[each.symbol]) for each in others))
    qty, entry, taker = listing.qty(abs(position.steps)), float(position.entry), account.taker_bps / BPS
    return Risk(*cross_terms(position.direction, qty, entry, float(exact_sum(equity, -owed)), rate, deduction, taker))


def _isolated_risk(account: Account, position: Position, listing: Listing, rate: float, deduction: float) -> Risk:
    """
    With added margin X a position is settled as if its leverage were lower, and liquidated where X less the fee to close it
    has been lost too, as the venue documents it.
    """
    leverage, extra = float(position.leverage), float(position.extra_margin)
    if not extra:
        return Risk(leverage, rate, deduction)
    value, fee = listing.qty(abs(position.steps)) * float(position.entry), position.direction * account.taker_bps / BPS
    return Risk(1.0 / (1.0 / leverage + extra / value), rate, deduction + extra * fee / (1.0 - fee))


def liquidation_of(account: Account, position: Position, listings: Listings) -> float:
    """The mark price at which an open position is liquidated; one that cannot be reached means never."""
    risk, qty = risk_of(account, position, listings), listings[position.symbol].qty(abs(position.steps))
    terms = risk.leverage, risk.mm_rate, risk.deduction_usdt
    return liquidation_price(position.direction, qty, float(position.entry), *terms)


def is_beyond_liquidation(account: Account, position: Position, listings: Listings) -> bool:
    """Whether the mark price is at or past the one at which an open position is liquidated."""
    return (listings[position.symbol].mark - liquidation_of(account, position, listings)) * position.direction <= 0.0


def _initial(account: Account, position: Position, listing: Listing) -> Decimal:
    direction, qty = position.direction, listing.qty(abs(position.steps))
    leverage, taker = float(position.leverage), account.taker_bps / BPS
    if account.is_cross:
        return _money(cross_margin_usdt(direction, qty, listing.mark, leverage, taker))
    return exact_sum(_money(initial_margin_usdt(direction, qty, float(position.entry), leverage, taker)), position.extra_margin)


def _maintenance(account: Account, position: Position, listing: Listing) -> Decimal:
    direction, qty = position.direction, listing.qty(abs(position.steps))
    leverage, taker = float(position.leverage), account.taker_bps / BPS
    rate, deduction = maintenance_terms(account, position, listing)
    if account.is_cross:
        return _money(cross_maintenance_usdt(direction, qty, listing.mark, leverage, taker, rate, deduction))
    entry = float(position.entry)
    return _money(maintenance_margin_usdt(direction, qty, entry, listing.mark, leverage, taker, rate, deduction))


def position_margin(account: Account, position: Position, listings: Listings) -> Decimal:
    """What an open position holds of its wallet, added margin included."""
    return _initial(account, position, listings[position.symbol])


def order_cost(account: Account, listing: Listing, side: Side, steps: int, price: float, leverage: Decimal) -> Decimal:
    """What an order that opens `steps` needs at `price`."""
    direction = 1 if side is Side.BUY else -1
    return decimal_of(order_cost_usdt(direction, listing.qty(steps), price, float(leverage), account.taker_bps / BPS))


def order_margin(account: Account, listings: Listings, *, without: str = "") -> Decimal:
    """What resting limit orders hold back. Orders that only reduce hold nothing, nor do market and untriggered orders."""
    held = [_held(account, order, listings[order.symbol]) for order in account.orders.values() if order.order_id != without]
    return exact_sum(*held)


def available(account: Account, listings: Listings, *, without: str = "") -> Decimal:
    """
    Free balance: wallet (in cross margin with all unrealised profit) less the margin of positions and of resting orders;
    `without` names an order left out.
    """
    open_positions = [position for position in account.positions.values() if position.steps]
    held = [-_initial(account, position, listings[position.symbol]) for position in open_positions]
    if account.is_cross:
        held += [unrealised(position, listings[position.symbol]) for position in open_positions]
    return exact_sum(account.wallet, -order_margin(account, listings, without=without), *held)


def holds_margin(order: Order) -> bool:
    """Whether an order, while it rests, keeps free balance back."""
    return not (order.is_market or order.reduces or order.waits_for_trigger)


def _held(account: Account, order: Order, listing: Listing) -> Decimal:
    if not holds_margin(order):
        return Decimal(0)
    leverage = account.positions[place_of(order.symbol, order.position_idx)].leverage
    return order_cost(account, listing, order.side, order.left_steps, listing.price(order.price_ticks), leverage)


def _money(value: float) -> Decimal:
    return rounded(Decimal(value), _MONEY)


def _liquidation_text(price: float, listing: Listing) -> str:
    if not math.isfinite(price) or not float(listing.instrument.tick) < price < float(MAX_PRICE):
        return ""
    return plain(Decimal(price).quantize(listing.instrument.tick))
