"""Records of the guardian's journal, for the daemon that comes back and must know what was done meanwhile."""

from pathlib import PurePath
from typing import Any

import orjson

from playd.ops.segments import segment_names
from playd.world.ports import Disk


def records_after(disk: Disk, directory: PurePath, seq: int) -> list[dict[str, Any]]:
    """
    Records with a number above `seq`, oldest first; none when there is no journal.

    A last line that is still being written is left for the next call. Raises `OSError`.
    """
    if not disk.exists(directory):
        return []
    found: list[dict[str, Any]] = []
    for name in reversed(segment_names(disk, directory)):
        lines = disk.read_bytes(directory / name).split(b"\n")[:-1]
        records = [record for line in lines if (record := _record(line)) is not None]
        newer = [record for record in records if record["seq"] > seq]
        found = newer + found
        if len(newer) < len(records):
            break
    return found


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a line, None for one that is damaged: verifying the chain is `audit verify`'s business."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("seq"), int) else None
