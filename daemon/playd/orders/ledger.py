"""
The ledger: one SQLite file, the only local truth about orders. One writer, this process; others open it read-only.

Writes gather in one open transaction. `commit` makes them durable with a full sync; whoever is about to send an order calls
it first, everybody else lets `commit_if_due` do it within a second. A write that fails breaks the ledger for good: what
cannot be recorded must not be done. A full disk is the exception as long as room can be made: then the open transaction,
which SQLite may have rolled back, is written once more from its statements.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import PurePath
from types import TracebackType
from typing import Final

from playd.core.errors import RecordError, StateError
from playd.orders.migration import OlderState, missing, refuse_newer, say_version, version_of
from playd.orders.schema import TABLES
from playd.world.ports import Clock, Disk
from playd.world.refused import cannot_open_database, medium_refused, refuse_unreadable_log

COMMIT_WITHIN_S: Final = 0.5
"""Age at which batched rows (verdicts, order events) are committed; looked at twice a second, so none waits above a second."""

CHECKPOINT_EVERY_S: Final = 60.0
"""Time between two moments at which the write-ahead log is folded back. Never done inside an order's commit."""

LOG_BYTES: Final = 4 * 1024 * 1024
"""Room that the write-ahead log has from the start: more than what is written between two checkpoints as a rule."""

ROOM_FROM_BYTES: Final = 256 * 1024 * 1024
"""Free space below which it is not given any."""

_LOST: Final = "restore a backup before starting, or move the whole state directory away to begin anew"

SqlValue = None | int | float | str | bytes


