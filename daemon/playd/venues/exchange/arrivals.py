"""
What users ask of the books about their orders: create and cancel. `amends`, `trading_stop` and `modes` are its neighbours.

Each raises `Refusal` when it does not do what was asked. Inside a candle the market first catches up with what the account has
in the symbol, so that nobody cancels an order that the price has already reached; those changes stand after a refusal too.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from playd.core.orders import Side
from playd.venues.exchange import refusal
from playd.venues.exchange.best_offer import CREATE_TYPE as BOOK_PRICE
from playd.venues.exchange.best_offer import wants_book_price, with_book_price
from playd.venues.exchange.books import Books
from playd.venues.exchange.liquidity import into_band, protection_ticks
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.margin import available, holds_margin, order_cost, tier_of
from playd.venues.exchange.minute import catch_up
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.moments import note_tested
from playd.venues.exchange.protection import PARTIAL_MAX, of_position, partial_count, unlink
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.text import float_text
from playd.venues.exchange.trades import arrive
from playd.venues.exchange.wishes import Request, Wish, read_wish, text_of, with_levels_mode, word
from playd.venues.exchange.words import CancelType, Status, StopKind

OPEN_ORDERS_MAX: Final = 500
"""Active orders per account and symbol."""

CONDITIONAL_MAX: Final = 10
"""Untriggered conditional orders per account and symbol, beside what protects positions."""

LinkUsed = Callable[[int, str], bool]
"""Whether a user has ever used a link id, as far as records go that the books no longer hold."""


def listing_of(books: Books, request: Request) -> Listing:
    """The listing that a request names."""
    if text_of(request, "category") not in ("", "linear"):
        raise Refusal(PARAMETER, "params error: category invalid, the local exchange has linear only")
    symbol = text_of(request, "symbol")
    if symbol not in books.listings:
        raise Refusal(PARAMETER, f"params error: symbol invalid {symbol[:30]}")
    return books.listings[symbol]


def create(books: Books, account: Account, request: Request, link_used: LinkUsed) -> Order:
    """
    Take an order. Inside a candle it trades at once at the present price; between two it waits for the next open. One with a
    trigger waits for that.

    The returned order may therefore be over already: the answer to the request says "taken", the stream says the rest.
    """
    listing = listing_of(books, request)
    symbol = listing.instrument.symbol
    if listing.instrument.status != "Trading":
        raise Refusal(refusal.NOT_TRADED, "This contract is not live")
    catch_up(books, account, symbol)
    request = with_levels_mode(request, listing, account)
    from_book = wants_book_price(request)
    wish = read_wish(with_book_price(books, listing, request) if from_book else request, listing)
    if wish.order_type == "Limit" and not wish.trigger_ticks:
        price_ticks = into_band(books, account, listing, wish.side, wish.price_ticks)
        wish = wish if price_ticks == wish.price_ticks else replace(wish, price_ticks=price_ticks)
    if wish.link_id and (account.order_by_link(wish.link_id) or link_used(account.uid, wish.link_id)):
        raise Refusal(refusal.DUPLICATE_LINK_ID, "OrderLinkedID is duplicate")
    position = place_for(books, account, symbol, wish.position_idx)
    qty_steps = _reduced(wish, position) if wish.reduces else wish.qty_steps
    _check_counts(account, position, wish)
    if not wish.reduces:
        check_tier(account, listing, wish.side, qty_steps, wish.reference(listing), position)
    _check_funds(books, account, listing, wish, qty_steps, position)
    now_ms = books.time.now_ms
    at_market = wish.order_type == "Market" and not wish.trigger_ticks
    order = Order(
        order_id=books.new_id(),
        uid=account.uid,
        link_id=wish.link_id,
        symbol=symbol,
        side=wish.side,
        order_type=wish.order_type,
        time_in_force=wish.time_in_force,
        qty_steps=qty_steps,
        price_ticks=wish.price_ticks,
        reduce_only=wish.reduce_only,
        close_on_trigger=wish.close_on_trigger,
        stop_ticks=wish.stop.trigger_ticks,
        target_ticks=wish.target.trigger_ticks,
        stop_limit_ticks=wish.stop.limit_ticks,
        target_limit_ticks=wish.target.limit_ticks,
        stop_by=wish.stop.trigger_by,
        target_by=wish.target.trigger_by,
        partial=wish.partial,
        position_idx=wish.position_idx,
        tolerance_type=wish.tolerance_type,
        tolerance_text=wish.tolerance_text,
        protection_ticks=protection_ticks(books, listing, wish.side) if at_market else 0,
        smp=wish.smp,
        takes_rpi=wish.takes_rpi,
        create_type=BOOK_PRICE if from_book else "CreateByUser",
        last_price_text=float_text(listing.last),
        created_ms=now_ms,
        updated_ms=now_ms,
        sequence=books.next_sequence(),
        due=not wish.trigger_ticks,
    )
    order.queued = order.sequence
    books.add_order(account, order)
    if wish.trigger_ticks:
        _wait_for_trigger(books, account, order, wish)
    elif listing.candle is not None:
        try:
            arrive(books, account, order, must_be_paid=True)
        except Refusal:
            books.drop_order(account, order)
            raise
    return order


def _wait_for_trigger(books: Books, account: Account, order: Order, wish: Wish) -> None:
    """A conditional order is told as soon as it is there; it meets the market from now on."""
    order.status, order.stop_kind, order.create_type = Status.UNTRIGGERED, StopKind.CONDITIONAL, "CreateByStopOrder"
    order.trigger_ticks, order.trigger_direction, order.trigger_by = (
        wish.trigger_ticks,
        wish.trigger_direction,
        wish.trigger_by,
    )
    note_tested(books, order, books.time.fraction)
    books.tell_orders(account, [order])
    books.tell_around(account, [order])


def find_open(account: Account, request: Request, wish: str) -> Order:
    """
    The open order of a symbol that a request names by `orderId` (which wins) or `orderLinkId`; `wish` says what it is too late
    for.
    """
    order_id, link_id = text_of(request, "orderId"), text_of(request, "orderLinkId")
    if not (order_id or link_id):
        raise Refusal(PARAMETER, "params error: orderId or orderLinkId is needed")
    order = account.orders.get(order_id) if order_id else account.order_by_link(link_id)
    if order is None or order.symbol != text_of(request, "symbol"):
        raise Refusal(refusal.NO_SUCH_ORDER, f"order not exists or too late to {wish}")
    return order


def cancel(books: Books, account: Account, request: Request) -> Order:
    """Cancel one open order; a stop or target is deactivated and the position told."""
    catch_up(books, account, listing_of(books, request).instrument.symbol)
    order = find_open(account, request, "cancel")
    end_orders(books, account, [order], CancelType.USER)
    return order


def cancel_all(books: Books, account: Account, request: Request) -> list[Order]:
    """
    Cancel open orders by symbol, base coin or settle coin, at most as many as one symbol may have.

    `orderFilter` `Order` (or `OpenOrder`) takes active orders only, `StopOrder` untriggered ones only; with that,
    `stopOrderType` `Stop` spares what protects positions.
    """
    symbol, base, settle = (text_of(request, name) for name in ("symbol", "baseCoin", "settleCoin"))
    if not (symbol or base or settle):
        raise Refusal(PARAMETER, "params error: symbol, baseCoin or settleCoin is needed")
    if symbol:
        listing_of(books, request)
    wanted = word(request, "orderFilter", ("", "Order", "OpenOrder", "StopOrder"))
    conditional_only = wanted == "StopOrder" and text_of(request, "stopOrderType") == "Stop"
    for name in dict.fromkeys(position.symbol for position in account.positions.values()):
        catch_up(books, account, name)
    chosen = [
        order
        for order in account.orders.values()
        if (order.symbol == symbol if symbol else _in_coins(order, base, settle))
        and (wanted not in ("Order", "OpenOrder") or not order.waits_for_trigger)
        and (wanted != "StopOrder" or order.waits_for_trigger)
        and not (conditional_only and order.stop_kind.protects)
    ]
    del chosen[OPEN_ORDERS_MAX:]
    end_orders(books, account, chosen, CancelType.USER)
    return chosen


def _in_coins(order: Order, base: str, settle: str) -> bool:
    """Base coin wins over settle coin; every symbol here settles in USDT."""
    return order.symbol == f"{base}USDT" if base else settle == "USDT"


def end_orders(books: Books, account: Account, orders: list[Order], why: CancelType) -> None:
    """Take open orders out and tell, also of what stands around them."""
    for order in orders:
        if order.sibling_id:
            unlink(books, account, order)
        status = Status.DEACTIVATED if order.waits_for_trigger else Status.CANCELLED
        books.end(account, order, status, why)
    if orders:
        books.tell_orders(account, orders)
        books.tell_around(account, orders)


def place_for(books: Books, account: Account, symbol: str, idx: int) -> Position:
    """The position that a request means, if the account's mode for the symbol has it."""
    if idx not in account.place_indices(symbol):
        raise Refusal(PARAMETER, "position idx not match position mode")
    return books.position(account, symbol, idx)


