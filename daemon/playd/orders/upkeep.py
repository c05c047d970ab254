"""
The ledger over months: rows that nobody refers to any more leave it, so that its size, its backups and its check at a start
stay bounded.

Verdicts, judged entries and order events older than `keep_days` move to dated files in `archive/` of the state directory, one
JSON object a line; the first verdict of each instance stays, from which it can decide everything again, and so do orders with
their newest event, intents, executions and halts. Reconciliations are kept for
`runs_days`; of balances older than `BALANCES_DAYS` the first of each hour. A row is in the archive, synced, before it leaves
the ledger; a crash between the two writes it there twice.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final, NoReturn

import anyio
import orjson

from playd.core.orders import OrderState
from playd.core.timeframes import DAY_MS
from playd.orders.judged import unpacked
from playd.orders.ledger import Ledger
from playd.world.ports import Clock, Disk

BALANCES_DAYS: Final = 40
"""The limits of risk look back a month."""

BATCH: Final = 500
"""Rows looked at in one step: some milliseconds."""

CASES: Final = 20
"""Of judged entries, which are wider."""

PAUSE_S: Final = 1.0
"""Between two steps that found something."""

REST_S: Final = 6 * 3600.0
"""Behind a pass that is through."""

_HOUR_MS: Final = 3_600_000

_LINE: Final = "FROM bars WHERE instance = ? AND clock_ms = ?"


class Upkeep:
    """Moves and thins old rows of one ledger, a few at a time."""

    def __init__(self, ledger: Ledger, disk: Disk, clock: Clock, archive_dir: PurePath, keep_days: int, runs_days: int) -> None:
        self._ledger = ledger
        self._disk = disk
        self._clock = clock
        self._directory = archive_dir
        self._keep_ms = keep_days * DAY_MS
        self._runs_ms = runs_days * DAY_MS
        self._link = ""
        """How far the present pass over order events is."""
        self._uid = ""
        """The last instance whose judged entries the present pass has been through."""

    async def run(self) -> NoReturn:
        """Pass after pass, until cancelled. Raises `RecordError` when the ledger breaks; a full disk puts archiving off."""
        while True:
            try:
                found = self.step()
            except OSError:
                found = False  # what cannot be archived stays in the ledger
            await anyio.sleep(PAUSE_S if found else REST_S)

    def step(self) -> bool:
        """Move or thin a few rows. False when a pass is through. Raises `OSError` when the archive cannot be written."""
        if self._bars() or self._judged() or self._left_over() or self._runs() or self._balances() or self._events():
            return True
        self._uid = ""
        return False

    def _bars(self) -> bool:
        """
        The oldest verdicts behind the first one, of the first instance that has any older than they are kept, by its market's
        time.
        """
        for uid, clock_ms, first_ms, newest_ms in self._lines():
            key, until_ms = (uid, clock_ms, first_ms), newest_ms - self._keep_ms
            where = "FROM bars WHERE instance = ? AND clock_ms = ? AND close_ms > ?"
            rows = self._ledger.rows(f"SELECT * {where} AND close_ms < ? ORDER BY close_ms LIMIT ?", (*key, until_ms, BATCH))
            if rows:
                self._archive("bars", rows)
                self._ledger.write(f"DELETE {where} AND close_ms <= ?", (*key, rows[-1]["close_ms"]))
                self._ledger.commit()
                return True
        return False

    def _lines(self) -> Iterator[tuple[str, int, int, int]]:
        """Every instance and clock that have verdicts, with the first and the newest: one look each, however many there are."""
        key: tuple[str, int] = ("", 0)
        next_one = "SELECT instance, clock_ms FROM bars WHERE (instance, clock_ms) > (?, ?) ORDER BY instance, clock_ms LIMIT 1"
        while (row := self._ledger.row(next_one, key)) is not None:
            key = (row["instance"], row["clock_ms"])
            ends = [self._ledger.row(f"SELECT {end}(close_ms) AS at {_LINE}", key) for end in ("min", "max")]
            first_ms, newest_ms = (int(end["at"]) for end in ends if end is not None)
            yield *key, first_ms, newest_ms

    def _judged(self) -> bool:
        """Old cases of the next instance that has any. Of refused ones no more come together than are kept (`Judged`)."""
        newest = self._ledger.row("SELECT instance FROM judged WHERE instance > ? ORDER BY instance LIMIT 1", (self._uid,))
        if newest is None:
            return False
        uid = newest["instance"]
        newest = self._ledger.row("SELECT max(close_ms) AS at FROM judged WHERE instance = ?", (uid,))
        assert newest is not None
        where = "FROM judged WHERE instance = ? AND close_ms < ?"
        until_ms = int(newest["at"]) - self._keep_ms
        rows = self._ledger.rows(f"SELECT * {where} ORDER BY close_ms LIMIT ?", (uid, until_ms, CASES))
        if not rows:
            self._uid = uid
            return True
        self._archive("judged", [{**dict(row), "body": _told(row["body"])} for row in rows])
        self._ledger.write(f"DELETE {where}", (uid, rows[-1]["close_ms"] + 1))
        self._ledger.commit()
        return True

    def _left_over(self) -> bool:
        """The next row that an older program kept its refused entries in; nobody reads it any more."""
        row = self._ledger.row("SELECT key FROM meta WHERE key >= 'judged:' AND key < 'judged;' LIMIT 1")
        if row is None:
            return False
        self._ledger.write("DELETE FROM meta WHERE key = ?", (row["key"],))
        self._ledger.commit()
        return True

    def _runs(self) -> bool:
        """The oldest reconciliations, with what they found."""
        until_ms = self._clock.wall_ms() - self._runs_ms
        rows = self._ledger.rows("SELECT id, started_ms FROM recon_runs ORDER BY id LIMIT ?", (BATCH,))
        old = [row["id"] for row in rows if row["started_ms"] < until_ms]
        if not old:
            return False
        for table, column in (("recon_diffs", "run"), ("recon_runs", "id")):
            self._ledger.write(f"DELETE FROM {table} WHERE {column} <= ?", (old[-1],))
        self._ledger.commit()
        return True

    def _balances(self) -> bool:
        """A day of one account's old balances that still has more than one an hour."""
        until_ms = (self._clock.wall_ms() - BALANCES_DAYS * DAY_MS) // _HOUR_MS * _HOUR_MS
        for account in self._ledger.rows("SELECT DISTINCT account FROM equity"):
            alias = account["account"]
            newest = self._ledger.rows(
                "SELECT ms FROM equity WHERE account = ? AND ms < ? ORDER BY ms DESC LIMIT 2", (alias, until_ms)
            )
            if len(newest) < 2 or newest[0]["ms"] // _HOUR_MS != newest[1]["ms"] // _HOUR_MS:
                continue
            self._ledger.write(
                "DELETE FROM equity WHERE account = ? AND ms < ? AND ms NOT IN"
                " (SELECT min(ms) FROM equity WHERE account = ? AND ms < ? GROUP BY ms / ?)",
                (alias, until_ms, alias, until_ms, _HOUR_MS),
            )
            self._ledger.commit()
            return True
        return False

    def _events(self) -> bool:
        """Old events of the next orders that are final; the newest of each stays, which a later one is numbered behind."""
        until_ms = self._clock.wall_ms() - self._keep_ms
        sql = "SELECT link_id, state, last_event_ms FROM orders WHERE link_id > ? ORDER BY link_id LIMIT ?"
        orders = self._ledger.rows(sql, (self._link, BATCH))
        if not orders:
            self._link = ""
            return False
        old = [row["link_id"] for row in orders if OrderState(row["state"]).terminal and row["last_event_ms"] < until_ms]
        newest = "SELECT max(n) FROM order_events AS e WHERE e.link_id = order_events.link_id"
        where = f"FROM order_events WHERE link_id IN ({', '.join('?' * len(old))}) AND n < ({newest})"
        events = self._ledger.rows(f"SELECT * {where} ORDER BY link_id, n", old)
        if events:
            self._archive("order_events", events)
            self._ledger.write(f"DELETE {where}", old)
            self._ledger.commit()
        self._link = orders[-1]["link_id"]
        return True

    def _archive(self, table: str, rows: Sequence[Mapping[str, object] | sqlite3.Row]) -> None:
        """
        Append rows to today's file of a table. Durable when this returns.

        A line that a crash or a full disk cut short goes first, or the next row would be written into it: its own row is still
        in the ledger.
        """
        day = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC).date().isoformat()
        self._disk.mkdir(self._directory)
        path = self._directory / f"{table}-{day}.jsonl"
        size = self._disk.stat(path).size if self._disk.exists(path) else 0
        if size and self._disk.read_from(path, size - 1, 1) != b"\n":
            self._disk.truncate(path, self._disk.read_bytes(path).rfind(b"\n") + 1)
        file = self._disk.open_append(path)
        try:
            file.write(b"".join(orjson.dumps(dict(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows))
            file.sync()
        finally:
            file.close()


def _told(body: bytes) -> str:
    """A case as it was written; what this program cannot read as it is."""
    try:
        return orjson.dumps(unpacked(body)).decode()
    except ValueError:
        return str(body)
