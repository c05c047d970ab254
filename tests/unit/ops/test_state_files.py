"""Every file of a state directory has an owner, and damage of each kind that can be checked is named."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path, PurePath

import anyio
import pytest

from playd.cli.state import list_state
from playd.ops.journal import open_journal
from playd.ops.state_files import KINDS, StateFile, look
from playd.orders.ledger import Ledger
from playd.orders.schema import SCHEMA_VERSION
from playd.settings.model import Journal as JournalSettings
from playd.supervisor.keeper import Keeper
from playd.world.real import RealDisk, real_world
from playd.world.virtual import ManualClock


@pytest.fixture
def state(tmp_path: Path) -> Path:
    disk, here = RealDisk(), PurePath(tmp_path)
    Ledger.open(disk, ManualClock(), here / "ledger.sqlite").close()
    Keeper(disk, here / "instances", "one").save({"n": 1}, 1)

    async def write() -> None:
        async with open_journal(real_world(), here / "journal", JournalSettings(), version="1") as (journal, _):
            await journal.synced()

    anyio.run(write)
    (tmp_path / "incident_events.jsonl").write_text('{"v":1}\n')
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "bars-2024-01-31.jsonl").write_text('{"close_ms":1}\n')
    (tmp_path / "instances" / "one" / ".state.json.tmp").write_text("half")
    return tmp_path


def found(state: Path) -> dict[str, StateFile]:
    return {each.path: each for each in look(RealDisk(), PurePath(state))}


def test_a_fresh_directory_is_whole_and_every_file_has_an_owner(state: Path) -> None:
    files = found(state)
    assert [path for path, each in files.items() if each.kind is None or each.damaged] == []
    assert files["instances/one/state.json"].version == "instance-state/1"
    assert files["ledger.sqlite"].version == f"schema {SCHEMA_VERSION}"


def test_the_state_of_a_recorded_market_is_no_damage(state: Path) -> None:
    (state / "recorded-12ab34cd" / "journal").mkdir(parents=True)
    (state / "recorded-12ab34cd" / "journal" / "2024-01-31.jsonl").write_text("{}\n")
    assert [path for path, each in found(state).items() if each.kind is None or each.damaged] == []


def test_a_ledger_is_lost_behind_anything_that_a_daemon_leaves_and_in_a_new_directory_it_is_not(state: Path) -> None:
    ledger = state / "ledger.sqlite"
    for file in (*state.glob("ledger.sqlite*"), *(state / "journal").iterdir()):
        file.unlink()
    assert found(state)["ledger.sqlite"].check == "missing: a lost ledger; instance one has a state"
    ledger.touch()
    assert found(state)["ledger.sqlite"].damaged
    (state / "instances" / "one" / "state.json").unlink()
    assert not found(state)["ledger.sqlite"].damaged, "a start makes one of it"


def test_damage_is_named_a_stranger_is_called_one_and_the_exit_code_says_so(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (state / "instances" / "one" / "state.json", next((state / "journal").iterdir()), state / "ledger.sqlite"):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 3] + bytes([data[len(data) // 3] ^ 255]) + data[len(data) // 3 + 1 :])
    (state / "incident_events.jsonl").write_text("no json\n")
    (state / "notes.txt").write_text("mine")
    damaged = sorted(path for path, each in found(state).items() if each.damaged)
    assert "instances/one/state.json" in damaged
    assert "incident_events.jsonl" in damaged
    assert any(path.startswith("journal/") for path in damaged)
    (state / "config").mkdir()
    (state / "config" / "playd.toml").write_text("")
    assert list_state(str(state), str(state / "config"), as_json=False) == 10
    assert "UNKNOWN" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("notes.txt"))


def test_a_directory_that_nobody_may_look_into_is_named_and_the_rest_is_told(state: Path) -> None:
    class Closed(RealDisk):
        def list(self, path: PurePath) -> list[str]:
            if path.name == "instances":
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return super().list(path)

    files = {each.path: each.check for each in look(Closed(), PurePath(state))}
    assert files["instances"] == "could not be read: Permission denied"
    assert files["ledger.sqlite"] == "whole"


@contextmanager
def disk_that_takes_nothing() -> Iterator[None]:
    """No file of this process grows meanwhile, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_a_ledger_is_read_and_one_that_cannot_be_is_not_called_damaged(state: Path) -> None:
    with disk_that_takes_nothing():
        assert found(state)["ledger.sqlite"].check == "whole"
    with closing(RealDisk().open_sqlite(PurePath(state / "ledger.sqlite"))) as connection:
        connection.execute("INSERT INTO meta VALUES ('left', 'x')")
        log = (state / "ledger.sqlite-wal").read_bytes()
    (state / "ledger.sqlite-wal").write_bytes(log)  # as a power cut leaves it: without the index that readers share
    with disk_that_takes_nothing():
        left = found(state)["ledger.sqlite"]
        assert (left.is_read, left.damaged) == (False, False)
        assert left.check.startswith("could not be read: ")
        assert "is there room" in left.check
    (state / "ledger.sqlite-shm").unlink(missing_ok=True)
    assert found(state)["ledger.sqlite"].check == "whole"


def test_what_could_not_be_read_ends_with_1_and_what_is_damaged_with_10(state: Path) -> None:
    (state / "config").mkdir()
    (state / "config" / "playd.toml").write_text("")

    class Failing(RealDisk):
        def read_bytes(self, path: PurePath) -> bytes:
            if path.name == "incident_events.jsonl":
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            return super().read_bytes(path)

    world = replace(real_world(), disk=Failing())
    assert list_state(str(state), str(state / "config"), as_json=False, world=world) == 1
    (state / "archive" / "bars-2024-01-31.jsonl").write_text("no json\n")
    assert list_state(str(state), str(state / "config"), as_json=False, world=world) == 10


def test_the_page_about_the_directory_names_every_kind_that_a_daemon_writes() -> None:
    page = (Path(__file__).parents[3] / "state" / "README.md").read_text()
    roots = {kind.pattern.partition("/")[0].replace("*", "") for kind in KINDS}
    assert [root for root in roots if root.rstrip("-") not in page and root != "README.md"] == []
