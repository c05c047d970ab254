"""
What the market has for an order: everything at one price, or, where a depth is configured, so much at each of its levels.

With a depth, takers walk the levels of the synthetic book and meet the resting orders of other accounts on the way: better
prices first, at one price users before the synthetic level and the earlier user first. Levels that were taken come back with
the next candle. With a participation, resting orders share that part of the candle's volume, better prices first, then by
time. Orders of one account meet each other unless the incoming one says how that is prevented.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from playd.core.orders import Side
from playd.matching.depth import gap_ticks, level_steps, walk
from playd.venues.exchange import path
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import PRICE_LIMIT_X, PRICE_LIMIT_Y, Listing
from playd.venues.exchange.model import Account, Order
from playd.venues.exchange.moments import tested
from playd.venues.exchange.refusal import BUY_TOO_HIGH, SELL_TOO_LOW, Refusal
from playd.venues.exchange.words import INDEX_PRICE, NO_SMP, SMP_ENDS_TAKER

PROTECTION: Final = 0.05
"""How far from the last price the limit of market orders is shown, as seen at the venue."""


@dataclass(frozen=True, slots=True)
class Offer:
    """
    So many steps at a price; from a user's resting order, or from the market itself.

    No steps is an order that stands in the way of one of the same user and will not be met.
    """

    steps: int
    ticks: int
    account: Account | None = None
    order: Order | None = None


def taker_offers(books: Books, account: Account, order: Order, best_ticks: int) -> list[Offer]:
    """What an order may take now, from `best_ticks` on and within its bound, best first and at most what it wants."""
    listing, wanted, bound = books.listings[order.symbol], order.left_steps, _bound(books, order)
    offers = []
    for offer in _ahead(books, order.side, listing, best_ticks):
        if wanted == 0 or (bound and _worse(order.side, offer.ticks, bound)):
            break
        in_the_way = offer.account is account and order.smp != NO_SMP
        steps = 0 if in_the_way else min(offer.steps or wanted, wanted)
        offers.append(Offer(steps, offer.ticks, offer.account, offer.order))
        if in_the_way and order.smp in SMP_ENDS_TAKER:
            break
        wanted -= steps
    return offers


def stands(books: Books, account: Account, order: Order, steps: int) -> bool:
    """Whether a resting order still offers so many steps: fills before it may have ended or cut it."""
    return order.order_id in account.orders and _offered(books, account, order, order.side.opposite) >= steps


def note_taken(books: Books, order: Order, offer: Offer) -> None:
    """A level of the synthetic book is thinner until the next candle."""
    if offer.order is None:
        books.listings[order.symbol].gone.taken[order.side] += offer.steps


def maker_steps(books: Books, account: Account, order: Order, end: float) -> int:
    """What a resting order that the market has reached gets: the rest of the volume, after what others are owed first."""
    share, listing = books.terms.participation, books.listings[order.symbol]
    if not share or listing.candle is None:
        return order.left_steps
    volume_steps = int(listing.candle.volume * share / float(listing.instrument.step)) * listing.steps_apart
    owed = sum(
        other.left_steps
        for each in books.accounts.values()
        for other in each.orders.values()
        if other is not order and _goes_first(order, other) and _is_owed(books, listing, other, end)
    )
    left = volume_steps - listing.gone.made[order.side] - owed
    return max(min(left, order.left_steps), 0)


def levels(books: Books, listing: Listing, taker: Side, best_ticks: int) -> list[tuple[int, int]]:
    """The book that a taker of this side looks at: prices and steps, best first, users' orders included."""
    sizes: dict[int, int] = {}
    for offer in _ahead(books, taker, listing, best_ticks):
        sizes[offer.ticks] = sizes.get(offer.ticks, 0) + offer.steps
    return list(sizes.items())


def level_ticks(books: Books, listing: Listing, taker: Side, level: int) -> int | None:
    """Price of the `level`-th best offer (from 1) that a taker of this side looks at, None when there are not so many."""
    best, direction = listing.shown_ticks(taker.opposite), 1 if taker is Side.BUY else -1
    if books.terms.depth is None:
        return max(best + direction * (level - 1) * listing.ticks_apart, 0) or None
    found = levels(books, listing, taker, best)
    return found[level - 1][0] if level <= len(found) else None


def limit_edge(listing: Listing, side: Side) -> int:
    """The price beyond which limit orders of this side may not go, by the venue's own rule; the premium is that of now."""
    mark, index, premium = listing.mark, listing.price_of(INDEX_PRICE), listing.last - listing.mark
    if side is Side.BUY:
        highest = min(mark * (1.0 + PRICE_LIMIT_Y), max(index, mark * (1.0 + PRICE_LIMIT_X) + max(0.0, premium)))
        return listing.whole_ticks(highest, up=False)
    lowest = max(mark * (1.0 - PRICE_LIMIT_Y), min(index, mark * (1.0 - PRICE_LIMIT_X) + min(0.0, premium)))
    return listing.whole_ticks(lowest, up=True)


