"""
One minute of a market (play-language 3.5 steps 2 to 6, 9.1, 10.3, 10.5, 10.6).

`match_minute` is the whole of it. Its three parts are public because the local exchange lives through a minute in pieces: it
calls `fill_due_orders` and `gap_test` at the open, the same two with the present price for an order that arrives inside the
minute, and `inside_minute` at the close with the extremes since then.

These functions append to `fills` from index `n` and return the new count. What they are made of works on the elements
themselves (`b` of BOOK, `k` of TERMS, `f` of FILL) and returns the number of events it wrote, none or one: passing a record
is one pointer, passing an array is seven words and a reference count, which a backtest feels.

Stops, targets and orders look at the last price, liquidations at the mark price; where nothing else is known the last price
stands in for it. Triggers inside a minute are inclusive (a low equal to the stop has reached it); a gap is an open strictly
beyond a level.
"""

import numpy as np

from playd.core.machine import kept
from playd.core.units import DOWN, UP, from_units, to_units
from playd.matching.book import add_to_position, drop_entry, set_levels, take_from_position
from playd.matching.compiled import inlined, part
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


@kept
def match_minute(
    book: Records,
    terms: Records,
    open_: float,
    high: float,
    low: float,
    mark_open: float,
    mark_high: float,
    mark_low: float,
    available_usdt: float,
    fills: Records,
) -> int:
    """
    Everything that happens to `book` in one minute; returns the number of events in `fills`.

    `available_usdt` is what a market entry may cost at most (play-language 10.2).
    """
    b = book[0]
    k = terms[0]
    n = _fill_exit_order(b, k, open_, fills[0])
    n += _fill_entry_order(b, k, open_, available_usdt, fills[n])
    n += _gap(b, k, open_, mark_open, fills[n])
    resting_filled = _fill_resting_entry(b, k, high, low, fills[n])
    n += resting_filled
    return n + _worst_case(b, k, high, low, mark_high, mark_low, resting_filled == 0, fills[n])


@kept
def fill_due_orders(book: Records, terms: Records, price: float, available_usdt: float, fills: Records, n: int) -> int:
    """Orders that can trade at `price`, the minute's open or the present price: the exit first, then the entry."""
    n += _fill_exit_order(book[0], terms[0], price, fills[n])
    return n + _fill_entry_order(book[0], terms[0], price, available_usdt, fills[n])


@kept
def gap_test(book: Records, terms: Records, price: float, mark: float, fills: Records, n: int) -> int:
    """Liquidation against one mark price, stop and target against one price, the opens: the first passed ends the position."""
    return n + _gap(book[0], terms[0], price, mark, fills[n])


@kept
def inside_minute(
    book: Records, terms: Records, high: float, low: float, mark_high: float, mark_low: float, fills: Records, n: int
) -> int:
    """
    What the extremes after the open do: a resting entry, then the worst case for the position (10.6 b).

    A position opened here is exposed to its stop and its liquidation in this minute, not to its target.
    """
    resting_filled = _fill_resting_entry(book[0], terms[0], high, low, fills[n])
    n += resting_filled
    return n + _worst_case(book[0], terms[0], high, low, mark_high, mark_low, resting_filled == 0, fills[n])


@kept
def close_at_end(book: Records, terms: Records, price: float, reason: int, fills: Records) -> int:
    """Close the position at `price` at once, with slippage and taker fee (`end_of_data`); returns the number of events."""
    b = book[0]
    if b.dir == 0:
        return 0
    b.exit_qty = b.qty
    b.exit_reason = reason
    return _fill_exit_order(b, terms[0], price, fills[0])


@inlined
def is_quiet(b: Record, high: float, low: float) -> bool:
    """
    Whether a minute with these extremes certainly leaves a book as it is, so that `match_minute` need not be called. They are
    those of last and mark price together.
    """
    floor, ceiling = quiet_range(b)
    return floor < low and high < ceiling


@inlined
def quiet_range(b: Record) -> tuple[float, float]:
    """
    The prices strictly between which a minute certainly leaves a book as it is; none (`inf`, `-inf`) while an order waits.

    They stay the same for as long as the book does.
    """
    floor, ceiling = -np.inf, np.inf
    if b.exit_qty != 0 or b.entry_kind != NONE or b.stop_resting != 0:
        return ceiling, floor
    # An absent level is NaN and never the nearer one.
    if b.dir > 0:
        floor = b.stop_price if b.stop_price > floor else floor
        floor = b.liquidation_price if b.liquidation_price > floor else floor
        ceiling = b.target_price if b.target_price < ceiling else ceiling
    elif b.dir < 0:
        ceiling = b.stop_price if b.stop_price < ceiling else ceiling
        ceiling = b.liquidation_price if b.liquidation_price < ceiling else ceiling
        floor = b.target_price if b.target_price > floor else floor
    return floor, ceiling


