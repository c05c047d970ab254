"""An order meets the market: it fills, ends, or rests from now on."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from playd.core.orders import Side
from playd.matching.records import POST_ONLY_WOULD_TAKE, SL
from playd.venues.exchange.books import Books
from playd.venues.exchange.fills import fill
from playd.venues.exchange.margin import available, margin_of, order_cost
from playd.venues.exchange.matched import Ended, Trade, meet_price
from playd.venues.exchange.model import Account, CancelType, Listing, Order, Position, Status
from playd.venues.exchange.protection import trim_reducing
from playd.venues.exchange.settlement import split
from playd.venues.exchange.text import exact_sum

POST_ONLY = "EC_PostOnlyWillTakeLiquidity"
NOTHING_TO_TAKE = "EC_NoImmediateQtyToFill"
NOT_ALL = "EC_CancelForNoFullFill"
NO_MONEY = "EC_Others"


@contextmanager
def moment(books: Books, listing: Listing, fraction: float, price: float | None = None) -> Iterator[None]:
    """What is done inside happens when `fraction` of the candle has passed (and, if given, at `price`), whenever it is told."""
    fraction_now, last_now = books.time.fraction, listing.last
    books.time.fraction = fraction
    listing.last = last_now if price is None else price
    try:
        yield
    finally:
        books.time.fraction, listing.last = fraction_now, last_now


def tested(books: Books, thing: Order | Position) -> float:
    """Up to which fraction of the candle in progress a waiting order or a position has met it."""
    return thing.tested_to if thing.tested_open_ms == books.time.open_ms else 0.0


def note_tested(books: Books, thing: Order | Position, fraction: float) -> None:
    thing.tested_open_ms, thing.tested_to = books.time.open_ms, fraction


def arrive(books: Books, account: Account, order: Order) -> None:
    """An order meets the present price."""
    if order.reduces and not clamp(books, account, order):
        return
    outcome = meet_price(account, books.listings[order.symbol], books.position_of(account, order), order)
    if outcome is None:
        _rest(books, account, order)
    elif isinstance(outcome, Ended):
        reason = POST_ONLY if outcome.reason == POST_ONLY_WOULD_TAKE else NOTHING_TO_TAKE
        books.tell_orders(account, [books.end(account, order, Status.CANCELLED, CancelType.NONE, reason)])
    else:
        execute(books, account, order, outcome)


def clamp(books: Books, account: Account, order: Order) -> bool:
    """Cut a reducing order down to the position; without one on the other side it ends. Returns whether it lives on."""
    position = books.position_of(account, order)
    if position.side is not order.side.opposite:
        books.tell_orders(account, [books.end(account, order, Status.CANCELLED, CancelType.REDUCE_ONLY)])
        return False
    if order.left_steps > abs(position.steps):
        order.qty_steps = order.filled_steps + abs(position.steps)
        books.touch(order)
    return True


def execute(books: Books, account: Account, order: Order, trade: Trade) -> None:
    """
    Fill what the market has for an order at the price of `trade` and, for takers, at worse ones within the order's bound.

    What a market or IOC order leaves is cancelled, FOK is all or nothing, the rest of a limit order rests. An order whose
    opening cannot be paid is rejected when it has just arrived, cancelled when it had rested or waited for a trigger.
    """
    parts = _offered(books, order, trade)
    offered = sum(steps for steps, _ in parts)
    if not parts or (order.time_in_force == "FOK" and offered < order.left_steps):
        _leftover(books, account, order)
    elif not _affordable(books, account, order, offered, parts[-1][1]):
        status = Status.REJECTED if order.tested_open_ms == 0 else Status.CANCELLED
        books.tell_orders(account, [books.end(account, order, status, CancelType.NONE, NO_MONEY)])
    else:
        _fill_parts(books, account, order, parts, maker=trade.maker)
        if order.left_steps:
            _leftover(books, account, order)


def _fill_parts(books: Books, account: Account, order: Order, parts: list[tuple[int, int]], *, maker: bool) -> None:
    position = books.position_of(account, order)
    for steps, ticks in parts:
        held_before = position.steps
        fill(books, account, order, steps, ticks, maker=maker)
        if held_before * position.steps <= 0:
            note_tested(books, position, books.time.fraction)


def leave(books: Books, account: Account, position: Position, trade: Trade) -> None:
    """The stop or target of a whole position trades. Its order keeps its id."""
    order = account.orders[position.stop_id if trade.reason == SL else position.target_id]
    order.status = Status.TRIGGERED
    execute(books, account, order, trade)


def _offered(books: Books, order: Order, trade: Trade) -> list[tuple[int, int]]:
    """What may be filled now, as quantities and prices; nothing when already the first price is worse than the bound."""
    if order.is_market and order.price_ticks and _worse(order, trade.ticks):
        return []
    return [(order.left_steps, trade.ticks)]


def _leftover(books: Books, account: Account, order: Order) -> None:
    """What an order could not fill: a limit order rests with it, every other one ends."""
    if not order.is_market and order.time_in_force in ("GTC", "PostOnly"):
        _rest(books, account, order)
    else:
        reason = NOT_ALL if order.filled_steps or order.time_in_force == "FOK" else NOTHING_TO_TAKE
        books.tell_orders(account, [books.end(account, order, Status.CANCELLED, CancelType.NONE, reason)])


def _rest(books: Books, account: Account, order: Order) -> None:
    """The order is in the book from now on; other reduce-only orders may have to make room, or it for them."""
    news, order.due = order.due, False
    note_tested(books, order, books.time.fraction)
    trimmed = trim_reducing(books, account, books.position_of(account, order)) if order.reduces else []
    if news and order not in trimmed:
        trimmed.insert(0, books.touch(order))
    if trimmed:
        books.tell_orders(account, trimmed)


def _worse(order: Order, ticks: int) -> bool:
    return ticks > order.price_ticks if order.side is Side.BUY else ticks < order.price_ticks


def _affordable(books: Books, account: Account, order: Order, steps: int, ticks: int) -> bool:
    """Whether the free balance covers what `steps` of the order open, after what they close has been paid out."""
    listing, position = books.listings[order.symbol], books.position_of(account, order)
    closing, opening = split(position, steps if order.side is Side.BUY else -steps)
    if opening == 0:
        return True
    cost = order_cost(account, listing, order.side, opening, listing.price(ticks), position.leverage)
    released = Decimal(0)
    if closing:
        pnl = (listing.price_decimal(ticks) - position.entry) * listing.qty_decimal(position.steps)
        released = margin_of(account, position, listing).initial + pnl
    return float(cost) <= float(exact_sum(available(account, books.listings, without=order.order_id), released))
