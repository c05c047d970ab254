"""
Between an engine and a simulated venue in the same process: intents become orders of a BOOK, events of a minute become fills.
Compiled, because backtests do it for every bar; shadow mode does the same one bar at a time.
"""

from playd.engine.account import apply_entry_record, apply_exit_record
from playd.engine.records import ENTER, EXIT
from playd.matching import records as m
from playd.matching.book import protect, submit_entry, submit_exit
from playd.matching.compiled import part
from playd.matching.records import Record, Records


@part
def submit(book: Records, terms: Records, intent: Records) -> None:
    """Send what an intent asks for; it can trade from the next minute's open on."""
    out = intent[0]
    if out.amend != 0:
        protect(book, terms, out.stop_ticks, book[0].target_ticks)
    if out.action == ENTER:
        submit_entry(book, out.dir, out.qty, out.stop_ticks, out.target_ticks)
    elif out.action == EXIT:
        submit_exit(book, out.qty, out.reason)


@part
def settle(s: Record, r: Record, fills: Records, count: int, time_ms: int, trades: Records, n: int) -> int:
    """Tell an engine's account the first `count` events of a minute; returns the new number of trades."""
    for i in range(count):
        f = fills[i]
        if f.event == m.ENTERED:
            apply_entry_record(s, r, f.dir, f.qty, f.price, f.fee_usdt, time_ms)
        elif f.event == m.EXITED:
            apply_exit_record(s, r, f.qty, f.price, f.fee_usdt, time_ms, f.reason, trades[n])
            n += 1
        elif f.event == m.ENTRY_ENDED:
            s.pending_qty = 0
        else:
            s.exit_qty = 0
    return n
