"""
The minute step: what the market does to the books, at the open, during and at the close of a candle.

The order of work is that of play-language 3.5, steps 1 to 6. Accounts are visited in the order of their creation.
"""

from collections.abc import Mapping
from decimal import Decimal

from playd.core.candles import Candle
from playd.core.orders import Side
from playd.matching.money import funding_usdt
from playd.matching.records import LIQUIDATION, POST_ONLY_WOULD_TAKE, SL, TP
from playd.venues.exchange import log_rows, path
from playd.venues.exchange.books import Books
from playd.venues.exchange.margin import available, margin_of, order_cost
from playd.venues.exchange.matched import Ended, Trade, exit_at_open, exit_inside, meet_extremes, meet_price
from playd.venues.exchange.model import Account, CancelType, Listing, Order, Position, Status
from playd.venues.exchange.rows import funding_row
from playd.venues.exchange.settlement import split
from playd.venues.exchange.text import decimal_of, exact_sum


def open_minute(books: Books, open_ms: int, candles: Mapping[str, Candle], funding_rates: Mapping[str, float]) -> None:
    """Candles open: funding, orders that waited for it, then whether an open is beyond a stop, liquidation or target."""
    time = books.time
    time.now_ms, time.open_ms, time.inside, time.fraction = open_ms, open_ms, True, 0.0
    for symbol, candle in candles.items():
        listing = books.listings[symbol]
        listing.candle, listing.last = candle, candle.open
    for symbol, rate in funding_rates.items():
        _pay_funding(books, symbol, rate)
    for symbol, candle in candles.items():
        for account in books.accounts.values():
            _orders_at_open(books, account, symbol, candle.open)
        for account in books.accounts.values():
            _exit_at_open(books, account, symbol, candle.open)


def move_inside(books: Books, fraction: float, step_ms: int) -> None:
    """Let `fraction` of the candles in progress have passed. Prices move and nothing else: see `meet_path`, `close_minute`."""
    time = books.time
    time.fraction, time.now_ms = fraction, time.open_ms + min(int(fraction * step_ms), step_ms - 1)
    for listing in books.listings.values():
        if listing.candle is not None:
            listing.last = path.price_at(listing.candle, fraction)


def meet_path(books: Books) -> bool:
    """
    End the positions whose end in this candle the path has reached; returns whether there were any.

    What ends a position is what the whole rest of the candle will say at its close (a stop it reaches goes before a target);
    only the moment is that of the path. So the fills are those of `close_minute`, told earlier. Where a resting limit may
    still open something in this candle, everything waits for the close.
    """
    ended = False
    for symbol, listing in books.listings.items():
        if listing.candle is None:
            continue
        for account in books.accounts.values():
            position = account.positions.get(symbol)
            if position is None or not position.steps or _may_open(account, symbol):
                continue
            trade = _reached_end(books, account, listing, position)
            if trade is not None:
                _leave(books, account, position, trade)
                ended = True
    return ended


def close_minute(books: Books, step_ms: int) -> None:
    """Candles close: resting orders, stops, targets and liquidation meet what has come since they were there."""
    time = books.time
    move_inside(books, 1.0, step_ms)
    for symbol, listing in books.listings.items():
        if listing.candle is not None:
            for account in books.accounts.values():
                _inside(books, account, symbol, 1.0)
            listing.candle = None
    time.now_ms, time.inside, time.fraction = time.open_ms + step_ms, False, 0.0


def catch_up(books: Books, account: Account, symbol: str) -> None:
    """Before an account trades a symbol inside a candle: what the candle has done so far to what it has there."""
    if books.listings[symbol].candle is not None:
        _inside(books, account, symbol, books.time.fraction)


def arrive(books: Books, account: Account, order: Order) -> None:
    """An order meets the present price: it fills, ends, or rests from now on."""
    listing = books.listings[order.symbol]
    if order.reduce_only and not _clamp(books, account, order):
        return
    outcome = meet_price(account, listing, order, listing.last)
    if outcome is None:
        was_waiting, order.due = order.due, False
        _note_tested(books, order, books.time.fraction)
        if was_waiting:
            books.tell_orders(account, [books.touch(order)])
    elif isinstance(outcome, Ended):
        reason = "EC_PostOnlyWillTakeLiquidity" if outcome.reason == POST_ONLY_WOULD_TAKE else "EC_NoImmediateQtyToFill"
        books.tell_orders(account, [books.end(account, order, Status.CANCELLED, CancelType.NONE, reason)])
    else:
        _fill_or_refuse(books, account, order, outcome)


