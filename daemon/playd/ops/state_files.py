"""
Every kind of file of a state directory: who writes it, how, which version it has, and whether it is whole.

`look` reads and changes nothing, also beside a running daemon. A file of no known kind is named as such: nobody but the
owners below writes here.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from hashlib import sha256
from pathlib import PurePath
from typing import Final

import orjson

from playd.core import envelope
from playd.core.errors import StateError
from playd.ops.backup import FOLDER as BACKUPS
from playd.ops.backup import BackupError, read_manifest
from playd.ops.segments import NotPacked, read_blocks, read_file, read_segment, segment_names
from playd.orders.guardian.plan import SCHEMA as PLAN
from playd.orders.migration import missing, too_new, version_of
from playd.supervisor.keeper import SCHEMA as STATE
from playd.world.ports import Disk
from playd.world.sqlite import why_unread

Check = Callable[[Disk, PurePath], tuple[str, str]]
"""Version and damage of a file, each empty when there is nothing to say. Raises `OSError`."""

WHOLE: Final = "whole"
NOT_CHECKED: Final = "-"


def _sqlite(
    disk: Disk, path: PurePath, judge: Callable[[sqlite3.Connection], tuple[str, str]] | None = None
) -> tuple[str, str]:
    """By SQLite's own check of it; `judge` says what more there is to its version, and what is wrong with one that passes."""
    try:
        with contextlib.closing(disk.open_sqlite(path, read_only=True)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                return f"schema {version}", " ".join(str(found).split())
            more, damage = judge(connection) if judge is not None else ("", "")
            return f"schema {version}{more}", damage
    except (UnicodeDecodeError, StateError) as error:  # SQLite's words may hold the damaged bytes
        return "", str(error)
    except sqlite3.Error as error:
        if why := why_unread(error):
            raise OSError(why) from error
        return "", str(error)


def _ledger(disk: Disk, path: PurePath) -> tuple[str, str]:
    return _sqlite(disk, path, partial(_judge_ledger, lambda: worked_here(disk, path.parent)))


def _judge_ledger(known_by: Callable[[], str], connection: sqlite3.Connection) -> tuple[str, str]:
    """What a start would say of a ledger whose pages are whole; `known_by` says what shows that there was one."""
    if version_of(connection) == 0:
        return "", f"no tables in it: a lost ledger; {known}" if (known := known_by()) else ""
    if newer := too_new(connection):
        return "", newer
    dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
    damage = "" if dangling is None else f"a row of {dangling[0]} belongs to none of {dangling[2]}"
    return ", playd migrate" if missing(connection) else "", damage


def _envelope(expected: str) -> Check:
    """A check of files of one schema."""

    def check(disk: Disk, path: PurePath) -> tuple[str, str]:
        data = disk.read_bytes(path)
        try:
            schema = str(orjson.loads(data)["schema"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            return "", f"no envelope: {error}"
        try:
            envelope.unseal(expected, data, path.name)
        except StateError as error:
            return schema, str(error)
        return schema, ""

    return check


def _image(disk: Disk, path: PurePath) -> tuple[str, str]:
    """An envelope in the first line that holds the digest of what follows it."""
    head, _, body = disk.read_bytes(path).partition(b"\n")
    try:
        schema = str(orjson.loads(head)["schema"])
        payload, _ = envelope.unseal(schema, head, path.name)
    except (orjson.JSONDecodeError, KeyError, TypeError, StateError) as error:
        return "", f"no whole image: {error}"
    return schema, "" if payload.get("body") == sha256(body).hexdigest() else "the digest does not match the columns"


def _journal(disk: Disk, path: PurePath) -> tuple[str, str]:
    try:
        reading = read_segment(read_blocks(disk, path), path.name, None)
    except NotPacked as error:
        return "", str(error)
    version = f"to record {reading.head.seq}" if reading.head is not None else "empty"
    version += ", last line incomplete" if reading.torn else ""
    return version, "" if reading.torn or reading.damage is None else str(reading.damage)


def _manifest(disk: Disk, path: PurePath) -> tuple[str, str]:
    """Whether all of a backup is there, by its sizes; `backup verify` reads it."""
    try:
        manifest = read_manifest(disk, path.parent)
    except BackupError as error:
        return "", str(error)
    sizes = {name: _size(disk, path.parent / name) for name in manifest.files}
    wrong = sorted(name for name, (size, _) in manifest.files.items() if sizes[name] != size)
    return f"by {manifest.version}", f"{wrong[0]} is not what was backed up" if wrong else ""


def _size(disk: Disk, path: PurePath) -> int | None:
    try:
        return disk.stat(path).size
    except OSError:
        return None


def _packed(disk: Disk, path: PurePath) -> tuple[str, str]:
    """One document of JSON in a gzip file."""
    try:
        orjson.loads(read_file(disk, path))
    except (NotPacked, orjson.JSONDecodeError) as error:
        return "", str(error)
    return "", ""


def _document(disk: Disk, path: PurePath) -> tuple[str, str]:
    try:
        orjson.loads(disk.read_bytes(path))
    except orjson.JSONDecodeError as error:
        return "", str(error)
    return "", ""


def _lines(disk: Disk, path: PurePath) -> tuple[str, str]:
    """Whole lines of JSON; an incomplete last one is being written, or was when the power went."""
    for number, line in enumerate(disk.read_bytes(path).split(b"\n")[:-1], 1):
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return "", f"line {number}: {error}"
    return "", ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `pattern` is a glob over the path below the state directory; the first that fits counts."""

    pattern: str
    name: str
    owner: str
    written: str
    check: Check | None = None


KINDS: Final = (
    Kind(f"{BACKUPS}/*/manifest.json", "manifest of a backup", "backup", "replaced", _manifest),
    Kind(f"{BACKUPS}/*", "backup", "backup", "once; its manifest has its digest"),
    Kind("archive/*.jsonl", "old verdicts and order events", "the ledger's upkeep", "appended", _lines),
    Kind("ledger.sqlite.restoring", "ledger of a restore that stopped half way", "a restore", "gone with the next restore"),
    Kind("*.tmp", "half of a replacement that a death left", "whoever replaces the file", "replaced with the next one"),
    Kind("quarantine/*", "damaged file as it was found", "daemon", "once"),
    Kind("ledger.sqlite", "ledger", "ledger writer", "full sync per commit", _ledger),
    Kind("ledger.sqlite-*", "log and index of the ledger", "ledger writer", "full sync per commit"),
    Kind("instances/*/state.json", "state of an instance", "its keeper", "replaced", _envelope(STATE)),
    Kind("instances/*/state.json.prev", "state before that", "its keeper", "replaced", _envelope(STATE)),
    Kind("instances/*/columns.bin", "image of an instance's columns", "its keeper", "replaced", _image),
    Kind("instances/*/columns.bin.prev", "image before that", "its keeper", "replaced", _image),
    Kind("journal/*.jsonl", "journal", "journal writer", "appended, chained", _journal),
    Kind("journal/*.jsonl.gz", "journal, packed", "journal writer", "once", _journal),
    Kind("guardian/plan.json", "the guardian's plan", "daemon", "replaced", _envelope(PLAN)),
    Kind("guardian/plan.json.prev", "plan before that", "daemon", "replaced", _envelope(PLAN)),
    Kind("guardian/journal/*.jsonl", "journal of the guardian", "guardian", "appended, chained", _journal),
    Kind("guardian/panics/*.panic", "panic that the daemon has not put on record", "guardian", "gone when it is on record"),
    Kind("guardian/guardian.lock", "lock", "guardian", "held while it runs"),
    Kind("guardian/closing/*.lock", "who closes the share of an instance", "daemon, guardian", "held while it does"),
    Kind("guardian/quarantine/*", "damaged file as it was found", "guardian", "once"),
    Kind("playd.lock", "lock", "daemon", "held while it runs"),
    Kind("HALT", "kill file", "daemon or a person", "presence counts"),
    Kind(".ballast", "ballast", "daemon", "allocated"),
    Kind("incident_events.jsonl", "incidents", "watch", "appended", _lines),
    Kind("ops_slo_events.jsonl", "breaches of objectives", "watch", "appended", _lines),
    Kind("market/*/*/*.jsonl", "closed bars as they were used", "recorder", "appended", _lines),
    Kind("logs/*", "log lines", "logger", "appended, five files in turns"),
    Kind(
        "recon/*/*.json.gz", "what a reconciliation had before it when it found a difference", "reconciliation", "once", _packed
    ),
    Kind("runs/*/manifest.json", "manifest of a backtest", "research", "replaced", _document),
    Kind("runs/*/trades.jsonl", "trades of a backtest", "research", "replaced", _lines),
    Kind("runs/*/*", "equity and report of a backtest", "research", "replaced"),
    Kind("evidence/*.json", "evidence", "drills", "once", _document),
    Kind("exchange/*.sqlite", "records of the local exchange", "local exchange", "synced per commit", _sqlite),
    Kind("exchange/*", "local exchange", "local exchange", "its own"),
    Kind("recorded-*/*", "state of a recorded market", "a daemon on that market", "as here"),
    Kind("run/*", "socket", "its server", "while it runs"),
    Kind("README.md", "page about this directory", "the source tree", "never"),
)
"""In order of matching."""

_FOLDERS: Final = tuple({kind.pattern.partition("/")[0] for kind in KINDS if "/" in kind.pattern})
_LEDGER: Final = "ledger.sqlite"


@dataclass(frozen=True, slots=True)
class StateFile:
    """
    One file. `check` is `whole`, the damage, `-` where there is nothing to check it by, or, of one that is not `is_read`, why
    it could not be: that is no word about what is in it.
    """

    path: str
    kind: Kind | None
    size: int
    mode: int
    modified_ms: int
    version: str
    check: str
    is_read: bool = True

    @property
    def damaged(self) -> bool:
        return self.is_read and self.check not in (WHOLE, NOT_CHECKED)


def look(disk: Disk, state_dir: PurePath) -> list[StateFile]:
    """
    Every file of a state directory by path, and what is there in place of one: a directory, or nothing where a ledger was.

    Raises `OSError` when the directory itself cannot be read.
    """
    found = [_file(disk, state_dir, relative) for relative in _walk(disk, state_dir, "")]
    lost = look_at_ledger(disk, state_dir) if not disk.exists(state_dir / _LEDGER) else None
    return [*found, *([lost] if lost is not None else [])]


def look_at_ledger(disk: Disk, state_dir: PurePath) -> StateFile | None:
    """The ledger, or that it is lost; None in a directory that no daemon has worked in. Raises `OSError`."""
    if disk.exists(state_dir / _LEDGER):
        return _file(disk, state_dir, _LEDGER)
    known = worked_here(disk, state_dir)
    return StateFile(_LEDGER, _kind(_LEDGER), 0, 0, 0, "", f"missing: a lost ledger; {known}") if known else None


def worked_here(disk: Disk, state_dir: PurePath) -> str:
    """
    What shows that a daemon has worked in a state directory, empty for a new one: what it leaves there comes behind its ledger.

    Without a ledger nobody knows which orders and positions are ours; a start that makes an empty one would watch none of them.
    Raises `OSError`.
    """
    journal, instances = state_dir / "journal", state_dir / "instances"
    if disk.exists(journal) and (names := segment_names(disk, journal)):
        return f"the journal goes back to {names[0]}"
    folders = disk.list(instances) if disk.exists(instances) else []
    states = (name for name in folders if disk.exists(instances / name / "state.json"))
    return next((f"instance {name} has a state" for name in states), "")


def _walk(disk: Disk, folder: PurePath, above: str) -> Iterator[str]:
    """Paths of files, and of directories that cannot be looked into."""
    try:
        names = disk.list(folder)
    except OSError:
        if not above:
            raise
        yield above.rstrip("/")
        return
    for name in names:
        try:
            is_dir = disk.stat(folder / name).is_dir
        except FileNotFoundError:
            continue  # it went between the two calls, as files of a running daemon do
        if is_dir and not _is_file_of_ours(f"{above}{name}"):
            yield from _walk(disk, folder / name, f"{above}{name}/")
        else:
            yield f"{above}{name}"


def _kind(relative: str) -> Kind | None:
    return next((kind for kind in KINDS if fnmatchcase(relative, kind.pattern)), None)


def _is_file_of_ours(relative: str) -> bool:
    """Whether a file has that name and never a directory; a pattern that ends in a star takes what is in a folder."""
    kind = _kind(relative)
    return kind is not None and not kind.pattern.endswith("*")


def _file(disk: Disk, state_dir: PurePath, relative: str) -> StateFile:
    kind = _kind(relative)
    path, version, check, is_read = state_dir / relative, "", NOT_CHECKED, True
    size = mode = modified_ms = 0
    try:
        stat = disk.stat(path)
        size, mode, modified_ms = stat.size, stat.mode, stat.modified_ms
        if stat.is_dir and _is_file_of_ours(relative):
            check = "a directory, where a file belongs"
        elif stat.is_dir:
            disk.list(path)  # says why nobody can look into it
        elif "/" not in relative and any(fnmatchcase(relative, folder) for folder in _FOLDERS):
            check = "a file, where a directory belongs"
        elif kind is not None and kind.check is not None:
            version, damage = kind.check(disk, path)
            check = damage or WHOLE
    except OSError as error:
        check, is_read = f"could not be read: {error.strerror or error}", False
    return StateFile(relative, kind, size, mode, modified_ms, version, check, is_read)