def _reduced(wish: Wish, position: Position) -> int:
    """Quantity of a reducing order, cut down to the position (a conditional one when it fires); zero asks for all of it."""
    if position.side is None or position.side is not wish.side.opposite:
        raise Refusal(refusal.REDUCE_ONLY_FLAT, "current position is zero, cannot fix reduce-only order qty")
    held = abs(position.steps)
    return wish.qty_steps or held if wish.trigger_ticks else min(wish.qty_steps or held, held)


def _check_counts(account: Account, position: Position, wish: Wish) -> None:
    orders = [order for order in account.orders.values() if order.symbol == position.symbol]
    if wish.trigger_ticks and sum(each.stop_kind is StopKind.CONDITIONAL and each.waits_for_trigger for each in orders) >= (
        CONDITIONAL_MAX
    ):
        raise Refusal(
            refusal.TOO_MANY_CONDITIONAL, f"Not allowed to have more than {CONDITIONAL_MAX} untriggered conditional orders"
        )
    if sum(not each.waits_for_trigger for each in orders) >= OPEN_ORDERS_MAX:
        raise Refusal(refusal.TOO_MANY_ORDERS, f"Not allowed to have more than {OPEN_ORDERS_MAX} open orders")
    has_level = wish.stop.trigger_ticks or wish.target.trigger_ticks
    if wish.partial and has_level and partial_count(account, position) >= PARTIAL_MAX:
        raise Refusal(refusal.TOO_MANY_PARTIAL, f"Not allowed to have more than {PARTIAL_MAX} partial TP/SLs")


