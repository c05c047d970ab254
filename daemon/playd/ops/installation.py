"""
The name of an installation, and when it began: in the first record of its journal and in its ledger, the same in both.

Whichever was there first says it. A ledger can be older than that rule, a journal can be new behind a restore elsewhere.
"""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import orjson

from playd.ops.segments import NotPacked, read_blocks, segment_names
from playd.orders.ledger import Ledger
from playd.world.ports import Disk, World

INSTALLATION: Final = "installation"
"""Key of the name in the ledger and in the first record of the journal."""


@dataclass(frozen=True, slots=True)
class Birth:
    """What the first record of a journal says."""

    installation: str
    ms: int


def birth(disk: Disk, journal: PurePath) -> Birth | None:
    """None where there is no journal, or where its first record is lost or another one."""
    try:
        names = segment_names(disk, journal) if disk.exists(journal) else []
        block = next(iter(read_blocks(disk, journal / names[0])), b"") if names else b""
        first = orjson.loads(block.partition(b"\n")[0])
        return Birth(str(first["data"][INSTALLATION]), int(first["ts_ms"])) if first["kind"] == "journal.opened" else None
    except (OSError, NotPacked, ValueError, KeyError, TypeError):
        return None  # opening it says what is wrong with it


def name_of(world: World, state: PurePath, ledger: Ledger) -> str:
    """The name, which stands in the ledger from here on."""
    kept = ledger.meta(INSTALLATION)
    if kept is None:
        begun = birth(world.disk, state / "journal")
        kept = world.random.token(8) if begun is None else begun.installation
        ledger.set_meta(INSTALLATION, kept)
        ledger.commit()
    return kept


def name_in(disk: Disk, ledger: PurePath) -> str:
    """The name by a ledger that cannot be worked on as it is, empty where it has none."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(disk.open_sqlite(ledger, read_only=True)) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (INSTALLATION,)).fetchone()
        return "" if row is None else str(row[0])
    return ""
