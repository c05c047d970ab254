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
from playd.market.proportion import in_proportion
from playd.venues.exchange.listing import MAX_PRICE, Listing
from playd.venues.exchange.model import Account, Leg, closes
from playd.venues.exchange.refusal import (
    NOT_FALLING,
    NOT_RISING,
    NOTIONAL_TOO_SMALL,
    PARAMETER,
    PRICE_INVALID,
    REDUCE_ONLY_FLAT,
    TOLERANCE_PERCENT,
    TOLERANCE_TICKS,
    Refusal,
)
from playd.venues.exchange.words import FALLING, LAST_PRICE, NO_SMP, RISING, SMP_TYPES, TRIGGER_PRICES

Request = Mapping[str, Any]

_LINK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
_NOT_OFFERED: Final = ("trailingStop", "activePrice")
_LEVEL_NAMES: Final = {"sl": "stopLoss", "tp": "takeProfit"}
_LEG_NAMES: Final = {
    letters: frozenset({name, *(f"{letters}{rest}" for rest in ("OrderType", "LimitPrice", "TriggerBy"))})
    for letters, name in _LEVEL_NAMES.items()
}
_LEAST_PERCENT: Final = Decimal("0.01")
_TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK", "PostOnly")


@dataclass(frozen=True, slots=True)
class Wish:
    """
    A checked request. `price_ticks` of a market order is its worst price, 0 without one. `qty_steps` 0 means all.

    `trigger_ticks` 0 is an order that is active at once. `partial` is the mode of both legs.
    """

    link_id: str
    side: Side
    order_type: str
    time_in_force: str
    qty_steps: int
    price_ticks: int
    reduce_only: bool
    close_on_trigger: bool
    stop: Leg
    target: Leg
    partial: bool
    trigger_ticks: int
    trigger_direction: int
    trigger_by: str
    position_idx: int
    tolerance_type: str
    tolerance_text: str
    smp: str
    takes_rpi: bool

    @property
    def reduces(self) -> bool:
        """Whether the order can only make a position smaller."""
        return self.reduce_only or self.close_on_trigger or closes(self.position_idx, self.side)

    def reference(self, listing: Listing) -> float:
        """The price around which levels must lie and at which the order is valued."""
        if self.order_type == "Limit":
            return listing.price(self.price_ticks)
        return listing.price(self.trigger_ticks) if self.trigger_ticks else listing.last


def read_wish(request: Request, listing: Listing) -> Wish:
    """Raises `Refusal` when something is missing, malformed, against the symbol's rules, or not offered here."""
    _check_offered(request)
    if text_of(request, "timeInForce") == "RPI":
        raise Refusal(PARAMETER, "params error: timeInForce RPI is for accounts with the RPI permission, see myRpiPermission")
    side = word(request, "side", ("Buy", "Sell"))
    order_type = word(request, "orderType", ("Market", "Limit"))
    tif = word(request, "timeInForce", _TIMES_IN_FORCE, default="GTC") if order_type == "Limit" else "IOC"
    reduce_only, closing = flag(request, "reduceOnly"), flag(request, "closeOnTrigger")
    trigger_ticks = read_ticks(request, "triggerPrice", listing) or 0
    trigger_by = word(request, "triggerBy", TRIGGER_PRICES, default=LAST_PRICE) if trigger_ticks else ""
    partial = word(request, "tpslMode", ("Full", "Partial", "UNKNOWN"), default="Full") == "Partial"
    tolerance_type = text_of(request, "slippageToleranceType")
    tolerant = order_type == "Market" and tolerance_type not in ("", "UNKNOWN")
    wish = Wish(
        link_id=read_link_id(request),
        side=Side(side),
        order_type=order_type,
        time_in_force=tif,
        qty_steps=read_qty(request, listing, order_type, may_be_zero=reduce_only and closing),
        price_ticks=_price(request, listing, Side(side), order_type, conditional=bool(trigger_ticks)),
        reduce_only=reduce_only,
        close_on_trigger=closing,
        stop=read_leg(request, "sl", listing, partial=partial) or Leg(),
        target=read_leg(request, "tp", listing, partial=partial) or Leg(),
        partial=partial,
        trigger_ticks=trigger_ticks,
        trigger_direction=read_direction(request, listing, trigger_ticks, trigger_by) if trigger_ticks else 0,
        trigger_by=trigger_by,
        position_idx=read_position_idx(request),
        tolerance_type=tolerance_type if tolerant else "",
        tolerance_text=text_of(request, "slippageTolerance") if tolerant else "",
        smp=word(request, "smpType", SMP_TYPES, default=NO_SMP),
        takes_rpi=flag(request, "rpiTakerAccess"),
    )
    _check_levels(wish, listing)
    if not wish.reduces:
        check_notional(listing, wish.qty_steps, wish.reference(listing))
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


def with_levels_mode(request: Request, listing: Listing, account: Account) -> Request:
    """The request with the mode of stops and targets that the account has chosen for the symbol, where it names none."""
    if text_of(request, "tpslMode") or listing.instrument.symbol not in account.in_parts:
        return request
    return {**request, "tpslMode": "Partial"}


def flag(request: Request, name: str) -> bool:
    """A Boolean parameter, absent is False."""
    return request.get(name) in (True, "true", "True")


