"""
What users ask of the books: create, amend, cancel, levels, leverage.

Each raises `Refusal` when it does not do what was asked. Inside a candle the market first catches up with what the account has
in the symbol, so that nobody cancels an order that the price has already reached; those changes stand after a refusal too.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from playd.venues.exchange import refusal
from playd.venues.exchange.books import Books
from playd.venues.exchange.margin import available, order_cost
from playd.venues.exchange.minute import arrive, catch_up
from playd.venues.exchange.model import Account, CancelType, Listing, Order, Position, Status
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.text import float_text
from playd.venues.exchange.wishes import (
    Request,
    Wish,
    check_level_sides,
    decimal,
    read_qty,
    read_ticks,
    read_wish,
    text_of,
)

OPEN_ORDERS_MAX: Final = 500
"""Open orders per account and symbol."""

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
    Take an order. Inside a candle it trades at once at the present price; between two it waits for the next open.

    The returned order may therefore be over already: the answer to the request says "taken", the stream says the rest.
    """
    listing = listing_of(books, request)
    symbol = listing.instrument.symbol
    catch_up(books, account, symbol)
    wish = read_wish(request, listing)
    if wish.link_id and (account.order_by_link(wish.link_id) or link_used(account.uid, wish.link_id)):
        raise Refusal(refusal.DUPLICATE_LINK_ID, "OrderLinkedID is duplicate")
    position = books.position(account, symbol)
    qty_steps = _reduced(wish, position) if wish.reduce_only else wish.qty_steps
    if sum(order.symbol == symbol for order in account.orders.values()) >= OPEN_ORDERS_MAX:
        raise Refusal(refusal.TOO_MANY_ORDERS, f"Not allowed to have more than {OPEN_ORDERS_MAX} open orders")
    _check_funds(books, account, listing, wish, qty_steps)
    now_ms = books.time.now_ms
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
        stop_ticks=wish.stop_ticks,
        target_ticks=wish.target_ticks,
        last_price_text=float_text(listing.last),
        created_ms=now_ms,
        updated_ms=now_ms,
        sequence=books.next_sequence(),
        due=True,
    )
    books.add_order(account, order)
    if listing.candle is not None:
        arrive(books, account, order)
    return order


def find_open(account: Account, request: Request) -> Order:
    """The open order that a request names by `orderId` (which wins) or `orderLinkId`."""
    order_id, link_id = text_of(request, "orderId"), text_of(request, "orderLinkId")
    if not (order_id or link_id):
        raise Refusal(PARAMETER, "params error: orderId or orderLinkId is needed")
    order = account.orders.get(order_id) if order_id else account.order_by_link(link_id)
    if order is None:
        raise Refusal(refusal.NO_SUCH_ORDER, "order not exists or too late to cancel")
    return order


def cancel(books: Books, account: Account, request: Request) -> Order:
    """Cancel one open order; a stop or target is deactivated and the position told."""
    catch_up(books, account, listing_of(books, request).instrument.symbol)
    order = find_open(account, request)
    _cancel_all(books, account, [order])
    return order


def cancel_all(books: Books, account: Account, request: Request) -> list[Order]:
    """Cancel open orders by symbol or settle coin; `orderFilter` `Order` spares stops and targets, `StopOrder` all others."""
    symbol = text_of(request, "symbol")
    if not (symbol or text_of(request, "settleCoin") or text_of(request, "baseCoin")):
        raise Refusal(PARAMETER, "params error: symbol, baseCoin or settleCoin is needed")
    wanted = text_of(request, "orderFilter")
    for name in list(account.positions):
        catch_up(books, account, name)
    chosen = [
        order
        for order in account.orders.values()
        if (not symbol or order.symbol == symbol)
        and (wanted not in ("Order", "OpenOrder") or not order.stop_kind)
        and (wanted != "StopOrder" or order.stop_kind)
    ]
    _cancel_all(books, account, chosen)
    return chosen


def _cancel_all(books: Books, account: Account, orders: list[Order]) -> None:
    for order in orders:
        status = Status.DEACTIVATED if order.stop_kind else Status.CANCELLED
        books.end(account, order, status, CancelType.USER)
    if orders:
        books.tell_orders(account, orders)
    for symbol in dict.fromkeys(order.symbol for order in orders if order.stop_kind):
        books.tell_position(account, symbol)


