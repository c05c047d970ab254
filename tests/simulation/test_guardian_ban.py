"""Daemon and guardian send from one address: while it is banned neither asks, whoever of them was told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NoReturn

import anyio
import anyio.lowlevel

from playd.core.orders import VenuePosition
from playd.orders.guardian.guardian import Guardian
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.open_account import OpenedAccount
from playd.orders.guardian.plan import AccountPlan, Plan, from_payload, to_payload
from playd.orders.guardian.plan_file import PlanFile
from playd.orders.guardian.share import BAN_MAX_S, GuardianShare
from playd.orders.share_claims import DAEMON, GUARDIAN, ShareClaims
from playd.venues.port import Priority
from playd.world.virtual import virtual_world
from tests.simulation.fake_venue import FakeVenue
from tests.simulation.order_world import STATE
from tests.unit.guardian.test_judge import account
from tests.virtual_time import LoopClock, in_virtual_time


class Asked(FakeVenue):
    """A venue that knows when it was asked for positions."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__(clock)
        self.asked_s: list[float] = []

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> list[VenuePosition]:
        self.asked_s.append(self.clock.mono_s())
        return [*await super().positions(symbol, priority=priority)]


async def test_a_ban_of_the_daemon_is_kept_by_the_guardian_also_over_its_restart() -> None:
    clock, disk = LoopClock(), virtual_world().disk
    venue, file, plan = Asked(clock), PlanFile(disk, STATE), Plan(accounts=(account(),))

    @asynccontextmanager
    async def opener(_place: AccountPlan) -> AsyncIterator[OpenedAccount]:
        share, events = GuardianShare(clock), venue.new_stream()
        try:
            yield OpenedAccount(Hands(venue, share, ()), share, anyio.lowlevel.checkpoint, _silent, events)
        finally:
            venue.close_stream()

    @asynccontextmanager
    async def life() -> AsyncIterator[Guardian]:
        claims = ShareClaims(disk, STATE, GUARDIAN, DAEMON)
        guardian = Guardian(clock, PlanFile(disk, STATE), opener, _unheard, _unheard, _unheard, claims)
        async with anyio.create_task_group() as group:
            await group.start(guardian.run)
            yield guardian
            group.cancel_scope.cancel()

    file.save(plan, clock.wall_ms())
    async with life() as first:
        await anyio.sleep(50.0)
        assert venue.asked_s
        banned_s = clock.mono_s()
        file.save(replace(plan, banned_until_ms=clock.wall_ms() + 600_000), clock.wall_ms())
        await anyio.sleep(100.0)
        assert "GUARDIAN_BLIND" in [alarm.kind for alarm in first.alarms.active]
    async with life() as second:
        await anyio.sleep(100.0)
        assert "ACCOUNT_UNWATCHED" in [alarm.kind for alarm in second.alarms.active]
        await anyio.sleep(410.0)
    assert 600.0 <= min(at_s - banned_s for at_s in venue.asked_s if at_s > banned_s + 1.0) < 610.0


async def _silent() -> NoReturn:
    """A private stream that tells nothing."""
    await anyio.sleep_forever()
    raise AssertionError


def _unheard(*_: object) -> None:
    """Nobody reads the guardian's words here."""


def test_a_plan_of_before_says_of_no_ban_and_no_clock_makes_one_endless() -> None:
    payload = to_payload(Plan(banned_until_ms=7, ban_s=900.0))
    found = from_payload(payload, "plan")
    assert (found.banned_until_ms, found.ban_s) == (7, 900.0)
    del payload["banned_until_ms"], payload["ban_s"]
    found = from_payload(payload, "plan")
    assert (found.banned_until_ms, found.ban_s) == (0, 600.0)

    async def body() -> None:
        clock = LoopClock()
        share = GuardianShare(clock)
        share.heed(clock.wall_ms() + 10**12)
        assert share.banned_for_s == BAN_MAX_S

    in_virtual_time(body)
