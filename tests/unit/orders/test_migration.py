"""A ledger of an older program gets what is missing and keeps what it has; one that cannot be brought up is refused."""

import errno
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

import orjson
import pytest

from playd import __version__
from playd.cli.migrate import MigrateOptions, MigrationError, migrate, wrong_shares
from playd.core.errors import LockError, PlaydError, RecordError, StateError
from playd.core.ids import link_id
from playd.core.orders import Action, OrderRequest, Side
from playd.ops.backup import BackupError, make_backup
from playd.ops.restore import checked
from playd.orders import migration
from playd.orders.fills import Fills
from playd.orders.intent_rows import is_other
from playd.orders.ledger import Ledger
from playd.orders.machine import OrderEvent
from playd.orders.migration import OlderState
from playd.orders.order_book import OrderBook
from playd.orders.schema import SCHEMA_VERSION, TABLES
from playd.world.ports import Lock
from playd.world.real import RealDisk, real_world
from playd.world.virtual import ManualClock
from tests.golden.test_journal_records import trade
from tests.rows import SYMBOL
from tests.simulation.order_world import UID, build, entry
from tests.unit.orders.test_fold import traded
from tests.virtual_time import in_virtual_time

OLDER = (
    "ALTER TABLE halts DROP COLUMN evidence",
    "ALTER TABLE intents DROP COLUMN outcome",
    "DROP TABLE outbox",
    "DROP INDEX executions_link",
)


def ledger_at(state: Path) -> Ledger:
    return Ledger.open(RealDisk(), ManualClock(), PurePath(state / "ledger.sqlite"))


def changed(state: Path, *statements: str) -> None:
    with closing(sqlite3.connect(state / "ledger.sqlite")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def schema_of(state: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(state / "ledger.sqlite")) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
        return {name: sorted(row[1] or "" for row in connection.execute(f"PRAGMA table_info('{name}')")) for name in names}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A ledger with a halt in it."""
    ledger = ledger_at(tmp_path)
    halt = "INSERT INTO halts (scope, level, code, text, actor, raised_ms) VALUES ('all', 2, 'X', 'kept', 'me', 1)"
    ledger.write(halt)
    ledger.commit()
    ledger.close()
    return tmp_path


def test_an_older_ledger_is_brought_up_behind_a_backup_and_keeps_its_rows(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = schema_of(state)
    changed(state, "DROP INDEX intents_open", "DROP TABLE notifications", *OLDER)
    with pytest.raises(OlderState, match="`playd migrate`"):
        ledger_at(state)
    running = RealDisk().lock(PurePath(state / "playd.lock"), "a daemon of the older program")
    assert migrate(MigrateOptions(state=str(state), dry_run=True)) == 0
    with pytest.raises(LockError):
        migrate(MigrateOptions(state=str(state)))
    running.release()
    assert "nothing was changed" in capsys.readouterr().out
    assert schema_of(state) != whole

    assert migrate(MigrateOptions(state=str(state))) == 0
    assert "8 steps done and verified" in capsys.readouterr().out
    assert schema_of(state) == whole
    ledger = ledger_at(state)
    assert [row["text"] for row in ledger.rows("SELECT text FROM halts")] == ["kept"]
    ledger.close()
    assert len(list((state / "backup").iterdir())) == 1
    assert b"daemon.migrated" in next((state / "journal").iterdir()).read_bytes()
    assert migrate(MigrateOptions(state=str(state))) == 0
    assert "nothing to do" in capsys.readouterr().out


class ReadOnly(RealDisk):
    """A disk that takes nothing."""

    def lock(self, path: PurePath, text: str) -> Lock:
        raise OSError(errno.EROFS, "Read-only file system", str(path))


def test_a_disk_that_takes_nothing_refuses_a_migration_in_words_and_lists_its_steps_all_the_same(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(state, *OLDER[2:])
    world = replace(real_world(), disk=ReadOnly())
    with pytest.raises(RecordError, match=r"playd\.lock: cannot be opened: Read-only file system") as refused:
        migrate(MigrateOptions(state=str(state)), world)
    assert refused.value.exit_code == 74
    assert migrate(MigrateOptions(state=str(state), dry_run=True), world) == 0
    assert "3 steps; nothing was changed" in capsys.readouterr().out


def records(state: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for file in sorted((state / "journal").iterdir()) for line in file.read_bytes().splitlines()]


def test_a_migration_that_ended_before_its_record_is_put_on_record_by_the_next_and_once(state: Path) -> None:
    changed(state, *OLDER[2:])
    with closing(RealDisk().open_sqlite(PurePath(state / "ledger.sqlite"))) as connection:
        migration.bring_up(connection, backup="2024-01-31T12-00-00Z")
    for _ in range(2):
        assert migrate(MigrateOptions(state=str(state))) == 0
    told = [each for each in records(state) if each["kind"] == "daemon.migrated"]
    assert [each["data"] for each in told] == [{"backup": "2024-01-31T12-00-00Z", "steps": 3}]
    assert [each["actor"] for each in told] == [f"uid:{os.getuid()}()"]


def test_the_journal_that_a_migration_begins_bears_the_name_of_the_ledger_and_the_ledger_the_birth_of_the_journal(
    state: Path,
) -> None:
    changed(state, *OLDER[2:], "INSERT INTO meta VALUES ('installation', 'ours')")
    assert migrate(MigrateOptions(state=str(state))) == 0
    (first, *_) = records(state)
    assert (first["kind"], first["data"]["installation"]) == ("journal.opened", "ours")
    begun_ms = str(first["ts_ms"])
    shutil.rmtree(state / "backup")  # two of one second are refused
    changed(state, *OLDER[2:], "DELETE FROM meta WHERE key = 'created_ms'")
    assert migrate(MigrateOptions(state=str(state))) == 0
    ledger = ledger_at(state)
    assert (ledger.meta("created_ms"), ledger.meta("installation")) == (begun_ms, "ours")
    ledger.close()


class Unreadable(RealDisk):
    """A disk on which SQLite reads nothing, for a reason of its own."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self._code = code

    def open_sqlite(self, path: PurePath, **how: Any) -> sqlite3.Connection:
        error = sqlite3.OperationalError("SQLite says why")
        error.sqlite_errorcode = self._code
        raise error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_IOERR_SHMSIZE, RecordError),
        (sqlite3.SQLITE_CANTOPEN, RecordError),
        (sqlite3.SQLITE_BUSY, LockError),
        (sqlite3.SQLITE_NOTADB, StateError),
    ],
)
def test_only_a_damaged_ledger_is_called_damaged_by_a_migration(state: Path, code: int, kind: type[PlaydError]) -> None:
    with pytest.raises(kind):
        migrate(MigrateOptions(state=str(state)), replace(real_world(), disk=Unreadable(code)))