class Ledger:
    """
    Open with `Ledger.open`. Not safe for threads; all calls are synchronous and never yield to the event loop.

    Raises:
        RecordError: From any call once a write or commit has failed.
        sqlite3.IntegrityError: A uniqueness law refused the row; the ledger stays usable.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock, make_room: Callable[[], bool]) -> None:
        self._connection = connection
        self._clock = clock
        self._make_room = make_room
        self._gathered: list[tuple[str, Sequence[SqlValue]]] = []
        self._dirty_since_s: float | None = None
        self._checkpoint_s = clock.mono_s()
        self._broken: str | None = None
        self.commits = 0
        self.writes = 0
        """Number of changing statements; equal numbers mean that nothing on record changed in between."""
        self.last_commit_s = 0.0
        self.on_commit: Callable[[float], None] = lambda _seconds: None
        """Hears how long each commit took."""

    @classmethod
    def open(
        cls, disk: Disk, clock: Clock, path: PurePath, *, make_room: Callable[[], bool] = lambda: False, known: str = ""
    ) -> "Ledger":
        """
        Open or create the ledger at `path`. `make_room` is asked when the disk is full: whether trying again can help. It is
        asked once here too: SQLite needs some room beside the file before it reads anything of it.

        `known` says what shows that there was a ledger before; then one that is missing or holds nothing is a lost one, and
        none is created.

        Raises:
            OlderState: A whole file that lacks what this program writes; `playd migrate` adds it.
            LockError: Another program keeps everybody from it, or from writing to it (79).
            RecordError: The disk refuses, which says nothing of the file (74).
            StateError: Damaged or lost file (exit code 78) or one written by a newer program (80).
            OSError: From the disk, such as for a directory in its place.
        """
        try:
            connection = cls._opened(disk, clock, path, known)
        except sqlite3.DatabaseError as error:
            if not medium_refused(error) or not make_room():
                raise cannot_open_database(path, error) from error
            try:
                connection = cls._opened(disk, clock, path, known)
            except sqlite3.DatabaseError as again:
                raise cannot_open_database(path, again) from again
        return cls(connection, clock, make_room)

    @staticmethod
    def _opened(disk: Disk, clock: Clock, path: PurePath, known: str) -> sqlite3.Connection:
        """A connection to a ledger that is whole, of this version, and that nobody else writes to."""
        if known and not disk.exists(path):
            raise StateError(f"{path}: found nothing there, expected a ledger: {known}; {_LOST}")
        refuse_unreadable_log(disk, path)
        connection: sqlite3.Connection | None = None
        try:
            connection = disk.open_sqlite(path, synchronous="FULL")
            refuse_newer(connection, path)
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise StateError(
                    f"{path}: ledger is damaged ({' '.join(str(found).split())}); restore a backup before starting"
                )
            if version_of(connection) == 0:
                if known:
                    raise StateError(f"{path}: found no tables in it, expected a ledger: {known}; {_LOST}")
                connection.executescript(f"BEGIN IMMEDIATE;{TABLES}")
                say_version(connection)
                connection.execute("INSERT INTO meta (key, value) VALUES ('created_ms', ?)", (str(clock.wall_ms()),))
                connection.execute("COMMIT")
            elif steps := missing(connection):
                raise OlderState(
                    f"{path}: written by an older program, {len(steps)} steps are missing (the first:"
                    f" {steps[0].splitlines()[0]}); `playd migrate` adds them behind a backup"
                )
            if (dangling := connection.execute("PRAGMA foreign_key_check").fetchone()) is not None:
                raise StateError(
                    f"{path}: ledger is damaged (a row of {dangling[0]} belongs to none of {dangling[2]});"
                    " restore a backup before starting"
                )
            # Whoever else writes to it is found here, where nothing is lost by waiting, and not by the first order.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            _make_log_room(disk, path.with_name(f"{path.name}-wal"))
        except UnicodeDecodeError as error:  # SQLite's words may hold the damaged bytes
            _close(connection)
            raise cannot_open_database(path, error) from error
        except (sqlite3.DatabaseError, StateError):
            _close(connection)
            raise
        return connection

    def write(self, sql: str, values: Sequence[SqlValue] = ()) -> sqlite3.Cursor:
        """Run one changing statement inside the gathering transaction. Not durable before the next `commit`."""
        if self._broken is not None:
            raise self._refusal()
        self.writes += 1
        try:
            if self._dirty_since_s is None:
                self._connection.execute("BEGIN IMMEDIATE")
                self._dirty_since_s = self._clock.mono_s()
            cursor = self._connection.execute(sql, values)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            cursor = self._once_more(error, sql, values)
        self._gathered.append((sql, values))
        return cursor

    def rows(self, sql: str, values: Sequence[SqlValue] = ()) -> list[sqlite3.Row]:
        """All rows of a query; sees rows that are not committed yet."""
        if self._broken is not None:
            raise self._refusal()
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[SqlValue] = ()) -> sqlite3.Row | None:
        """First row of a query, or None."""
        if self._broken is not None:
            raise self._refusal()
        found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def atomic(self, undo: Callable[[], None] = lambda: None) -> "_Step":
        """All writes of the block or none of them; `undo` is called in that case. No await inside. Does not commit."""
        return _Step(self, undo)

    def commit(self) -> None:
        """Make everything written so far durable. Returns after the sync; nothing to do costs nothing."""
        if self._broken is not None:
            raise self._refusal()
        if self._dirty_since_s is None:
            return
        started_s = self._clock.mono_s()
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._once_more(error, "COMMIT", ())
        self._dirty_since_s = None
        self._gathered.clear()
        self.commits += 1
        self.last_commit_s = self._clock.mono_s() - started_s
        self.on_commit(self.last_commit_s)

    def commit_if_due(self) -> None:
        """Commit when the oldest batched row has waited `COMMIT_WITHIN_S`."""
        since_s = self._dirty_since_s
        if since_s is not None and self._clock.mono_s() - since_s >= COMMIT_WITHIN_S:
            self.commit()

    def checkpoint(self) -> None:
        """
        Fold the write-ahead log back into the file. Called in idle moments because it syncs twice.

        Without room for that the log goes on holding what was committed; nothing is lost by it.
        """
        self.commit()
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            if not _is_full(error):
                raise self._break(error) from error

    def keep(self) -> None:
        """What is due by the clock: the commit of what has gathered, the log. To be called about once a second."""
        self.commit_if_due()
        if self._clock.mono_s() - self._checkpoint_s >= CHECKPOINT_EVERY_S:
            self._checkpoint_s = self._clock.mono_s()
            self.checkpoint()

    def close(self) -> None:
        """Commit and close. A broken ledger is closed without committing."""
        try:
            if self._broken is None:
                self.checkpoint()
        finally:
            self._connection.close()

    def meta(self, key: str) -> str | None:
        """Value of a `meta` row."""
        found = self.row("SELECT value FROM meta WHERE key = ?", (key,))
        return None if found is None else str(found["value"])

    def set_meta(self, key: str, value: str) -> None:
        self.write(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
        )

    @property
    def broken(self) -> str:
        """Why nothing can be recorded any more, or the empty text."""
        return self._broken or ""

    @property
    def waiting_s(self) -> float | None:
        """Age of the oldest row that is not durable yet, None when there is none."""
        return None if self._dirty_since_s is None else self._clock.mono_s() - self._dirty_since_s

    def _begin_step(self) -> bool:
        """Whether the block is alone in its transaction, and needs no savepoint."""
        alone = self._dirty_since_s is None
        if not alone:
            self.write("SAVEPOINT step")
        return alone

    def _end_step(self, *, alone: bool) -> None:
        if not alone:
            self.write("RELEASE step")

    def _undo_step(self, *, alone: bool) -> None:
        """Take back the block that failed: the whole transaction, where nothing had been gathered before it."""
        if self._broken is not None:
            return
        if alone:
            if self._dirty_since_s is not None:
                self._connection.execute("ROLLBACK")
            self._dirty_since_s = None
            self._gathered.clear()
            return
        for sql in ("ROLLBACK TO step", "RELEASE step"):
            self._connection.execute(sql)
            self._gathered.append((sql, ()))

    def _refusal(self) -> RecordError:
        return RecordError(f"ledger is broken since: {self._broken}")

    def _once_more(self, error: sqlite3.Error, sql: str, values: Sequence[SqlValue]) -> sqlite3.Cursor:
        """The failed statement again, behind all that the open transaction held, if the disk was full and room was made."""
        if not _is_full(error) or not self._make_room():
            raise self._break(error) from error
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            self._dirty_since_s = self._dirty_since_s or self._clock.mono_s()
            for earlier, its_values in self._gathered:
                self._connection.execute(earlier, its_values)
            return self._connection.execute(sql, values)
        except sqlite3.Error as again:
            raise self._break(again) from again

    def _break(self, error: sqlite3.Error) -> RecordError:
        self._broken = str(error)
        return RecordError(f"ledger cannot be written: {error}")


def _is_full(error: sqlite3.Error) -> bool:
    """Whether the disk was full. Errors of Python's own module carry no code."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


