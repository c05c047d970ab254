"""
Every kind of record has its golden line, the lines are a whole chain; other fields and other sorts of values are seen.

`journal_story.jsonl` holds values too: what one account writes in virtual time, byte for byte. After a change that is meant,

    python -m tests.golden.test_journal_records
"""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import anyio
import orjson
import pytest

from playd.cli.guardian import JournalNumbers
from playd.core.canonical import Json
from playd.core.modes import Mode
from playd.core.orders import Action, IntentClass, OrderState
from playd.core.record import Recorder
from playd.ops.chain import GENESIS, whole_until
from playd.ops.journal import open_journal
from playd.ops.kinds import KINDS
from playd.orders.halts import Level, symbol_scope
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.machine import Contradiction, OrderEvent
from playd.orders.panic import PanicScope
from playd.orders.sights import Sights
from playd.settings.limits_model import Arming as ArmingSettings
from playd.supervisor.arming_records import Armings
from playd.supervisor.arming_watch import ArmingWatch
from playd.world.ports import Clock, World
from playd.world.virtual import virtual_world
from playd.world.virtual.disk import MemoryDisk
from tests.records import GOLDEN, OPEN, check_record, fits, golden_records
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, STATE, UID, OrderWorld, build, entered, entry, leave
from tests.simulation.venue_script import WriteFault
from tests.unit.supervisor.test_arming import DRAFT
from tests.virtual_time import LoopClock, in_virtual_time

STORY = GOLDEN.with_name("journal_story.jsonl")
CONTEXT = {"account", "actor", "cause", "instance", "mode", "symbol"}
FIELDS = {"data", "hash", "kind", "mono_ms", "prev", "seq", "ts_ms", "v"} | CONTEXT


def test_every_kind_has_a_line_and_no_line_is_of_another_kind() -> None:
    assert {record["kind"] for record in golden_records()} == KINDS


def test_the_lines_are_a_whole_chain_of_records_with_the_promised_fields() -> None:
    data = GOLDEN.read_bytes()
    records = golden_records()
    assert whole_until(data, 0, GENESIS)[:2] == (len(data), len(records))
    assert [record for record in records if record.keys() != FIELDS] == []
    assert [record["kind"] for record in records if any(isinstance(value, float) for value in _inner(record))] == []


def _inner(value: Json) -> list[Json]:
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [*items, *(deep for item in items for deep in _inner(item))]


@pytest.mark.parametrize("record", golden_records(), ids=lambda record: f"{record['seq']}-{record['kind']}")
def test_a_field_more_or_less_is_no_form_of_that_kind(record: dict[str, Any]) -> None:
    kind, data = record["kind"], record["data"]
    check_record(kind, data)
    if kind in OPEN:
        with pytest.raises(AssertionError, match="golden lines have"):
            check_record(kind, {name: value for name, value in data.items() if name not in OPEN[kind]})
        return
    with pytest.raises(AssertionError, match="golden lines have"):
        check_record(kind, {**data, "one_more": 1})


@pytest.mark.parametrize(("is_now", "was"), [(15, "15"), ("15", 15), (True, 1), ("fifteen", "15.0"), ([1], "1")])
def test_a_value_of_another_sort_is_no_value_of_that_field(is_now: Json, was: Json) -> None:
    assert not fits(is_now, was)
    assert not fits({"usdt": is_now}, {"usdt": was})
    assert fits(was, was)
    assert fits(None, was)
    assert fits(was, None)


def beside(ledger: Ledger, clock: Clock, journal: Recorder) -> None:
    """What no other test has written, and needs no venue."""
    incidents = Incidents(ledger, clock, journal)
    incidents.open("BOOKS_DIFFER", "warning", "account:main", "they differ")
    incidents.note(incidents.open_ones()[0], "uid:1000(me)", "a transfer")

    armings = Armings(ledger, clock, journal)
    armings.create(DRAFT)
    slot: Any = SimpleNamespace(name="mine", record=SimpleNamespace(uid=DRAFT.instance_uid, mode=Mode.LIVE, account="main"))
    watch = ArmingWatch(armings, incidents, journal, cast("Any", None), ArmingSettings, clock)
    watch.look(slot)

    nothing = cast("Any", SimpleNamespace(account="main", halts=[]))
    sights = Sights(ledger, nothing, nothing, nothing, incidents, journal, nothing)
    row: Any = SimpleNamespace(link_id="pde-link", symbol="BTCUSDT")
    sights.contradicted(row, Contradiction(OrderState.FILLED, OrderEvent.SEEN_OPEN))


async def trade(life: OrderWorld) -> None:
    """An account from its first entry to a panic: a stop moved and one lost, funding, a pause, a doubt, a position adopted."""
    port, venue = await entered(life), life.venue
    moves = replace(leave(), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49600"))
    await port.submit(moves)
    await anyio.sleep(1.0)
    venue.remove_stop()
    await anyio.sleep(20.0)
    venue.pay_funding(Decimal("0.125"))
    await anyio.sleep(1.0)
    halt = life.halts.raise_level(symbol_scope("main", SYMBOL), Level.PAUSE, "OPERATOR", "noon", actor="uid:1000(me)")
    await port.submit(entry(180_000), READY)
    life.halts.lift(halt.id, by="uid:1000(me)", note="over")
    await port.submit(leave(240_000))
    await anyio.sleep(1.0)
    venue.script.writes.append(WriteFault.LOST_BEFORE)
    await port.submit(entry(300_000), READY)
    await anyio.sleep(120.0)
    venue.open_foreign(Decimal("0.020"))
    await anyio.sleep(60.0)
    await life.account.strangers.adopt(SYMBOL, UID, stop=Decimal(49_000), key="k1", actor="uid:1000(me)")
    await anyio.sleep(1.0)
    await life.account.panic(PanicScope(instance_uid=UID), actor="uid:1000(me)", reason="drill")
    await anyio.sleep(5.0)


async def told() -> bytes:
    """The journal of it: its clock begins at a fixed moment, and every name follows from what is done."""
    virtual, clock = virtual_world(), LoopClock()
    disk = MemoryDisk(clock)
    disk.mkdir(STATE)
    world = World(clock, disk, virtual.net, virtual.random, virtual.env, virtual.process)
    directory = STATE / "journal"
    opened = open_journal(world, directory, JournalNumbers(), version="1.2.3", installation="0123456789abcdef")
    async with opened as (journal, _):
        life = build(world=world, journal=cast("Any", journal))
        async with life.running():
            await trade(life)
        beside(life.ledger, clock, journal)
        life.ledger.close()
    (name,) = disk.list(directory)
    return disk.read_bytes(directory / name)


def story() -> bytes:
    found = list[bytes]()

    async def body() -> None:
        found.append(await told())

    in_virtual_time(body)
    return found[0]


def test_a_story_is_told_value_by_value_as_it_always_was() -> None:
    """A figure in another unit, a price as a number, a name in another spelling: each is another record."""
    found = story()
    now, then = ([orjson.loads(line) for line in data.splitlines()] for data in (found, STORY.read_bytes()))
    for before, after in zip(then, now, strict=False):
        assert {**after, "hash": "", "prev": ""} == {**before, "hash": "", "prev": ""}, f"if it is meant: {__doc__}"
    assert len(now) == len(then)
    assert found == STORY.read_bytes(), "the bytes of a record, or its hash"
    for record in now:
        check_record(record["kind"], record["data"])


if __name__ == "__main__":
    STORY.write_bytes(story())
