"""
One minute of a market (play-language 3.5 steps 2 to 6, 9.1, 10.3, 10.5, 10.6).

`match_minute` is the whole of it. Its three parts are public because the local exchange lives through a minute in pieces: it
calls `fill_due_orders` and `gap_test` at the open, the same two with the present price for an order that arrives inside the
minute, and `inside_minute` at the close with the extremes since then.

Every function appends to `fills` from index `n` and returns the new count. Candles are of the last price, which also serves
as the mark price. Triggers are inclusive: a low equal to the stop has reached it.
"""

from numba import njit

from playd.core.units import DOWN, UP, from_units, to_units
from playd.matching.book import cancel_entry, open_position, reduce_position, set_levels, submit_exit
from playd.matching.money import bankruptcy_price, fee_usdt, order_cost_usdt
from playd.matching.prices import entry_fill_ticks, exit_fill_ticks, limit_is_marketable, stop_fill_ticks, target_fill_ticks
from playd.matching.records import (
    DROPPED,
    ENTERED,
    ENTRY,
    ENTRY_ENDED,
    EXIT_DROPPED,
    EXITED,
    FOK,
    INSUFFICIENT_MARGIN,
    IOC,
    IOC_UNFILLED,
    LIQUIDATION,
    MARKET,
    NONE,
    POST_ONLY,
    POST_ONLY_WOULD_TAKE,
    SL,
    TP,
    Record,
    Records,
)

_TRIGGERED_NOW = 1
_TRIGGERED_BEFORE = 2


@njit(cache=True)
def match_minute(
    book: Records, terms: Records, open_: float, high: float, low: float, available_usdt: float, fills: Records
) -> int:
    """
    Everything that happens to `book` in one minute; returns the number of events in `fills`.

    `available_usdt` is what a market entry may cost at most (play-language 10.2).
    """
    n = fill_due_orders(book, terms, open_, available_usdt, fills, 0)
    n = gap_test(book, terms, open_, fills, n)
    return inside_minute(book, terms, high, low, fills, n)


@njit(cache=True)
def fill_due_orders(book: Records, terms: Records, price: float, available_usdt: float, fills: Records, n: int) -> int:
    """Orders that can trade at `price`, the minute's open or the present price: the exit first, then the entry."""
    b = book[0]
    if b.exit_qty > 0:
        n = _fill_exit_order(book, terms, price, fills, n)
    if b.entry_kind == MARKET:
        n = _take(book, terms, price, available_usdt, fills, n)
    elif b.entry_kind != NONE:
        n = _arrive_or_cross(book, terms, price, available_usdt, fills, n)
    return n


@njit(cache=True)
def gap_test(book: Records, terms: Records, price: float, fills: Records, n: int) -> int:
    """Liquidation, stop and target against one price, the open: the first that it is beyond ends the position."""
    b = book[0]
    if b.dir == 0:
        return n
    if b.stop_resting == _TRIGGERED_NOW:
        b.stop_resting = _TRIGGERED_BEFORE
    if _reached(-b.dir, price, b.liquidation_price):
        return _liquidate(book, terms, fills, n, 0)
    if b.stop_resting != 0:
        if _reached(b.dir, price, b.stop_price):
            return _stop(book, terms, b.stop_price, fills, n, 0)
        return n
    if _reached(-b.dir, price, b.stop_price):
        if b.stop_is_limit != 0 and price != b.stop_price:
            b.stop_resting = _TRIGGERED_NOW
            return n
        return _stop(book, terms, price, fills, n, 0)
    if _reached(b.dir, price, b.target_price):
        return _target(book, terms, price, fills, n, 0)
    return n