@part
def _reached(direction: int, price: float, level: float) -> bool:
    """Whether `price` is at `level` or past it, going up (+1) or down (-1). An absent level (NaN) is never reached."""
    return price >= level if direction > 0 else price <= level


@part
def _is_beyond(direction: int, price: float, level: float) -> bool:
    """Whether `price` is past `level`, not merely at it."""
    return price > level if direction > 0 else price < level


@part
def _fill_exit_order(b: Record, k: Record, price: float, f: Record) -> int:
    if b.exit_qty == 0:
        return 0
    qty = min(b.exit_qty, b.qty)
    b.exit_qty = 0
    if b.dir == 0:
        return _ended(f, EXIT_DROPPED, 0, 0, DROPPED)
    ticks = exit_fill_ticks(b.dir, price, k.slippage, k.tick_num, k.tick_den)
    return _leave(b, k, qty, ticks, k.taker, False, b.exit_reason, f, 0)


@part
def _fill_entry_order(b: Record, k: Record, price: float, available_usdt: float, f: Record) -> int:
    """A market entry takes with slippage. A limit entry takes or is refused when it arrives, and makes when it rested."""
    if b.entry_kind == NONE:
        return 0
    if b.entry_kind == MARKET:
        ticks = entry_fill_ticks(b.entry_dir, price, k.slippage, k.tick_num, k.tick_den)
        return _take(b, k, ticks, available_usdt, f)
    marketable = limit_is_marketable(b.entry_dir, price, _limit_price(b, k))
    ticks = to_units(price, k.tick_num, k.tick_den, UP if b.entry_dir > 0 else DOWN)
    if b.entry_resting != 0:
        return _make(b, k, ticks, available_usdt, f) if marketable else 0
    if marketable and b.entry_tif == POST_ONLY:
        return _end_entry(b, f, POST_ONLY_WOULD_TAKE)
    if marketable:
        return _take(b, k, ticks, available_usdt, f)
    if b.entry_tif == IOC or b.entry_tif == FOK:
        return _end_entry(b, f, IOC_UNFILLED)
    b.entry_resting = 1
    return 0


@part
def _make(b: Record, k: Record, ticks: int, available_usdt: float, f: Record) -> int:
    """An entry that rested and meets an open at its price or a better one; of a short the better one costs more."""
    price = from_units(ticks, k.tick_num, k.tick_den)
    qty = from_units(b.entry_qty, k.step_num, k.step_den)
    if order_cost_usdt(b.entry_dir, qty, price, k.leverage, k.taker) > available_usdt:
        return _end_entry(b, f, INSUFFICIENT_MARGIN)
    return _enter(b, k, ticks, k.maker, True, f, 0)


@part
def _take(b: Record, k: Record, ticks: int, available_usdt: float, f: Record) -> int:
    """An entry that takes: what it costs must be there."""
    price = from_units(ticks, k.tick_num, k.tick_den)
    qty = from_units(b.entry_qty, k.step_num, k.step_den)
    if order_cost_usdt(b.entry_dir, qty, price, k.leverage, k.taker) > available_usdt:
        return _end_entry(b, f, INSUFFICIENT_MARGIN)
    return _enter(b, k, ticks, k.taker, False, f, 0)


@part
def _fill_resting_entry(b: Record, k: Record, high: float, low: float, f: Record) -> int:
    """A resting limit entry that the price has reached inside the minute fills at its limit."""
    if b.entry_resting == 0 or not _reached(-b.entry_dir, low if b.entry_dir > 0 else high, _limit_price(b, k)):
        return 0
    return _enter(b, k, b.entry_limit_ticks, k.maker, True, f, 1)


@part
def _gap(b: Record, k: Record, price: float, mark: float, f: Record) -> int:
    if b.dir == 0:
        return 0
    if b.stop_resting == _TRIGGERED_NOW:
        b.stop_resting = _TRIGGERED_BEFORE
    if _is_beyond(-b.dir, mark, b.liquidation_price):
        return _liquidate(b, k, f, 0)
    if b.stop_resting != 0:
        return _stop(b, k, b.stop_price, f, 0) if _reached(b.dir, price, b.stop_price) else 0
    if _is_beyond(-b.dir, price, b.stop_price):
        if b.stop_is_limit != 0:
            b.stop_resting = _TRIGGERED_NOW
            return 0
        return _stop(b, k, price, f, 0)
    if _is_beyond(b.dir, price, b.target_price):
        return _target(b, k, price, f, 0)
    return 0


