"""
What the exchange keeps over a restart, in one SQLite file.

Written without sync: it survives the death of the process at any instant, not that of the machine. Money here is pretend.
A full disk is asked for room once; what was rolled back is then written again.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.core.errors import StateError
from playd.core.orders import Side
from playd.venues.exchange import retention
from playd.venues.exchange.books import Books, MarketTime
from playd.venues.exchange.changes import Changes
from playd.venues.exchange.ledger import directory_of
from playd.venues.exchange.listing import ENDLESS, Finer, Gone
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.rows import Row
from playd.venues.exchange.saved import dump, load
from playd.venues.exchange.text import whole_number
from playd.world.ports import Disk
from playd.world.refused import cannot_open, cannot_open_database, medium_refused, refuse_unreadable_log

FORMAT: Final = "2"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (uid INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS keys (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS positions (
    uid INTEGER NOT NULL, symbol TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (uid, symbol)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY, order_id TEXT NOT NULL UNIQUE, uid INTEGER NOT NULL, symbol TEXT NOT NULL,
    link_id TEXT NOT NULL, is_open INTEGER NOT NULL, status TEXT NOT NULL, time_ms INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_link ON orders (uid, link_id);
CREATE INDEX IF NOT EXISTS orders_open ON orders (number) WHERE is_open;
CREATE TABLE IF NOT EXISTS executions (
    number INTEGER PRIMARY KEY, uid INTEGER NOT NULL, symbol TEXT NOT NULL, order_id TEXT NOT NULL, link_id TEXT NOT NULL,
    type TEXT NOT NULL, time_ms INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS executions_order ON executions (uid, order_id);
CREATE INDEX IF NOT EXISTS executions_time ON executions (uid, time_ms);
CREATE TABLE IF NOT EXISTS closed_pnl (
    number INTEGER PRIMARY KEY, uid INTEGER NOT NULL, symbol TEXT NOT NULL, time_ms INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS log (
    number INTEGER PRIMARY KEY, uid INTEGER NOT NULL, symbol TEXT NOT NULL, type TEXT NOT NULL, time_ms INTEGER NOT NULL,
    body TEXT NOT NULL);
"""

