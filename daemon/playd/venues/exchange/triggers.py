"""
Orders that wait for a price: conditional orders, partial stops and targets, trailing stops.

They follow the path of the price through the candle and fire at the fraction of it where the path first reaches their
trigger, in that order and whenever it is told. Full stops and targets do not come here: the candle's extremes decide them, as
in a backtest. Where mark and index are not the last price, Full levels that look at those, and liquidations, come here too.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from playd.core.candles import Candle
from playd.core.orders import Side
from playd.venues.exchange import path
from playd.venues.exchange.books import Books
from playd.venues.exchange.liquidation import rescue, step_down, take_over
from playd.venues.exchange.liquidity import protection_ticks
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.margin import liquidation_of
from playd.venues.exchange.matched import bankruptcy_ticks
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.moments import moment, note_tested, tested
from playd.venues.exchange.protection import end_sibling, follow_best
from playd.venues.exchange.trades import arrive
from playd.venues.exchange.words import MARK_PRICE, RISING, Status, StopKind

_FULL = (StopKind.STOP, StopKind.TARGET)


@dataclass(frozen=True, slots=True)
class Event:
    """
    An order whose trigger the path reaches when `fraction` of the candle has passed, at `price`. Without an order it is the end
    of `position`, whose liquidation the mark price has reached.
    """

    account: Account
    fraction: float
    price: float
    order: Order | None = None
    position: Position | None = None

    @property
    def place(self) -> tuple[float, float]:
        """Events happen in this order: of several at once that of the oldest order first, liquidations last."""
        return self.fraction, self.order.sequence if self.order else math.inf


def next_event(books: Books, accounts: Iterable[Account], listing: Listing, end: float) -> Event | None:
    """The first trigger that the path reaches until `end`."""
    events = [
        event
        for account in accounts
        for order in waiting(account, listing)
        if (event := _event(books, account, order, listing, end)) is not None
    ]
    if listing.beside:
        events += [
            event
            for account in accounts
            for position in account.places(listing.instrument.symbol)
            if (event := _liquidation(books, account, position, listing, end)) is not None
        ]
    return min(events, key=lambda event: event.place) if events else None


def fire(books: Books, event: Event) -> None:
    """An order has triggered: its sibling goes, and it meets the market as an order that has just arrived."""
    account, order, position = event.account, event.order, event.position
    if position is not None:
        with moment(books, books.listings[position.symbol], event.fraction, event.price):
            if not (rescue(books, account, position) or step_down(books, account, position, event.price)):
                take_over(books, account, position, bankruptcy_ticks(account, books.listings, position))
    if order is None:
        return
    with moment(books, books.listings[order.symbol], event.fraction, event.price):
        note_tested(books, order, event.fraction)
        order.status = Status.TRIGGERED
        if order.is_market:
            order.protection_ticks = protection_ticks(books, books.listings[order.symbol], order.side)
        books.tell_orders(account, [books.touch(order), *end_sibling(books, account, order)])
        order.status, order.due = Status.NEW, True
        arrive(books, account, order)


def follow(books: Books, account: Account, listing: Listing, end: float) -> None:
    """The market has come to `end` without a trigger: what waited has met it, and trailing stops have followed it."""
    moved = []
    for order in waiting(account, listing):
        if order.stop_kind is StopKind.TRAILING and listing.candle is not None:
            _, best = _trail(books, order, listing, listing.candle, end)
            if best != order.trail_best:
                books.touch(order)
                if follow_best(books, order, best):
                    moved.append(order)
        note_tested(books, order, max(end, tested(books, order)))
    if moved:
        books.tell_orders(account, moved)


def waiting(account: Account, listing: Listing) -> list[Order]:
    """Untriggered orders that follow the path."""
    symbol = listing.instrument.symbol
    return [
        order
        for order in account.orders.values()
        if order.status is Status.UNTRIGGERED
        and order.symbol == symbol
        and (order.stop_kind not in _FULL or order.trigger_by in listing.others)
    ]


def _event(books: Books, account: Account, order: Order, listing: Listing, end: float) -> Event | None:
    candle, begin = listing.candle, tested(books, order)
    if candle is None or begin > end:
        return None
    if order.stop_kind is StopKind.TRAILING:
        touch, _ = _trail(books, order, listing, candle, end)
    else:
        looked_at, level = listing.beside.get(order.trigger_by, candle), listing.price(order.trigger_ticks)
        touch = path.first_touch(looked_at, begin, end, level, rising=order.trigger_direction == RISING)
    return None if touch is None else Event(account, *_met(listing, order.trigger_by, candle, touch), order=order)


def _liquidation(books: Books, account: Account, position: Position, listing: Listing, end: float) -> Event | None:
    """Where the path of the mark price ends a position."""
    candle, begin = listing.candle, tested(books, position)
    if candle is None or begin > end or position.steps == 0:
        return None
    level = liquidation_of(account, position, books.listings)
    touch = path.first_touch(listing.beside[MARK_PRICE], begin, end, level, rising=position.steps < 0)
    return None if touch is None else Event(account, *_met(listing, MARK_PRICE, candle, touch), position=position)


def _met(listing: Listing, kind: str, candle: Candle, touch: path.Touch) -> tuple[float, float]:
    """When, and at which last price, the path of a price comes to a level."""
    return touch.fraction, path.price_at(candle, touch.fraction) if kind in listing.beside else touch.price


def _trail(books: Books, order: Order, listing: Listing, candle: Candle, end: float) -> tuple[path.Touch | None, float]:
    falls = order.side is Side.SELL
    sign = -1 if falls else 1

    def level(best: float) -> float:
        return listing.price(listing.whole_ticks(best, up=not falls) + sign * order.trail_ticks)

    wakes_at = listing.price(order.active_ticks) if order.active_ticks else 0.0
    trail = path.Trail(falls=falls, wakes_at=wakes_at, level=level)
    return path.trail_touch(candle, tested(books, order), end, order.trail_best, trail)
