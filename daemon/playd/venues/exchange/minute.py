"""
The minute step: what the market does to the books, at the open, during and at the close of a candle.

The order of work is that of a backtest (`research/loop.py`) up to the decision. Accounts are visited in the order of their
creation.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from playd.core.candles import Candle
from playd.core.orders import Side
from playd.matching.records import LIQUIDATION, TP
from playd.venues.exchange import path
from playd.venues.exchange.books import Books, is_engaged
from playd.venues.exchange.funding import pay_funding
from playd.venues.exchange.liquidation import rescue, step_down, take_over
from playd.venues.exchange.listing import Gone, Listing
from playd.venues.exchange.margin import liquidation_of
from playd.venues.exchange.matched import Trade, exit_at_open, exit_inside, meet_extremes
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.moments import moment, note_tested, tested
from playd.venues.exchange.other_prices import candles_beside
from playd.venues.exchange.trades import arrive, clamp, execute, leave
from playd.venues.exchange.triggers import fire, follow, next_event


def open_minute(books: Books, open_ms: int, candles: Mapping[str, Candle], funding_rates: Mapping[str, float]) -> None:
    """Candles open: funding, orders that waited for it, then whether an open is beyond a stop, liquidation or target."""
    time = books.time
    time.now_ms, time.open_ms, time.inside, time.fraction = open_ms, open_ms, True, 0.0
    for symbol, candle in candles.items():
        listing = books.listings[symbol]
        listing.candle, listing.last, listing.gone = candle, candle.open, Gone()
        listing.beside = candles_beside(books.terms.prices, symbol, candle)
        listing.others = path.prices_at(listing.beside, 0.0)
    for symbol, rate in funding_rates.items():
        pay_funding(books, symbol, rate)
    engaged = books.engaged()
    for symbol in candles:
        listing, accounts = books.listings[symbol], engaged.get(symbol, [])
        _orders_at_open(books, accounts, symbol)
        for account in accounts:
            _exits_at_open(books, account, listing)
        _fire_until(books, accounts, listing, 0.0)


def move_inside(books: Books, fraction: float, step_ms: int) -> None:
    """Let `fraction` of the candles in progress have passed. Prices move and nothing else: see `meet_path`, `close_minute`."""
    time = books.time
    time.fraction, time.now_ms = fraction, time.open_ms + min(int(fraction * step_ms), step_ms - 1)
    for listing in books.listings.values():
        if listing.candle is not None:
            last, others = path.price_at(listing.candle, fraction), path.prices_at(listing.beside, fraction)
            inside = fraction < 1.0
            listing.last = listing.traded(last) if inside else last
            listing.others = {kind: listing.traded(price) for kind, price in others.items()} if inside else others


def meet_path(books: Books) -> bool:
    """
    Fire the triggers and end the positions whose end in this candle the path has reached; returns whether anything happened.

    What ends a position is what the whole rest of the candle will say at its close (a stop it reaches goes before a target);
    only the moment is that of the path. So the fills are those of `close_minute`, told earlier, those of resting limits too.
    """
    before = books.counter
    engaged = books.engaged()
    for symbol, listing in books.listings.items():
        accounts = engaged.get(symbol)
        if accounts is None or listing.candle is None:
            continue
        while True:
            _fire_until(books, accounts, listing, books.time.fraction)
            for account in accounts:
                _meet_on_the_way(books, account, listing)
            if next_event(books, accounts, listing, books.time.fraction) is None:  # as in `_pass`
                break
        for account in accounts:
            follow(books, account, listing, books.time.fraction)
    return books.counter != before


def close_minute(books: Books, step_ms: int) -> None:
    """Candles close: resting orders, stops, targets and liquidation meet what has come since they were there."""
    time = books.time
    move_inside(books, 1.0, step_ms)
    engaged = books.engaged()
    for symbol, listing in books.listings.items():
        if listing.candle is not None:
            _pass(books, engaged.get(symbol, []), listing, 1.0)
            listing.candle, listing.beside = None, {}
    time.now_ms, time.inside, time.fraction = time.open_ms + step_ms, False, 0.0


def catch_up(books: Books, account: Account, symbol: str) -> None:
    """Before an account trades a symbol inside a candle: what the candle has done so far to what it has there."""
    listing = books.listings[symbol]
    if listing.candle is not None and is_engaged(account, symbol):
        _pass(books, [account], listing, books.time.fraction)


def _orders_at_open(books: Books, accounts: Sequence[Account], symbol: str) -> None:
    """Orders that wait for this open, and limits that it is beyond: at the market first, then exits first, then by arrival."""
    waiting = [
        (account, order)
        for account in accounts
        for order in account.orders.values()
        if order.symbol == symbol and not order.waits_for_trigger
    ]
    for account, order in sorted(waiting, key=lambda each: (not each[1].is_market, not each[1].reduces, each[1].queued)):
        if order.order_id in account.orders:
            arrive(books, account, order)


def _exits_at_open(books: Books, account: Account, listing: Listing) -> None:
    for position in account.places(listing.instrument.symbol):
        if position.steps:
            trade = _end_of(books, account, position, partial(exit_at_open, account, books.listings, position, listing.last))
            if trade is not None:
                _leave(books, account, position, trade)


def _pass(books: Books, accounts: Sequence[Account], listing: Listing, end: float) -> None:
    """What the candle until `end` does to what these accounts have in its symbol."""
    while True:
        _fire_until(books, accounts, listing, end)
        for account in accounts:
            _inside(books, account, listing, end)
        if next_event(books, accounts, listing, end) is None:  # else an entry filled on the way has brought a stop
            break
    for account in accounts:
        follow(books, account, listing, end)


def _fire_until(books: Books, accounts: Sequence[Account], listing: Listing, end: float) -> None:
    """Triggers in the order of the path; before each, its account has met everything else that came before it."""
    while (event := next_event(books, accounts, listing, end)) is not None:
        _inside(books, event.account, listing, event.fraction)
        # What came before it may have ended the order, or brought one with a trigger still nearer.
        first = next_event(books, accounts, listing, event.fraction)
        if first is not None:
            fire(books, first)


def _inside(books: Books, account: Account, listing: Listing, end: float) -> None:
    """
    Opening limits, then the worst case for each position, then limits that would reduce it.

    Each is compared with the stretch of the candle since it was there. A position that a resting limit has just opened is
    exposed to its stop, not to its target. Nothing triggers in the stretch.
    """
    opened = _resting_limits(books, account, listing, end, reducing=False)
    for position in account.places(listing.instrument.symbol):
        begin = tested(books, position)
        if begin >= end:
            continue
        if position.steps:
            stretch = _stretch(listing, begin, end)
            with_target = position.place not in opened and _may_meet_target(books, position)
            extremes = stretch.high, stretch.low
            worst = partial(exit_inside, account, books.listings, position, *extremes, with_target=with_target)
            trade = _end_of(books, account, position, worst)
            if trade is not None:
                _leave(books, account, position, trade)
        note_tested(books, position, end)
    _resting_limits(books, account, listing, end, reducing=True)


def _end_of(books: Books, account: Account, position: Position, ask: Callable[[], Trade | None]) -> Trade | None:
    """
    What ends a position. Before a liquidation does, free balance goes in where that is wanted, then what is above the lowest
    risk tier is sold; each time it is asked again.
    """
    while (trade := ask()) is not None and trade.reason == LIQUIDATION:
        if not (
            rescue(books, account, position) or step_down(books, account, position, _liquidated_at(books, account, position))
        ):
            break
    return trade


def _liquidated_at(books: Books, account: Account, position: Position) -> float:
    """The price at which a liquidation finds the market: its own, or what is worse at an open behind a gap."""
    level, listing = liquidation_of(account, position, books.listings), books.listings[position.symbol]
    if books.time.fraction > 0.0:
        return level
    return min(level, listing.last) if position.steps > 0 else max(level, listing.last)


def _meet_on_the_way(books: Books, account: Account, listing: Listing) -> None:
    """What the path has come to of what the rest of the candle, up to the next trigger, will do to one account."""
    now, trigger = books.time.fraction, next_event(books, [account], listing, 1.0)
    rest = trigger.fraction if trigger else 1.0
    limits = _limits_met(books, account, listing, rest)
    opening = [order for order in limits if not order.reduces]
    if opening:
        for place in _resting_limits(books, account, listing, now, reducing=False):
            account.positions[place].exposed_open_ms = books.time.open_ms
    if any(order.order_id in account.orders for order in opening):
        return  # it comes before whatever else happens in this candle
    ends = False
    for position in account.places(listing.instrument.symbol):
        end = _end_within(books, account, listing, position, rest) if position.steps else None
        ends = ends or end is not None
        if end is not None and _has_come(books, account, listing, position, end):
            _leave(books, account, position, end)
    if len(limits) > len(opening) and not ends:
        _resting_limits(books, account, listing, now, reducing=True)


def _limits_met(books: Books, account: Account, listing: Listing, end: float) -> list[Order]:
    """Resting limits of an account that the candle until `end` fills."""
    symbol, found = listing.instrument.symbol, []
    for order in account.orders.values():
        begin = tested(books, order)
        if order.symbol != symbol or begin >= end or not _rests(order, reducing=order.reduces):
            continue
        stretch, position = _stretch(listing, begin, end), books.position_of(account, order)
        outcome = meet_extremes(account, books.listings, position, order, stretch.high, stretch.low)
        if isinstance(outcome, Trade):
            found.append(order)
    return found


def _end_within(books: Books, account: Account, listing: Listing, position: Position, rest: float) -> Trade | None:
    """The trade that ends an open position in the candle until `rest`."""
    begin = tested(books, position)
    if begin >= rest:
        return None
    stretch, target = _stretch(listing, begin, rest), _may_meet_target(books, position)
    return exit_inside(account, books.listings, position, stretch.high, stretch.low, with_target=target)


def _has_come(books: Books, account: Account, listing: Listing, position: Position, end: Trade) -> bool:
    """Whether the path has come to what ends a position."""
    begin, now = tested(books, position), books.time.fraction
    if begin >= now or (end.reason == LIQUIDATION and (position.auto_margin or listing.tiers)):  # not at once: see `_end_of`
        return False
    so_far = _stretch(listing, begin, now)
    met = exit_inside(account, books.listings, position, so_far.high, so_far.low, with_target=end.reason == TP)
    return met is not None and met.reason == end.reason


def _may_meet_target(books: Books, position: Position) -> bool:
    """A position that a resting limit opened on the way meets no target before the next candle."""
    return position.exposed_open_ms != books.time.open_ms


def _resting_limits(books: Books, account: Account, listing: Listing, end: float, *, reducing: bool) -> set[str]:
    """
    Resting limits of one kind against the stretch since they rest, in the order in which the path comes to them; returns the
    places that one opened from flat.
    """
    opened = set()
    symbol = listing.instrument.symbol
    resting = [order for order in account.orders.values() if order.symbol == symbol and _rests(order, reducing=reducing)]
    for order in sorted(resting, key=lambda each: (_fraction_of(listing, each, tested(books, each), end), each.queued)):
        begin = tested(books, order)
        if order.order_id not in account.orders or begin >= end:
            continue
        note_tested(books, order, end)
        stretch = _stretch(listing, begin, end)
        position = books.position_of(account, order)
        outcome = meet_extremes(account, books.listings, position, order, stretch.high, stretch.low)
        if not isinstance(outcome, Trade) or (order.reduces and not clamp(books, account, order)):
            continue
        was_flat = position.steps == 0
        with moment(books, listing, _fraction_of(listing, order, begin, end)):
            execute(books, account, order, outcome, until=end)
        if was_flat and position.steps:
            opened.add(position.place)
            note_tested(books, position, begin)
    return opened


def _fraction_of(listing: Listing, order: Order, begin: float, end: float) -> float:
    """When the path came to the price of a limit order; the end of the stretch when it did not."""
    if listing.candle is None or begin >= end:
        return end
    level, rising = listing.price(order.price_ticks), order.side is Side.SELL
    touch = path.first_touch(listing.candle, begin, end, level, rising=rising)
    return touch.fraction if touch else end


def _rests(order: Order, *, reducing: bool) -> bool:
    return not order.waits_for_trigger and not order.is_market and not order.due and order.reduces is reducing


def _stretch(listing: Listing, begin: float, end: float) -> path.PartOfCandle:
    if listing.candle is None:
        raise ValueError(f"{listing.instrument.symbol} has no candle in progress")
    return path.part(listing.candle, begin, end)


def _leave(books: Books, account: Account, position: Position, trade: Trade) -> None:
    """Stop, target or liquidation ends a position. Its order keeps its id; a liquidation has an order of the venue's own."""
    if trade.reason == LIQUIDATION:
        take_over(books, account, position, trade.ticks)
    else:
        leave(books, account, position, trade)
