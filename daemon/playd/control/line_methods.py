"""Methods that answer with lines, the newest page first: the daemon's log from memory, and the records of its journal."""

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
from playd.ops.segments import PACKED, end_before, segment_names

SCANNED_BYTES: Final = 64 * 1024 * 1024
"""How much of the journal one page of `events` reads, newest first; a file's worth."""

CHUNK_BYTES: Final = 512 * 1024
"""Read and parsed in about ten milliseconds."""

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
    disk, folder = daemon.ops.world.disk, daemon.ops.state_dir / "journal"
    uid = owner_of(daemon, params.instance) if params.instance is not None else None
    account_named(daemon, params.account)
    wanted = RecordFilter(**params.model_dump(exclude={"limit", "instance", "cursor"}), instance=uid)
    daemon.ops.journal.flush()
    found: list[JsonObject] = []
    before, size, left = _before(params.cursor), 0, SCANNED_BYTES
    for name in reversed(segment_names(disk, folder)):
        if name.endswith(PACKED):  # unpacking one takes longer than anybody may wait here
            if len(found) < params.limit and size <= PAGE_BYTES:
                call.warnings.append(("not_all", f"older records are packed, see `zcat {folder / name}`"))
            break
        end, tail = disk.stat(folder / name).size if before is None else end_before(disk, folder / name, before), b""
        while end > 0 and left > 0 and len(found) < params.limit and size <= PAGE_BYTES:
            begin = max(0, end - CHUNK_BYTES)
            lines = (disk.read_from(folder / name, begin, end - begin) + tail).split(b"\n")
            # The first line may have begun in the chunk before.
            tail, end, left = (lines.pop(0) if begin else b""), begin, left - (end - begin)
            for line in reversed(lines):
                if len(found) == params.limit or size > PAGE_BYTES:
                    break
                record = wanted.read(line) if line else None
                if record is not None and (before is None or record["seq"] < before):
                    found.append(record)
                    size += len(line)
            await anyio.lowlevel.checkpoint()  # between two chunks the others trade
    if size > PAGE_BYTES and len(found) < params.limit:
        _say_more(call)
    elif left <= 0 and len(found) < params.limit:
        call.warnings.append(("not_all", f"only the newest {SCANNED_BYTES // 2**20} MiB of the journal were looked through"))
    if not found and params.cursor is None:
        warn_of_symbol(daemon, params.symbol, call)
    named = (
        {"time": rfc3339(each["ts_ms"]), "name": rows.owner_name(daemon, each["instance"] or "")} for each in reversed(found)
    )
    return cast("list[JournalRecord]", [{**record, **names} for record, names in zip(reversed(found), named, strict=True)])


def _before(cursor: str | None) -> int | None:
    return None if cursor is None else int(cursor)


def _say_more(call: Call) -> None:
    call.warnings.append((MORE, "one answer holds no more: the rest comes with the number of its first line as `cursor`"))
