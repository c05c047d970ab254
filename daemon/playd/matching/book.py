"""
How a book changes. `b` is one BOOK record, `k` one TERMS record, as compiled code sees an element of the arrays.

From Python, use the functions that take arrays (`submit_entry`, `submit_exit`, `protect`); the others are their insides.
"""

import numpy as np

from playd.core.machine import kept
from playd.core.units import from_units
from playd.matching.compiled import part
from playd.matching.money import liquidation_price
from playd.matching.records import LIMIT, MARKET, NONE, Record, Records


@kept
def submit_entry(book: Records, direction: int, qty: int, stop_ticks: int, target_ticks: int) -> None:
    """Queue a market entry. It replaces an entry order that is still there. Levels of 0 ticks are absent."""
    b = book[0]
    b.entry_kind = MARKET
    b.entry_dir = direction
    b.entry_qty = qty
    b.entry_limit_ticks = 0
    b.entry_resting = 0
    b.entry_stop_ticks = stop_ticks
    b.entry_target_ticks = target_ticks


@kept
def submit_limit_entry(
    book: Records, direction: int, qty: int, limit_ticks: int, tif: int, stop_ticks: int, target_ticks: int
) -> None:
    """Queue a limit entry with time in force `tif` (`GTC`, `IOC`, `FOK`, `POST_ONLY`), not yet arrived."""
    submit_entry(book, direction, qty, stop_ticks, target_ticks)
    b = book[0]
    b.entry_kind = LIMIT
    b.entry_limit_ticks = limit_ticks
    b.entry_tif = tif


@kept
def cancel_entry(book: Records) -> None:
    """Take the entry order away."""
    drop_entry(book[0])


@part
def drop_entry(b: Record) -> None:
    """`cancel_entry` on the element."""
    b.entry_kind = NONE
    b.entry_resting = 0


@kept
def submit_exit(book: Records, qty: int, reason: int) -> None:
    """Queue a reduce-only market exit of `qty` steps. It replaces an exit order that is still there."""
    book[0].exit_qty = qty
    book[0].exit_reason = reason


@kept
def protect(book: Records, terms: Records, stop_ticks: int, target_ticks: int) -> None:
    """Set stop and target of the open position; 0 removes one."""
    set_levels(book[0], terms[0], stop_ticks, target_ticks)


@kept
def open_position(book: Records, terms: Records, direction: int, qty: int, price: float) -> None:
    """Open a position, or add to one of the same direction at the quantity-weighted average price."""
    add_to_position(book[0], terms[0], direction, qty, price)


@kept
def reduce_position(book: Records, terms: Records, qty: int) -> None:
    """
    Take `qty` steps (at most all of them) off the position; at zero its levels go too.

    A waiting exit order stays and is dropped when it comes due, so that whoever sent it hears of it.
    """
    take_from_position(book[0], terms[0], qty)


@part
def add_to_position(b: Record, k: Record, direction: int, qty: int, price: float) -> None:
    """`open_position` on the elements."""
    if b.dir == 0:
        b.dir = direction
        b.qty = qty
        b.entry_price = price
    else:
        b.entry_price = (b.entry_price * b.qty + price * qty) / (b.qty + qty)
        b.qty += qty
    set_liquidation(b, k)


@part
def take_from_position(b: Record, k: Record, qty: int) -> None:
    """`reduce_position` on the elements."""
    b.qty -= qty
    if b.qty > 0:
        set_liquidation(b, k)
        return
    b.dir = 0
    b.qty = 0
    b.entry_price = 0.0
    b.liquidation_price = np.nan
    set_levels(b, k, 0, 0)


@part
def set_levels(b: Record, k: Record, stop_ticks: int, target_ticks: int) -> None:
    """Stop and target as ticks, and the prices derived from them."""
    b.stop_ticks = stop_ticks
    b.target_ticks = target_ticks
    b.stop_price = from_units(stop_ticks, k.tick_num, k.tick_den) if stop_ticks > 0 else np.nan
    b.target_price = from_units(target_ticks, k.tick_num, k.tick_den) if target_ticks > 0 else np.nan
    b.stop_resting = 0


@part
def set_liquidation(b: Record, k: Record) -> None:
    """The liquidation price that belongs to the present position."""
    qty = from_units(b.qty, k.step_num, k.step_den)
    b.liquidation_price = liquidation_price(b.dir, qty, b.entry_price, k.leverage, k.mm_rate, k.mm_deduction_usdt)