def _tested(books: Books, thing: Order | Position) -> float:
    """Up to which fraction of the candle in progress a resting order or a position has met it."""
    return thing.tested_to if thing.tested_open_ms == books.time.open_ms else 0.0


def _note_tested(books: Books, thing: Order | Position, fraction: float) -> None:
    thing.tested_open_ms, thing.tested_to = books.time.open_ms, fraction


def _orders_at_open(books: Books, account: Account, symbol: str, open_price: float) -> None:
    """Orders that wait for this open, and resting limits that it is beyond; exits first, then by arrival."""
    waiting = [order for order in account.orders.values() if order.symbol == symbol and not order.stop_kind]
    for order in sorted(waiting, key=lambda order: (not order.reduce_only, order.sequence)):
        if order.order_id in account.orders:
            arrive(books, account, order)


def _exit_at_open(books: Books, account: Account, symbol: str, open_price: float) -> None:
    position = account.positions.get(symbol)
    if position is not None and position.steps:
        trade = exit_at_open(account, books.listings[symbol], position, open_price)
        if trade is not None:
            _leave(books, account, position, trade)


def _inside(books: Books, account: Account, symbol: str, end: float) -> None:
    """
    Opening limits, then the worst case for the position, then limits that would reduce it.

    Each is compared with the stretch of the candle since it was there. A position that a resting limit has just opened is
    exposed to its stop, not to its target.
    """
    listing = books.listings[symbol]
    opened = _resting_limits(books, account, listing, end, reduce_only=False)
    position = account.positions.get(symbol)
    if position is None:
        return
    begin = _tested(books, position)
    if position.steps and begin < end:
        stretch = _stretch(listing, begin, end)
        trade = exit_inside(account, listing, position, stretch.high, stretch.low, with_target=not opened)
        if trade is not None:
            _leave(books, account, position, trade)
    _note_tested(books, position, end)
    _resting_limits(books, account, listing, end, reduce_only=True)


def _reached_end(books: Books, account: Account, listing: Listing, position: Position) -> Trade | None:
    """The trade that ends a position in this candle, once the path has come to it."""
    begin, now = _tested(books, position), books.time.fraction
    if begin >= now:
        return None
    rest, so_far = _stretch(listing, begin, 1.0), _stretch(listing, begin, now)
    end = exit_inside(account, listing, position, rest.high, rest.low, with_target=True)
    if end is None:
        return None
    met = exit_inside(account, listing, position, so_far.high, so_far.low, with_target=end.reason == TP)
    return end if met is not None and met.reason == end.reason else None


def _may_open(account: Account, symbol: str) -> bool:
    return any(order.symbol == symbol and _rests(order, reduce_only=False) for order in account.orders.values())


def _resting_limits(books: Books, account: Account, listing: Listing, end: float, *, reduce_only: bool) -> bool:
    """Resting limits of one kind against the stretch since they rest; returns whether one opened a position from flat."""
    opened = False
    symbol = listing.instrument.symbol
    for order in [order for order in account.orders.values() if order.symbol == symbol and _rests(order, reduce_only)]:
        begin = _tested(books, order)
        if order.order_id not in account.orders or begin >= end:
            continue
        _note_tested(books, order, end)
        stretch = _stretch(listing, begin, end)
        outcome = meet_extremes(account, listing, order, stretch.high, stretch.low)
        if not isinstance(outcome, Trade) or (order.reduce_only and not _clamp(books, account, order)):
            continue
        position = books.position(account, symbol)
        was_flat = position.steps == 0
        _fill_or_refuse(books, account, order, outcome)
        if was_flat and position.steps:
            opened = True
            _note_tested(books, position, begin)
    return opened


def _rests(order: Order, reduce_only: bool) -> bool:
    return not order.stop_kind and not order.is_market and not order.due and order.reduce_only is reduce_only


def _stretch(listing: Listing, begin: float, end: float) -> path.PartOfCandle:
    if listing.candle is None:
        raise ValueError(f"{listing.instrument.symbol} has no candle in progress")
    return path.part(listing.candle, begin, end)


def _clamp(books: Books, account: Account, order: Order) -> bool:
    """Cut a reduce-only order down to the position; without one on the other side it ends. Returns whether it lives on."""
    position = books.position(account, order.symbol)
    if position.side is not order.side.opposite:
        books.tell_orders(account, [books.end(account, order, Status.CANCELLED, CancelType.REDUCE_ONLY)])
        return False
    if order.qty_steps > abs(position.steps):
        order.qty_steps = abs(position.steps)
        books.touch(order)
    return True


