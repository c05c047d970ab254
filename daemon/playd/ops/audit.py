"""Checking a journal without a daemon: what `playd audit verify` prints, and its exit code."""

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.core.canonical import Json
from playd.core.errors import SettingsError
from playd.ops.chain import Head
from playd.ops.segments import verify
from playd.world.ports import Disk

WHOLE: Final = 0
UNREADABLE: Final = 1
BROKEN: Final = 10

_ANCHOR: Final = re.compile(r"^(\d+):([0-9a-f]{64})$")


@dataclass(frozen=True, slots=True)
class Audit:
    """Exit code, one line for people, and the same as data."""

    exit_code: int
    text: str
    data: dict[str, Json]


def parse_anchor(text: str) -> Head:
    """A published head, `SEQ:HASH`. Raises `SettingsError` for anything else."""
    match = _ANCHOR.match(text)
    if match is None:
        raise SettingsError(f"anchor {text!r}: expected SEQ:HASH, a number and 64 hex characters")
    return Head(int(match[1]), match[2])


def audit(disk: Disk, directory: PurePath, *, since: str | None = None, anchor: str | None = None) -> Audit:
    """Check the journal in `directory`, or its files from the date `since` on, against a published head if one is given."""
    head = parse_anchor(anchor) if anchor else None
    try:
        report = verify(disk, directory, since=since, anchor=head)
    except OSError as error:
        text = f"{directory}: {error.strerror or error}"
        return Audit(UNREADABLE, text, {"result": "unreadable", "text": text})
    if report.files == 0 and head is not None:
        text = f"broken: {directory}: no journal files, and record {head.seq} was published"
        return Audit(BROKEN, text, {"result": "broken", "files": 0, "records": 0, "head_seq": None, "head_hash": None})
    if report.files == 0:
        text = f"{directory}: no journal files" + (f" from {since} on" if since else "")
        return Audit(UNREADABLE, text, {"result": "unreadable", "text": text})
    data: dict[str, Json] = {
        "result": "whole" if report.damage is None else "broken",
        "files": report.files,
        "records": report.records,
        "head_seq": report.head.seq if report.head else None,
        "head_hash": report.head.hash if report.head else None,
    }
    if report.damage is None:
        end = f"{report.head.seq}:{report.head.hash}" if report.head else "nothing"
        return Audit(WHOLE, f"whole: {report.records} records in {report.files} files, head {end}", data)
    found = report.damage
    data |= {"damage": {"file": found.file, "line": found.line, "seq": found.seq, "kind": found.kind}}
    return Audit(BROKEN, f"broken: {found}", data)
