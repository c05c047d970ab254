"""
Every execution of an instance, a page at a time.

Months of trading are tens of thousands, and to fold them all takes longer than a bar may wait: everybody else goes on between
two pages.
"""

import sqlite3
from collections.abc import AsyncIterator
from typing import Final

import anyio.lowlevel

from playd.orders.ledger import Ledger

PAGE: Final = 100
"""Executions that are read and folded in one piece: two milliseconds."""


async def positions_of(ledger: Ledger, account: str, uid: str) -> list[tuple[str, int]]:
    """Symbol and index of each position that an owner ever had."""
    await anyio.lowlevel.checkpoint()
    rows = ledger.rows("SELECT DISTINCT symbol, position_idx FROM executions WHERE account = ? AND owner = ?", (account, uid))
    return [(row["symbol"], row["position_idx"]) for row in rows]


async def executions_of(
    ledger: Ledger, account: str, uid: str, symbol: str, idx: int, *, before_ms: int = 2**62
) -> AsyncIterator[sqlite3.Row]:
    """The executions of one position of an owner that happened before a time, in the order of their booking."""
    n = 0
    while True:
        await anyio.lowlevel.checkpoint()
        page = ledger.rows(
            "SELECT * FROM executions WHERE account = ? AND owner = ? AND symbol = ? AND position_idx = ? AND n > ?"
            " AND venue_ms < ? ORDER BY n LIMIT ?",
            (account, uid, symbol, idx, n, before_ms, PAGE),
        )
        for row in page:
            yield row
        if len(page) < PAGE:
            return
        n = page[-1]["n"]
