"""A backup is one consistent moment, says what is wrong with it, and goes back only whole and only into an unused directory."""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path, PurePath

import anyio
import pytest

from playd.cli.backup import BackupOptions, NoSuchBackup, _for_daemon, backup_now, restore_backup, verify
from playd.core import envelope
from playd.core.errors import LockError
from playd.ops.backup import (
    FOLDER,
    BackupError,
    Manifest,
    backups,
    make_backup,
    newest_first,
    prune,
    read_manifest,
    verify_backup,
)
from playd.ops.journal import open_journal
from playd.ops.restore import restore
from playd.orders.halts import Halts
from playd.orders.ledger import Ledger
from playd.orders.migration import OlderState
from playd.settings.model import Journal as JournalSettings
from playd.world.real import RealDisk, real_world
from playd.world.virtual import ManualClock
from tests.simulation.order_world import MemoryJournal

DAY_MS = 86_400_000
NOON_MS = 1_706_702_400_000


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with a ledger that is being written, and one instance's state."""
    (tmp_path / "instances" / "one").mkdir(parents=True)
    (tmp_path / "instances" / "one" / "state.json").write_text("first")
    return tmp_path


def opened(state: Path) -> Ledger:
    return Ledger.open(RealDisk(), ManualClock(), PurePath(state / "ledger.sqlite"))


def value(state: Path, key: str) -> str | None:
    ledger = opened(state)
    try:
        return ledger.meta(key)
    finally:
        ledger.close()


@pytest.mark.parametrize(("digest", "kept"), [([], ""), (["ab12"], "ab12")])
def test_a_daemon_that_knows_no_digest_of_the_settings_gets_its_backup_too(state: Path, digest: list[str], kept: str) -> None:
    opened(state).close()
    before = os.umask(0o022)
    try:
        assert _for_daemon(["make", str(state), "1", "1", "0", *digest]) == 0
    finally:
        os.umask(before)
    (made,) = backups(RealDisk(), PurePath(state))
    assert read_manifest(RealDisk(), PurePath(state) / FOLDER / made.name).settings == kept


def test_a_backup_beside_a_writer_holds_what_was_committed_and_can_be_put_back(state: Path) -> None:
    ledger, disk = opened(state), RealDisk()
    ledger.set_meta("a", "committed")
    ledger.commit()
    ledger.set_meta("a", "open")
    made = make_backup(disk, PurePath(state), NOON_MS, "1")
    folder = PurePath(state) / FOLDER / made.name
    assert verify_backup(disk, folder) == []
    ledger.set_meta("a", "later")
    ledger.commit()
    ledger.close()
    (state / "instances" / "one" / "state.json").write_text("later")

    done = restore(disk, PurePath(state), folder, NOON_MS + 1000)

    assert value(state, "a") == "committed"
    assert (state / "instances" / "one" / "state.json").read_text() == "first"
    kept = {copy.name: Path(copy).read_bytes() for copy in done.copies}
    assert kept["state.json"] == b"later"
    halts = Halts(opened(state), disk, ManualClock(), MemoryJournal(), PurePath(state))
    assert [int(halt.level) for halt in halts.in_force("all")] == [2]


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "extra", "manifest"])
def test_every_damage_is_named_and_nothing_damaged_is_put_back(state: Path, damage: str) -> None:
    ledger, disk = opened(state), RealDisk()
    ledger.set_meta("a", "now")
    ledger.close()
    made = make_backup(disk, PurePath(state), NOON_MS, "1")
    folder = state / FOLDER / made.name
    victim = folder / "ledger.sqlite"
    whole = victim.read_bytes()
    match damage:
        case "flipped":
            victim.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
        case "cut":
            victim.write_bytes(whole[:-1])
        case "missing":
            (folder / "instances" / "one" / "state.json").unlink()
        case "extra":
            (folder / "extra").write_text("")
        case "manifest":
            (folder / "manifest.json").write_text("{}")
    with pytest.raises(BackupError, match=r"not whole|no backup"):
        restore(disk, PurePath(state), PurePath(folder), NOON_MS)
    assert value(state, "a") == "now"
    assert not (state / "HALT").exists()


