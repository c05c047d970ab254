"""Files of a journal that are packed, removed on record, or gone without one."""

from datetime import date
from pathlib import PurePath

import anyio
import pytest

from playd.ops.chain import Head
from playd.ops.chain_watch import ChainWatch, published
from playd.ops.journal import Journal, open_journal
from playd.ops.journal_age import outdated, pack
from playd.ops.segments import segment_names, verify
from playd.orders.halts import Halts
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.settings.model import Journal as JournalSettings
from playd.world.virtual import VirtualWorld, virtual_world

pytestmark = pytest.mark.anyio

STATE = PurePath("/state")
HERE = STATE / "journal"
DAY_S = 86_400


async def written(days: int) -> VirtualWorld:
    """A journal with a file for each day from 2024-01-01 on."""
    world = virtual_world()
    with anyio.fail_after(60):
        async with open_journal(world, HERE, JournalSettings(), version="1") as (journal, _):
            for _ in range(days - 1):
                world.clock.advance(DAY_S)
                journal.append("daemon.ready", {})
    return world


@pytest.mark.parametrize("empty", [False, True], ids=["removed", "emptied"])
async def test_a_first_file_that_is_gone_without_a_record_is_found(empty: bool) -> None:
    world = await written(3)
    first = HERE / "2024-01-01.jsonl"
    world.disk.truncate(first, 0) if empty else world.disk.remove(first)
    damage = verify(world.disk, HERE).damage
    assert damage is not None
    assert (damage.line, damage.seq, damage.kind) == (1, 1, "missing, with all up to record 1")
    assert verify(world.disk, HERE, since="2024-01-02").damage is None


async def test_old_files_are_packed_and_stay_part_of_the_chain() -> None:
    world = await written(12)
    before = verify(world.disk, HERE)
    assert pack(world.disk, HERE, date(2024, 1, 12)) == [f"2024-01-0{day}.jsonl" for day in range(1, 6)]
    assert segment_names(world.disk, HERE)[4:6] == ["2024-01-05.jsonl.gz", "2024-01-06.jsonl"]
    assert verify(world.disk, HERE) == before
    assert pack(world.disk, HERE, date(2024, 1, 12)) == []
    packed = HERE / "2024-01-02.jsonl.gz"
    data = bytearray(world.disk.read_bytes(packed))
    data[len(data) // 2] ^= 1
    world.disk.write_replace(packed, bytes(data), keep_previous=False)
    damage = verify(world.disk, HERE).damage
    assert damage is not None
    assert damage.file == packed.name


async def test_what_is_no_longer_kept_goes_on_record_and_nothing_more_may_be_missing() -> None:
    world = await written(40)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    with anyio.fail_after(60):
        async with open_journal(world, HERE, JournalSettings(), version="1") as (journal, _):
            halts = Halts(ledger, world.disk, world.clock, journal, STATE)
            watch = ChainWatch(world, HERE, journal, ledger, halts, Incidents(ledger, world.clock, journal), keep_days=31)
            pack(world.disk, HERE, date(2024, 2, 9))
            await watch.tidy()
    assert segment_names(world.disk, HERE)[0] == "2024-01-09.jsonl.gz"
    assert verify(world.disk, HERE).damage is None
    assert list(outdated(world.disk, HERE, date(2024, 2, 9), 31)) == []
    world.disk.remove(HERE / "2024-01-09.jsonl.gz")
    assert verify(world.disk, HERE).damage is not None


def watch_over(world: VirtualWorld, journal: Journal, keep_days: int) -> ChainWatch:
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    halts = Halts(ledger, world.disk, world.clock, journal, STATE)
    return ChainWatch(world, HERE, journal, ledger, halts, Incidents(ledger, world.clock, journal), keep_days)


async def test_the_head_that_was_published_does_not_go_with_an_old_file() -> None:
    world = await written(3)
    with anyio.fail_after(60):
        async with open_journal(world, HERE, JournalSettings(), version="1") as (journal, _):
            await watch_over(world, journal, 31).publish()
        world.clock.advance(60 * DAY_S)
        async with open_journal(world, HERE, JournalSettings(), version="1") as (journal, _):
            watch = watch_over(world, journal, 31)
            journal.append("daemon.ready", {})
            await journal.synced()
            await watch.tidy()
            seq, digest = published(watch.ledger)
            assert segment_names(world.disk, HERE)[0] > "2024-01-03"
            assert verify(world.disk, HERE, anchor=Head(seq, digest)).damage is None


async def test_a_packed_file_that_cannot_be_unpacked_ends_no_daemon() -> None:
    world = await written(40)
    pack(world.disk, HERE, date(2024, 2, 9))
    world.disk.write_replace(HERE / "2024-01-02.jsonl.gz", b"no gzip at all", keep_previous=False)
    with anyio.fail_after(60):
        async with open_journal(world, HERE, JournalSettings(), version="1") as (journal, _):
            await watch_over(world, journal, 31).tidy()
    assert segment_names(world.disk, HERE)[0] == "2024-01-01.jsonl.gz"


async def test_a_changed_beginning_is_named_as_what_it_is() -> None:
    world = await written(3)
    path = HERE / "2024-01-01.jsonl"
    data = world.disk.read_bytes(path)
    world.disk.write_replace(path, data.replace(b'"seq":1,', b'"seq":9,', 1), keep_previous=False)
    damage = verify(world.disk, HERE).damage
    assert damage is not None
    assert (damage.file, damage.line) == (path.name, 1)
    assert "missing" not in damage.kind
