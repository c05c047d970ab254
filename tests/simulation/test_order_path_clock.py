"""Somebody sets the wall clock in the middle of things: no wait gets longer, none ends early, nothing is sent twice."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import OrderState
from playd.orders.halts import Level, symbol_scope
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, STATE, OrderWorld, build, entry
from tests.simulation.venue_script import WriteFault
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
def test_an_order_in_doubt_is_resolved_in_its_time_whatever_the_clock_says(step_ms: int, fault: WriteFault) -> None:
    async def body() -> None:
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

    in_virtual_time(body)


@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
def test_a_pause_of_a_rule_takes_entries_along_after_half_a_minute_of_anybodys_time(step_ms: int) -> None:
    async def body() -> None:
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

    in_virtual_time(body)