def test_a_manifest_names_the_settings_and_both_chains_and_an_older_one_is_read_as_well(state: Path) -> None:
    opened(state).close()

    async def record() -> None:
        world = real_world()
        async with open_journal(world, PurePath(state) / "guardian" / "journal", JournalSettings(), version="1") as (
            journal,
            _,
        ):
            journal.append("stop.repaired", {"stop": "1"})

    anyio.run(record)
    folder = state / FOLDER / make_backup(RealDisk(), PurePath(state), NOON_MS, "1", settings="d1ge57").name
    found = read_manifest(RealDisk(), PurePath(folder))
    assert (found.settings, found.guardian.seq, found.head.seq) == ("d1ge57", 2, 0)
    payload, written_ms = envelope.unseal("backup/1", (folder / "manifest.json").read_bytes(), "")
    older = {name: value for name, value in payload.items() if name not in ("settings", "guardian_head")}
    (folder / "manifest.json").write_bytes(envelope.seal("backup/1", older, written_ms, limit=10_000))
    assert read_manifest(RealDisk(), PurePath(folder)).files == found.files


def test_whoever_wants_the_newest_reads_no_other(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its age is asked for every few seconds, by the loop that trades."""
    opened(state).close()
    names = [make_backup(RealDisk(), PurePath(state), NOON_MS + 1000 * number, "1").name for number in range(3)]
    seen: list[str] = []

    def read(disk: RealDisk, folder: PurePath) -> Manifest:
        seen.append(folder.name)
        return read_manifest(disk, folder)

    monkeypatch.setattr("playd.ops.backup.read_manifest", read)
    assert next(newest_first(RealDisk(), PurePath(state))).name == names[-1]
    assert seen == names[-1:]


def test_the_newest_of_each_day_outlive_the_hourly_ones(state: Path) -> None:
    disk = RealDisk()
    opened(state).close()
    first = make_backup(disk, PurePath(state), NOON_MS, "1")
    for number in range(1, 6):
        moved = NOON_MS + number * DAY_MS // 2
        copy = state / FOLDER / make_backup(disk, PurePath(state), moved, "1").name
        assert copy.exists()
    torn = state / FOLDER / "2020-01-01T00-00-00Z"
    torn.mkdir()
    dropped = prune(disk, PurePath(state), moved, keep_hourly=1, keep_daily=2)
    left = [each.name for each in backups(disk, PurePath(state))]
    assert len(left) == 2
    assert first.name in dropped
    assert torn.name in dropped
    assert not torn.exists()


def test_behind_a_clock_that_was_set_back_the_backup_of_now_stays(state: Path) -> None:
    disk = RealDisk()
    opened(state).close()
    for number in range(3):
        make_backup(disk, PurePath(state), NOON_MS + number * 3_600_000, "1")
    made = make_backup(disk, PurePath(state), NOON_MS - 3 * 3_600_000, "1")
    prune(disk, PurePath(state), NOON_MS - 3 * 3_600_000, keep_hourly=2, keep_daily=0, spare=made.name)
    assert made.name in {each.name for each in backups(disk, PurePath(state))}


def test_without_a_ledger_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="expected the ledger"):
        make_backup(RealDisk(), PurePath(tmp_path), NOON_MS, "1")
    assert not (tmp_path / FOLDER).exists()


def test_a_timer_makes_a_backup_only_where_none_is_young_and_verifies_the_newest(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(state).close()
    (state / "playd.toml").write_text("")
    options = BackupOptions(str(state), str(state), if_older_min=90)
    assert [backup_now(options), backup_now(options)] == [0, 0]
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("verified")
    assert said[1].endswith("none is due")
    (made,) = backups(RealDisk(), PurePath(state))
    assert verify(options) == 0
    (state / FOLDER / made.name / "ledger.sqlite").write_bytes(b"")
    assert verify(options) == 10


@pytest.mark.parametrize("command", [verify, restore_backup])
def test_a_backup_that_there_is_not_ends_as_any_target_that_there_is_not(
    state: Path, command: Callable[[BackupOptions], int]
) -> None:
    (state / "playd.toml").write_text("")
    with pytest.raises(NoSuchBackup, match="'nosuch': found nothing of that name") as refused:
        command(BackupOptions(str(state), str(state), name="nosuch"))
    assert refused.value.exit_code == 4


def test_a_restore_needs_the_phrase_and_an_idle_directory(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened(state).close()
    made = make_backup(RealDisk(), PurePath(state), NOON_MS, "1")
    config = state / "none"
    config.mkdir()
    (config / "playd.toml").write_text("")
    options = BackupOptions(str(state), str(config), made.name)
    assert restore_backup(options) == 8
    assert f"RESTORE {made.name}" in capsys.readouterr().err
    lock = real_world().disk.lock(PurePath(state / "playd.lock"), "pid 1")
    with pytest.raises(LockError):
        restore_backup(options)
    lock.release()
    assert restore_backup(BackupOptions(str(state), str(config), made.name, f"RESTORE {made.name}")) == 0
    assert "backup.restored" in "".join(path.read_text() for path in (state / "journal").iterdir())
    shutil.rmtree(state / FOLDER)


@pytest.mark.parametrize("older", [False, True])
def test_a_restore_says_what_is_damaged_in_the_journal_and_halts_for_it(
    state: Path, older: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(state).close()
    if older:
        with contextlib.closing(sqlite3.connect(state / "ledger.sqlite")) as connection:
            connection.execute("ALTER TABLE halts DROP COLUMN evidence")
    made = make_backup(RealDisk(), PurePath(state), NOON_MS, "1")
    config = state / "none"
    config.mkdir()
    (config / "playd.toml").write_text("")
    (state / "journal").mkdir()
    (state / "journal" / "2024-01-31.jsonl").write_text("no record\n")
    assert restore_backup(BackupOptions(str(state), str(config), made.name, f"RESTORE {made.name}")) == 0
    damage = "2024-01-31.jsonl:1"
    assert damage in capsys.readouterr().out
    if older:
        assert damage in (state / "HALT").read_text()
    else:
        halts = Halts(opened(state), RealDisk(), ManualClock(), MemoryJournal(), PurePath(state))
        assert any(halt.code == "JOURNAL_BROKEN" and damage in halt.text for halt in halts.in_force("all"))


def test_a_backup_that_would_take_the_room_of_trading_is_not_made(state: Path) -> None:
    opened(state).close()
    disk = RealDisk()
    with pytest.raises(BackupError, match="MiB free, expected"):
        make_backup(disk, PurePath(state), NOON_MS, "1", floor_bytes=disk.free_bytes(PurePath(state)))
    assert not (state / FOLDER).exists()
    assert make_backup(disk, PurePath(state), NOON_MS, "1", floor_bytes=1).name


def test_a_backup_can_be_put_back_on_a_new_disk(state: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    ledger = opened(state)
    ledger.set_meta("a", "kept")
    ledger.close()
    folder = state / FOLDER / make_backup(RealDisk(), PurePath(state), NOON_MS, "1").name
    fresh = tmp_path_factory.mktemp("fresh")
    (fresh / "playd.toml").write_text("")
    new = fresh / "state"
    assert restore_backup(BackupOptions(str(new), str(fresh), str(folder), f"RESTORE {folder.name}")) == 0
    assert value(new, "a") == "kept"
    assert (new / "instances" / "one" / "state.json").read_text() == "first"


class FullDisk(RealDisk):
    """No room for the copy of a ledger; `stuck`: what was made cannot be removed either."""

    stuck = False

    def copy_sqlite(self, source: PurePath, target: PurePath, *, mode: int = 0o600) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def remove_tree(self, path: PurePath) -> None:
        if self.stuck:
            raise OSError(errno.EROFS, "Read-only file system")
        super().remove_tree(path)


@pytest.mark.parametrize("stuck", [False, True])
def test_a_disk_that_is_full_on_the_way_leaves_no_backup_and_says_why(state: Path, stuck: bool) -> None:
    opened(state).close()
    disk = FullDisk()
    disk.stuck = stuck
    with pytest.raises(BackupError, match="No space left on device"):
        make_backup(disk, PurePath(state), NOON_MS, "1")
    assert backups(disk, PurePath(state)) == []
    assert bool(list((state / FOLDER).iterdir())) == stuck
    prune(RealDisk(), PurePath(state), NOON_MS + 2 * 3_600_000, keep_hourly=1, keep_daily=1)
    assert list((state / FOLDER).iterdir()) == []


def test_a_backup_of_an_older_program_is_put_back_and_said_to_be_one(state: Path) -> None:
    opened(state).close()
    connection = sqlite3.connect(state / "ledger.sqlite")
    connection.execute("ALTER TABLE halts DROP COLUMN evidence")
    connection.close()
    made = make_backup(RealDisk(), PurePath(state), NOON_MS, "0")
    assert restore(RealDisk(), PurePath(state), PurePath(state) / FOLDER / made.name, NOON_MS + 1000).older
    with pytest.raises(OlderState, match="playd migrate"):
        opened(state)


def test_a_backup_that_no_step_brings_up_is_refused_before_anything_is_touched(state: Path) -> None:
    opened(state).close()
    connection = sqlite3.connect(state / "ledger.sqlite")
    connection.execute("ALTER TABLE halts DROP COLUMN text")
    connection.close()
    made = make_backup(RealDisk(), PurePath(state), NOON_MS, "0")
    with pytest.raises(BackupError, match=r"halts\.text is missing"):
        restore(RealDisk(), PurePath(state), PurePath(state) / FOLDER / made.name, NOON_MS + 1000)
    assert not (state / "HALT").exists()
    assert not (state / "quarantine").exists()
