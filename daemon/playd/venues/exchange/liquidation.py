"""When margin is gone: the venue cancels what rests, takes the position over, and may pass it on to the other side."""

from playd.core.orders import Side
from playd.venues.exchange.adl import queue
from playd.venues.exchange.books import Books
from playd.venues.exchange.fills import fill
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.margin import available, position_margin, tier_of
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.protection import of_position
from playd.venues.exchange.text import exact_sum
from playd.venues.exchange.words import CancelType, Status


def rescue(books: Books, account: Account, position: Position) -> bool:
    """
    Put free balance into a position that is about to be liquidated and asks for that: as much again as it has, or what there
    is. Returns whether anything was put in.
    """
    if not position.auto_margin or account.is_cross:
        return False
    free = available(account, books.listings)
    if free <= 0:
        return False
    position.extra_margin = exact_sum(position.extra_margin, min(free, position_margin(account, position, books.listings)))
    position.updated_ms = books.time.now_ms
    books.tell_position(account, position)
    books.tell_wallet(account)
    return True


def step_down(books: Books, account: Account, position: Position, price: float) -> bool:
    """
    Before a position of a higher risk tier is taken over, the venue sells so much of it, at the present price, that the rest
    belongs to the tier below, which asks for less margin. Returns whether there was one.
    """
    listing = books.listings[position.symbol]
    place = tier_of(listing, listing.qty(abs(position.steps)) * float(position.entry))
    if place <= 0:
        return False
    rest = int(listing.tiers[place - 1].limit_usdt / float(position.entry) / float(listing.counted.step))
    held, apart, direction = abs(position.steps), listing.steps_apart, position.direction
    above = max(held - rest, 1)  # 1: a value that rounding put at the limit
    steps = min(-(-above // apart) * apart, held)
    sell_part(books, account, position, steps, listing.whole_ticks(price, up=direction < 0))
    return True


def sell_part(books: Books, account: Account, position: Position, steps: int, ticks: int) -> None:
    """One step of a liquidation: `steps` of a position are closed, and what rests for it is cancelled."""
    books.tell_taken(account, position, "Liq")
    _cancel(books, account, of_position(account, position), CancelType.LIQUIDATION)
    order = _venue_order(books, account, position, steps, "CreateByLiq")
    fill(books, account, order, steps, ticks, maker=False)


def take_over(books: Books, account: Account, position: Position, ticks: int) -> None:
    """
    End a position at `ticks`, the bankruptcy price. Orders go first, in cross margin all of the account's; stops go in the
    closing event. A venue without insurance deleverages the other side for it, at the same price.
    """
    books.tell_taken(account, position, "Liq")
    orders = [*account.orders.values()] if account.is_cross else of_position(account, position)
    _cancel(books, account, orders, CancelType.LIQUIDATION)
    steps, direction = abs(position.steps), position.direction
    order = _venue_order(books, account, position, steps, "CreateByTakeOver_PassThrough")
    fill(books, account, order, steps, ticks, maker=False, exec_type="BustTrade")
    if not books.terms.insured:
        _pass_on(books, account, position.symbol, -direction, steps, ticks)


def deleverage(books: Books, account: Account, position: Position, steps: int, ticks: int) -> None:
    """Close `steps` of a position at `ticks` because somebody on the other side is bankrupt; what rests is cancelled."""
    books.tell_taken(account, position, "Adl")
    _cancel(books, account, of_position(account, position), CancelType.DELEVERAGING)
    order = _venue_order(books, account, position, steps, "CreateByAdl_PassThrough")
    fill(books, account, order, steps, ticks, maker=False, exec_type="AdlTrade")


def settle_delisted(books: Books, listing: Listing) -> None:
    """End everything in a symbol that is no longer traded: orders are cancelled, positions closed at the last price."""
    symbol = listing.instrument.symbol
    ticks = listing.whole_ticks(listing.last, up=False)
    for account in books.accounts.values():
        _cancel(books, account, [order for order in account.orders.values() if order.symbol == symbol], CancelType.SETTLEMENT)
        for position in account.places(symbol):
            if position.steps:
                order = _venue_order(books, account, position, abs(position.steps), "CreateBySettle")
                fill(books, account, order, abs(position.steps), ticks, maker=False, exec_type="Delivery")


def _pass_on(books: Books, bankrupt: Account, symbol: str, direction: int, steps: int, ticks: int) -> None:
    """Close `steps` of positions of this direction, the most profitable and most leveraged first."""
    facing = queue(books.accounts.values(), books.listings[symbol], direction)
    for account, position in facing:
        if account is bankrupt:
            continue
        part = min(steps, abs(position.steps))
        if part == 0:
            break
        deleverage(books, account, position, part, ticks)
        steps -= part


def _cancel(books: Books, account: Account, orders: list[Order], why: CancelType) -> None:
    """Cancel what does not protect a position."""
    ended = [
        books.end(account, order, Status.DEACTIVATED if order.waits_for_trigger else Status.CANCELLED, why)
        for order in orders
        if not order.stop_kind.protects
    ]
    if ended:
        books.tell_orders(account, ended)


def _venue_order(books: Books, account: Account, position: Position, steps: int, create_type: str) -> Order:
    """An order of the venue's own that closes so much of a position."""
    now_ms = books.time.now_ms
    order = Order(
        order_id=books.new_id(),
        uid=account.uid,
        link_id="",
        symbol=position.symbol,
        side=Side.SELL if position.steps > 0 else Side.BUY,
        order_type="Market",
        time_in_force="IOC",
        qty_steps=steps,
        price_ticks=0,
        reduce_only=True,
        create_type=create_type,
        position_idx=position.idx,
        created_ms=now_ms,
        updated_ms=now_ms,
        sequence=books.next_sequence(),
    )
    books.add_order(account, order)
    return order
