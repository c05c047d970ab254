"""An order meets the market: it fills, ends, or rests from now on."""

from dataclasses import replace
from decimal import Decimal

from playd.core.orders import Side
from playd.matching.records import POST_ONLY_WOULD_TAKE, SL
from playd.venues.exchange.books import Books
from playd.venues.exchange.fills import fill
from playd.venues.exchange.liquidity import Offer, maker_steps, note_taken, stands, taker_offers
from playd.venues.exchange.margin import available, margin_of, order_cost
from playd.venues.exchange.matched import Ended, Trade, meet_price, reduce_at_open
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.moments import note_tested, tested
from playd.venues.exchange.protection import trim_reducing
from playd.venues.exchange.refusal import NO_FUNDS, Refusal
from playd.venues.exchange.settlement import split
from playd.venues.exchange.text import exact_sum
from playd.venues.exchange.words import NO_SMP, SMP_ENDS_MAKER, SMP_ENDS_TAKER, CancelType, Status, StopKind

POST_ONLY = "EC_PostOnlyWillTakeLiquidity"
NOTHING_TO_TAKE = "EC_NoImmediateQtyToFill"
NOT_ALL = "EC_CancelForNoFullFill"
NO_MONEY = "EC_Others"
SELF_MATCH = "EC_BySelfMatch"


def arrive(books: Books, account: Account, order: Order, *, must_be_paid: bool = False) -> None:
    """
    An order meets the present price. One that `must_be_paid` raises `Refusal` before anything has happened when the opening
    cannot be: its user waits for the answer. Others end.
    """
    if order.reduces and not clamp(books, account, order):
        return
    meet = reduce_at_open if _stands_at_open(books, order) else meet_price
    outcome = meet(account, books.listings, books.position_of(account, order), order)
    if outcome is None:
        _rest(books, account, order)
    elif isinstance(outcome, Ended):
        reason = POST_ONLY if outcome.reason == POST_ONLY_WOULD_TAKE else NOTHING_TO_TAKE
        _end_at_once(books, account, order, reason)
    else:
        execute(books, account, order, outcome, must_be_paid=must_be_paid)


def _stands_at_open(books: Books, order: Order) -> bool:
    """
    Whether an order that reduces is in the book when a candle opens: one that rests there, and one that came since the last
    candle closed, or with the open itself, and does not insist on anything else.
    """
    is_limit = order.reduces and not order.is_market and order.stop_kind is StopKind.NONE
    return is_limit and books.time.fraction == 0.0 and (not order.due or order.time_in_force == "GTC")


def clamp(books: Books, account: Account, order: Order) -> bool:
    """Cut a reducing order down to the position; without one on the other side it ends. Returns whether it lives on."""
    position = books.position_of(account, order)
    if position.side is not order.side.opposite:
        books.tell_orders(account, [books.end(account, order, Status.CANCELLED, CancelType.REDUCE_ONLY)])
        books.tell_around(account, [order])
        return False
    if order.left_steps > abs(position.steps):
        order.qty_steps = order.filled_steps + abs(position.steps)
        books.touch(order)
    return True


def execute(
    books: Books, account: Account, order: Order, trade: Trade, *, until: float = 0.0, must_be_paid: bool = False
) -> None:
    """
    Fill what the market has for an order: makers at the price of `trade`, for which they have met the candle `until` there,
    takers at that and at worse ones within the order's bound.

    What a market or IOC order leaves is cancelled, FOK is all or nothing, the rest of a limit order rests. An order whose
    opening cannot be paid is refused when it `must_be_paid` (see `arrive`), else rejected when it has waited for an open only,
    cancelled when it had rested or waited for a trigger.
    """
    offers = _offers(books, account, order, trade, until)
    offered = sum(offer.steps for offer in offers)
    if not offers or (order.time_in_force == "FOK" and offered < order.left_steps):
        _leftover(books, account, order)
    elif not _affordable(books, account, order, offered, offers[-1].ticks):
        if must_be_paid:
            raise Refusal(NO_FUNDS, "ab not enough for new order")
        _end_unpaid(books, account, order)
    else:
        all_there = True
        for offer in offers:
            all_there = _meet(books, account, order, offer, maker=trade.maker) and all_there
            if not (order.status.open and order.left_steps):
                return
        if all_there:
            _leftover(books, account, order)
        else:  # a fill on the way took away what stood behind it: look again
            execute(books, account, order, trade, until=until)


def _offers(books: Books, account: Account, order: Order, trade: Trade, until: float) -> list[Offer]:
    if trade.maker:
        steps = maker_steps(books, account, order, until)
        offers = [Offer(steps, trade.ticks)] if steps else []
    else:
        offers = taker_offers(books, account, order, trade.ticks)
    share, apart = books.fill_share(account, order), books.listings[order.symbol].steps_apart
    if share >= 1.0:
        return offers
    most_steps = int(order.qty_steps * Decimal(repr(share))) // apart * apart
    return _cut(offers, most_steps - order.filled_steps)