@njit(cache=True)
def inside_minute(book: Records, terms: Records, high: float, low: float, fills: Records, n: int) -> int:
    """
    What the extremes after the open do: a resting entry, then the worst case for the position (10.6 b).

    A position opened here is exposed to its stop and its liquidation in this minute, not to its target.
    """
    b = book[0]
    opened_inside = False
    if b.entry_resting != 0 and _reached(-b.entry_dir, low if b.entry_dir > 0 else high, _limit_price(b, terms[0])):
        n = _make(book, terms, fills, n)
        opened_inside = True
    if b.dir == 0:
        return n
    worst = low if b.dir > 0 else high
    best = high if b.dir > 0 else low
    liquidated = _reached(-b.dir, worst, b.liquidation_price)
    if b.stop_resting != 0:
        if liquidated:
            return _liquidate(book, terms, fills, n, 1)
        if _reached(b.dir, best, b.stop_price):
            return _stop(book, terms, b.stop_price, fills, n, 1)
        return n
    stopped = _reached(-b.dir, worst, b.stop_price)
    stop_is_nearer = b.dir * (b.stop_price - b.liquidation_price) > 0.0
    if stopped and (stop_is_nearer or not liquidated):
        return _stop(book, terms, b.stop_price, fills, n, 1)
    if liquidated:
        return _liquidate(book, terms, fills, n, 1)
    if not opened_inside and _reached(b.dir, best, b.target_price):
        return _target(book, terms, b.target_price, fills, n, 1)
    return n


@njit(cache=True)
def _reached(direction: int, price: float, level: float) -> bool:
    """Whether `price` is at `level` or past it, going up (+1) or down (-1). An absent level (NaN) is never reached."""
    return price >= level if direction > 0 else price <= level


@njit(cache=True)
def _fill_exit_order(book: Records, terms: Records, price: float, fills: Records, n: int) -> int:
    b = book[0]
    k = terms[0]
    qty = min(b.exit_qty, b.qty)
    b.exit_qty = 0
    if b.dir == 0:
        return _ended(fills, n, EXIT_DROPPED, 0, 0, DROPPED)
    ticks = exit_fill_ticks(b.dir, price, k.slippage, k.tick_num, k.tick_den)
    return _leave(book, terms, qty, ticks, k.taker, False, b.exit_reason, fills, n, 0)


@njit(cache=True)
def _take(book: Records, terms: Records, price: float, available_usdt: float, fills: Records, n: int) -> int:
    """A market entry: slippage, taker fee, and the order's cost must be there."""
    b = book[0]
    k = terms[0]
    ticks = entry_fill_ticks(b.entry_dir, price, k.slippage, k.tick_num, k.tick_den)
    return _take_at(book, terms, ticks, available_usdt, fills, n)


@njit(cache=True)
def _take_at(book: Records, terms: Records, ticks: int, available_usdt: float, fills: Records, n: int) -> int:
    b = book[0]
    k = terms[0]
    price = from_units(ticks, k.tick_num, k.tick_den)
    qty = from_units(b.entry_qty, k.step_num, k.step_den)
    if order_cost_usdt(b.entry_dir, qty, price, k.leverage, k.taker) > available_usdt:
        return _end_entry(book, fills, n, INSUFFICIENT_MARGIN)
    return _enter(book, terms, ticks, k.taker, False, fills, n, 0)


@njit(cache=True)
def _arrive_or_cross(book: Records, terms: Records, price: float, available_usdt: float, fills: Records, n: int) -> int:
    """A limit entry at an open: it takes or is refused when it arrives, and makes when the price has come to it later."""
    b = book[0]
    k = terms[0]
    marketable = limit_is_marketable(b.entry_dir, price, _limit_price(b, k))
    if b.entry_resting != 0:
        if marketable:
            ticks = to_units(price, k.tick_num, k.tick_den, UP if b.entry_dir > 0 else DOWN)
            return _enter(book, terms, ticks, k.maker, True, fills, n, 0)
        return n
    if marketable and b.entry_tif == POST_ONLY:
        return _end_entry(book, fills, n, POST_ONLY_WOULD_TAKE)
    if marketable:
        ticks = to_units(price, k.tick_num, k.tick_den, UP if b.entry_dir > 0 else DOWN)
        return _take_at(book, terms, ticks, available_usdt, fills, n)
    if b.entry_tif == IOC or b.entry_tif == FOK:
        return _end_entry(book, fills, n, IOC_UNFILLED)
    b.entry_resting = 1
    return n


@njit(cache=True)
def _make(book: Records, terms: Records, fills: Records, n: int) -> int:
    """A resting limit entry that the price has reached inside the minute fills at its limit."""
    return _enter(book, terms, book[0].entry_limit_ticks, terms[0].maker, True, fills, n, 1)


@njit(cache=True)
def _limit_price(b: Record, k: Record) -> float:
    return from_units(b.entry_limit_ticks, k.tick_num, k.tick_den)


