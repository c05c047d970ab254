"""Records of the guardian's journal, for the daemon that comes back and must know what was done meanwhile."""

from collections.abc import Iterator
from itertools import islice
from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.ops.segments import segment_names
from playd.world.ports import Disk

BAN: Final = "rate.ban"
LOOKED_BACK: Final = 1000
"""Newest records that are read for a ban that is not over: more than a guardian writes in ten minutes."""


def records_after(disk: Disk, directory: PurePath, seq: int) -> list[dict[str, Any]]:
    """
    Records with a number above `seq`, oldest first; none when there is no journal.

    A last line that is still being written is left for the next call. Raises `OSError`.
    """
    found: list[dict[str, Any]] = []
    for records in _newest_files(disk, directory):
        newer = [record for record in records if record["seq"] > seq]
        found = newer + found
        if len(newer) < len(records):
            break
    return found


def guardian_ban_ms(disk: Disk, directory: PurePath) -> int:
    """
    Until when the venue banned this address, by the newest records of its guardian; 0 without one. One that cannot be
    understood tells of none: it would end every start. Raises `OSError`.
    """
    newest = (record for records in _newest_files(disk, directory) for record in reversed(records))
    return max(map(_banned_until_ms, islice(newest, LOOKED_BACK)), default=0)


def _banned_until_ms(record: dict[str, Any]) -> int:
    try:
        return int(record["data"]["until_ms"]) if record["kind"] == BAN else 0
    except (KeyError, TypeError, ValueError):
        return 0


def _newest_files(disk: Disk, directory: PurePath) -> Iterator[list[dict[str, Any]]]:
    """Records of each file, the newest file first, its oldest record first; nothing when there is no journal."""
    if not disk.exists(directory):
        return
    for name in reversed(segment_names(disk, directory)):
        lines = disk.read_bytes(directory / name).split(b"\n")[:-1]
        yield [record for line in lines if (record := _record(line)) is not None]


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a line, None for one that is damaged: verifying the chain is `audit verify`'s business."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("seq"), int) else None