class _Step:
    """The block of `Ledger.atomic`; a class, because every order passes here and a generator costs three times as much."""

    __slots__ = ("_alone", "_ledger", "_undo")

    def __init__(self, ledger: Ledger, undo: Callable[[], None]) -> None:
        self._ledger = ledger
        self._undo = undo
        self._alone = True

    def __enter__(self) -> None:
        self._alone = self._ledger._begin_step()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._ledger._end_step(alone=self._alone)
            return
        # Whatever ended the block, its half-done rows must not be committed with somebody else's.
        self._undo()
        self._ledger._undo_step(alone=self._alone)


def _make_log_room(disk: Disk, log: PurePath) -> None:
    """
    Put zeros behind the end of the write-ahead log. SQLite takes no frame for one that does not bear the log's own numbers.

    A commit that writes over blocks which the file has syncs data alone. One that makes the file grow syncs the file system's
    own journal as well, which takes half as long again.
    """
    if not disk.exists(log) or (lacking := LOG_BYTES - disk.stat(log).size) <= 0:
        return
    if disk.free_bytes(log.parent) < ROOM_FROM_BYTES:
        return  # the last of a disk is for what must be written
    with suppress(OSError):  # without room for it the log grows as it goes
        file = disk.open_append(log)
        try:
            file.write(bytes(lacking))
            file.sync()
        finally:
            file.close()


def _close(connection: sqlite3.Connection | None) -> None:
    """Let go of a file that is refused, without another word about its damage."""
    if connection is not None:
        with suppress(sqlite3.Error):
            connection.close()
