"""
The journal: append-only, numbered, chained by hashes, written by one task.

`append` seals a record at once, so that order and hashes follow the calls; a task puts groups on the medium at most `sync_ms`
later, at once when somebody waits in `synced`. A full disk keeps records in memory until there is room and refuses when too
many wait; any other failure of a write or sync ends the daemon, because what cannot be recorded must not be done.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import sha256
from pathlib import PurePath
from typing import Final, Protocol

import anyio

from playd.core.canonical import Json, canonical_json
from playd.core.errors import Broken, RecordError, is_full
from playd.core.limits import JOURNAL_QUEUE, JOURNAL_RECORD_BYTES
from playd.ops.chain import Head, seal
from playd.ops.kinds import KINDS
from playd.ops.recovery import Found, recover
from playd.ops.segments import date_of, next_name
from playd.world.ports import Appender, World
from playd.world.refused import cannot_open

_VERSION: Final = 1

_RETRY_S: Final = 1.0
"""Time between attempts while the disk is full."""

_KEPT: Final = ((1000, 50), (200, 20), (50, 10))
"""What a record that would be too long has of a text, in characters, and of a list: the first of these with which it fits."""

_HEAD_KEPT: Final = 1000
"""Characters of what fits with none of them: four bytes each at most, however they are escaped."""


class JournalSettings(Protocol):
    """The journal's numbers; section `[journal]` of the settings is one, the guardian has its own without any settings."""

    @property
    def segment_mib(self) -> int:
        """Size in MiB from which a file of the journal is followed by the next."""
        ...

    @property
    def sync_ms(self) -> int:
        """Longest time in ms for which a record may wait for its sync."""
        ...


