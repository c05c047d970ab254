"""Every disk keeps these promises: the real one below a directory, and the one in memory."""

import errno
import fcntl
import os
import sqlite3
from pathlib import Path, PurePath

import numpy as np
import pytest

from playd.core.errors import LockError
from playd.world.ports import Disk
from playd.world.real import RealDisk
from playd.world.virtual import ManualClock, MemoryDisk

STATE = PurePath("/state")
FILE = STATE / "file"


@pytest.fixture(params=["real", "memory"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    made: Disk = RealDisk(tmp_path) if request.param == "real" else MemoryDisk(ManualClock())
    made.mkdir(STATE)
    return made


def test_replacing_keeps_the_previous_generation(disk: Disk) -> None:
    disk.write_replace(FILE, b"one")
    disk.write_replace(FILE, b"two")
    disk.write_replace(FILE, b"three")
    assert (disk.read_bytes(FILE), disk.read_bytes(STATE / "file.prev")) == (b"three", b"two")
    assert disk.list(STATE) == ["file", "file.prev"]


def test_replacing_without_previous_leaves_one_file(disk: Disk) -> None:
    disk.write_replace(FILE, b"one", keep_previous=False)
    disk.write_replace(FILE, b"two", keep_previous=False)
    assert disk.list(STATE) == ["file"]


def test_a_replaced_file_has_the_asked_mode(disk: Disk) -> None:
    disk.write_replace(FILE, b"", mode=0o640)
    assert disk.stat(FILE).mode == 0o640


def test_replacing_needs_the_directory(disk: Disk) -> None:
    with pytest.raises(FileNotFoundError):
        disk.write_replace(PurePath("/nowhere/file"), b"")


def test_appended_bytes_stand_in_order(disk: Disk) -> None:
    appender = disk.open_append(FILE)
    appender.write(b"one\n")
    appender.sync()
    appender.close()
    appender = disk.open_append(FILE)
    appender.write(b"two\n")
    assert appender.size == 8
    appender.close()
    appender.close()
    assert disk.read_bytes(FILE) == b"one\ntwo\n"


def test_a_closed_appender_refuses(disk: Disk) -> None:
    appender = disk.open_append(FILE)
    appender.close()
    with pytest.raises(ValueError, match="closed"):
        appender.write(b"late")


def test_reading_from_an_offset_ends_at_the_end(disk: Disk) -> None:
    disk.write_replace(FILE, b"0123456789")
    assert disk.read_from(FILE, 4, 3) == b"456"
    assert disk.read_from(FILE, 8, 100) == b"89"
    assert disk.read_from(FILE, 10, 100) == b""


def test_truncating_cuts_the_tail(disk: Disk) -> None:
    disk.write_replace(FILE, b"whole\ntorn")
    disk.truncate(FILE, 6)
    assert disk.read_bytes(FILE) == b"whole\n"


def test_a_missing_file_is_said_to_be_missing(disk: Disk) -> None:
    assert not disk.exists(FILE)
    for ask in (disk.read_bytes, disk.stat, disk.remove, disk.list, disk.read_parquet):
        with pytest.raises(FileNotFoundError):
            ask(FILE)


def test_directories_come_with_their_parents_and_their_mode(disk: Disk) -> None:
    deep = STATE / "a" / "b"
    disk.mkdir(deep, mode=0o700)
    disk.mkdir(deep)
    assert disk.stat(deep).is_dir
    assert disk.stat(deep).mode == 0o700
    assert disk.list(STATE) == ["a"]


def test_a_file_is_no_directory(disk: Disk) -> None:
    disk.write_replace(FILE, b"")
    with pytest.raises(NotADirectoryError):
        disk.mkdir(FILE)
    with pytest.raises(NotADirectoryError):
        disk.list(FILE)


def test_renaming_replaces_the_target(disk: Disk) -> None:
    disk.write_replace(FILE, b"new")
    disk.write_replace(STATE / "other", b"old")
    disk.rename(FILE, STATE / "other")
    assert disk.list(STATE) == ["other"]
    assert disk.read_bytes(STATE / "other") == b"new"


def test_changed_modes_are_seen(disk: Disk) -> None:
    disk.write_replace(FILE, b"")
    disk.chmod(FILE, 0o644)
    disk.chmod(STATE, 0o750)
    assert (disk.stat(FILE).mode, disk.stat(STATE).mode) == (0o644, 0o750)


def test_allocated_space_is_there(disk: Disk) -> None:
    disk.allocate(FILE, 4096)
    assert disk.stat(FILE).size == 4096
    assert 0 < disk.free_bytes(STATE) <= disk.total_bytes(STATE)


def test_a_lock_names_its_holder_and_can_be_taken_again(disk: Disk) -> None:
    lock = disk.lock(STATE / "playd.lock", "pid 77\n")
    with pytest.raises(LockError, match="pid 77"):
        disk.lock(STATE / "playd.lock", "pid 78\n")
    lock.release()
    lock.release()
    disk.lock(STATE / "playd.lock", "pid 78\n").release()
    assert disk.read_bytes(STATE / "playd.lock") == b"pid 78\n"


def test_whether_a_lock_is_held_is_told_without_taking_it_or_changing_its_file(disk: Disk) -> None:
    path = STATE / "playd.lock"
    assert not disk.is_locked(path)
    lock = disk.lock(path, "pid 77\n")
    assert disk.is_locked(path)
    lock.release()
    assert not disk.is_locked(path)
    assert disk.read_bytes(path) == b"pid 77\n"


def test_sqlite_keeps_what_was_committed(disk: Disk) -> None:
    first = disk.open_sqlite(STATE / "ledger.sqlite")
    first.execute("CREATE TABLE orders (link_id TEXT PRIMARY KEY)")
    first.execute("BEGIN IMMEDIATE")
    first.execute("INSERT INTO orders VALUES ('committed')")
    first.execute("COMMIT")
    first.execute("BEGIN IMMEDIATE")
    first.execute("INSERT INTO orders VALUES ('lost')")
    first.close()
    second = disk.open_sqlite(STATE / "ledger.sqlite", read_only=True)
    assert [row["link_id"] for row in second.execute("SELECT link_id FROM orders")] == ["committed"]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        second.execute("INSERT INTO orders VALUES ('refused')")
    second.close()
    assert disk.stat(STATE / "ledger.sqlite").mode == 0o600


def test_sqlite_holds_foreign_keys(disk: Disk) -> None:
    connection = disk.open_sqlite(STATE / "ledger.sqlite")
    connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE child (parent INTEGER REFERENCES parent(id))")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO child VALUES (1)")
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    connection.close()


def test_a_read_only_database_must_exist(disk: Disk) -> None:
    with pytest.raises(sqlite3.OperationalError):
        disk.open_sqlite(STATE / "none.sqlite", read_only=True)


def test_a_damaged_database_is_refused(disk: Disk) -> None:
    disk.write_replace(STATE / "ledger.sqlite", b"this is text, long enough to look like a header" * 40)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        disk.open_sqlite(STATE / "ledger.sqlite")


def test_parquet_columns_come_back_as_they_went(disk: Disk) -> None:
    columns = {
        "open_time_ms": np.arange(3, dtype=np.int64) * 60_000,
        "close": np.array([1.5, 0.1, 3e-9]),
        "symbol": np.array(["A", "B", "C"], dtype=object),
    }
    disk.write_parquet(STATE / "x.parquet", columns)
    found = disk.read_parquet(STATE / "x.parquet")
    assert list(found) == list(columns)
    for name, values in columns.items():
        assert found[name].tolist() == values.tolist()
    assert found["open_time_ms"].dtype == np.int64
    assert list(disk.read_parquet(STATE / "x.parquet", ["close"])) == ["close"]


def test_nan_in_parquet_stays_nan(disk: Disk) -> None:
    disk.write_parquet(STATE / "x.parquet", {"close": np.array([1.0, np.nan])})
    found = disk.read_parquet(STATE / "x.parquet")["close"]
    assert np.isnan(found).tolist() == [False, True]


def test_parquet_that_is_none_is_refused(disk: Disk) -> None:
    disk.write_replace(FILE, b"open,high,low\n")
    with pytest.raises(ValueError, match="file"):
        disk.read_parquet(FILE)


def test_a_missing_parquet_column_is_named(disk: Disk) -> None:
    disk.write_parquet(STATE / "x.parquet", {"close": np.array([1.0])})
    with pytest.raises(ValueError, match="volume"):
        disk.read_parquet(STATE / "x.parquet", ["volume"])


def test_parquet_columns_of_unequal_length_are_refused(disk: Disk) -> None:
    with pytest.raises(ValueError, match="common length"):
        disk.write_parquet(STATE / "x.parquet", {"a": np.zeros(1), "b": np.zeros(2)})


def test_a_removed_tree_is_gone_with_all_below_it(disk: Disk) -> None:
    disk.mkdir(STATE / "tree" / "branch")
    disk.write_replace(STATE / "tree" / "branch" / "leaf", b"")
    disk.write_replace(FILE, b"kept")
    disk.remove_tree(STATE / "tree")
    assert disk.list(STATE) == ["file"]
    with pytest.raises(FileNotFoundError):
        disk.remove_tree(STATE / "tree")
    with pytest.raises(NotADirectoryError):
        disk.remove_tree(FILE)


def test_a_copy_of_a_database_is_one_committed_moment_and_nothing_is_overwritten(disk: Disk) -> None:
    writer = disk.open_sqlite(STATE / "a.sqlite")
    writer.execute("CREATE TABLE t (n INTEGER)")
    writer.execute("INSERT INTO t VALUES (1)")
    disk.copy_sqlite(STATE / "a.sqlite", STATE / "b.sqlite")
    writer.execute("INSERT INTO t VALUES (2)")
    copy = disk.open_sqlite(STATE / "b.sqlite", read_only=True)
    assert [row["n"] for row in copy.execute("SELECT n FROM t")] == [1]
    with pytest.raises(FileExistsError):
        disk.copy_sqlite(STATE / "a.sqlite", STATE / "b.sqlite")
    with pytest.raises(FileNotFoundError):
        disk.copy_sqlite(STATE / "none.sqlite", STATE / "c.sqlite")
    assert not disk.exists(STATE / "c.sqlite")
    copy.close()
    writer.close()


def test_a_lock_whose_text_finds_no_room_is_not_held() -> None:
    full = PurePath("/dev/full")
    for _ in range(2):
        with pytest.raises(OSError, match="Errno"):
            RealDisk().lock(full, "pid 77\n")
    assert not RealDisk().is_locked(full)


def test_a_lock_that_the_file_system_does_not_have_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    for _ in range(2):
        before = os.listdir("/proc/self/fd")
        with pytest.raises(OSError, match="no locks available"):
            RealDisk(tmp_path).lock(PurePath("/playd.lock"), "pid 77\n")
        assert os.listdir("/proc/self/fd") == before
