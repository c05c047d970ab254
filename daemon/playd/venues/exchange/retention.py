"""
How long the exchange keeps what is over, as the venue documents it: orders without a fill for a day, everything else for two
years (on demo for seven days), by market time.

Link ids stay for ever: one that was used is never taken again. A step forgets so much at most, so that the market does not
wait.
"""

import sqlite3
from typing import Final

from playd.core.timeframes import DAY_MS, MINUTE_MS

UNFILLED_MS: Final = DAY_MS
FILLED_MS: Final = 730 * DAY_MS
FILLED_DEMO_MS: Final = 7 * DAY_MS
"""How long the history shows an order after its end, without any fill and with one."""

EVERY_MS: Final = 5 * MINUTE_MS
ROWS_MAX: Final = 1_500
"""Rows of a table that go in one step: five orders a second for that time, some 15 ms of work."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS links (uid INTEGER NOT NULL, link_id TEXT NOT NULL, PRIMARY KEY (uid, link_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS orders_over ON orders ((json_extract(body, '$.filled_steps') = 0), time_ms) WHERE NOT is_open;
"""

_OVER: Final = """SELECT number FROM orders WHERE NOT is_open AND (json_extract(body, '$.filled_steps') = 0) = ?
AND time_ms < ? AND json_extract(body, '$.updated_ms') < ? LIMIT ?"""
_OLDEST: Final = """DELETE FROM {table} WHERE time_ms < ? AND number IN (SELECT number FROM {table} ORDER BY number LIMIT ?)"""


def forget(connection: sqlite3.Connection, now_ms: int, *, filled_ms: int = FILLED_MS, rows_max: int = ROWS_MAX) -> int:
    """Drop what is older than it is kept, at most `rows_max` of each kind; how many rows went. One transaction."""
    gone = 0
    connection.execute("BEGIN IMMEDIATE")
    try:
        for is_unfilled, kept_ms in ((1, UNFILLED_MS), (0, filled_ms)):
            since_ms = now_ms - kept_ms
            over = connection.execute(_OVER, (is_unfilled, since_ms, since_ms, rows_max)).fetchall()
            numbers = [(row["number"],) for row in over]
            connection.executemany(
                "INSERT OR IGNORE INTO links SELECT uid, link_id FROM orders WHERE number = ? AND link_id != ''", numbers
            )
            connection.executemany("DELETE FROM orders WHERE number = ?", numbers)
            gone += len(numbers)
        for table in ("executions", "closed_pnl", "log"):
            gone += connection.execute(_OLDEST.format(table=table), (now_ms - filled_ms, rows_max)).rowcount
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have rolled it back already
            connection.execute("ROLLBACK")
        raise
    return gone
