"""Records in the journal of a daemon that does not run: a restore, a migration."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

import orjson

from playd import __version__
from playd.core.canonical import Json, canonical_json
from playd.ops.chain_watch import missing_tail
from playd.ops.installation import name_in, name_of
from playd.ops.journal import Journal, open_journal
from playd.orders.halts import ALL, Halts, Level
from playd.orders.kill_file import KILL_FILE
from playd.orders.ledger import Ledger
from playd.orders.migration import MIGRATED, OlderState
from playd.settings import Loaded
from playd.world.ports import World

BROKEN: Final = "JOURNAL_BROKEN"


async def record_offline(world: World, loaded: Loaded, kind: str, data: Mapping[str, Json]) -> str:
    """
    Append one record behind the journal's own end; what is damaged there halts, as at a start, and is returned (or empty).

    A ledger that must be migrated first takes no halt: the kill file says it then. The caller holds the daemon's lock.
    """
    async with _opened(world, loaded) as (_, journal, damage):
        journal.append(kind, data, actor=f"uid:{world.process.uid}()")
        await journal.synced()
    return damage


async def record_migration(world: World, loaded: Loaded) -> None:
    """Append what the ledger says of its migration, in the same way."""
    async with _opened(world, loaded) as (ledger, journal, _):
        if ledger is not None:
            await tell_migration(ledger, journal, actor=f"uid:{world.process.uid}()")


async def tell_migration(ledger: Ledger, journal: Journal, *, actor: str = "daemon") -> None:
    """
    Put on record what a migration did, where that is not done yet. It stands in the ledger until the journal has it: a
    program that ends between the two leaves it to the next one.
    """
    if (left := ledger.meta(MIGRATED)) is None:
        return
    journal.append("daemon.migrated", orjson.loads(left), actor=actor)
    await journal.synced()
    ledger.write("DELETE FROM meta WHERE key = ?", (MIGRATED,))
    ledger.commit()


@contextlib.asynccontextmanager
async def _opened(world: World, loaded: Loaded) -> AsyncIterator[tuple[Ledger | None, Journal, str]]:
    state = loaded.locations.state_dir
    with contextlib.ExitStack() as stack:
        ledger: Ledger | None = None
        with contextlib.suppress(OlderState):
            ledger = Ledger.open(world.disk, world.clock, state / "ledger.sqlite")
            stack.callback(ledger.close)
        named = name_in(world.disk, state / "ledger.sqlite") if ledger is None else name_of(world, state, ledger)
        settings = loaded.settings.journal
        opened = open_journal(world, state / "journal", settings, version=__version__, installation=named)
        async with opened as (journal, damage):
            damage = damage or (missing_tail(ledger, journal.begun_behind) if ledger is not None else "")
            if damage and ledger is not None:
                halts = Halts(ledger, world.disk, world.clock, journal, state)
                halts.raise_level(ALL, Level.HALT, BROKEN, damage)
            elif damage:
                # In place of what the restore left there, which `write_kill_file` would keep: nobody else says this reason.
                note = {"reason": damage, "code": BROKEN, "actor": "playd", "time_ms": world.clock.wall_ms()}
                world.disk.write_replace(state / KILL_FILE, canonical_json(note), keep_previous=False)
            yield ledger, journal, damage
