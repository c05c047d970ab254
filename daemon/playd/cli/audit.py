"""`playd audit verify`: is the journal whole? Reads it beside a running daemon or without one, and changes nothing."""

import contextlib
import re
import sqlite3
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.control.render import json_text
from playd.core.errors import SettingsError
from playd.ops.audit import audit
from playd.ops.chain_watch import HEAD_KEY
from playd.world.ports import World
from playd.world.real import real_world

JOURNAL: Final = "journal"
LEDGER: Final = "ledger.sqlite"
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """The flags of `playd audit verify`; empty ones are not given."""

    directory: str
    since: str
    anchor: str
    as_json: bool


def verify_journal(options: AuditOptions, world: World | None = None) -> int:
    """
    Print the verdict; 0 whole, 10 broken with the first damaged record, 1 unreadable.

    Without `--anchor` the head that the ledger beside the journal knows is the anchor, so that a cut tail is found too.

    Raises `SettingsError` for a date or an anchor that is none.
    """
    world = world or real_world()
    if options.since and not _DATE.fullmatch(options.since):
        raise SettingsError(f"--from {options.since!r}: expected a date such as 2024-01-31")
    directory = _journal(world, options.directory)
    anchor = options.anchor or ("" if options.since else _published(world, directory))
    found = audit(world.disk, directory, since=options.since or None, anchor=anchor or None)
    print(json_text(found.data) if options.as_json else found.text)
    return found.exit_code


def _journal(world: World, given: str) -> PurePath:
    """The directory of the journal's files: named itself, or by the state directory around it."""
    directory = world.process.working_dir() / (given or world.env.get("PLAYD_STATE_DIR") or "state")
    inner = directory / JOURNAL
    return inner if world.disk.exists(inner) else directory


def _published(world: World, journal: PurePath) -> str:
    """The head that was published to the ledger of the same state directory; empty without a readable ledger."""
    ledger = journal.parent / LEDGER
    if journal.name != JOURNAL or not world.disk.exists(ledger):
        return ""
    try:
        with contextlib.closing(world.disk.open_sqlite(ledger, read_only=True)) as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = ?", (HEAD_KEY,)).fetchone()
    except (sqlite3.Error, UnicodeDecodeError):  # what is wrong with a ledger is not this command's business
        return ""
    return "" if found is None or str(found["value"]).startswith("0:") else str(found["value"])
