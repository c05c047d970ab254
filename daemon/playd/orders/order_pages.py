"""
The list of orders, newest first, page by page.

No index leads to the newest of them (it would be one more page to sync per order sent), so that a page reads the whole table:
in pieces, between which the loop goes on with what trades.
"""

from heapq import nsmallest
from typing import Final, TypeAlias

import anyio.lowlevel

from playd.orders.ledger import Ledger, SqlValue
from playd.orders.rows import OrderRow, order_row
from playd.orders.views import Wanted, conditions

PIECE: Final = 2000
"""Rows that are read without a break, a few milliseconds."""

_EDGE: Final = "SELECT max(link_id) AS link_id FROM (SELECT link_id FROM orders WHERE link_id > ? ORDER BY link_id LIMIT ?)"

Place: TypeAlias = tuple[int, str]
"""Where an order stands in the list, smaller is newer: minus its creation in epoch ms, its link id. None ever moves."""


def place_of(row: OrderRow) -> Place:
    """Its place, which no other order has."""
    return -row.created_ms, row.link_id


async def latest_orders(
    ledger: Ledger, wanted: Wanted, *, limit: int, behind: Place | None = None
) -> list[tuple[str, OrderRow]]:
    """Orders of every account, final ones too, each with its account, newest first; `behind` is the last one's `place_of`."""
    where, values = conditions(wanted, "created_ms")
    if behind is not None:
        where += " AND (created_ms < ? OR (created_ms = ? AND link_id > ?))"
        values += [-behind[0], -behind[0], behind[1]]
    piece = f"SELECT created_ms, link_id FROM orders WHERE link_id > ? AND link_id <= ? AND {where}"
    places, done, edge = list[Place](), "", _edge(ledger, "")
    while edge is not None:
        found = ledger.rows(f"{piece} ORDER BY created_ms DESC, link_id LIMIT ?", [done, edge, *values, limit])
        places = nsmallest(limit, [*places, *((-row["created_ms"], row["link_id"]) for row in found)])
        await anyio.lowlevel.checkpoint()
        done, edge = edge, _edge(ledger, edge)
    names: list[SqlValue] = [link_id for _, link_id in places]
    rows = ledger.rows(f"SELECT * FROM orders WHERE link_id IN ({', '.join('?' * len(names))})", names)
    return sorted(((row["account"], order_row(row)) for row in rows), key=lambda item: place_of(item[1]))


def _edge(ledger: Ledger, done: str) -> str | None:
    """The last link id of the piece behind `done`, None where there is none."""
    row = ledger.row(_EDGE, (done, PIECE))
    return None if row is None or row["link_id"] is None else str(row["link_id"])
