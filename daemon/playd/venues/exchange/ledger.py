"""
The exchange's own ledger: what arrived, what took effect when, what was told to whom. One JSON object a line, only appended to.

For judges of a client, who must not have to believe it. Public requests and public frames are not in it: they concern nobody,
and are a function of the market. The file is cut into parts; when all of them are full the oldest goes.
"""

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.core.errors import is_full
from playd.venues.exchange.changes import Changes
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.rows import order_row
from playd.world.ports import Appender, Disk
from playd.world.refused import cannot_open

PARTS: Final = 8
TAIL_BYTES: Final = 1024 * 1024
"""Longer than any entry: in so much of the end of a part there is a whole one."""

Entry = dict[str, Any]


def directory_of(records_path: PurePath) -> PurePath:
    """Where the ledger of an exchange lies: beside its records."""
    return records_path.with_name(f"{records_path.stem}-ledger")


class Ledger:
    """
    Writes the ledger of one exchange. `wall_ms` and `market_ms` stamp entries. The caller closes it.

    `failed` hears of the first entry that could not be written; none is written after it. `make_room` is asked on a full disk:
    whether trying again can help.
    """

    def __init__(
        self,
        disk: Disk,
        directory: PurePath,
        bytes_max: int,
        *,
        wall_ms: Callable[[], int],
        market_ms: Callable[[], int],
        failed: Callable[[OSError], object],
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._part_max = bytes_max // PARTS
        self._wall_ms = wall_ms
        self._market_ms = market_ms
        self._failed = failed
        self._make_room = make_room
        self._number = 0
        self._part = 1
        self._file: Appender | None = None
        if bytes_max:
            try:
                disk.mkdir(directory)
                self._continue()
            except OSError as error:
                raise cannot_open(directory, error) from error

    def note(self, kind: str, **what: Any) -> int:
        """Write one entry; its number, or 0 when no ledger is kept."""
        if self._file is None:
            return 0
        self._number += 1
        entry = {"n": self._number, "wall_ms": self._wall_ms(), "market_ms": self._market_ms(), "kind": kind, **what}
        line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE, default=str)
        try:
            self._append(line)
        except OSError as error:
            if is_full(error) and self._make_room():
                self._once_more(line)
            else:
                self._give_up(error)
        return self._number

    def _append(self, line: bytes) -> None:
        assert self._file is not None
        if self._file.size >= self._part_max:
            self._file = self._next_part(self._file)
        self._file.write(line)

    def _once_more(self, line: bytes) -> None:
        """Behind the last whole entry, in place of the half one that the full disk may have left."""
        number = self._number
        try:
            self.close()
            self._continue()
            self._number = number
            self._append(line)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.close()
        self._failed(error)

    def note_effect(self, changes: Changes, listings: dict[str, Listing]) -> None:
        """What the books have changed, as it is kept: orders as they are now, executions, and what moved the wallets."""
        if self._file is None or not (changes.orders or changes.executions or changes.log):
            return
        self.note(
            "effect",
            orders=[
                {"uid": order.uid, **(changes.told.get(order.order_id) or order_row(order, listings[order.symbol]))}
                for order in changes.orders.values()
            ],
            executions=[{"uid": uid, **row} for uid, row in changes.executions],
            log=[{"uid": uid, **row} for uid, row in changes.log],
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _continue(self) -> None:
        """Go on where the last one stopped; half an entry at the end, which a crash left, is cut off."""
        parts = part_numbers(self._disk, self._directory)
        for part in reversed(parts):
            number = self._last_number(part_path(self._directory, part))
            if number:
                self._number = number
                break
        self._part = parts[-1] if parts else 1
        self._file = self._disk.open_append(part_path(self._directory, self._part))

    def _last_number(self, path: PurePath) -> int:
        """Number of the last whole entry of a part, 0 when there is none."""
        size = self._disk.stat(path).size
        tail = self._disk.read_from(path, max(size - TAIL_BYTES, 0), TAIL_BYTES)
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            self._disk.truncate(path, size - len(tail) + whole)
        lines = tail[:whole].splitlines()
        return int(orjson.loads(lines[-1])["n"]) if lines else 0

    def _next_part(self, file: Appender) -> Appender:
        file.close()
        for old in part_numbers(self._disk, self._directory)[: 1 - PARTS]:
            self._disk.remove(part_path(self._directory, old))
        self._part += 1
        return self._disk.open_append(part_path(self._directory, self._part))


def read(disk: Disk, directory: PurePath, *, after: int = 0, kind: str = "", uid: int = 0) -> Iterator[Entry]:
    """Entries with a number above `after`, oldest first; of one kind or about one user when asked for."""
    for part in part_numbers(disk, directory):
        for line in disk.read_bytes(part_path(directory, part)).split(b"\n")[:-1]:
            entry: Entry = orjson.loads(line)
            if entry["n"] > after and kind in ("", entry["kind"]) and (not uid or concerns(entry, uid)):
                yield entry


def concerns(entry: Entry, uid: int) -> bool:
    """Whether an entry is about a user."""
    return entry.get("uid") == uid or any(
        row["uid"] == uid for name in ("orders", "executions", "log") for row in entry.get(name, ())
    )


def part_numbers(disk: Disk, directory: PurePath) -> list[int]:
    """Numbers of the parts that are there, rising; none when no ledger was ever kept."""
    if not disk.exists(directory):
        return []
    return sorted(int(name.removesuffix(".jsonl")) for name in disk.list(directory) if name.endswith(".jsonl"))


def part_path(directory: PurePath, part: int) -> PurePath:
    return directory / f"{part:06}.jsonl"