_LINK_USED: Final = """SELECT 1 FROM orders WHERE uid = ? AND link_id = ?
UNION ALL SELECT 1 FROM links WHERE uid = ? AND link_id = ? LIMIT 1"""
_ENDED: Final = """json_extract(body, '$.updated_ms') >= CASE WHEN json_extract(body, '$.filled_steps') THEN ? ELSE ? END"""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows newest first, and the cursor of the next page (empty on the last)."""

    bodies: list[str]
    next_cursor: str


class Records:
    """One open records file. The caller closes it. `make_room` is asked on a full disk: whether trying again can help."""

    def __init__(self, connection: sqlite3.Connection, make_room: Callable[[], bool] = lambda: False) -> None:
        self._connection = connection
        self._make_room = make_room
        self._place = ""
        connection.executescript(_SCHEMA + retention.SCHEMA)

    @classmethod
    def open(cls, disk: Disk, path: PurePath, make_room: Callable[[], bool] = lambda: False) -> "Records":
        """
        Open or create the file. A disk that refuses is asked for room once: SQLite needs some beside the file to read it.

        Raises `LockError` (79) while another program holds it, `RecordError` (74) when the disk refuses, `StateError` when
        it is damaged (78) or of another version (80).
        """
        try:
            try:
                records = cls._opened(disk, path, make_room)
            except sqlite3.DatabaseError as error:
                if not (medium_refused(error) and make_room()):
                    raise
                records = cls._opened(disk, path, make_room)
        except OSError as error:
            raise cannot_open(path, error) from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # SQLite's words may hold the damaged bytes
            refused = cannot_open_database(path, error)
            if not isinstance(refused, StateError):
                raise refused from error
            raise StateError(
                f"{path}: not readable as records of a local exchange: {error}; put a copy back, or remove {_all_of(path)}"
            ) from None
        found = records.meta("format")
        if found is not None and found != FORMAT:
            records.close()
            raise StateError(
                f"{path}: records of format {found}, this program writes {FORMAT}: start the program that wrote them, or remove"
                f" {_all_of(path)}",
                exit_code=80,
            )
        return records

    @classmethod
    def _opened(cls, disk: Disk, path: PurePath, make_room: Callable[[], bool]) -> "Records":
        """Records that are whole and can be read and written. Raises `OSError`, `sqlite3.DatabaseError`, nothing left open."""
        refuse_unreadable_log(disk, path)
        connection = disk.open_sqlite(path, synchronous="OFF")
        try:
            damage = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            if damage != "ok":
                raise sqlite3.DatabaseError(" ".join(damage.split()))
            records = cls(connection, make_room)
            records.meta("format")
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            with suppress(sqlite3.Error):
                connection.close()
            raise
        return records

    def close(self) -> None:
        self._connection.close()

    def meta(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    # Writing

    def start(self, market: str, id_seed: str) -> None:
        """Note once which market these records belong to and what their ids grow from."""
        values = {"format": FORMAT, "market": market, "id_seed": id_seed}
        self._with_room(lambda: self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items()))

    def note(self, name: str, value: str) -> None:
        """Keep a word under a name, in place of the one that was there."""
        self._with_room(lambda: self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value)))

    def write(self, changes: Changes, books: Books) -> None:
        """
        Keep changes and the place of market time, all or nothing. Call before anybody is told.

        After a request that only read, nothing is new and nothing is written.
        """
        place = f"{books.time.open_ms},{int(books.time.inside)},{books.counter}"
        if changes or place != self._place:
            self._with_room(lambda: self._write(changes, books, place))
            self._place = place

    def _write(self, changes: Changes, books: Books, place: str) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            if changes:
                self._write_changes(changes, books)
            self._write_time(books, place)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk may have rolled it back already
                connection.execute("ROLLBACK")
            raise

    def _with_room(self, work: Callable[[], object]) -> None:
        try:
            work()
        except sqlite3.Error as error:
            is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            if not (is_full and self._make_room()):
                raise
            work()

    def forget(self, now_ms: int, filled_ms: int) -> None:
        """Drop what is no longer kept at that market time (see `retention`)."""
        self._with_room(lambda: retention.forget(self._connection, now_ms, filled_ms=filled_ms))

    def _write_time(self, books: Books, place: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('time', ?)", (place,))
        if books.terms != ENDLESS:
            gone = {symbol: [_by_word(part) for part in listing.gone.parts] for symbol, listing in books.listings.items()}
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('gone', ?)", (orjson.dumps(gone).decode(),))

    def _write_changes(self, changes: Changes, books: Books) -> None:
        execute = self._connection.execute
        for finer in changes.finer:
            self._count_finer(finer, books)
        for uid in sorted(changes.accounts):
            execute("INSERT OR REPLACE INTO accounts VALUES (?, ?)", (uid, dump(books.accounts[uid])))
        for uid, place in sorted(changes.positions):
            execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (uid, place, dump(books.accounts[uid].positions[place]))
            )
        for order in changes.orders.values():
            execute(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(order.sequence, order.order_id, order.uid, order.symbol, order.link_id),
                    *(order.status.open, str(order.status), order.created_ms, dump(order)),
                ),
            )
        for uid, row in changes.executions:
            execute(
                "INSERT INTO executions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
                (uid, row["symbol"], row["orderId"], row["orderLinkId"], row["execType"], int(row["execTime"]), _text(row)),
            )
        for number, (uid, row) in changes.closed_pnl.items():
            execute(
                "INSERT OR REPLACE INTO closed_pnl VALUES (?, ?, ?, ?, ?)",
                (number, uid, row["symbol"], int(row["createdTime"]), _text(row)),
            )
        for uid, row in changes.log:
            execute(
                "INSERT INTO log VALUES (NULL, ?, ?, ?, ?, ?)",
                (uid, row["symbol"], row["type"], int(row["transactionTime"]), _text(row)),
            )

    def _count_finer(self, finer: Finer, books: Books) -> None:
        """Count the orders of a symbol that are over as the books count from now on; those that are open come with them."""
        execute = self._connection.execute
        bodies = execute("SELECT number, body FROM orders WHERE symbol = ? AND NOT is_open", (finer.symbol,)).fetchall()
        for row in bodies:
            order = load(Order, row["body"])
            order.count_finer(finer.ticks, finer.steps)
            execute("UPDATE orders SET body = ? WHERE number = ?", (dump(order), row["number"]))
        execute("INSERT OR REPLACE INTO meta VALUES ('counted', ?)", (_counted(books),))

    def keep_key(self, key: str, body: str) -> None:
        """Keep an API key, in place of the one of that name."""
        sql = "INSERT INTO keys (key, body) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body"
        self._with_room(lambda: self._connection.execute(sql, (key, body)))

    # Reading

    def keys(self) -> list[str]:
        """Bodies of the API keys, oldest first."""
        return [str(row["body"]) for row in self._connection.execute("SELECT body FROM keys ORDER BY number")]

    def restore(self, books: Books, step_ms: int) -> None:
        """
        Bring books that are new to where they were, counted so that the rules of now and then both fit; what that changes is
        kept at once. Prices are the caller's to set.
        """
        counted = self.meta("counted")
        for symbol, (tick, step) in orjson.loads(counted or "{}").items():
            books.listings[symbol].count_in(Decimal(tick), Decimal(step))
        for row in self._connection.execute("SELECT body FROM accounts ORDER BY uid"):
            account = load(Account, row["body"])
            books.accounts[account.uid] = account
        for row in self._connection.execute("SELECT uid, body FROM positions ORDER BY uid, symbol"):
            position = load(Position, row["body"])
            books.accounts[row["uid"]].positions[position.place] = position
        for row in self._connection.execute("SELECT body FROM orders WHERE is_open ORDER BY number"):
            order = load(Order, row["body"])
            books.accounts[order.uid].orders[order.order_id] = order
        place = self.meta("time")
        if place is not None:
            open_ms, inside, counter = (int(word) for word in place.split(","))
            books.counter = counter
            books.time = MarketTime(open_ms if inside else open_ms + step_ms, open_ms, bool(inside), 0.0)
        for symbol, (taken, made) in orjson.loads(self.meta("gone") or "{}").items():
            sides = [{Side(side): steps for side, steps in each.items()} for each in (taken, made)]
            books.listings[symbol].gone = Gone(*sides)
        for listing in books.listings.values():
            books.change_rules(listing.instrument)
        if books.changes:
            self.write(books.take_changes(), books)
        elif counted is None:
            self.note("counted", _counted(books))

    def link_used(self, uid: int, link_id: str) -> bool:
        """Whether this user has ever used this link id."""
        return self._connection.execute(_LINK_USED, (uid, link_id, uid, link_id)).fetchone() is not None

    def closed_orders(
        self, uid: int, equals: Mapping[str, Any], period: Sequence[int], limit: int, cursor: str, *, ended: tuple[int, int]
    ) -> Page:
        """Orders that are over. `ended`: since when one with a fill must have been, and one without."""
        return self._page("orders", uid, {**equals, "is_open": 0}, period, limit, cursor, (_ENDED, ended))

    def executions(self, uid: int, equals: Mapping[str, Any], period: Sequence[int], limit: int, cursor: str) -> Page:
        return self._page("executions", uid, equals, period, limit, cursor)

    def closed_pnl(self, uid: int, equals: Mapping[str, Any], period: Sequence[int], limit: int, cursor: str) -> Page:
        return self._page("closed_pnl", uid, equals, period, limit, cursor)

    def log(self, uid: int, equals: Mapping[str, Any], period: Sequence[int], limit: int, cursor: str) -> Page:
        return self._page("log", uid, equals, period, limit, cursor)

    def _page(
        self,
        table: str,
        uid: int,
        equals: Mapping[str, Any],
        period: Sequence[int],
        limit: int,
        cursor: str,
        more: tuple[str, tuple[int, ...]] = ("1", ()),
    ) -> Page:
        """
        Rows of a user where every column of `equals` matches, times in `period` (two ends, inclusive) unless empty; `more` is
        a condition of SQL and its values.
        """
        wheres, values = ["uid = ?", more[0]], [uid, *more[1]]
        for column, value in equals.items():
            wheres.append(f"{column} = ?")
            values.append(value)
        if period:
            wheres.append("time_ms BETWEEN ? AND ?")
            values += list(period)
        before = number_in(cursor)
        if before is not None:
            wheres.append("number < ?")
            values.append(before)
        sql = f"SELECT number, body FROM {table} WHERE {' AND '.join(wheres)} ORDER BY number DESC LIMIT ?"
        found = self._connection.execute(sql, (*values, limit + 1)).fetchall()
        shown = found[:limit]
        rest = len(found) > limit
        return Page([str(row["body"]) for row in shown], cursor_behind(shown[-1]["number"]) if rest else "")


def _all_of(path: PurePath) -> str:
    """What to remove for a new market, and that it may be."""
    ledger = directory_of(path).name
    return f"{path.name}* and {ledger} in {path.parent} for a new market (its orders and its money are only played)"


def _by_word(steps: dict[Side, int]) -> dict[str, int]:
    return {str(side): count for side, count in steps.items()}


def _counted(books: Books) -> str:
    """In which tick and step the books count each symbol."""
    return orjson.dumps(
        {symbol: [str(each.counted.tick), str(each.counted.step)] for symbol, each in books.listings.items()}
    ).decode()


def _text(row: Row) -> str:
    return orjson.dumps(row).decode()


def cursor_behind(number: int) -> str:
    """The cursor of what follows a row."""
    return f"page_token%3D{number}"


def number_in(cursor: str) -> int | None:
    """The row number inside a cursor, however often it was percent-encoded on the way."""
    return whole_number(cursor.rpartition("D")[2].rpartition("=")[2])
