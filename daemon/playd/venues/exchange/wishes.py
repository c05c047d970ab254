"""
What a request to create an order wishes for, read from JSON and checked against the rules of its symbol.

The checks run in the venue's order. Parameters that do not concern linear perpetuals are ignored, as the venue does; wishes
that this exchange cannot fulfil are refused by name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from playd.core.orders import Side
from playd.core.units import DOWN, UP, to_units
from playd.venues.exchange.model import Listing
from playd.venues.exchange.refusal import NOTIONAL_TOO_SMALL, PARAMETER, PRICE_INVALID, Refusal

Request = Mapping[str, Any]

_LINK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
_NOT_OFFERED: Final = ("triggerPrice", "bboSideType", "tpLimitPrice", "slLimitPrice", "trailingStop", "activePrice")
_TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK", "PostOnly")


@dataclass(frozen=True, slots=True)
class Wish:
    """A checked request. `price_ticks` of a market order is its worst price, 0 without one. `qty_steps` 0 means all."""

    link_id: str
    side: Side
    order_type: str
    time_in_force: str
    qty_steps: int
    price_ticks: int
    reduce_only: bool
    close_on_trigger: bool
    stop_ticks: int
    target_ticks: int


def read_wish(request: Request, listing: Listing) -> Wish:
    """Raises `Refusal` when something is missing, malformed, against the symbol's rules, or not offered here."""
    _check_offered(request)
    side = word(request, "side", ("Buy", "Sell"))
    order_type = word(request, "orderType", ("Market", "Limit"))
    tif = word(request, "timeInForce", _TIMES_IN_FORCE, default="GTC") if order_type == "Limit" else "IOC"
    reduce_only, closing = flag(request, "reduceOnly"), flag(request, "closeOnTrigger")
    wish = Wish(
        link_id=read_link_id(request),
        side=Side(side),
        order_type=order_type,
        time_in_force=tif,
        qty_steps=read_qty(request, listing, order_type, may_be_zero=reduce_only and closing),
        price_ticks=_price(request, listing, Side(side), order_type),
        reduce_only=reduce_only,
        close_on_trigger=closing,
        stop_ticks=read_ticks(request, "stopLoss", listing) or 0,
        target_ticks=read_ticks(request, "takeProfit", listing) or 0,
    )
    _check_levels(wish, listing)
    _check_notional(wish, listing)
    return wish


def text_of(request: Request, name: str) -> str:
    """A parameter as text; empty when absent or null. Numbers count as their text."""
    value = request.get(name)
    return "" if value is None else str(value)


def word(request: Request, name: str, allowed: tuple[str, ...], *, default: str = "") -> str:
    """A parameter that must be one of `allowed`."""
    value = text_of(request, name) or default
    if value not in allowed:
        raise Refusal(PARAMETER, f"params error: {name} {value!r} invalid, expected {' or '.join(allowed)}")
    return value


def flag(request: Request, name: str) -> bool:
    """A Boolean parameter, absent is False."""
    return request.get(name) in (True, "true", "True")


def decimal(request: Request, name: str) -> Decimal | None:
    """A decimal parameter, None when absent. Raises `Refusal` when it is not a finite number."""
    text = text_of(request, name)
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise Refusal(PARAMETER, f"params error: {name} {text!r} is not a number")
    return value


def read_link_id(request: Request) -> str:
    """The order link id, empty when absent."""
    link_id = text_of(request, "orderLinkId")
    if link_id and not _LINK_ID.fullmatch(link_id):
        raise Refusal(PARAMETER, f"params error: orderLinkId {link_id[:50]!r} is not 1 to 36 of A-Z a-z 0-9 _ -")
    return link_id


def read_qty(request: Request, listing: Listing, order_type: str, *, may_be_zero: bool = False) -> int:
    """The quantity in steps."""
    rules = listing.instrument
    qty = decimal(request, "qty")
    if qty is None or qty < 0 or (qty == 0 and not may_be_zero):
        raise Refusal(PARAMETER, "params error: Qty invalid")
    most = rules.max_market_qty if order_type == "Market" else rules.max_qty
    if qty > most:
        raise Refusal(PARAMETER, f"params error: qty {qty} is above the maximum {most}")
    if qty and qty < rules.min_qty:
        raise Refusal(PARAMETER, f"params error: qty {qty} is below the minimum {rules.min_qty}")
    try:
        return listing.steps_of(str(qty))
    except ValueError:
        raise Refusal(PARAMETER, f"params error: Qty invalid, {qty} is not a multiple of {rules.step}") from None