class Journal:
    """`Recorder` over the files of one directory. Made by `open_journal`, which owns its task."""

    def __init__(
        self,
        world: World,
        directory: PurePath,
        settings: JournalSettings,
        now_ms: Callable[[], int],
        found: Found,
        make_room: Callable[[], bool],
    ) -> None:
        self._world = world
        self._make_room = make_room
        self._directory = directory
        self._segment_bytes = settings.segment_mib * 1024 * 1024
        self._sync_s = settings.sync_ms / 1000
        self._now_ms = now_ms
        self._start_s = world.clock.mono_s()
        self._head = found.head
        self.begun_behind = found.head.seq, found.head.hash
        """The last record of the life before."""
        self._name = found.name
        self._file: Appender | None = None
        self._durable_bytes = 0
        self._waiting: list[bytes] = []
        self._synced_seq = found.head.seq
        self._wake = anyio.Event()
        self._hurry = anyio.Event()
        self._settled = anyio.Event()
        self._failure = ""
        self._full = False
        self._waiting_since_s = 0.0
        self.on_sync: Callable[[float], None] = lambda _seconds: None
        """Hears how long each group took to get onto the medium."""
        self.on_record: Callable[[str, dict[str, Json]], None] = lambda _kind, _record: None
        """Hears of every record as it is sealed; it must not append."""
        self.mode_of: Callable[[str | None, str | None], str | None] = lambda _account, _instance: None
        """Says the mode of an account or an instance, where the writer of a record leaves that out."""

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the last record."""
        return self._head.seq, self._head.hash

    @property
    def waiting(self) -> int:
        """Records that are not on the medium yet."""
        return len(self._waiting)

    @property
    def waiting_s(self) -> float | None:
        """Age of the oldest record that is not on the medium yet, None when there is none."""
        return self._world.clock.mono_s() - self._waiting_since_s if self._waiting else None

    @property
    def full(self) -> bool:
        """Whether the disk has no room: records wait in memory, and `synced` refuses instead of waiting."""
        return self._full

    @property
    def trouble(self) -> str:
        """Why nothing new should be risked: what is left of the queue is for what reduces risk. Empty when there is room."""
        if self._full:
            return "the disk has no room for the journal"
        return "records of the journal wait for the disk" if len(self._waiting) >= JOURNAL_QUEUE // 2 else ""

    def append(
        self,
        kind: str,
        data: Mapping[str, Json],
        *,
        mode: str | None = None,
        account: str | None = None,
        instance: str | None = None,
        symbol: str | None = None,
        cause: int | str | None = None,
        actor: str = "daemon",
    ) -> int:
        """See `core.record.Recorder`."""
        if self._failure:
            raise RecordError(self._failure)
        if len(self._waiting) >= JOURNAL_QUEUE:
            raise RecordError(f"journal: {JOURNAL_QUEUE} records wait for the disk")
        if kind not in KINDS:
            raise Broken(f"journal: kind {kind} is not in the catalogue")
        self._turn_the_page_if_due()
        mode = mode or self.mode_of(account, instance)
        fields: dict[str, Json] = {"mode": mode, "account": account, "instance": instance, "symbol": symbol, "cause": cause}
        return self._seal(kind, dict(data), fields, actor)

    async def synced(self) -> None:
        """See `core.record.Recorder`. Cancellation: safe, the records are written all the same."""
        wanted = self._head.seq
        while self._synced_seq < wanted:
            if self._failure:
                raise RecordError(self._failure)
            if self._full:
                raise RecordError("journal: no space left on the disk")
            self._hurry.set()
            self._wake.set()
            await self._settled.wait()

    async def write_groups(self) -> None:
        """Put records on the medium until cancelled. Raises `RecordError` when that fails for another reason than space."""
        while True:
            await self._wake.wait()
            with anyio.move_on_after(_RETRY_S if self._full else self._sync_s):
                await self._hurry.wait()
            self._wake, self._hurry = anyio.Event(), anyio.Event()
            self.flush()
            if self._waiting:
                self._wake.set()

    def flush(self) -> None:
        """Write and sync everything that waits, now. With no space it returns and keeps the records, else `RecordError`."""
        if self._failure:
            raise RecordError(self._failure)
        settled, self._settled = self._settled, anyio.Event()
        try:
            self._full = not self._written()
            if not self._full:
                self._waiting.clear()
                self._synced_seq = self._head.seq
        finally:
            settled.set()

    def close(self) -> None:
        """Flush, unless writing has failed before, and close the file."""
        try:
            if not self._failure:
                self.flush()
        finally:
            self._close_file()

    def _seal(self, kind: str, data: dict[str, Json], fields: dict[str, Json], actor: str) -> int:
        record: dict[str, Json] = {
            **fields,
            "v": _VERSION,
            "seq": self._head.seq + 1,
            "ts_ms": self._now_ms(),
            "mono_ms": round((self._world.clock.mono_s() - self._start_s) * 1000),
            "kind": kind,
            "actor": actor,
            "data": data,
            "prev": self._head.hash,
        }
        _refuse_floats(kind, record)
        line, digest = seal(record, self._head.hash)
        if len(line) > JOURNAL_RECORD_BYTES:
            room = JOURNAL_RECORD_BYTES - (len(line) - len(canonical_json(data)))
            record["data"] = _within(room, data)
            line, digest = seal(record, self._head.hash)
        if len(line) > JOURNAL_RECORD_BYTES:
            raise Broken(f"journal: {kind} has {len(line)} bytes, at most {JOURNAL_RECORD_BYTES} are allowed")
        self._head = Head(self._head.seq + 1, digest)
        if not self._waiting:
            self._waiting_since_s = self._world.clock.mono_s()
        self._waiting.append(line)
        self._wake.set()
        self.on_record(kind, record)
        return self._head.seq

    def _turn_the_page_if_due(self) -> None:
        """Begin a new file when the day is over or the present one is large. While the disk is full the old one goes on."""
        today = date_of(self._now_ms())
        large = self._file is not None and self._durable_bytes >= self._segment_bytes
        if self._name is not None and self._name[:10] >= today and not large:
            return
        self.flush()
        if not self._waiting:
            self.turn_the_page()

    def turn_the_page(self) -> None:
        """Close the present file and begin the next one with a record that holds the end of this one."""
        self._close_file()
        previous, end = self._name, self._head
        self._name = next_name(previous, self._now_ms())
        if previous is not None:
            data: dict[str, Json] = {"file": previous, "last_seq": end.seq, "last_hash": end.hash}
            self._seal("journal.segment", data, _NO_CONTEXT, "daemon")

    def begin_behind_damage(self, data: dict[str, Json]) -> None:
        """Begin a new file with `journal.break`."""
        self._name = next_name(self._name, self._now_ms())
        self._seal("journal.break", data, _NO_CONTEXT, "daemon")

    def _put(self, data: bytes) -> None:
        if self._file is None:
            name = self._name or next_name(None, self._now_ms())
            self._name = name
            self._file = self._world.disk.open_append(self._directory / name)
            self._durable_bytes = self._file.size
        started_s = self._world.clock.mono_s()
        self._file.write(data)
        self._file.sync()
        self.on_sync(self._world.clock.mono_s() - started_s)
        self._durable_bytes += len(data)

    def _written(self) -> bool:
        """Whether what waits is on the medium; with no space once more if room could be made."""
        for _ in range(2):
            try:
                if self._waiting:
                    self._put(b"".join(self._waiting))
            except OSError as error:
                self._after_failure(error)
                if not self._make_room():
                    return False
            else:
                return True
        return False

    def _after_failure(self, error: OSError) -> None:
        if not is_full(error):
            self._failure = f"journal: {self._directory}: {error.strerror or error}"
            self._wake.set()
            self._hurry.set()
            raise RecordError(self._failure) from error
        if self._file is not None:
            # Part of the group may stand in the file. All of it will be written again, so nothing of it may stay.
            self._world.disk.truncate(self._directory / str(self._name), self._durable_bytes)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


_NO_CONTEXT: Final[dict[str, Json]] = {"mode": None, "account": None, "instance": None, "symbol": None, "cause": None}


def _within(room: int, data: dict[str, Json]) -> dict[str, Json]:
    """
    The same within so many bytes: with the beginning of what is long, else the beginning, length and digest of it all.

    Words of others (every fault of a file, the labels of a Play, the text of a venue) have no bound, neither each nor together,
    and none of them may end the daemon or an instance.
    """
    for text_kept, items_kept in _KEPT:
        short = {name: _in_short(item, text_kept, items_kept) for name, item in data.items()}
        if len(canonical_json(short)) <= room:
            return short
    whole = canonical_json(data)
    return {"bytes": len(whole), "sha256": sha256(whole).hexdigest(), "head": whole.decode()[:_HEAD_KEPT]}


def _in_short(value: Json, text_kept: int, items_kept: int) -> Json:
    """The same with the beginning of what is long, its length and its digest."""
    if isinstance(value, str) and len(value) > text_kept:
        return f"{value[:text_kept]}… {len(value)} characters, sha256 {sha256(value.encode()).hexdigest()}"
    if isinstance(value, list):
        short = [_in_short(item, text_kept, items_kept) for item in value[:items_kept]]
        if len(value) > items_kept:
            short.append(f"… {len(value)} items, sha256 {sha256(canonical_json(value)).hexdigest()}")
        return short
    if isinstance(value, dict):
        return {name: _in_short(item, text_kept, items_kept) for name, item in value.items()}
    return value


def _refuse_floats(kind: str, value: Json) -> None:
    """Decimals travel as text: a float has no one true spelling, and a hash needs one."""
    if isinstance(value, float):
        raise Broken(f"journal: {kind} holds the float {value}; write decimals as text")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _refuse_floats(kind, item)


@contextlib.asynccontextmanager
async def open_journal(
    world: World,
    directory: PurePath,
    settings: JournalSettings,
    *,
    version: str,
    now_ms: Callable[[], int] | None = None,
    make_room: Callable[[], bool] = lambda: False,
    installation: str = "",
) -> AsyncIterator[tuple[Journal, str]]:
    """
    Open the journal of a state directory for writing; yields it and what was found damaged (empty: nothing).

    Repairs what a crash left and records the repair. With damage the caller must raise the halt that the rules ask for; what
    the system does not let it read is a `StateError`, or a `RecordError` where the medium refuses. `now_ms` is venue time once
    it is known, else the wall clock. `make_room` is asked when the disk is full: whether trying again can help. `installation`
    is the name in the first record of a new journal, drawn where none is given. The block owns the writing task: a failed write
    ends it with `RecordError`. Leaving the block flushes.
    """
    try:
        world.disk.mkdir(directory)
        found = recover(world.disk, directory, world.clock.wall_ms())
    except OSError as error:
        raise cannot_open(directory, error) from error
    journal = Journal(world, directory, settings, now_ms or world.clock.wall_ms, found, make_room)
    try:
        if found.broken is not None:
            journal.begin_behind_damage(found.broken)
        elif found.name is None:
            journal.append("journal.opened", {"installation": installation or world.random.token(8), "version": version})
        for tail in found.trimmed:
            journal.append("journal.trimmed", tail)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.write_groups)
            yield journal, str(found.broken["damage"]) if found.broken else ""
            tasks.cancel_scope.cancel()
    finally:
        journal.close()
