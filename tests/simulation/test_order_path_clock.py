"""Somebody sets the wall clock in the middle of things: no wait gets longer, none ends early, nothing is sent twice."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.orders import Execution, OrderState
from playd.orders.halts import Level, symbol_scope
from playd.orders.panic_report import PanicScope
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.simulation import fake_venue
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, STATE, UID, OrderWorld, build, entry
from tests.simulation.venue_script import EventFault, WriteFault
from tests.virtual_time import LoopClock, in_virtual_time

HOUR_MS = 3_600_000


class SetClock(LoopClock):
    """A wall clock that can be set."""

    ahead_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.ahead_ms


def with_clock() -> tuple[OrderWorld, SetClock]:
    clock, virtual = SetClock(), virtual_world()
    virtual.disk.mkdir(STATE)
    return build(world=World(clock, virtual.disk, virtual.net, virtual.random, virtual.env, virtual.process)), clock


@pytest.mark.parametrize("fault", [WriteFault.LOST_BEFORE, WriteFault.LOST_AFTER])
@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
async def test_an_order_in_doubt_is_resolved_in_its_time_whatever_the_clock_says(step_ms: int, fault: WriteFault) -> None:
    life, clock = with_clock()
    async with life.running():
        port = await life.register()
        life.venue.script.writes = [fault]
        verdict = await port.submit(entry(), READY)
        clock.ahead_ms = step_ms
        assert verdict.code == "UNKNOWN"
        await anyio.sleep(life.settings.never_arrived_after_s - 5.0)
        asked = life.account.desk.book.need(verdict.link_id).state
        await anyio.sleep(30.0)
        found = life.account.desk.book.need(verdict.link_id).state
    if fault is WriteFault.LOST_AFTER:
        entries = [order for order in life.venue.orders.values() if not order.reduce_only]
        assert (found, len(entries)) == (OrderState.FILLED, 1)
    else:
        assert (asked, found) == (OrderState.UNKNOWN, OrderState.NEVER_ARRIVED)
        assert not life.venue.orders


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
async def test_a_pause_of_a_rule_takes_entries_along_after_half_a_minute_of_anybodys_time(step_ms: int) -> None:
    life, clock = with_clock()
    async with life.running():
        port = await life.register()
        life.venue.resting = True
        limit = replace(entry(), order_type="Limit", price=Decimal(50_000), time_in_force="GTC")
        assert (await port.submit(limit, READY)).code == "SENT"
        life.halts.raise_level(symbol_scope("main", SYMBOL), Level.PAUSE, "TEST", "why")
        await anyio.sleep(1.0)
        clock.ahead_ms = step_ms
        await anyio.sleep(28.0)
        early = [order.status for order in life.venue.orders.values()]
        await anyio.sleep(4.0)
        assert (early, [order.status for order in life.venue.orders.values()]) == (["New"], ["Cancelled"])


@pytest.mark.parametrize("dies", [False, True], ids=["lives", "dies"])
@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
async def test_a_panic_waits_for_an_entry_that_may_be_on_its_way_whatever_the_clock_says(step_ms: int, dies: bool) -> None:
    life, clock = with_clock()
    async with life.running():
        port = await life.register()
        await anyio.sleep(15.0)  # longer than anything is on its way: this life alone makes nothing wait
        life.venue.script.writes = [WriteFault.DELAYED]
        assert (await port.submit(entry(), READY)).code == "UNKNOWN"
        clock.ahead_ms = step_ms
        if not dies:
            report = await life.account.panic(PanicScope(), actor="me", reason="test")
    if dies:
        life = life.crash()
        async with life.running():
            report = await life.account.panic(PanicScope(), actor="me", reason="test")

    assert [position.closed for position in report.positions] == [Decimal("0.010")]
    assert (report.exit_code, life.venue.signed()) == (0, 0)


def test_an_entry_of_an_earlier_life_may_arrive_for_the_whole_time_from_the_start_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows how far the request had come, and no clock that was set says when."""
    monkeypatch.setattr(fake_venue, "ARRIVES_S", 14.0)

    async def body() -> None:
        life, _ = with_clock()
        async with life.running():
            life.venue.script.writes = [WriteFault.DELAYED]
            await (await life.register()).submit(entry(), READY)
            await anyio.sleep(6.0)
        life = life.crash()
        async with life.running():
            report = await life.account.panic(PanicScope(), actor="me", reason="test")

        assert [position.closed for position in report.positions] == [Decimal("0.010")]
        assert (report.exit_code, life.venue.signed()) == (0, 0)

    in_virtual_time(body)


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
async def test_a_panic_of_an_instance_waits_for_what_is_executed_and_not_booked_whatever_the_clock_says(step_ms: int) -> None:
    life, clock = with_clock()
    async with life.running():
        port = await life.register()
        listed, hidden_until_s = life.venue.executions, life.world.clock.mono_s() + 6.0

        async def lagging(**given: Any) -> Sequence[Execution]:
            return await listed(**given) if life.world.clock.mono_s() > hidden_until_s else []

        life.venue.executions = lagging  # type: ignore[method-assign]
        life.venue.script.events = [EventFault.NONE, EventFault.LOST]
        life.venue.fill_share = Decimal("0.4")  # the rest is cancelled: nothing of the entry works any more
        await port.submit(entry(), READY)
        await anyio.sleep(0.5)
        life.venue.fill_share = Decimal(1)
        clock.ahead_ms = step_ms
        report = await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")

    assert [position.closed for position in report.positions] == [Decimal("0.004")]
    assert (report.exit_code, life.venue.signed()) == (0, 0)
