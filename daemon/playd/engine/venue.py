"""
Between an engine and a simulated venue in the same process: intents become orders of a BOOK, events of a minute become fills.
Compiled, because backtests do it for every bar; shadow mode does the same one bar at a time.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from playd.core.units import from_units
from playd.engine.account import apply_entry_record, apply_exit_record, leave_now
from playd.engine.records import ENTER, EXIT
from playd.matching import records as m
from playd.matching.book import drop_entry, protect, set_levels, submit_entry, submit_exit, submit_limit_entry
from playd.matching.compiled import part
from playd.matching.minute import fill_due_orders, gap_test, inside_minute
from playd.matching.records import Record, Records

Ended: TypeAlias = NDArray[np.int64]
"""How many entries ended without a fill, by the code of the reason (`matching.records.REASONS`)."""


@part
def submit(s: Record, r: Record, book: Records, terms: Records, intent: Records) -> None:
    """Send what an intent asks for; it can trade from the next minute's open on. A cancel is there at once."""
    out = intent[0]
    if out.cancel != 0:
        drop_entry(book[0])
        s.pending_qty = 0
    if out.amend != 0:
        protect(book, terms, out.stop_ticks, book[0].target_ticks)
    if out.action == ENTER:
        if out.limit_ticks > 0:
            submit_limit_entry(book, out.dir, out.qty, out.limit_ticks, r.entry_tif, out.stop_ticks, out.target_ticks)
        else:
            submit_entry(book, out.dir, out.qty, out.stop_ticks, out.target_ticks)
    elif out.action == EXIT:
        submit_exit(book, out.qty, out.reason)


@part
def live_minute(
    s: Record,
    r: Record,
    book: Records,
    terms: Records,
    open_: float,
    high: float,
    low: float,
    mark_open: float,
    mark_high: float,
    mark_low: float,
    time_ms: int,
    fills: Records,
    trades: Records,
    ended: Ended,
    n: int,
) -> int:
    """
    `match_minute` and `settle` for levels that are measured from the fill.

    The venue is told of those of a fill at the open before anything else of the minute. An entry that rests brings along those
    of its limit, which is what it is filled at inside a minute.
    """
    was_flat = s.dir == 0
    n = settle(s, r, fills, fill_due_orders(book, terms, open_, s.cash_usdt, fills, 0), time_ms, trades, ended, n)
    if was_flat and s.dir != 0 and not bring_levels(s, book, terms, open_):
        n = settle(s, r, fills, fill_due_orders(book, terms, open_, s.cash_usdt, fills, 0), time_ms, trades, ended, n)
    n = settle(s, r, fills, gap_test(book, terms, open_, mark_open, fills, 0), time_ms, trades, ended, n)
    count = inside_minute(book, terms, high, low, mark_high, mark_low, fills, 0)
    return settle(s, r, fills, count, time_ms, trades, ended, n)


@part
def bring_levels(s: Record, book: Records, terms: Records, price: float) -> bool:
    """
    Set the levels of a fresh position at the venue. False when `price` is at its stop or beyond it, where no venue takes a
    stop: then the position is left at the next price.
    """
    k = terms[0]
    if s.stop_ticks > 0 and s.dir * (price - from_units(s.stop_ticks, k.tick_num, k.tick_den)) <= 0.0:
        leave_now(s)
        submit_exit(book, s.exit_qty, s.exit_reason)
        return False
    set_levels(book[0], k, s.stop_ticks, s.target_ticks)
    return True


@part
def settle(s: Record, r: Record, fills: Records, count: int, time_ms: int, trades: Records, ended: Ended, n: int) -> int:
    """
    Tell an engine's account the first `count` events of a minute; returns the new number of trades. `ended` counts entries that
    the venue did not fill, by reason.
    """
    for i in range(count):
        f = fills[i]
        if f.event == m.ENTERED:
            apply_entry_record(s, r, f.dir, f.qty, f.price, f.fee_usdt, time_ms)
        elif f.event == m.EXITED:
            apply_exit_record(s, r, f.qty, f.price, f.fee_usdt, time_ms, f.reason, trades[n])
            n += 1
        elif f.event == m.ENTRY_ENDED:
            s.pending_qty = 0
            ended[f.reason] += 1
        else:
            s.exit_qty = 0
    return n
