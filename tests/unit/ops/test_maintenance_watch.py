"""Announced maintenance pauses the accounts of its venue, and no others, until they were reconciled behind it."""

from dataclasses import replace
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.core.errors import LinkError
from playd.core.modes import Environment
from playd.ops.maintenance_watch import BEFORE_MS, LOOK_EVERY_S, SOON_S, MaintenanceWatch, Venue
from playd.orders.halts import Halts, Level
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.venues.bybit.announced import Maintenance, announced
from playd.venues.bybit.venue_clock import VenueClock
from playd.world.virtual import virtual_world
from tests.simulation.order_world import STATE, MemoryJournal

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000


class Side:
    """A watch of one venue with one account on it, beside an account elsewhere."""

    def __init__(self) -> None:
        self.world = virtual_world()
        self.world.disk.mkdir(STATE)
        ledger = Ledger.open(self.world.disk, self.world.clock, PurePath(STATE / "ledger.sqlite"))
        journal = MemoryJournal()
        self.halts = Halts(ledger, self.world.disk, self.world.clock, journal, STATE)
        self.incidents = Incidents(ledger, self.world.clock, journal)
        self.account = SimpleNamespace(
            protection=SimpleNamespace(reconcile_soon=[]),
            reconciler=SimpleNamespace(last_mono_s=0.0),
            desk=SimpleNamespace(condition=SimpleNamespace(reconciled=True)),
        )
        held = {
            alias: SimpleNamespace(plan=SimpleNamespace(environment=environment))
            for alias, environment in (("demo", Environment.DEMO), ("paper", Environment.LOCAL))
        }
        accounts = cast("Any", SimpleNamespace(held=held, find=lambda _alias: self.account))
        self.told: list[Maintenance] | None = []
        self.venue = Venue(Environment.DEMO, self.announced, VenueClock(self.world.clock))
        self.watch = MaintenanceWatch([self.venue], accounts, self.halts, self.incidents)

    async def announced(self) -> list[Maintenance]:
        if self.told is None:
            raise LinkError("no answer")
        return self.told

    async def paused(self) -> list[tuple[str, int, str]]:
        await self.watch.look(self.venue)
        return [(halt.scope, int(halt.level), halt.code) for halt in self.halts.in_force()]


PAUSED = [("account:demo", 1, "MAINTENANCE_DEMO")]


async def test_entries_stop_five_minutes_before_and_go_on_behind_a_reconciliation() -> None:
    side = Side()
    begin_ms = side.world.clock.wall_ms() + BEFORE_MS + 1000
    planned = Maintenance("engine", ongoing=False, begin_ms=begin_ms, end_ms=begin_ms + HOUR_MS)
    side.told = [planned]
    assert await side.paused() == []
    side.world.clock.advance(2.0)
    assert await side.paused() == await side.paused() == PAUSED
    (told,) = side.incidents.open_ones()
    assert (told.kind, told.severity, told.count) == ("MAINTENANCE_DEMO", "warning", 1)
    side.told = [replace(planned, ongoing=True)]
    side.world.clock.advance(2 * HOUR_MS / 1000)
    assert await side.paused() == PAUSED, "it takes longer than was expected"
    side.told = None
    assert await side.paused() == PAUSED, "silence is no end"
    side.told = []
    assert await side.paused() == await side.paused() == PAUSED
    assert side.account.protection.reconcile_soon == ["maintenance"]
    side.world.clock.advance(1.0)
    side.account.reconciler.last_mono_s = side.world.clock.mono_s()
    side.account.desk.condition.reconciled = False
    assert await side.paused() == PAUSED, "a run that found a difference is none"
    side.account.desk.condition.reconciled = True
    assert await side.paused() == []
    assert side.incidents.open_ones() == []


async def test_it_lifts_no_level_of_anybody_else() -> None:
    side = Side()
    side.halts.raise_level("account:demo", Level.HALT, "DRAWDOWN", "lost")
    assert await side.paused() == [("account:demo", 2, "DRAWDOWN")]


async def test_a_venue_that_is_over_is_let_go_while_another_one_is_under_maintenance() -> None:
    side = Side()
    planned = Maintenance("engine", ongoing=True, begin_ms=1, end_ms=0)

    async def other() -> list[Maintenance]:
        return [planned]

    elsewhere = Venue(Environment.LOCAL, other, VenueClock(side.world.clock))
    side.told = [planned]
    assert await side.paused() == PAUSED
    side.told = []
    assert await side.paused() == PAUSED
    side.world.clock.advance(1.0)
    side.account.reconciler.last_mono_s = side.world.clock.mono_s()
    await side.watch.look(elsewhere)
    assert [scope for scope, _, _ in await side.paused()] == ["account:paper"]
    assert side.account.protection.reconcile_soon == ["maintenance"]


async def test_every_maintenance_needs_a_reconciliation_of_its_own() -> None:
    side = Side()
    for asked in (1, 2):
        side.told = [Maintenance("engine", ongoing=True, begin_ms=1, end_ms=0)]
        assert await side.paused() == PAUSED
        side.told = []
        assert await side.paused() == PAUSED, "the run behind the one before is none behind this one"
        assert len(side.account.protection.reconcile_soon) == asked
        side.world.clock.advance(1.0)
        side.account.reconciler.last_mono_s = side.world.clock.mono_s()
        assert await side.paused() == []
        side.world.clock.advance(1.0)


async def test_a_venue_that_does_not_answer_and_one_that_pauses_somebody_are_soon_looked_at_again() -> None:
    side = Side()
    assert await side.watch.look(side.venue) == LOOK_EVERY_S
    side.told = None
    assert await side.watch.look(side.venue) == SOON_S, "what begins within a minute would not be seen ahead"
    side.told = [Maintenance("engine", ongoing=True, begin_ms=1, end_ms=0)]
    assert await side.watch.look(side.venue) == SOON_S
    side.told = []
    assert await side.watch.look(side.venue) == SOON_S, "until it was reconciled"


async def test_one_whose_end_nobody_knows_pauses_before_it_begins() -> None:
    side = Side()
    side.told = [Maintenance("engine", ongoing=False, begin_ms=side.world.clock.wall_ms(), end_ms=0)]
    assert await side.paused() == PAUSED


@pytest.mark.parametrize(
    ("state", "product", "found"),
    [
        ("ongoing", [1, 2], [True]),
        ("scheduled", [], [False]),
        ("scheduled", [2, 3], []),
        ("completed", [1], []),
    ],
)
async def test_what_is_to_come_or_goes_on_for_derivatives_counts(state: str, product: list[int], found: list[bool]) -> None:
    row = {"title": "t", "state": state, "begin": "1751596902000", "end": "1751597011000", "product": product, "env": 1}

    async def read(_call: object, **_: object) -> object:
        return SimpleNamespace(rows=[row])

    told = await announced(cast("Any", SimpleNamespace(read=read)))
    assert [each.ongoing for each in told] == found
    assert all((each.begin_ms, each.end_ms) == (1_751_596_902_000, 1_751_597_011_000) for each in told)
