"""One record in the journal of a daemon that does not run: a restore, a migration."""

import contextlib
from collections.abc import Mapping
from typing import Final

from playd import __version__
from playd.core.canonical import Json, canonical_json
from playd.ops.chain_watch import missing_tail
from playd.ops.journal import open_journal
from playd.orders.halts import ALL, Halts, Level
from playd.orders.kill_file import KILL_FILE
from playd.orders.ledger import Ledger
from playd.orders.migration import OlderState
from playd.settings import Loaded
from playd.world.ports import World

BROKEN: Final = "JOURNAL_BROKEN"


async def record_offline(world: World, loaded: Loaded, kind: str, data: Mapping[str, Json]) -> str:
    """
    Append one record behind the journal's own end; what is damaged there halts, as at a start, and is returned (or empty).

    A ledger that must be migrated first takes no halt: the kill file says it then. The caller holds the daemon's lock.
    """
    state = loaded.locations.state_dir
    with contextlib.ExitStack() as stack:
        ledger: Ledger | None = None
        with contextlib.suppress(OlderState):
            ledger = Ledger.open(world.disk, world.clock, state / "ledger.sqlite")
            stack.callback(ledger.close)
        opened = open_journal(world, state / "journal", loaded.settings.journal, version=__version__)
        async with opened as (journal, damage):
            damage = damage or (missing_tail(ledger, journal.begun_behind) if ledger is not None else "")
            if damage and ledger is not None:
                halts = Halts(ledger, world.disk, world.clock, journal, state)
                halts.raise_level(ALL, Level.HALT, BROKEN, damage)
            elif damage:
                # In place of what the restore left there, which `write_kill_file` would keep: nobody else says this reason.
                note = {"reason": damage, "code": BROKEN, "actor": "playd", "time_ms": world.clock.wall_ms()}
                world.disk.write_replace(state / KILL_FILE, canonical_json(note), keep_previous=False)
            journal.append(kind, data, actor=f"uid:{world.process.uid}()")
            await journal.synced()
    return damage
