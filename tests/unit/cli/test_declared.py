"""Instances of a start: those that are remembered can be named at once, those that are declared are read one by one."""

from decimal import Decimal
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

from playd.cli.declared import Roster, remember
from playd.core.modes import Mode
from playd.orders.halts import Halts
from playd.orders.ledger import Ledger
from playd.settings import Settings
from playd.settings.model import Instance
from playd.supervisor.enrol import Wish, enrol
from playd.supervisor.records import InstanceRecord, RecordStore
from playd.world.virtual import virtual_world

PLAY = Path(__file__).parents[3] / "config" / "plays" / "ema_cross_rsi.yml"
CONFIG = PurePath("/config")
NAMES = ("a", "b", "c")


async def read(_path: PurePath) -> None:
    """Every Play was read before: nobody has to wait for it."""


class Slots:
    """As much of a supervisor as a roster fills."""

    def __init__(self) -> None:
        self.slots: dict[str, Any] = {}

    def add(self, record: InstanceRecord) -> None:
        self.slots[record.name] = SimpleNamespace(record=record, active=False)


@pytest.mark.anyio
async def test_who_is_remembered_can_be_named_before_any_play_is_read_and_others_go_on_between_two_of_them() -> None:
    world = virtual_world()
    ledger = Ledger.open(world.disk, world.clock, PurePath("/ledger.sqlite"))
    world.disk.mkdir(CONFIG)
    world.disk.write_replace(CONFIG / "play.yml", PLAY.read_bytes())
    records, again = RecordStore(ledger), Slots()
    kept, _ = enrol(world, CONFIG, Wish("b", str(CONFIG / "play.yml"), Mode.PAPER))
    by_hand, _ = enrol(world, CONFIG, Wish("mine", str(CONFIG / "play.yml"), Mode.SHADOW, declared=True))
    for record in (kept, by_hand):
        records.put(record)
    settings = Settings(instances={name: Instance(play=PurePath("play.yml"), mode=Mode.PAPER) for name in NAMES})
    supervisor = cast(Any, again)

    remember(records, supervisor, settings.instances)
    assert {name: slot.record.uid for name, slot in again.slots.items()} == {"b": kept.uid, "mine": by_hand.uid}
    assert not again.slots["mine"].record.declared, "its name is not in the file any more"

    seen: list[int] = []

    async def others() -> None:
        while True:
            seen.append(len(again.slots))
            await anyio.lowlevel.checkpoint()

    problems: list[str] = []
    halts = cast(Halts, SimpleNamespace(in_force=lambda *scopes: []))
    roster = Roster(world, records, supervisor, halts, CONFIG, CONFIG, read, lambda name, text: problems.append(text))
    async with anyio.create_task_group() as group:
        group.start_soon(others)
        await roster.fill(settings, CONFIG)
        group.cancel_scope.cancel()
    assert not problems
    again.slots["a"].active = again.slots["b"].active = True
    settings.instances["a"] = settings.instances["a"].model_copy(update={"enabled": False})
    await roster.fill(settings, CONFIG)
    ledger.close()
    (problem,) = problems
    assert "it goes on with the enabled it had" in problem
    assert sorted(again.slots) == ["a", "b", "c", "mine"]
    assert again.slots["b"].record.uid == kept.uid, "the same instance as before"
    assert set(seen) >= {2, 3}, "between two of them"


@pytest.mark.anyio
async def test_one_whose_entry_may_be_filled_yet_keeps_its_place_under_another_declaration() -> None:
    """Its fill would be booked to a uid that no instance has, on an account that nobody opens."""
    world = virtual_world()
    ledger = Ledger.open(world.disk, world.clock, PurePath("/ledger.sqlite"))
    world.disk.mkdir(CONFIG)
    world.disk.write_replace(CONFIG / "play.yml", PLAY.read_bytes())
    records, again, problems = RecordStore(ledger), Slots(), list[str]()
    old, _ = enrol(world, CONFIG, Wish("a", str(CONFIG / "play.yml"), Mode.PAPER))
    records.put(old)
    ledger.write(
        "INSERT INTO orders (link_id, attempt, account, owner, action, symbol, side, type, tif, qty, reduce_only, state,"
        " created_ms, last_event_ms) VALUES ('l', 1, ?, ?, 'enter', ?, 'Buy', 'Limit', 'GTC', '1', 0, 'UNKNOWN', 0, 0)",
        (old.account, old.uid, old.symbol),
    )
    settings = Settings(instances={"a": Instance(play=PurePath("play.yml"), mode=Mode.PAPER, capital_usd=Decimal(777))})
    remember(records, cast(Any, again), settings.instances)
    halts = cast(Halts, SimpleNamespace(in_force=lambda *scopes: []))
    tell = lambda _name, text: problems.append(text)  # noqa: E731
    roster = Roster(world, records, cast(Any, again), halts, CONFIG, CONFIG, read, tell)

    await roster.fill(settings, CONFIG)
    assert again.slots["a"].record.uid == old.uid
    assert "an order that is not over" in problems[0]
    ledger.write("UPDATE orders SET state = 'CANCELLED'")
    await roster.fill(settings, CONFIG)
    assert again.slots["a"].record.uid != old.uid
    ledger.close()