def test_a_damaged_journal_that_a_migration_goes_on_behind_halts_as_at_a_start(state: Path) -> None:
    changed(state, *OLDER[2:])
    (state / "journal").mkdir()
    (state / "journal" / "2024-01-01.jsonl").write_text("{}\n{}\n")
    assert migrate(MigrateOptions(state=str(state))) == 0
    ledger = ledger_at(state)
    assert "JOURNAL_BROKEN" in [row["code"] for row in ledger.rows("SELECT code FROM halts")]
    ledger.close()
    assert (state / "HALT").exists()


def test_a_ledger_whose_shares_are_not_its_executions_is_named_with_the_way_back(state: Path) -> None:
    share = (
        "INSERT INTO virtual_positions (account, instance, symbol, position_idx, signed_qty, avg_price, realised, fees, funding"
    )
    changed(state, *OLDER[2:], f"{share}, opened_ms) VALUES ('a', 'i', 'BTCUSDT', 0, '1', '5', '0', '0', '0', 1)")
    with pytest.raises(MigrationError, match="signed_qty 1, executions say 0; `playd restore"):
        migrate(MigrateOptions(state=str(state)))


SCHEMA_3 = {
    "accounts": ("position_mode",),
    "intents": ("tif",),
    "order_events": ("raw_digest",),
    "executions": ("raw_digest",),
    "equity": ("transfers", "day_start", "high_water"),
    "recon_runs": ("inputs_file", "inputs_digest"),
    "recon_diffs": ("value_usd", "explained_by"),
}
"""What a ledger of schema 3 lacks."""


