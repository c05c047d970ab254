"""What users ask to change about an open order: quantity, price, trigger, levels."""

from playd.venues.exchange import refusal
from playd.venues.exchange.arrivals import check_free, check_tier, find_open, listing_of
from playd.venues.exchange.books import Books
from playd.venues.exchange.liquidity import into_band
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.margin import order_cost
from playd.venues.exchange.minute import catch_up
from playd.venues.exchange.model import Account, Leg, Order
from playd.venues.exchange.moments import note_tested
from playd.venues.exchange.protection import trim_reducing, unlink
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.trades import arrive
from playd.venues.exchange.wishes import (
    Request,
    check_level_sides,
    check_notional,
    read_direction,
    read_leg,
    read_qty,
    read_ticks,
    text_of,
    word,
)
from playd.venues.exchange.words import TRIGGER_PRICES, StopKind


def amend(books: Books, account: Account, request: Request) -> Order:
    """
    Change an open order. What the request leaves out stays. A new price, or a larger quantity, goes to the end of the queue
    and meets the market as a new order does.
    """
    listing = listing_of(books, request)
    catch_up(books, account, listing.instrument.symbol)
    order = find_open(account, request, "replace")
    if order.is_market and not order.waits_for_trigger:
        raise Refusal(refusal.NO_SUCH_ORDER, "order not exists or too late to replace")
    before = _what_may_change(order)
    qty_steps, price_ticks = (
        _new_quantity(books, account, listing, order, request),
        _new_price(books, account, listing, order, request),
    )
    trigger = _new_trigger(books, account, listing, order, request)
    stop, target, partial = _new_legs(listing, order, request, price_ticks or trigger[0])
    after = qty_steps, price_ticks, *trigger, stop, target, partial
    if after == before:
        text = "The order remains unchanged as the parameters entered match the existing ones."
        raise Refusal(PARAMETER, text)
    if not (order.reduces or order.waits_for_trigger):
        position, left, price = books.position_of(account, order), qty_steps - order.filled_steps, listing.price(price_ticks)
        check_notional(listing, qty_steps, price)
        check_tier(account, listing, order.side, left, price, position, without=order.order_id)
        cost = order_cost(account, listing, order.side, left, price, position.leverage)
        check_free(books, account, cost, without=order.order_id)
    _apply(books, account, listing, order, after)
    return order


_After = tuple[int, int, int, int, str, Leg, Leg, bool]
"""Quantity, price, trigger, its direction, its price kind, stop, target, partial."""


def _what_may_change(order: Order) -> _After:
    return (
        *(order.qty_steps, order.price_ticks),
        *(order.trigger_ticks, order.trigger_direction, order.trigger_by),
        *(order.stop_leg, order.target_leg, order.partial),
    )


def _apply(books: Books, account: Account, listing: Listing, order: Order, after: _After) -> None:
    queue_lost = after[1] != order.price_ticks or after[0] > order.qty_steps
    repriced = after[1] != order.price_ticks
    order.qty_steps, order.price_ticks, order.trigger_ticks, order.trigger_direction, order.trigger_by = after[:5]
    stop, target, order.partial = after[5:]
    order.stop_ticks, order.stop_limit_ticks, order.stop_by = stop.trigger_ticks, stop.limit_ticks, stop.trigger_by
    order.target_ticks, order.target_limit_ticks, order.target_by = target.trigger_ticks, target.limit_ticks, target.trigger_by
    if queue_lost:
        order.queued = books.next_sequence()
    if order.sibling_id:
        unlink(books, account, order)
    if order.waits_for_trigger:
        note_tested(books, order, books.time.fraction)
    elif repriced:
        order.due = True
    books.touch(order)
    if order.due and listing.candle is not None:
        arrive(books, account, order)
    else:
        changed = [order]
        if order.reduces and not order.waits_for_trigger:  # a larger one takes from the others, or gets no more than they leave
            trimmed = trim_reducing(books, account, books.position_of(account, order))
            changed += [each for each in trimmed if each is not order]
        books.tell_orders(account, changed)
        books.tell_around(account, changed)


def _new_quantity(books: Books, account: Account, listing: Listing, order: Order, request: Request) -> int:
    """The new total, more than what has been filled; that of a resting reducing order at most closes the position."""
    if not text_of(request, "qty"):
        return order.qty_steps
    if order.stop_kind.whole:
        raise Refusal(PARAMETER, "params error: the qty of a full take profit or stop loss is that of its position")
    qty_steps = read_qty(request, listing, order.order_type)
    if qty_steps <= order.filled_steps:
        raise Refusal(refusal.QTY_BELOW_FILLED, "The number of contracts modified cannot be less than or equal to the filled")
    if order.reduces and not order.waits_for_trigger:
        return min(qty_steps, order.filled_steps + abs(books.position_of(account, order).steps))
    return qty_steps


def _new_price(books: Books, account: Account, listing: Listing, order: Order, request: Request) -> int:
    asked = 0 if order.is_market else read_ticks(request, "price", listing)
    if not asked:
        return order.price_ticks
    return asked if order.waits_for_trigger else into_band(books, account, listing, order.side, asked)


def _new_trigger(books: Books, account: Account, listing: Listing, order: Order, request: Request) -> tuple[int, int, str]:
    """Trigger, direction and kind of price; a stop or target stays on its side of the price."""
    present = order.trigger_ticks, order.trigger_direction, order.trigger_by
    ticks = read_ticks(request, "triggerPrice", listing)
    if not order.waits_for_trigger:
        return present
    trigger_by = word(request, "triggerBy", TRIGGER_PRICES, default=order.trigger_by)
    if not ticks or ticks == order.trigger_ticks:
        return order.trigger_ticks, order.trigger_direction, trigger_by
    if order.stop_kind is StopKind.TRAILING:
        raise Refusal(PARAMETER, "params error: the trigger of a trailing stop follows the price; see trading-stop")
    if order.stop_kind is StopKind.CONDITIONAL:
        return ticks, read_direction(request, listing, ticks, trigger_by, present=order.trigger_direction), trigger_by
    is_stop = order.stop_kind in (StopKind.STOP, StopKind.PARTIAL_STOP)
    reference = listing.price_of(trigger_by)
    check_level_sides(order.side.opposite, reference, ticks if is_stop else 0, 0 if is_stop else ticks, listing)
    return ticks, order.trigger_direction, trigger_by


def _new_legs(listing: Listing, order: Order, request: Request, reference_ticks: int) -> tuple[Leg, Leg, bool]:
    """Stop and target that the order brings; `"0"` removes one."""
    partial = order.partial
    if text_of(request, "tpslMode"):
        partial = word(request, "tpslMode", ("Full", "Partial")) == "Partial"
    stop, target = (read_leg(request, letters, listing, partial=partial) for letters in ("sl", "tp"))
    if stop is None and target is None:
        return order.stop_leg, order.target_leg, order.partial
    if order.reduces:
        raise Refusal(PARAMETER, "params error: takeProfit and stopLoss are not allowed with reduceOnly")
    if order.filled_steps:
        raise Refusal(refusal.LEVELS_AFTER_FILL, "Can not set TP/SL since the order has been partially filled")
    stop, target = stop or order.stop_leg, target or order.target_leg
    check_level_sides(order.side, listing.price(reference_ticks), stop.trigger_ticks, target.trigger_ticks, listing)
    return stop, target, partial