def check_tier(
    account: Account, listing: Listing, side: Side, qty_steps: int, price: float, position: Position, *, without: str = ""
) -> None:
    """
    The larger a position would become by so much more, and by what rests on its side, the less leverage it may have; an order
    with the id `without` is left out.
    """
    if not listing.tiers:
        return
    held = 0 if position.side is side.opposite else abs(position.steps)
    resting = sum(
        order.left_steps
        for order in of_position(account, position)
        if order.side is side and holds_margin(order) and order.order_id != without
    )
    tier = listing.tiers[tier_of(listing, listing.qty(held + resting + qty_steps) * price)]
    if position.leverage > tier.max_leverage:
        text = f"leverage {position.leverage} is above {tier.max_leverage}, the most for a position of that value"
        raise Refusal(refusal.TIER_LEVERAGE, text)


def _check_funds(books: Books, account: Account, listing: Listing, wish: Wish, qty_steps: int, position: Position) -> None:
    """
    Limit orders must be paid for at their price. Market orders are asked when they fill, at the price they fill at (inside a
    candle that is on arrival too), conditional ones when they trigger.
    """
    if wish.order_type == "Market" or wish.reduces or wish.trigger_ticks:
        return
    opening = qty_steps - (min(abs(position.steps), qty_steps) if position.side is wish.side.opposite else 0)
    cost = order_cost(account, listing, wish.side, opening, listing.price(wish.price_ticks), position.leverage)
    check_free(books, account, cost, without="")


def check_free(books: Books, account: Account, cost: Decimal, *, without: str) -> None:
    """Refuse what costs more than is free, an order with the id `without` left out."""
    if cost > available(account, books.listings, without=without):
        raise Refusal(refusal.NO_FUNDS, "ab not enough for new order")