def test_a_ledger_of_schema_3_with_an_open_position_is_brought_up_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = ledger_at(tmp_path)
    clock = ManualClock()
    book, fills = OrderBook(ledger, clock, "main"), Fills(ledger, clock, "main")
    identity = book.insert_intent(entry(), b"{}")
    link = link_id(UID, "60000", Action.ENTER, 0, 0)
    row = book.insert_order(entry(), identity, 0, OrderRequest(link, SYMBOL, Side.BUY, Decimal("0.010")))
    fills.book(traded(Side.BUY, "0.010", "50000"), link=link, owner=UID, source="stream")
    ledger.commit()
    ledger.close()
    lacking = [f"ALTER TABLE {table} DROP COLUMN {name}" for table, names in SCHEMA_3.items() for name in names]
    changed(tmp_path, *lacking, "UPDATE meta SET value = '3' WHERE key = 'least_reader'", "PRAGMA user_version = 3")
    with pytest.raises(OlderState, match="12 steps are missing"):
        ledger_at(tmp_path)

    assert migrate(MigrateOptions(state=str(tmp_path))) == 0
    assert "12 steps done and verified" in capsys.readouterr().out
    ledger = ledger_at(tmp_path)
    book, fills = OrderBook(ledger, clock, "main"), Fills(ledger, clock, "main")
    stored = book.intent(identity)
    assert stored is not None
    assert (is_other(stored, entry()), is_other(stored, entry(qty="0.020"))) == (False, True)
    assert fills.position(UID, SYMBOL).signed_qty == Decimal("0.010")
    book.record(book.need(row.link_id), OrderEvent.ACK, "reply", raw_digest="d")
    events = ledger.rows("SELECT source, raw_digest FROM order_events ORDER BY n")
    assert [tuple(each) for each in events] == [("intent", ""), ("send", ""), ("reply", "d")]
    ledger.close()


DIES = """
import os, signal, sqlite3, sys
from pathlib import PurePath
from playd.orders.migration import bring_up
from playd.world.real import RealDisk
connection = RealDisk().open_sqlite(PurePath(sys.argv[1]))
left = [int(sys.argv[2])]
def traced(statement):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
connection.set_trace_callback(traced)
bring_up(connection)
"""


