"""
The files of a journal: their names, their order, and what a whole chain of them says.

Closed files are packed after a week (`ops.journal_age`): a name that ends in `.gz` holds the same bytes, and every reader here
unpacks it.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final

import orjson

from playd.core.limits import JOURNAL_RECORD_BYTES
from playd.ops.chain import GENESIS, Head, check, head_before, kind_of, own_hash, whole_until
from playd.world.ports import Disk

PACKED: Final = ".gz"
GZIP_BITS: Final = 31
"""What zlib calls a gzip file with the largest window."""

REMOVED: Final = "journal.removed"

CLOSE_BYTES: Final = 512 * 1024
"""A record is looked for no nearer: so much is read at once anyway."""

BLOCK_BYTES: Final = 1024 * 1024
"""So much of a file is in memory at a time while a whole journal is read."""

_NAME: Final = re.compile(r"^(\d{4}-\d\d-\d\d)(?:\.(\d+))?\.jsonl(?:\.gz)?$")
_REMOVED: Final = f'"{REMOVED}"'.encode()


class NotPacked(ValueError):
    """A file whose name says that it is packed, and which cannot be unpacked."""


def segment_names(disk: Disk, directory: PurePath) -> list[str]:
    """The journal's files, oldest first; other files of the directory are left out, a packed one beside its original too."""
    found: dict[tuple[str, int], str] = {}
    for name in disk.list(directory):  # sorted: the original comes first
        if match := _NAME.match(name):
            found.setdefault((match[1], int(match[2] or 0)), name)
    return [found[place] for place in sorted(found)]


def read_file(disk: Disk, path: PurePath) -> bytes:
    """The records of one file, unpacked. Raises `OSError`, `NotPacked`."""
    data = disk.read_bytes(path)
    if path.suffix != PACKED:
        return data
    try:
        return zlib.decompress(data, GZIP_BITS)
    except zlib.error as error:
        raise NotPacked(f"{path}: cannot be unpacked: {error}") from error


def read_blocks(disk: Disk, path: PurePath) -> Iterator[bytes]:
    """The same in pieces, cut anywhere. Raises `OSError`, `NotPacked`, also behind pieces that were good."""
    offset, unpack = 0, zlib.decompressobj(GZIP_BITS)
    is_packed = path.suffix == PACKED
    while block := disk.read_from(path, offset, BLOCK_BYTES):
        offset += len(block)
        try:
            yield unpack.decompress(block) if is_packed else block
        except zlib.error as error:
            raise NotPacked(f"{path}: cannot be unpacked: {error}") from error
    if is_packed and not unpack.eof:
        raise NotPacked(f"{path}: cannot be unpacked: it ends too early")