def read_ticks(request: Request, name: str, listing: Listing) -> int | None:
    """A price in ticks: None when absent, 0 for an explicit zero."""
    price = decimal(request, name)
    if price is None:
        return None
    if price < 0:
        raise Refusal(PRICE_INVALID, f"price is invalid: {name} {price}")
    try:
        return listing.ticks_of(str(price))
    except ValueError:
        tick = listing.instrument.tick
        raise Refusal(PARAMETER, f"params error: {name} {price} is not a multiple of the tick {tick}") from None


def check_level_sides(side: Side, reference: float, stop_ticks: int, target_ticks: int, listing: Listing) -> None:
    """Stop on the losing, target on the winning side of `reference` for a position that `side` opens."""
    direction = 1 if side is Side.BUY else -1
    if stop_ticks and (listing.price(stop_ticks) - reference) * direction >= 0:
        raise Refusal(PARAMETER, f"StopLoss:{listing.price_text(stop_ticks)} set for {side} position is not on the losing side")
    if target_ticks and (listing.price(target_ticks) - reference) * direction <= 0:
        text = listing.price_text(target_ticks)
        raise Refusal(PARAMETER, f"TakeProfit:{text} set for {side} position is not on the winning side")


def _check_offered(request: Request) -> None:
    for name in _NOT_OFFERED:
        if decimal(request, name) if name != "bboSideType" else text_of(request, name):
            raise Refusal(PARAMETER, f"params error: {name} is not offered by the local exchange")
    if text_of(request, "tpslMode") == "Partial":
        raise Refusal(PARAMETER, "params error: tpslMode Partial is not offered by the local exchange, only Full")
    for name in ("tpOrderType", "slOrderType"):
        if text_of(request, name) == "Limit":
            raise Refusal(PARAMETER, f"params error: {name} Limit is not offered by the local exchange, only Market")
    for name in ("tpTriggerBy", "slTriggerBy"):
        if text_of(request, name) not in ("", "LastPrice", "MarkPrice", "IndexPrice"):
            raise Refusal(PARAMETER, f"params error: {name} invalid")
    if text_of(request, "positionIdx") not in ("", "0"):
        raise Refusal(PARAMETER, "position idx not match position mode")


def _price(request: Request, listing: Listing, side: Side, order_type: str) -> int:
    if order_type == "Market":
        return _worst_price(request, listing, side)
    ticks = read_ticks(request, "price", listing)
    if not ticks:
        raise Refusal(PRICE_INVALID, "price is invalid")
    return ticks


def _worst_price(request: Request, listing: Listing, side: Side) -> int:
    """The bound of a market order with a slippage tolerance, from the present price; 0 without one."""
    kind = text_of(request, "slippageToleranceType")
    if kind in ("", "UNKNOWN"):
        return 0
    word(request, "slippageToleranceType", ("TickSize", "Percent"))
    tolerance = decimal(request, "slippageTolerance")
    if tolerance is None or tolerance <= 0:
        raise Refusal(PARAMETER, "params error: slippageTolerance invalid")
    direction = 1 if side is Side.BUY else -1
    rounding = DOWN if side is Side.BUY else UP
    if kind == "TickSize":
        return to_units(listing.last, *listing.tick, rounding) + direction * int(tolerance)
    return to_units(listing.last * (1.0 + direction * float(tolerance) / 100.0), *listing.tick, rounding)


def _check_levels(wish: Wish, listing: Listing) -> None:
    if wish.reduce_only and (wish.stop_ticks or wish.target_ticks):
        raise Refusal(PARAMETER, "params error: takeProfit and stopLoss are not allowed with reduceOnly")
    reference = listing.last if wish.order_type == "Market" else listing.price(wish.price_ticks)
    check_level_sides(wish.side, reference, wish.stop_ticks, wish.target_ticks, listing)


def _check_notional(wish: Wish, listing: Listing) -> None:
    """Orders that only reduce are exempt."""
    reference = listing.last if wish.order_type == "Market" else listing.price(wish.price_ticks)
    least = listing.instrument.min_notional_usdt
    if not wish.reduce_only and listing.qty(wish.qty_steps) * reference < float(least):
        raise Refusal(NOTIONAL_TOO_SMALL, f"Order does not meet minimum order value {least}USDT")