def decimal(request: Request, name: str) -> Decimal | None:
    """A decimal parameter, None when absent. Raises `Refusal` for what is no number, or one that cannot be counted by."""
    text = text_of(request, name)
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not in_proportion(value):
        raise Refusal(PARAMETER, f"params error: {name} {text[:40]!r} is not a number that anything is traded by")
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
    if 0 < qty < rules.step:
        raise Refusal(REDUCE_ONLY_FLAT, "orderQty will be truncated to zero.")
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
    if price < 0 or price > MAX_PRICE:
        raise Refusal(PRICE_INVALID, f"price is invalid: {name} {price}")
    try:
        return listing.ticks_of(str(price))
    except ValueError:
        tick = listing.instrument.tick
        raise Refusal(PARAMETER, f"params error: {name} {price} is not a multiple of the tick {tick}") from None


def read_leg(request: Request, letters: str, listing: Listing, *, partial: bool) -> Leg | None:
    """The stop (`sl`) or target (`tp`) of a request: None when absent, without trigger for an explicit zero."""
    if not any(text_of(request, name) for name in _LEG_NAMES[letters] & request.keys()):
        return None
    trigger_ticks = read_ticks(request, _LEVEL_NAMES[letters], listing)
    kind = word(request, f"{letters}OrderType", ("Market", "Limit"), default="Market")
    limit_ticks = read_ticks(request, f"{letters}LimitPrice", listing) or 0
    trigger_by = word(request, f"{letters}TriggerBy", TRIGGER_PRICES, default=LAST_PRICE)
    if kind == "Limit" and not partial:
        raise Refusal(PARAMETER, f"params error: {letters}OrderType Limit needs tpslMode Partial")
    if trigger_ticks and (kind == "Limit") != bool(limit_ticks):
        raise Refusal(
            PARAMETER, f"params error: {letters}LimitPrice goes with {letters}OrderType Limit, and the other way round"
        )
    return None if trigger_ticks is None else Leg(trigger_ticks, limit_ticks, trigger_by)


def read_direction(request: Request, listing: Listing, trigger_ticks: int, trigger_by: str, *, present: int = 0) -> int:
    """
    The direction in which the price `trigger_by` must reach a trigger: given, or `present` when the request does not say;
    checked.
    """
    direction = int(word(request, "triggerDirection", ("1", "2"), default=str(present or "")))
    trigger, present_price = listing.price(trigger_ticks), listing.price_of(trigger_by)
    if direction == RISING and trigger <= present_price:
        raise Refusal(NOT_RISING, f"expect Rising, but trigger_price[{trigger}] <= current[{present_price}]")
    if direction == FALLING and trigger >= present_price:
        raise Refusal(NOT_FALLING, f"expect Falling, but trigger_price[{trigger}] >= current[{present_price}]")
    return direction


def read_position_idx(request: Request) -> int:
    """The place of the position: 0 in one-way mode, which is also the default, 1 or 2 in hedge mode."""
    return int(word(request, "positionIdx", ("0", "1", "2"), default="0"))


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
        if decimal(request, name):
            raise Refusal(PARAMETER, f"params error: {name} is not offered by the local exchange")


def _price(request: Request, listing: Listing, side: Side, order_type: str, *, conditional: bool) -> int:
    if order_type == "Market":
        return _worst_price(request, listing, side, conditional=conditional)
    ticks = read_ticks(request, "price", listing)
    if not ticks:
        raise Refusal(PRICE_INVALID, "price is invalid")
    return ticks


def _worst_price(request: Request, listing: Listing, side: Side, *, conditional: bool) -> int:
    """The bound of a market order with a slippage tolerance, from the present price; 0 without one."""
    kind = text_of(request, "slippageToleranceType")
    if kind in ("", "UNKNOWN"):
        return 0
    if conditional:
        raise Refusal(PARAMETER, "params error: slippageTolerance is not supported for conditional orders")
    word(request, "slippageToleranceType", ("TickSize", "Percent"))
    tolerance = decimal(request, "slippageTolerance")
    if tolerance is None:
        raise Refusal(PARAMETER, "params error: slippageTolerance invalid")
    direction = 1 if side is Side.BUY else -1
    if kind == "TickSize":
        if not 1 <= tolerance <= 10_000 or tolerance != int(tolerance):
            raise Refusal(TOLERANCE_TICKS, f"slippageTolerance {tolerance} is not a whole number from 1 to 10000")
        return listing.shown_ticks(side.opposite) + direction * int(tolerance) * listing.ticks_apart
    if not _LEAST_PERCENT <= tolerance <= 10:
        raise Refusal(TOLERANCE_PERCENT, f"slippageTolerance {tolerance} is not within 0.01 to 10")
    return listing.whole_ticks(listing.last * (1.0 + direction * float(tolerance) / 100.0), up=side is Side.SELL)


def _check_levels(wish: Wish, listing: Listing) -> None:
    if wish.reduces and (wish.stop.trigger_ticks or wish.target.trigger_ticks):
        raise Refusal(PARAMETER, "params error: takeProfit and stopLoss are not allowed with reduceOnly")
    check_level_sides(wish.side, wish.reference(listing), wish.stop.trigger_ticks, wish.target.trigger_ticks, listing)


def check_notional(listing: Listing, qty_steps: int, price: float) -> None:
    """The least value of an order; those that only reduce are exempt."""
    least = listing.instrument.min_notional_usdt
    if listing.qty(qty_steps) * price < float(least):
        raise Refusal(NOTIONAL_TOO_SMALL, f"Order does not meet minimum order value {least}USDT")