@njit(cache=True)
def _enter(book: Records, terms: Records, ticks: int, rate: float, is_maker: bool, fills: Records, n: int, inside: int) -> int:
    b = book[0]
    k = terms[0]
    price = from_units(ticks, k.tick_num, k.tick_den)
    _write(fills, n, ENTERED, b.entry_dir, b.entry_qty, ticks, price, k, rate, is_maker, ENTRY, inside)
    open_position(book, terms, b.entry_dir, b.entry_qty, price)
    set_levels(b, k, b.entry_stop_ticks, b.entry_target_ticks)
    cancel_entry(book)
    return n + 1


@njit(cache=True)
def _stop(book: Records, terms: Records, price: float, fills: Records, n: int, inside: int) -> int:
    """The stop trades: a market stop from the worse of stop and `price`, a limit stop at its own price."""
    b = book[0]
    k = terms[0]
    if b.stop_is_limit != 0:
        is_maker = b.stop_resting == _TRIGGERED_BEFORE
        rate = k.maker if is_maker else k.taker
        return _leave(book, terms, b.qty, b.stop_ticks, rate, is_maker, SL, fills, n, inside)
    ticks = stop_fill_ticks(b.dir, price, b.stop_price, k.slippage, k.tick_num, k.tick_den)
    return _leave(book, terms, b.qty, ticks, k.taker, False, SL, fills, n, inside)


@njit(cache=True)
def _target(book: Records, terms: Records, price: float, fills: Records, n: int, inside: int) -> int:
    b = book[0]
    k = terms[0]
    is_limit = b.target_is_limit != 0
    ticks = target_fill_ticks(b.dir, price, b.target_price, is_limit, k.slippage, k.tick_num, k.tick_den)
    return _leave(book, terms, b.qty, ticks, k.maker if is_limit else k.taker, is_limit, TP, fills, n, inside)


@njit(cache=True)
def _liquidate(book: Records, terms: Records, fills: Records, n: int, inside: int) -> int:
    """The venue takes the position over at the bankruptcy price, rounded against us to the tick."""
    b = book[0]
    k = terms[0]
    ticks = exit_fill_ticks(b.dir, bankruptcy_price(b.dir, b.entry_price, k.leverage), 0.0, k.tick_num, k.tick_den)
    return _leave(book, terms, b.qty, ticks, k.taker, False, LIQUIDATION, fills, n, inside)


@njit(cache=True)
def _leave(
    book: Records,
    terms: Records,
    qty: int,
    ticks: int,
    rate: float,
    is_maker: bool,
    reason: int,
    fills: Records,
    n: int,
    inside: int,
) -> int:
    k = terms[0]
    price = from_units(ticks, k.tick_num, k.tick_den)
    _write(fills, n, EXITED, book[0].dir, qty, ticks, price, k, rate, is_maker, reason, inside)
    reduce_position(book, terms, qty)
    return n + 1


@njit(cache=True)
def _end_entry(book: Records, fills: Records, n: int, reason: int) -> int:
    b = book[0]
    cancel_entry(book)
    return _ended(fills, n, ENTRY_ENDED, b.entry_dir, b.entry_qty, reason)


@njit(cache=True)
def _ended(fills: Records, n: int, event: int, direction: int, qty: int, reason: int) -> int:
    f = fills[n]
    f.event = event
    f.dir = direction
    f.qty = qty
    f.price_ticks = 0
    f.price = 0.0
    f.fee_usdt = 0.0
    f.is_maker = 0
    f.reason = reason
    f.inside = 0
    return n + 1


@njit(cache=True)
def _write(
    fills: Records,
    n: int,
    event: int,
    direction: int,
    qty: int,
    ticks: int,
    price: float,
    k: Record,
    rate: float,
    is_maker: bool,
    reason: int,
    inside: int,
) -> None:
    f = fills[n]
    f.event = event
    f.dir = direction
    f.qty = qty
    f.price_ticks = ticks
    f.price = price
    f.fee_usdt = fee_usdt(from_units(qty, k.step_num, k.step_den), price, rate)
    f.is_maker = 1 if is_maker else 0
    f.reason = reason
    f.inside = inside


@njit(cache=True)
def close_at_end(book: Records, terms: Records, price: float, reason: int, fills: Records) -> int:
    """Close the position at `price` at once, with slippage and taker fee (`end_of_data`); returns the number of events."""
    b = book[0]
    if b.dir == 0:
        return 0
    submit_exit(book, b.qty, reason)
    return _fill_exit_order(book, terms, price, fills, 0)
