"""A daemon of a drill is killed at the very call that was commanded, on the side that was commanded."""

import os
from pathlib import PurePath

import orjson
import pytest

from playd.ops.drills.mortal import AFTER, BEFORE, FILL, JOURNAL, LEDGER, ORDER, PLAN, STATE, Death, MortalDisk
from playd.world.real import RealDisk

ENTRY = "INSERT INTO intents (class) VALUES (?)"


class Killed(Exception):
    """Instead of SIGKILL."""


@pytest.fixture
def disk(tmp_path: PurePath, monkeypatch: pytest.MonkeyPatch) -> MortalDisk:
    def kill(pid: int, _: int) -> None:
        assert pid == os.getpid()
        raise Killed

    monkeypatch.setattr("playd.ops.drills.mortal.os.kill", kill)
    return MortalDisk(RealDisk(), Death(RealDisk(), PurePath(tmp_path) / "death.json"))


def command(directory: PurePath, call: str, what: str, side: str, nth: int = 1, behind: tuple[str, str] | None = None) -> None:
    text = orjson.dumps({"call": call, "what": what, "side": side, "nth": nth, "behind": behind})
    RealDisk().write_replace(PurePath(directory) / "death.json", text, keep_previous=False)


@pytest.mark.parametrize(("side", "kept"), [(BEFORE, 1), (AFTER, 2)])
def test_a_commit_is_a_moment_named_after_what_it_makes_durable(
    disk: MortalDisk, tmp_path: PurePath, side: str, kept: int
) -> None:
    path = PurePath(tmp_path) / "ledger.sqlite"
    connection = disk.open_sqlite(path)
    connection.execute("CREATE TABLE intents (class TEXT)")
    command(tmp_path, LEDGER, "entry", side, nth=2)
    for name in ("exit", "entry", "entry"):
        connection.execute("BEGIN")
        connection.execute(ENTRY, (name,))
        if name == "exit":
            connection.execute("ROLLBACK")
        elif kept_so_far(path) == 0:
            connection.execute("COMMIT")
        else:
            with pytest.raises(Killed):
                connection.execute("COMMIT")
    connection.close()
    assert kept_so_far(path) == kept


def test_a_commit_is_not_named_after_what_was_rolled_back(disk: MortalDisk, tmp_path: PurePath) -> None:
    path = PurePath(tmp_path) / "ledger.sqlite"
    connection = disk.open_sqlite(path)
    connection.execute("CREATE TABLE intents (class TEXT)")
    command(tmp_path, LEDGER, "entry", BEFORE)
    for name, end in (("entry", "ROLLBACK"), ("exit", "COMMIT")):
        connection.execute("BEGIN")
        connection.execute(ENTRY, (name,))
        connection.execute(end)
    connection.close()
    assert kept_so_far(path) == 1


def kept_so_far(path: PurePath) -> int:
    reader = RealDisk().open_sqlite(path, read_only=True)
    try:
        return int(reader.execute("SELECT count(*) AS n FROM intents").fetchone()[0])
    finally:
        reader.close()


def test_records_and_states_are_moments_and_other_files_are_not(disk: MortalDisk, tmp_path: PurePath) -> None:
    journal = PurePath(tmp_path) / "journal"
    disk.mkdir(journal)
    command(tmp_path, JOURNAL, FILL, BEFORE)
    record, log = disk.open_append(journal / "today.jsonl"), disk.open_append(PurePath(tmp_path) / "log")
    record.write(b'{"kind":"order.sent"}\n')
    log.write(b'{"kind":"fill.booked"}\n')
    with pytest.raises(Killed):
        record.write(b'{"kind":"order.state"}\n{"kind":"fill.booked"}\n')
    record.close()
    log.close()
    command(tmp_path, STATE, "state", AFTER)
    disk.write_replace(PurePath(tmp_path) / "plan.json", b"1")
    with pytest.raises(Killed):
        disk.write_replace(PurePath(tmp_path) / "state.json", b"2")
    assert disk.read_bytes(PurePath(tmp_path) / "state.json") == b"2"


def test_a_record_is_named_after_the_class_of_its_intent_too(disk: MortalDisk, tmp_path: PurePath) -> None:
    journal = PurePath(tmp_path) / "journal"
    disk.mkdir(journal)
    command(tmp_path, JOURNAL, "exit", BEFORE)
    record = disk.open_append(journal / "today.jsonl")
    record.write(b'{"kind":"intent.created","data":{"class":"entry"}}\n{"kind":"order.sent","data":{}}\n')
    with pytest.raises(Killed):
        record.write(b'{"kind":"intent.created","data":{"class":"exit"}}\n')
    record.close()


def test_a_moment_behind_another_call_is_the_first_one_behind_it(disk: MortalDisk, tmp_path: PurePath) -> None:
    plan, connection = PurePath(tmp_path) / "plan.json", disk.open_sqlite(PurePath(tmp_path) / "ledger.sqlite")
    connection.execute("CREATE TABLE intents (class TEXT)")
    command(tmp_path, STATE, PLAN, BEFORE, behind=(LEDGER, "entry"))
    for name in ("exit", "entry"):
        disk.write_replace(plan, name.encode())
        connection.execute("BEGIN")
        connection.execute(ENTRY, (name,))
        connection.execute("COMMIT")
    connection.close()
    with pytest.raises(Killed):
        disk.write_replace(plan, b"behind the entry")
    assert disk.read_bytes(plan) == b"entry"


def test_the_call_that_a_moment_lies_behind_is_not_the_moment(disk: MortalDisk, tmp_path: PurePath) -> None:
    connection = disk.open_sqlite(PurePath(tmp_path) / "ledger.sqlite")
    connection.execute("CREATE TABLE orders (state TEXT)")
    command(tmp_path, LEDGER, "", AFTER, behind=(LEDGER, ORDER))
    connection.execute("BEGIN")
    connection.execute("UPDATE orders SET state = 'ACKED'")
    connection.execute("COMMIT")
    connection.execute("BEGIN")
    with pytest.raises(Killed):
        connection.execute("COMMIT")
    connection.close()
