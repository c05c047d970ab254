"""`playd audit verify`: is the journal whole? Reads it beside a running daemon or without one, and changes nothing."""

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.control.render import json_text
from playd.core.errors import SettingsError
from playd.ops.audit import audit
from playd.world.ports import World
from playd.world.real import real_world

JOURNAL: Final = "journal"
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

    Raises `SettingsError` for a date or an anchor that is none.
    """
    world = world or real_world()
    if options.since and not _DATE.fullmatch(options.since):
        raise SettingsError(f"--from {options.since!r}: expected a date such as 2024-01-31")
    found = audit(world.disk, _journal(world, options.directory), since=options.since or None, anchor=options.anchor or None)
    print(json_text(found.data) if options.as_json else found.text)
    return found.exit_code


def _journal(world: World, given: str) -> PurePath:
    """The directory of the journal's files: named itself, or by the state directory around it."""
    directory = world.process.working_dir() / (given or world.env.get("PLAYD_STATE_DIR") or "state")
    inner = directory / JOURNAL
    return inner if world.disk.exists(inner) else directory
