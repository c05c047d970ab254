"""Methods that answer with lines, the newest page first: the daemon's log from memory, and the records of its journal."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, cast

import anyio
import anyio.lowlevel
import orjson

from playd.control import rows
from playd.control.asked_for import account_named, names_in_messages, owner_of, warn_of_symbol
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import rfc3339
from playd.control.log_lines import LineFilter
from playd.control.ops_answers import JournalRecord, LogLine
from playd.control.params import EventQuery, LogQuery
from playd.control.protocol import MORE, JsonObject
from playd.control.record_filter import RecordFilter
from playd.core.limits import REPLY_LINE_BYTES
from playd.ops.newest_lines import NewestLines

SCANNED_BYTES: Final = 64 * 1024 * 1024
"""How much of the journal one page of `events` reads, newest first; a file's worth."""

PAGE_BYTES: Final = REPLY_LINE_BYTES // 4
"""Of lines in one answer, which is made in about ten milliseconds; what is added to each line fits in the rest."""


async def query_logs(daemon: Daemon, params: LogQuery, call: Call) -> list[LogLine]:
    """Log lines that pass every filter, oldest first: the newest ones, or those before the line that `cursor` names."""
    wanted = LineFilter(**params.model_dump(exclude={"limit", "cursor"}))
    found = daemon.query_logs(limit=params.limit, wanted=wanted, before=_before(params.cursor))
    if not found and params.cursor is None:  # lines that there are need no name that anybody else knows
        account_named(daemon, params.account)
        if params.instance is not None:
            names_in_messages(daemon, params.instance)
        warn_of_symbol(daemon, params.symbol, call)
    size = 0
    for at in range(len(found), 0, -1):
        size += len(orjson.dumps(found[at - 1]))
        if size > PAGE_BYTES and at < len(found):
            _say_more(call)
            return cast("list[LogLine]", found[at:])
    return cast("list[LogLine]", found)


async def query_events(daemon: Daemon, params: EventQuery, call: Call) -> list[JournalRecord]:
    """
    Journal records that pass every filter, oldest first: the newest ones, or those before the record that `cursor` names. The
    newest files are looked through, a later page from where the one before it ended.
    """
    uid = owner_of(daemon, params.instance) if params.instance is not None else None
    account_named(daemon, params.account)
    wanted = RecordFilter(**params.model_dump(exclude={"limit", "instance", "cursor"}), instance=uid)
    daemon.ops.journal.flush()
    page = _Page(wanted, _before(params.cursor), params.limit)
    journal = NewestLines(daemon.ops.world.disk, daemon.ops.state_dir / "journal", page.before, SCANNED_BYTES)
    for lines in journal:
        page.take(lines)
        await anyio.lowlevel.checkpoint()  # between two reads the others trade
        if page.is_full:
            break
    if page.is_cut:
        _say_more(call)
    if not page.is_full and journal.packed is not None:
        call.warnings.append(("not_all", f"older records are packed, see `zcat {journal.packed}`"))
    if not page.is_full and journal.is_spent:
        call.warnings.append(("not_all", f"only the newest {SCANNED_BYTES // 2**20} MiB of the journal were looked through"))
    found = [*reversed(page.found)]
    if not found and params.cursor is None:
        warn_of_symbol(daemon, params.symbol, call)
    named = ({"time": rfc3339(each["ts_ms"]), "name": rows.owner_name(daemon, each["instance"] or "")} for each in found)
    return cast("list[JournalRecord]", [{**record, **names} for record, names in zip(found, named, strict=True)])


@dataclass(slots=True)
class _Page:
    """Records of one answer, the newest first: as many as were asked for, or as many as one answer holds."""

    wanted: RecordFilter
    before: int | None
    limit: int
    found: list[JsonObject] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.found) == self.limit or self.size_bytes > PAGE_BYTES

    @property
    def is_cut(self) -> bool:
        """Whether one answer holds no more, though more were asked for."""
        return self.is_full and len(self.found) < self.limit

    def take(self, lines: Iterable[bytes]) -> None:
        """Lines from the newest on; those behind the last one that fits are left."""
        for line in lines:
            if self.is_full:
                return
            record = self.wanted.read(line)
            if record is not None and (self.before is None or record["seq"] < self.before):
                self.found.append(record)
                self.size_bytes += len(line)


def _before(cursor: str | None) -> int | None:
    return None if cursor is None else int(cursor)


def _say_more(call: Call) -> None:
    call.warnings.append((MORE, "one answer holds no more: the rest comes with the number of its first line as `cursor`"))