@part
def _worst_case(
    b: Record, k: Record, high: float, low: float, mark_high: float, mark_low: float, target_counts: bool, f: Record
) -> int:
    if b.dir == 0:
        return 0
    worst = low if b.dir > 0 else high
    best = high if b.dir > 0 else low
    liquidated = _reached(-b.dir, mark_low if b.dir > 0 else mark_high, b.liquidation_price)
    if b.stop_resting != 0:
        if liquidated:
            return _liquidate(b, k, f, 1)
        return _stop(b, k, b.stop_price, f, 1) if _reached(b.dir, best, b.stop_price) else 0
    stop_is_nearer = b.dir * (b.stop_price - b.liquidation_price) > 0.0
    if _reached(-b.dir, worst, b.stop_price) and (stop_is_nearer or not liquidated):
        return _stop(b, k, b.stop_price, f, 1)
    if liquidated:
        return _liquidate(b, k, f, 1)
    if target_counts and _reached(b.dir, best, b.target_price):
        return _target(b, k, b.target_price, f, 1)
    return 0


@part
def _stop(b: Record, k: Record, price: float, f: Record, inside: int) -> int:
    """The stop trades: a market stop from the worse of stop and `price`, a limit stop at its own price."""
    if b.stop_is_limit != 0:
        is_maker = b.stop_resting == _TRIGGERED_BEFORE
        return _leave(b, k, b.qty, b.stop_ticks, k.maker if is_maker else k.taker, is_maker, SL, f, inside)
    ticks = stop_fill_ticks(b.dir, price, b.stop_price, k.slippage, k.tick_num, k.tick_den)
    return _leave(b, k, b.qty, ticks, k.taker, False, SL, f, inside)


@part
def _target(b: Record, k: Record, price: float, f: Record, inside: int) -> int:
    is_limit = b.target_is_limit != 0
    ticks = target_fill_ticks(b.dir, price, b.target_price, is_limit, k.slippage, k.tick_num, k.tick_den)
    return _leave(b, k, b.qty, ticks, k.maker if is_limit else k.taker, is_limit, TP, f, inside)


@part
def _liquidate(b: Record, k: Record, f: Record, inside: int) -> int:
    """The venue takes the position over at the bankruptcy price, rounded against us to the tick."""
    ticks = exit_fill_ticks(b.dir, bankruptcy_price(b.dir, b.entry_price, k.leverage), 0.0, k.tick_num, k.tick_den)
    return _leave(b, k, b.qty, ticks, k.taker, False, LIQUIDATION, f, inside)


@part
def _limit_price(b: Record, k: Record) -> float:
    return from_units(b.entry_limit_ticks, k.tick_num, k.tick_den)


@part
def _enter(b: Record, k: Record, ticks: int, rate: float, is_maker: bool, f: Record, inside: int) -> int:
    price = from_units(ticks, k.tick_num, k.tick_den)
    _write(f, ENTERED, b.entry_dir, b.entry_qty, ticks, price, k, rate, is_maker, ENTRY, inside)
    add_to_position(b, k, b.entry_dir, b.entry_qty, price)
    set_levels(b, k, b.entry_stop_ticks, b.entry_target_ticks)
    drop_entry(b)
    return 1


@part
def _leave(b: Record, k: Record, qty: int, ticks: int, rate: float, is_maker: bool, reason: int, f: Record, inside: int) -> int:
    price = from_units(ticks, k.tick_num, k.tick_den)
    _write(f, EXITED, b.dir, qty, ticks, price, k, rate, is_maker, reason, inside)
    take_from_position(b, k, qty)
    return 1


@part
def _end_entry(b: Record, f: Record, reason: int) -> int:
    drop_entry(b)
    return _ended(f, ENTRY_ENDED, b.entry_dir, b.entry_qty, reason)


@part
def _ended(f: Record, event: int, direction: int, qty: int, reason: int) -> int:
    f.event = event
    f.dir = direction
    f.qty = qty
    f.price_ticks = 0
    f.price = 0.0
    f.fee_usdt = 0.0
    f.is_maker = 0
    f.reason = reason
    f.inside = 0
    return 1


@part
def _write(
    f: Record,
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
    f.event = event
    f.dir = direction
    f.qty = qty
    f.price_ticks = ticks
    f.price = price
    f.fee_usdt = fee_usdt(from_units(qty, k.step_num, k.step_den), price, rate)
    f.is_maker = 1 if is_maker else 0
    f.reason = reason
    f.inside = inside