def market_edge(listing: Listing, side: Side) -> int:
    """The worst price at which market orders of this side fill."""
    if side is Side.BUY:
        return listing.whole_ticks(listing.mark * (1.0 + PRICE_LIMIT_Y), up=False)
    return listing.whole_ticks(listing.mark * (1.0 - PRICE_LIMIT_Y), up=True)


def protection_ticks(books: Books, listing: Listing, side: Side) -> int:
    """The price that a market order shows in place of a limit; one that it is held to only where there is a band."""
    if books.terms.price_band:
        return market_edge(listing, side)
    share = PROTECTION if side is Side.BUY else -PROTECTION
    return max(listing.whole_ticks(listing.last * (1.0 + share), up=side is Side.SELL), 1)


def into_band(books: Books, account: Account, listing: Listing, side: Side, price_ticks: int) -> int:
    """A limit price outside the band moves to its edge, or raises `Refusal` where the user wants that, as at the venue."""
    if not books.terms.price_band:
        return price_ticks
    edge = limit_edge(listing, side)
    if not _worse(side, price_ticks, edge):
        return price_ticks
    if account.band_refuses:
        code, word = (BUY_TOO_HIGH, "higher") if side is Side.BUY else (SELL_TOO_LOW, "lower")
        text = f"The order price cannot be {word} than the limit {listing.price_text(edge)}"
        raise Refusal(code, text)
    return edge


def _bound(books: Books, order: Order) -> int:
    """The worst price an order accepts, 0 when it accepts all: its limit, its tolerance, the protection of market orders."""
    if not books.terms.price_band or not order.is_market:
        return order.price_ticks
    edge = market_edge(books.listings[order.symbol], order.side)
    return order.price_ticks if order.price_ticks and not _worse(order.side, order.price_ticks, edge) else edge


def _worse(side: Side, ticks: int, bound: int) -> bool:
    return ticks > bound if side is Side.BUY else ticks < bound


def _ahead(books: Books, taker: Side, listing: Listing, best_ticks: int) -> Iterator[Offer]:
    """Offers best first; steps 0 is a level without an end."""
    depth = books.terms.depth
    if depth is None:
        yield Offer(0, best_ticks)
        return
    direction = 1 if taker is Side.BUY else -1
    price = listing.candle.open if listing.candle is not None else listing.last
    key = f"{listing.instrument.symbol}/{taker}/{books.time.open_ms}"
    sizes = [size * listing.steps_apart for size in level_steps(depth, key, price, float(listing.instrument.step))]
    gap = gap_ticks(depth, price, float(listing.instrument.tick)) * listing.ticks_apart
    users = _users(books, taker, listing)
    for steps, ticks in walk(sizes, listing.gone.taken[taker], gap, best_ticks, direction):
        while users and (users[0].ticks - ticks) * direction <= 0:
            yield users.pop(0)
        yield Offer(steps, ticks)
    yield from users


def _users(books: Books, taker: Side, listing: Listing) -> list[Offer]:
    """Resting orders that a taker may meet, in their order."""
    symbol, direction = listing.instrument.symbol, 1 if taker is Side.BUY else -1
    found = []
    for each in books.accounts.values():
        for order in each.orders.values():
            if order.symbol != symbol or order.side is taker or not _rests(order):
                continue
            steps = _offered(books, each, order, taker)
            if steps:
                found.append(Offer(steps, order.price_ticks, each, order))
    found.sort(key=lambda offer: (offer.ticks * direction, offer.order.queued if offer.order else 0))
    return found


def _offered(books: Books, account: Account, order: Order, taker: Side) -> int:
    """What a resting order has for a taker; one that reduces no more than its position."""
    if not order.reduces:
        return order.left_steps
    position = books.position_of(account, order)
    return min(order.left_steps, abs(position.steps)) if position.side is taker else 0


def _rests(order: Order) -> bool:
    return not (order.is_market or order.due or order.waits_for_trigger)


def _goes_first(order: Order, other: Order) -> bool:
    """Whether `other` stands before `order` in the queue of its side."""
    if other.symbol != order.symbol or other.side is not order.side or not _rests(other):
        return False
    sign = -1 if order.side is Side.BUY else 1
    return (sign * other.price_ticks, other.queued) < (sign * order.price_ticks, order.queued)


def _is_owed(books: Books, listing: Listing, other: Order, end: float) -> bool:
    """Whether the market until `end` has reached a resting order that has not met it yet."""
    begin = tested(books, other)
    met = other.tested_open_ms == books.time.open_ms and begin >= end
    if met or listing.candle is None:
        return False
    stretch, price = path.part(listing.candle, begin, end), listing.price(other.price_ticks)
    return stretch.low <= price if other.side is Side.BUY else stretch.high >= price