def _cut(offers: list[Offer], most_steps: int) -> list[Offer]:
    """The first offers, up to so many steps together, and what stands in the way before them."""
    found = []
    for offer in offers:
        if most_steps <= 0:
            break
        steps = min(offer.steps, most_steps)
        found.append(replace(offer, steps=steps))
        most_steps -= steps
    return found


def _meet(books: Books, account: Account, order: Order, offer: Offer, *, maker: bool) -> bool:
    """Fill an order from one offer, and the resting order that made it. Returns whether the offer was still there."""
    if offer.account is not None and offer.order is not None:
        if not stands(books, offer.account, offer.order, offer.steps):
            return False
        if offer.account is account and order.smp != NO_SMP:
            return _prevent(books, account, order, offer.order)
        if not _affordable(books, offer.account, offer.order, offer.steps, offer.ticks):
            _end_unpaid(books, offer.account, offer.order)
            return False
        _fill(books, offer.account, offer.order, offer, maker=True)
    elif maker:
        books.listings[order.symbol].gone.made[order.side] += offer.steps
    else:
        note_taken(books, order, offer)
    _fill(books, account, order, offer, maker=maker)
    return True


def _prevent(books: Books, account: Account, taker: Order, maker: Order) -> bool:
    """Two orders of one user do not meet: what the incoming one says decides which of them ends. True, as `_meet` says."""
    ended = []
    for order, other, words in ((maker, taker, SMP_ENDS_MAKER), (taker, maker, SMP_ENDS_TAKER)):
        if taker.smp in words:
            order.smp_order_id = other.order_id
            ended.append(books.end(account, order, Status.CANCELLED, CancelType.SELF_MATCH, SELF_MATCH))
    books.tell_orders(account, ended)
    books.tell_around(account, ended)
    return True


def _fill(books: Books, account: Account, order: Order, offer: Offer, *, maker: bool) -> None:
    position = books.position_of(account, order)
    held_before = position.steps
    fill(books, account, order, offer.steps, offer.ticks, maker=maker)
    if held_before * position.steps <= 0:
        note_tested(books, position, books.time.fraction)


def _end_unpaid(books: Books, account: Account, order: Order) -> None:
    status = Status.REJECTED if order.tested_open_ms == 0 else Status.CANCELLED
    books.tell_orders(account, [books.end(account, order, status, CancelType.NONE, NO_MONEY)])
    books.tell_around(account, [order])


def leave(books: Books, account: Account, position: Position, trade: Trade) -> None:
    """The stop or target of a whole position trades. Its order keeps its id."""
    order = account.orders[position.stop_id if trade.reason == SL else position.target_id]
    order.status = Status.TRIGGERED
    execute(books, account, order, trade)


def _leftover(books: Books, account: Account, order: Order) -> None:
    """What an order could not fill: a limit order rests with it, every other one ends."""
    if not order.is_market and order.time_in_force in ("GTC", "PostOnly"):
        _rest(books, account, order)
    else:
        reason = NOT_ALL if order.filled_steps or order.time_in_force == "FOK" else NOTHING_TO_TAKE
        _end_at_once(books, account, order, reason)


def _end_at_once(books: Books, account: Account, order: Order, reason: str) -> None:
    """An order, or what is left of it, neither fills nor rests."""
    books.tell_orders(account, [books.end(account, order, Status.CANCELLED, CancelType.NONE, reason)])
    books.tell_around(account, [order])


def _rest(books: Books, account: Account, order: Order) -> None:
    """The order is in the book from now on; other reduce-only orders may have to make room, or it for them."""
    news, order.due = order.due, False
    note_tested(books, order, max(tested(books, order), books.time.fraction))
    trimmed = trim_reducing(books, account, books.position_of(account, order)) if order.reduces else []
    if news and order not in trimmed:
        trimmed.insert(0, books.touch(order))
    if trimmed:
        books.tell_orders(account, trimmed)
        books.tell_around(account, trimmed)


def _affordable(books: Books, account: Account, order: Order, steps: int, ticks: int) -> bool:
    """Whether the free balance covers what `steps` of the order open, after what they close has been paid out."""
    listing, position = books.listings[order.symbol], books.position_of(account, order)
    closing, opening = split(position, steps if order.side is Side.BUY else -steps)
    if opening == 0:
        return True
    cost = order_cost(account, listing, order.side, opening, listing.price(ticks), position.leverage)
    released = Decimal(0)
    if closing:
        margin = margin_of(account, position, books.listings)
        pnl = (listing.price_decimal(ticks) - position.entry) * listing.qty_decimal(position.steps)
        released = margin.initial + pnl - (margin.unrealised if account.is_cross else 0)
    return float(cost) <= float(exact_sum(available(account, books.listings, without=order.order_id), released))