def amend(books: Books, account: Account, request: Request) -> Order:
    """Change quantity, price or levels of an open limit order, or the trigger of a stop or target."""
    listing = listing_of(books, request)
    catch_up(books, account, listing.instrument.symbol)
    order = find_open(account, request)
    if order.stop_kind:
        return _move_trigger(books, account, listing, order, request)
    if order.is_market:
        raise Refusal(refusal.NO_SUCH_ORDER, "order not exists or too late to replace")
    qty_steps = read_qty(request, listing, order.order_type) if text_of(request, "qty") else order.qty_steps
    price_ticks = read_ticks(request, "price", listing) or order.price_ticks
    stop, target = read_ticks(request, "stopLoss", listing), read_ticks(request, "takeProfit", listing)
    stop_ticks = order.stop_ticks if stop is None else stop
    target_ticks = order.target_ticks if target is None else target
    check_level_sides(order.side, listing.price(price_ticks), stop_ticks, target_ticks, listing)
    if not order.reduce_only:
        leverage = account.positions[order.symbol].leverage
        cost = order_cost(account, listing, order.side, qty_steps, listing.price(price_ticks), leverage)
        _check_free(books, account, cost, without=order.order_id)
    order.qty_steps, order.price_ticks, order.stop_ticks, order.target_ticks = qty_steps, price_ticks, stop_ticks, target_ticks
    order.due = True
    books.tell_orders(account, [books.touch(order)])
    if listing.candle is not None:
        arrive(books, account, order)
    return order


def _move_trigger(books: Books, account: Account, listing: Listing, order: Order, request: Request) -> Order:
    ticks = read_ticks(request, "triggerPrice", listing)
    position = books.position(account, order.symbol)
    if not ticks:
        raise Refusal(PARAMETER, "params error: triggerPrice is needed to amend a stop or target")
    is_stop = order.order_id == position.stop_id
    check_level_sides(order.side.opposite, listing.last, ticks if is_stop else 0, 0 if is_stop else ticks, listing)
    order.trigger_ticks = ticks
    books.tell_orders(account, [books.touch(order)])
    books.tell_position(account, order.symbol)
    return order


def set_levels(books: Books, account: Account, request: Request) -> None:
    """Full-mode stop and target of a position; `"0"` removes one, what is absent stays."""
    listing = listing_of(books, request)
    if text_of(request, "tpslMode") not in ("", "Full"):
        raise Refusal(PARAMETER, "params error: tpslMode Partial is not offered by the local exchange, only Full")
    if decimal(request, "trailingStop") or decimal(request, "activePrice"):
        raise Refusal(PARAMETER, "params error: trailingStop is not offered by the local exchange")
    if text_of(request, "positionIdx") not in ("", "0"):
        raise Refusal(PARAMETER, "position idx not match position mode")
    catch_up(books, account, listing.instrument.symbol)
    position = books.position(account, listing.instrument.symbol)
    if position.side is None:
        raise Refusal(PARAMETER, "can not set tp/sl/ts for zero position")
    stop, target = read_ticks(request, "stopLoss", listing), read_ticks(request, "takeProfit", listing)
    check_level_sides(position.side, listing.last, stop or 0, target or 0, listing)
    changed = books.set_levels(account, position, stop, target, "")
    if not changed:
        raise Refusal(refusal.STOPS_NOT_MODIFIED, "not modified")
    books.tell_orders(account, changed)
    books.tell_position(account, position.symbol)


def set_leverage(books: Books, account: Account, request: Request) -> None:
    """Leverage of a symbol; with a position its margin is computed anew and must be there."""
    listing = listing_of(books, request)
    buy, sell = decimal(request, "buyLeverage"), decimal(request, "sellLeverage")
    if buy is None or buy != sell:
        raise Refusal(PARAMETER, "params error: buyLeverage and sellLeverage must be given and equal in one-way mode")
    if not 1 <= buy <= listing.instrument.max_leverage:
        raise Refusal(refusal.RISK_LIMIT, f"cannot set leverage {buy} outside 1 to {listing.instrument.max_leverage}")
    position = books.position(account, listing.instrument.symbol)
    if position.leverage == buy:
        raise Refusal(refusal.LEVERAGE_NOT_MODIFIED, "leverage not modified")
    before, position.leverage = position.leverage, buy
    if available(account, books.listings) < 0 and buy < before:
        position.leverage = before
        raise Refusal(refusal.NO_FUNDS, "ab not enough for new leverage")
    position.updated_ms = books.time.now_ms
    books.tell_position(account, position.symbol)
    if position.steps:
        books.tell_wallet(account)


def _reduced(wish: Wish, position: Position) -> int:
    """Quantity of a reduce-only order, cut down to the position; zero asks for all of it."""
    if position.side is None or position.side is not wish.side.opposite:
        raise Refusal(refusal.REDUCE_ONLY_FLAT, "current position is zero, cannot fix reduce-only order qty")
    held = abs(position.steps)
    return min(wish.qty_steps or held, held)


def _check_funds(books: Books, account: Account, listing: Listing, wish: Wish, qty_steps: int) -> None:
    """Limit orders must be paid for on arrival. Market orders are asked when they fill, at the price they fill at."""
    if wish.order_type == "Market" or wish.reduce_only:
        return
    position = account.positions[listing.instrument.symbol]
    opening = qty_steps - (min(abs(position.steps), qty_steps) if position.side is wish.side.opposite else 0)
    cost = order_cost(account, listing, wish.side, opening, listing.price(wish.price_ticks), position.leverage)
    _check_free(books, account, cost, without="")


def _check_free(books: Books, account: Account, cost: Decimal, *, without: str) -> None:
    if cost > available(account, books.listings, without=without):
        raise Refusal(refusal.NO_FUNDS, "ab not enough for new order")