@pytest.mark.slow
def test_a_migration_that_is_killed_anywhere_leaves_a_ledger_that_can_be_migrated_and_lost_nothing(state: Path) -> None:
    whole = schema_of(state)
    changed(state, *OLDER[2:], "PRAGMA user_version = 3")
    ended = []
    for statement in (*range(26, 33), 100):  # behind the look at what is missing
        died = subprocess.run([sys.executable, "-c", DIES, str(state / "ledger.sqlite"), str(statement)], check=False)
        ended.append(died.returncode)
        with closing(sqlite3.connect(state / "ledger.sqlite")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert connection.execute("SELECT text FROM halts").fetchall() == [("kept",)]
        is_whole = schema_of(state) == whole
        assert is_whole == (died.returncode == 0), "half a migration"
        if is_whole:
            break
    assert ended == [-signal.SIGKILL] * 7 + [0]
    ledger_at(state).close()


def test_a_column_that_no_row_can_have_is_no_step(state: Path) -> None:
    changed(state, "DROP INDEX incidents_open", "DROP INDEX incidents_resolved", "ALTER TABLE incidents DROP COLUMN severity")
    with pytest.raises(StateError, match="severity is missing"):
        ledger_at(state)


@pytest.mark.parametrize("least", [SCHEMA_VERSION, SCHEMA_VERSION + 1])
def test_a_newer_ledger_is_read_if_it_says_that_it_may(state: Path, least: int) -> None:
    changed(
        state, f"UPDATE meta SET value = '{least}' WHERE key = 'least_reader'", f"PRAGMA user_version = {SCHEMA_VERSION + 1}"
    )
    if least == SCHEMA_VERSION:
        ledger_at(state).close()
        return
    with pytest.raises(StateError, match="newer") as refused:
        ledger_at(state)
    assert refused.value.exit_code == 80
    made = make_backup(RealDisk(), PurePath(state), 1_700_000_000_000, "9")
    with pytest.raises(BackupError, match="restore it with the program that made it"):
        checked(RealDisk(), PurePath(state) / "backup" / made.name)


def test_a_ledger_promises_nothing_to_a_program_that_does_not_look_for_the_promise(state: Path) -> None:
    with closing(sqlite3.connect(state / "ledger.sqlite")) as connection:
        (least,) = connection.execute("SELECT value FROM meta WHERE key = 'least_reader'").fetchone()
    assert 4 <= int(least) <= SCHEMA_VERSION, "schema 2 counts what was opened by the day, schema 3 names no columns"


@pytest.mark.parametrize("old", [2, 3])
@pytest.mark.parametrize("wrote", ["this program", "an older one, brought up"])
def test_a_program_that_would_fail_at_its_rows_or_not_see_what_was_opened_does_not_work_on_the_ledger(
    state: Path, wrote: str, old: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrote != "this program":
        changed(state, f"UPDATE meta SET value = '{old}' WHERE key = 'least_reader'", f"PRAGMA user_version = {old}")
        with pytest.raises(OlderState, match="`playd migrate`"):
            ledger_at(state)
        assert migrate(MigrateOptions(state=str(state))) == 0
        ledger_at(state).close()
    monkeypatch.setattr(migration, "SCHEMA_VERSION", old)
    with pytest.raises(StateError, match=f"ledger schema {SCHEMA_VERSION} is newer than this program's {old}") as refused:
        ledger_at(state)
    assert refused.value.exit_code == 80


RELEASED: dict[str, int] = {}
"""Minor versions in the order of their release, each with the schema of its ledger. None yet; 0.1 begins with schema 4."""

FIRST = 4
OF_LEAST_READER = Path(__file__).parents[2] / "golden" / f"ledger_schema_{migration.LEAST_READER}.sql"
"""`schema.TABLES` as the oldest program has them that may work on a ledger of this one."""


def test_the_program_of_the_minor_version_before_may_work_on_the_ledger_of_this_one() -> None:
    major, minor, _ = __version__.split(".")
    before = [schema for version, schema in RELEASED.items() if version != f"{major}.{minor}"]
    assert before or (major, minor) == ("0", "1"), f"{__version__}: which schema had the version before?"
    assert (before[-1] if before else FIRST) >= migration.LEAST_READER


def parts_of(tables: str) -> dict[str, set[str]]:
    """Of each table its columns and constraints, of each index what it is, as the schema says it."""
    found: dict[str, set[str]] = {}
    for statement in (" ".join(each.split()) for each in tables.split(";") if each.strip()):
        head, _, body = statement.partition(" (")
        inside, _, behind = body.rpartition(")")
        parts = re.split(r",\s*(?![^()]*\))", inside) if head.startswith("CREATE TABLE") else [inside]
        found[head] = {*map(str.strip, parts), f") {behind}"}
    return found


def test_a_ledger_grows_only_by_what_its_least_reader_can_do_without() -> None:
    """Tables, indexes that refuse no row, and columns that may be left out; what was there is as it was."""
    then, now = parts_of(OF_LEAST_READER.read_text()), parts_of(TABLES)
    lost = {head: parts - now.get(head, set()) for head, parts in then.items()}
    assert {head: parts for head, parts in lost.items() if parts} == {}
    more = {part for head, parts in then.items() for part in now[head] - parts}
    asks = re.compile(r"PRIMARY|UNIQUE|CHECK|FOREIGN|REFERENCES|NOT NULL(?!.* DEFAULT)")
    assert [part for part in more if asks.search(part)] == []
    refuses = [head for head in now.keys() - then.keys() if head.startswith("CREATE UNIQUE INDEX")]
    of_old = [head for head in refuses if f"CREATE TABLE {head.split(' ON ')[1]}" in then]
    assert of_old == []


def test_a_ledger_that_the_next_program_made_is_worked_on_and_what_it_lacks_is_read_rightly_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A column more in every table, a table and an index more: going back needs no restore, and going forth no step."""
    column = "later TEXT NOT NULL DEFAULT 'as before'"
    tables = re.findall(r"CREATE TABLE (\w+)", TABLES)

    async def body() -> None:
        life = build()
        for step in (
            *(f"ALTER TABLE {table} ADD COLUMN {column}" for table in tables),
            "CREATE TABLE later (key TEXT PRIMARY KEY)",
            "CREATE INDEX orders_later ON orders (account, later)",
            f"PRAGMA user_version = {SCHEMA_VERSION + 1}",
        ):
            life.ledger._connection.execute(step)
        life = life.crash()
        async with life.running():
            await trade(life)
        life.ledger.commit()
        ledger, connection = life.ledger, life.ledger._connection
        assert wrong_shares(connection) == []
        for table in ("intents", "orders", "order_events", "executions", "halts", "incidents", "recon_runs", "equity", "bars"):
            (row,) = ledger.rows(f"SELECT count(*) AS n, sum(later = 'as before') AS whole FROM {table}")
            assert row["n"] == row["whole"] > 0, table
        monkeypatch.setattr(migration, "TABLES", re.sub(r"(CREATE TABLE \w+ \()", rf"\1{column}, ", TABLES))
        monkeypatch.setattr(migration, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        assert migration.missing(connection) == []
        ledger.close()

    in_virtual_time(body)
