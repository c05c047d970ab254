"""The ledger: durable only after commit, atomic, unique by constraint, and never continuing after a failed write."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path, PurePath
from typing import Any

import pytest

from playd.core.errors import LockError, RecordError, StateError
from playd.orders.ledger import COMMIT_WITHIN_S, LOG_BYTES, Ledger
from playd.orders.schema import SCHEMA_VERSION
from playd.world.real import real_world
from playd.world.real.disk import RealDisk
from playd.world.virtual import ManualClock


def open_ledger(path: Path, clock: ManualClock | None = None) -> Ledger:
    return Ledger.open(real_world().disk, clock or ManualClock(), PurePath(path / "ledger.sqlite"))


def test_rows_are_durable_after_the_commit_and_not_before(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    reader = real_world().disk.open_sqlite(PurePath(tmp_path / "ledger.sqlite"), read_only=True)
    ledger.set_meta("a", "1")

    found = "SELECT count(*) FROM meta WHERE key = 'a'"
    assert reader.execute(found).fetchone()[0] == 0
    ledger.commit()
    assert reader.execute(found).fetchone()[0] == 1
    reader.close()
    ledger.close()


@pytest.mark.parametrize("kind", ["", "-wal", "-shm"])
def test_a_directory_in_the_place_of_one_of_its_files_is_named_and_no_disk_that_refuses(kind: str, tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    there = tmp_path / f"ledger.sqlite{kind}"
    there.unlink(missing_ok=True)
    there.mkdir()
    asked = list[int]()
    with pytest.raises(IsADirectoryError) as refused:
        Ledger.open(
            RealDisk(),
            ManualClock(),
            PurePath(tmp_path / "ledger.sqlite"),
            make_room=lambda: bool(asked.append(1)),
            known="yes",
        )
    assert (refused.value.filename, asked) == (str(there), [])


def test_the_writer_syncs_fully_and_keeps_foreign_keys(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)

    assert ledger.rows("PRAGMA synchronous")[0][0] == 2
    assert ledger.rows("PRAGMA journal_mode")[0][0] == "wal"
    assert ledger.rows("PRAGMA foreign_keys")[0][0] == 1
    ledger.close()


def test_batched_rows_are_committed_when_their_time_has_come(tmp_path: Path) -> None:
    clock = ManualClock()
    ledger = open_ledger(tmp_path, clock)
    ledger.set_meta("a", "1")
    ledger.commit_if_due()
    before = ledger.commits
    clock.advance(COMMIT_WITHIN_S)
    ledger.commit_if_due()

    assert (before, ledger.commits) == (0, 1)
    ledger.close()


@pytest.mark.parametrize("before", [["kept"], []], ids=["behind other rows", "alone"])
def test_a_failed_step_takes_back_its_own_rows_only(tmp_path: Path, before: list[str]) -> None:
    ledger, undone = open_ledger(tmp_path), []
    for key in before:
        ledger.set_meta(key, "1")

    def fail_halfway() -> None:
        with ledger.atomic(lambda: undone.append(1)):
            ledger.set_meta("lost", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert (ledger.waiting_s is not None) == bool(before)
    ledger.set_meta("next", "1")
    ledger.commit()

    assert [key for key in ("kept", "lost", "next") if ledger.meta(key)] == [*before, "next"]
    assert undone == [1]
    ledger.close()


def test_a_refused_duplicate_leaves_the_ledger_usable(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    insert = "INSERT INTO bars (instance, clock_ms, close_ms, processed_ms, verdict, detail) VALUES ('i', 1, 1, 1, 'HOLD', '')"
    ledger.write(insert)
    with pytest.raises(sqlite3.IntegrityError):
        ledger.write(insert)
    ledger.commit()

    assert len(ledger.rows("SELECT * FROM bars")) == 1
    ledger.close()


def test_after_a_failed_write_everything_is_refused(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with pytest.raises(RecordError):
        ledger.write("INSERT INTO no_such_table VALUES (1)")
    for attempt in (lambda: ledger.set_meta("a", "1"), ledger.commit, lambda: ledger.rows("SELECT 1")):
        with pytest.raises(RecordError):
            attempt()
    ledger.close()


def test_a_newer_schema_is_refused_with_its_own_exit_code(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.close()
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.execute(f"UPDATE meta SET value = '{SCHEMA_VERSION + 1}' WHERE key = 'least_reader'")
    connection.commit()
    connection.close()
    with pytest.raises(StateError) as refused:
        open_ledger(tmp_path)

    assert refused.value.exit_code == 80


def test_a_damaged_file_is_refused_and_never_taken_for_empty(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StateError) as refused:
        open_ledger(tmp_path)

    assert refused.value.exit_code == 78
    assert (tmp_path / "ledger.sqlite").read_bytes().startswith(b"not a database")


def test_a_ledger_that_has_lost_what_its_rows_belong_to_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as careless:
        careless.execute("INSERT INTO order_events VALUES ('pd-lost', 1, 'stream', 'place', '', 'OPEN', 0, '', 1, 1, '')")
        careless.commit()
    with pytest.raises(StateError, match="a row of order_events belongs to none of orders") as refused:
        open_ledger(tmp_path)

    assert refused.value.exit_code == 78


class FullConnection:
    """A connection whose disk is full at chosen statements, which rolls the open transaction back as SQLite does."""

    def __init__(self, inner: sqlite3.Connection, refused: list[str]) -> None:
        self._inner = inner
        self.refused = refused

    def execute(self, sql: str, values: object = ()) -> sqlite3.Cursor:
        if self.refused and sql.startswith(self.refused[0]):
            self.refused.pop(0)
            if self._inner.in_transaction:
                self._inner.execute("ROLLBACK")
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self._inner.execute(sql, values)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.mark.parametrize("refused", [["COMMIT"], ["INSERT INTO meta"], ["INSERT INTO meta", "COMMIT"]])
def test_a_full_disk_loses_nothing_when_room_can_be_made(tmp_path: Path, refused: list[str]) -> None:
    """The transaction is written once more, what a failed step took back included."""
    asked: list[int] = []

    def make_room() -> bool:
        asked.append(1)
        return True

    ledger = Ledger.open(real_world().disk, ManualClock(), PurePath(tmp_path / "ledger.sqlite"), make_room=make_room)
    ledger.set_meta("before", "1")
    ledger._connection = FullConnection(ledger._connection, [*refused])  # type: ignore[assignment]
    ledger.set_meta("kept", "1")
    with suppress(ZeroDivisionError), ledger.atomic():
        ledger.set_meta("lost", "1")
        raise ZeroDivisionError
    ledger.set_meta("last", "1")
    ledger.commit()
    reader = real_world().disk.open_sqlite(PurePath(tmp_path / "ledger.sqlite"), read_only=True)
    found = {row["key"] for row in reader.execute("SELECT key FROM meta")}
    reader.close()
    ledger.close()
    assert found >= {"before", "kept", "last"}
    assert "lost" not in found
    assert len(asked) == len(refused)


def test_a_full_disk_without_room_breaks_the_ledger(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger._connection = FullConnection(ledger._connection, ["COMMIT"])  # type: ignore[assignment]
    ledger.set_meta("a", "1")
    with pytest.raises(RecordError, match="full"):
        ledger.commit()
    assert "full" in ledger.broken
    ledger.close()


def test_a_log_that_cannot_be_folded_back_for_want_of_space_goes_on_holding_everything(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger._connection = FullConnection(ledger._connection, ["PRAGMA wal_checkpoint", "PRAGMA wal_checkpoint"])  # type: ignore[assignment]
    ledger.set_meta("a", "1")
    ledger.checkpoint()
    assert ledger.broken == ""
    ledger.set_meta("a", "2")
    ledger.close()
    again = open_ledger(tmp_path)
    assert again.meta("a") == "2"
    again.close()


def test_one_flipped_byte_is_refused_in_words_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    open_ledger(tmp_path).close()
    whole = path.read_bytes()
    refused: list[str] = []
    for place in range(100, len(whole), 997):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            open_ledger(tmp_path).close()
        except StateError as error:
            refused.append(str(error))
        for file in tmp_path.glob("ledger.sqlite-*"):
            file.unlink()

    assert refused
    assert all("restore a backup" in text for text in refused)


def test_the_log_has_its_room_from_the_start_and_a_crash_reads_no_more_than_was_committed(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.set_meta("a", "1")
    ledger.commit()
    log = tmp_path / "ledger.sqlite-wal"
    grown = log.stat().st_size
    ledger.set_meta("a", "2")
    ledger.commit()
    ledger.set_meta("a", "3")
    died = tmp_path / "died"
    died.mkdir()
    for name in ("ledger.sqlite", log.name):
        shutil.copy(tmp_path / name, died)
    after = open_ledger(died)

    assert log.stat().st_size == grown == LOG_BYTES
    assert after.meta("a") == "2"
    assert (died / log.name).stat().st_size == LOG_BYTES
    after.close()
    ledger.close()


class Refusing(RealDisk):
    """A disk on which SQLite cannot open a database for a while, for a reason of its own."""

    def __init__(self, code: int, times: int) -> None:
        super().__init__()
        self._code = code
        self._left = times

    def open_sqlite(self, path: PurePath, **how: Any) -> sqlite3.Connection:
        if not self._left:
            return super().open_sqlite(path, **how)
        self._left -= 1
        error = sqlite3.OperationalError("SQLite says why")
        error.sqlite_errorcode = self._code
        raise error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_LOCKED_SHAREDCACHE])
def test_a_ledger_that_another_program_has_to_itself_is_not_called_damaged(tmp_path: Path, code: int) -> None:
    with pytest.raises(LockError, match="another program") as refused:
        Ledger.open(Refusing(code, 1), ManualClock(), PurePath(tmp_path / "ledger.sqlite"), make_room=lambda: True)
    assert refused.value.exit_code == 79


MEDIUM = [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY_CANTINIT]


@pytest.mark.parametrize("code", MEDIUM)
def test_a_disk_that_refuses_is_not_a_damaged_ledger_and_room_is_made_once(tmp_path: Path, code: int) -> None:
    path, asked = PurePath(tmp_path / "ledger.sqlite"), []

    def make_room() -> bool:
        asked.append(1)
        return True

    Ledger.open(Refusing(code, 1), ManualClock(), path, make_room=make_room).close()
    assert asked == [1]
    for times, room in ((1, lambda: False), (2, make_room)):
        with pytest.raises(RecordError, match="disk-full") as refused:
            Ledger.open(Refusing(code, times), ManualClock(), path, make_room=room)
        assert refused.value.exit_code == 74
    assert asked == [1, 1]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT_INDEX])
def test_for_a_damaged_ledger_no_room_is_made(tmp_path: Path, code: int) -> None:
    with pytest.raises(StateError, match="restore a backup") as refused:
        Ledger.open(Refusing(code, 1), ManualClock(), PurePath(tmp_path / "ledger.sqlite"), make_room=lambda: 1 // 0 > 0)
    assert refused.value.exit_code == 78


class Impatient(RealDisk):
    """A disk whose databases are not waited for."""

    def open_sqlite(self, path: PurePath, **how: Any) -> sqlite3.Connection:
        connection = super().open_sqlite(path, **how)
        connection.execute("PRAGMA busy_timeout = 1")
        return connection


def test_a_program_that_writes_to_the_ledger_is_found_at_the_start_and_not_by_the_first_order(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    path = PurePath(tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockError, match="another program"):
            Ledger.open(Impatient(), ManualClock(), path)
        other.execute("ROLLBACK")
        Ledger.open(Impatient(), ManualClock(), path).close()


COMMITS = 12


def left_behind(directory: Path) -> tuple[Path, bytes, int]:
    """A ledger whose daemon died, its log, and how long the log was before the commits that count up to `COMMITS`."""
    ledger = open_ledger(directory)
    ledger.set_meta("count", "0")
    ledger.checkpoint()
    died = directory / "died"
    died.mkdir()
    for number in range(1, COMMITS + 1):
        ledger.set_meta("count", str(number))
        ledger.set_meta(f"of {number}", "x" * 6000)  # more than a page each
        ledger.commit()
    log = directory / "ledger.sqlite-wal"
    shutil.copy(directory / "ledger.sqlite", died)
    whole = log.read_bytes()
    used = len(whole.rstrip(b"\0"))
    ledger.close()
    return died, whole, used


def counted(died: Path, log: bytes) -> int:
    """What a start finds behind a log like this; every commit up to there is whole."""
    trial = died / "trial"
    shutil.rmtree(trial, ignore_errors=True)
    trial.mkdir()
    shutil.copy(died / "ledger.sqlite", trial)
    (trial / "ledger.sqlite-wal").write_bytes(log)
    ledger = open_ledger(trial)
    number = int(ledger.meta("count") or -1)
    assert all(ledger.meta(f"of {each}") for each in range(1, number + 1))
    assert ledger.meta(f"of {number + 1}") is None
    ledger.set_meta("goes on", "1")
    ledger.commit()
    ledger.close()
    return number


def test_a_torn_log_is_read_up_to_its_last_whole_commit_and_goes_on(tmp_path: Path) -> None:
    died, whole, used = left_behind(tmp_path)
    found = [counted(died, whole[:end]) for end in range(40, used + 1, 1511)]
    assert found == sorted(found)
    assert (found[0], counted(died, whole)) == (0, COMMITS)


def test_a_log_with_a_byte_turned_round_is_never_taken_for_something_else(tmp_path: Path) -> None:
    died, whole, used = left_behind(tmp_path)
    found = set()
    for place in range(0, used, 1709):
        found.add(counted(died, whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]))
    assert found <= set(range(COMMITS + 1))
    assert len(found) > COMMITS // 2


def test_a_second_writer_makes_the_first_end_and_loses_nothing_of_what_was_committed(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.set_meta("a", "1")
    ledger.commit()
    ledger._connection.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE meta SET value = '2' WHERE key = 'a'")
        with pytest.raises(RecordError, match="locked"):
            ledger.set_meta("b", "1")
        other.execute("ROLLBACK")
    with pytest.raises(RecordError, match="broken since"):
        ledger.commit()
    ledger.close()
    after = open_ledger(tmp_path)
    assert (after.meta("a"), after.meta("b")) == ("1", None)
    after.close()


class AlmostFull(RealDisk):
    """A disk with a little room left."""

    def free_bytes(self, path: PurePath) -> int:
        return 10 * LOG_BYTES


def test_the_log_takes_no_room_from_a_disk_that_is_almost_full(tmp_path: Path) -> None:
    ledger = Ledger.open(AlmostFull(), ManualClock(), PurePath(tmp_path / "ledger.sqlite"))

    assert (tmp_path / "ledger.sqlite-wal").stat().st_size < LOG_BYTES
    ledger.close()