def _fill_or_refuse(books: Books, account: Account, order: Order, trade: Trade) -> None:
    """Fill, unless it is worse than the order's own bound or what it would open cannot be paid."""
    position = books.position(account, order.symbol)
    if order.is_market and order.price_ticks and _worse(order, trade.ticks):
        ended = books.end(account, order, Status.CANCELLED, CancelType.NONE, "EC_NoImmediateQtyToFill")
        books.tell_orders(account, [ended])
    elif not _affordable(books, account, order, trade.ticks):
        books.tell_orders(account, [books.end(account, order, Status.REJECTED, CancelType.NONE, "EC_Others")])
    else:
        held_before = position.steps
        books.fill(account, order, order.qty_steps, trade.ticks, maker=trade.maker)
        if held_before * position.steps <= 0:
            _note_tested(books, position, books.time.fraction)


def _worse(order: Order, ticks: int) -> bool:
    return ticks > order.price_ticks if order.side is Side.BUY else ticks < order.price_ticks


def _affordable(books: Books, account: Account, order: Order, ticks: int) -> bool:
    """Whether the free balance covers what the order opens, after what it closes has been paid out."""
    listing, position = books.listings[order.symbol], books.position(account, order.symbol)
    closing, opening = split(position, order.qty_steps if order.side is Side.BUY else -order.qty_steps)
    if opening == 0:
        return True
    cost = order_cost(account, listing, order.side, opening, listing.price(ticks), position.leverage)
    released = Decimal(0)
    if closing:
        pnl = (listing.price_decimal(ticks) - position.entry) * listing.qty_decimal(position.steps)
        released = margin_of(account, position, listing).initial + pnl
    return float(cost) <= float(exact_sum(available(account, books.listings, without=order.order_id), released))


def _leave(books: Books, account: Account, position: Position, trade: Trade) -> None:
    """Stop, target or liquidation ends a position. Its order keeps its id; a liquidation has an order of the venue's own."""
    if trade.reason == LIQUIDATION:
        _take_over(books, account, position, trade)
        return
    order = account.orders[position.stop_id if trade.reason == SL else position.target_id]
    books.fill(account, order, abs(position.steps), trade.ticks, maker=trade.maker)


def _take_over(books: Books, account: Account, position: Position, trade: Trade) -> None:
    symbol = position.symbol
    doomed = [order for order in account.orders.values() if order.symbol == symbol and not order.stop_kind]
    if doomed:
        ended = [books.end(account, order, Status.CANCELLED, CancelType.LIQUIDATION) for order in doomed]
        books.tell_orders(account, ended)
    now_ms = books.time.now_ms
    order = Order(
        order_id=books.new_id(),
        uid=account.uid,
        link_id="",
        symbol=symbol,
        side=Side.SELL if position.steps > 0 else Side.BUY,
        order_type="Market",
        time_in_force="IOC",
        qty_steps=abs(position.steps),
        price_ticks=0,
        reduce_only=True,
        create_type="CreateByTakeOver_PassThrough",
        created_ms=now_ms,
        updated_ms=now_ms,
        sequence=books.next_sequence(),
    )
    books.add_order(account, order)
    books.fill(account, order, order.qty_steps, trade.ticks, maker=False, exec_type="BustTrade")


def _pay_funding(books: Books, symbol: str, rate: float) -> None:
    """A stamp: whoever holds now pays or receives. The mark is the open of the candle that opens at the stamp."""
    listing = books.listings[symbol]
    for account in books.accounts.values():
        position = account.positions.get(symbol)
        if position is None or position.steps == 0:
            continue
        qty = listing.qty(abs(position.steps))
        paid = decimal_of(funding_usdt(position.direction, qty, listing.last, rate))
        position.realised = exact_sum(position.realised, -paid)
        position.realised_ever = exact_sum(position.realised_ever, -paid)
        position.updated_ms, position.sequence = books.time.now_ms, books.next_sequence()
        account.wallet = exact_sum(account.wallet, -paid)
        account.realised_ever = exact_sum(account.realised_ever, -paid)
        execution = funding_row(
            position,
            listing,
            exec_id=books.new_id(),
            order_id=f"{books.time.now_ms // 1000}-{symbol}-{account.uid}-{position.side}",
            seq=position.sequence,
            time_ms=books.time.now_ms,
            paid=paid,
            rate=rate,
        )
        books.tell_funding(account, execution, log_rows.funding(account, position, listing, execution, paid))