def end_before(disk: Disk, path: PurePath, seq: int) -> int:
    """
    So many bytes of an unpacked file are to be read, from the end backwards, for the records before the one numbered `seq`.

    A few more of them may come first, never one less: numbers grow with the place, so that the place is found in a few steps;
    where what is read there is no pair of records in a row, the search ends. Raises `OSError`.
    """
    low, high = 0, disk.stat(path).size
    while high - low > CLOSE_BYTES:
        found = _pair_behind(disk, path, (low + high) // 2)
        if found is None or found[0] >= high:
            return high
        at, number = found
        low, high = (at, high) if number < seq else (low, at)
    return high


def _pair_behind(disk: Disk, path: PurePath, offset: int) -> tuple[int, int] | None:
    """Place and number of the first record that begins behind `offset`; None unless the next one has the next number."""
    data = disk.read_from(path, offset, 4 * JOURNAL_RECORD_BYTES)
    begin = data.find(b"\n") + 1
    first, second, *_ = [*data[begin:].split(b"\n", 2), b"", b""]
    heads = head_before(first), head_before(second)
    if begin == 0 or heads[0] is None or heads[1] is None or heads[1].seq != heads[0].seq + 1:
        return None
    return offset + begin, heads[0].seq + 1


def date_of(time_ms: int) -> str:
    """UTC date of a time, e.g. `2024-01-31`."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).date().isoformat()


def next_name(last: str | None, time_ms: int) -> str:
    """Name of the file behind `last`: the day's first one, or the day's next number. Never before `last`."""
    date = date_of(time_ms)
    match = _NAME.match(last or "")
    if match and match[1] >= date:
        return f"{match[1]}.{int(match[2] or 0) + 1}.jsonl"
    return f"{date}.jsonl"


@dataclass(frozen=True, slots=True)
class Damage:
    """The first thing that is wrong: in which file, at which line (from 1), which record was due, and what was found."""

    file: str
    line: int
    seq: int
    kind: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: record {self.seq}: {self.kind}"


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What a file says.

    `head` is the last good record, None when there is none. `good_bytes` is the length of the part that is whole.
    `torn` says that behind it there is nothing but one line without an end.
    """

    head: Head | None
    records: int
    good_bytes: int
    damage: Damage | None
    torn: bool


Hear = Callable[[bytes, Head, Head], None]
"""Is told whole records as they are found good: their bytes, the record before them, the last of them."""


def read_segment(
    blocks: Iterable[bytes], name: str, before: Head | None, *, behind_damage: bool = False, hear: Hear | None = None
) -> Reading:
    """
    Check one file, given in pieces. `before` is the head of the file before it; None takes the first record's word for it.

    Behind a damaged file the chain may begin again with `journal.break`, and only there. What `blocks` raises passes.
    """
    head, rest, good_bytes, records = before, b"", 0, 0
    for block in blocks:
        data = rest + block
        if good_bytes == 0 and (first := data[: max(data.find(b"\n"), 0)]):
            is_begun_anew = behind_damage and kind_of(first) == "journal.break"
            head = (head_before(first) or Head(0, GENESIS)) if before is None or is_begun_anew else before
        last = head or Head(0, GENESIS)
        begin, seq, digest = whole_until(data, last.seq, last.hash)
        end = data.find(b"\n", begin)
        if seq > last.seq:
            records, good_bytes, head = records + seq - last.seq, good_bytes + begin, Head(seq, digest)
            if hear is not None:
                hear(data[:begin], last, head)
        if end >= 0:
            damage = Damage(name, records + 1, seq + 1, check(data[begin:end], Head(seq, digest))[1])
            return Reading(head if records else before, records, good_bytes, damage, torn=False)
        rest = data[begin:]
    head = head if records else before
    if not rest:
        return Reading(head, records, good_bytes, None, torn=False)
    due = head.seq + 1 if head else 1
    return Reading(head, records, good_bytes, Damage(name, records + 1, due, "cut short"), torn=True)


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict over a journal: how many records were checked, where it ends, and the first damage if there is any."""

    files: int
    records: int
    head: Head | None
    damage: Damage | None


class _Ends:
    """
    Where a journal begins, and whether it holds a head that was published: told of whole records as they are found good.

    Behind records whose removal is on record further on a whole journal may begin.
    """

    def __init__(self, anchor: Head | None, *, is_whole: bool) -> None:
        self.is_anchored = anchor is None
        self._anchor = anchor
        self._is_whole = is_whole
        self._begins: Head | None = None
        self._removed = {Head(0, GENESIS)}

    @property
    def lost(self) -> Head | None:
        """The last record of a beginning that is missing and was not removed; None where none is, or nobody asks."""
        return None if not self._is_whole or self._begins in self._removed else self._begins

    def begin(self, before: Head | None) -> None:
        """What stood before the first record that was read; the first word counts."""
        self._begins = self._begins or before

    def hear(self, data: bytes, before: Head, last: Head) -> None:
        self.begin(before)
        if self.lost is not None:
            self._removed.update(_end_of_removed(line) for line in _lines_with(data, _REMOVED))
        anchor = self._anchor
        if anchor is not None and before.seq < anchor.seq <= last.seq:
            self.is_anchored = self.is_anchored or any(_is(line, anchor) for line in _lines_with(data, anchor.hash.encode()))


def verify(disk: Disk, directory: PurePath, *, since: str | None = None, anchor: Head | None = None) -> Report:
    """
    Check every file, or those from the date `since` on. The first one begins with record 1, or behind a file whose removal is
    on record further on.

    `anchor` is a head that was published earlier: a chain that does not hold it was cut or written anew. Raises `OSError` when
    a file cannot be read.
    """
    names = [name for name in segment_names(disk, directory) if since is None or name[:10] >= since]
    head: Head | None = None
    first: Damage | None = None
    records, ends = 0, _Ends(anchor, is_whole=since is None)
    for name in names:
        blocks = read_blocks(disk, directory / name)
        try:
            reading = read_segment(blocks, name, head, behind_damage=first is not None, hear=ends.hear)
        except NotPacked:
            first, head = first or Damage(name, 1, head.seq + 1 if head else 1, "cannot be unpacked"), None
            ends.begin(Head(0, GENESIS))
            continue
        ends.begin(head)
        records += reading.records
        first = first or reading.damage
        head = reading.head
    # What a damaged first line says of the record before it is nobody's word.
    is_told = first is not None and (first.file, first.line) == (names[0], 1)
    if (lost := ends.lost) is not None and not is_told:
        first = Damage(names[0], 1, 1, f"missing, with all up to record {lost.seq}")
    if first is None and anchor is not None and not ends.is_anchored:
        first = Damage(names[-1] if names else "", 0, anchor.seq, "published head not found")
    return Report(len(names), records, head, first)


def _lines_with(data: bytes, needle: bytes) -> Iterator[bytes]:
    """The lines that hold some bytes; each line of `data` has its end."""
    at = data.find(needle)
    while at >= 0:
        begin, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
        yield data[begin:end]
        at = data.find(needle, end)


def _end_of_removed(line: bytes) -> Head:
    """The last record of a file that was removed, by the record that says so."""
    record = orjson.loads(line)
    if record["kind"] != REMOVED:
        return Head(0, GENESIS)
    return Head(int(record["data"]["last_seq"]), str(record["data"]["last_hash"]))


def _is(line: bytes, anchor: Head) -> bool:
    """Whether a line is the record that was published: of its number, and with its hash as its own."""
    before = head_before(line)
    return before is not None and before.seq + 1 == anchor.seq and own_hash(line) == anchor.hash
