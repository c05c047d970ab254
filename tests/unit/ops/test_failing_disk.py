"""The disk of a drill fails as a full or broken one does, and is the disk it wraps otherwise."""

import errno
import sqlite3
from pathlib import Path, PurePath

import orjson
import pytest

from playd.ops.drills.failing_disk import BALLAST, NO_SPACE, REFUSED, SYNC_ERROR, UNREADABLE, FailingDisk
from playd.world.real import RealDisk

LEDGER = PurePath("state/ledger.sqlite")
RECORDS = PurePath("state/day.jsonl")
COMMAND = PurePath("command.json")


@pytest.fixture
def disk(tmp_path: Path) -> FailingDisk:
    made = FailingDisk(RealDisk(tmp_path), COMMAND)
    made.mkdir(PurePath("state"))
    return made


def command(tmp_path: Path, kind: str, **more: list[str]) -> None:
    (tmp_path / COMMAND).write_bytes(orjson.dumps({"kind": kind, **more}))


def test_without_space_nothing_is_written_until_the_ballast_is_gone(tmp_path: Path, disk: FailingDisk) -> None:
    disk.allocate(PurePath("state") / BALLAST, 4096)
    records, ledger = disk.open_append(RECORDS), disk.open_sqlite(LEDGER)
    ledger.execute("CREATE TABLE t (x)")
    command(tmp_path, NO_SPACE)
    assert disk.free_bytes(PurePath("state")) == 0
    with pytest.raises(OSError, match="No space") as refused:
        records.write(b"a record\n")
    assert refused.value.errno == errno.ENOSPC
    assert 0 < records.size < len(b"a record\n"), "what still fitted is there"
    with pytest.raises(OSError, match="No space"):
        disk.write_replace(PurePath("state/state.json"), b"{}")
    ledger.execute("BEGIN IMMEDIATE")
    ledger.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.OperationalError, match="full") as full:
        ledger.execute("COMMIT")
    assert (full.value.sqlite_errorcode, ledger.in_transaction) == (sqlite3.SQLITE_FULL, False)
    disk.remove(PurePath("state") / BALLAST)
    assert disk.free_bytes(PurePath("state")) == 4096
    records.write(b"a record\n")
    ledger.execute("BEGIN IMMEDIATE")
    ledger.execute("INSERT INTO t VALUES (2)")
    ledger.execute("COMMIT")
    assert [row["x"] for row in ledger.execute("SELECT x FROM t")] == [2]
    ledger.close()
    records.close()


def test_without_space_for_the_named_files_others_are_written(tmp_path: Path, disk: FailingDisk) -> None:
    command(tmp_path, NO_SPACE, files=["state.json*"])
    with pytest.raises(OSError, match="No space"):
        disk.write_replace(PurePath("state/state.json"), b"{}")
    disk.write_replace(PurePath("state/plan.json"), b"{}")
    assert disk.free_bytes(PurePath("state")) > 0, "nobody is told by the disk itself"


def test_a_glob_with_a_slash_names_files_by_their_paths_and_what_was_refused_is_told(tmp_path: Path, disk: FailingDisk) -> None:
    own, guardians = PurePath("state/journal/day.jsonl"), PurePath("state/guardian/journal/day.jsonl")
    for path in (own, guardians):
        disk.mkdir(path.parent)
    ledger = disk.open_sqlite(LEDGER)
    ledger.execute("BEGIN IMMEDIATE")
    command(tmp_path, NO_SPACE, files=["state/journal/*", "ledger.sqlite"])
    disk.open_append(guardians).close()
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            disk.open_append(own)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        ledger.execute("COMMIT")
    ledger.close()
    assert (tmp_path / REFUSED).read_text().splitlines() == [str(own), str(LEDGER)]


def test_a_sync_of_the_named_files_is_lost_and_no_other(tmp_path: Path, disk: FailingDisk) -> None:
    records, ledger = disk.open_append(RECORDS), disk.open_sqlite(LEDGER)
    command(tmp_path, SYNC_ERROR, files=["*.jsonl"])
    records.write(b"a record\n")
    with pytest.raises(OSError, match="Input/output"):
        records.sync()
    ledger.execute("BEGIN IMMEDIATE")
    ledger.execute("COMMIT")
    command(tmp_path, SYNC_ERROR, files=["ledger*"])
    records.sync()
    ledger.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="I/O"):
        ledger.execute("COMMIT")
    (tmp_path / COMMAND).unlink()
    ledger.execute("BEGIN IMMEDIATE")
    ledger.execute("COMMIT")
    ledger.close()
    records.close()


def test_whether_an_unreadable_file_is_there_nobody_can_say(tmp_path: Path, disk: FailingDisk) -> None:
    command(tmp_path, UNREADABLE, files=["HALT"])
    with pytest.raises(PermissionError):
        disk.exists(PurePath("state/HALT"))
    assert disk.exists(PurePath("state"))
