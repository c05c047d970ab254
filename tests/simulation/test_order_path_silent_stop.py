"""The market is beyond a stop that is in place: it gets its time to fire, and no more than that."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import anyio

from playd.core.modes import Environment
from playd.core.orders import OrderRequest, OrderState
from playd.orders.settings import OrderSettings
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, build, entered, entry
from tests.simulation.test_order_path_cancels import resting
from tests.simulation.venue_script import EventFault, WriteFault

BEYOND = Decimal("49400.0")
"""The stop of `entry` is 49500."""


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def test_a_stop_that_fires_in_its_own_time_is_left_alone() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        life.venue.price = BEYOND
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(25.0)
        assert "beyond the stop" in life.account.protection.open_check(SYMBOL)
        assert len(life.venue.placed) == 1
        assert life.halts.in_force() == []
        life.venue.hit_stop()
        await anyio.sleep(30.0)
        assert len(life.venue.placed) == 1
        assert life.account.protection.open_check(SYMBOL) == ""
        assert life.halts.in_force() == []


async def test_a_market_that_comes_back_starts_the_wait_anew() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        for _ in range(3):
            life.venue.price = BEYOND
            life.venue._tell_position(SYMBOL)
            await anyio.sleep(20.0)
            life.venue.price = Decimal("50000.0")
            await anyio.sleep(8.0)
        assert len(life.venue.placed) == 1


async def test_a_stop_that_stays_silent_leads_to_a_close() -> None:
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), naked_act_s=12.0))
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        life.venue.price = BEYOND
        life.venue._tell_position(SYMBOL)
        began_s = now_s()
        while life.venue.signed():
            assert now_s() - began_s < 14.0
            await anyio.sleep(0.1)
        assert now_s() - began_s >= 12.0
        assert [halt.code for halt in life.halts.in_force()] == ["UNPROTECTABLE"]


async def test_with_alarm_only_the_silent_stop_is_told_and_the_position_left() -> None:
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), flatten_unprotectable=False))
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        life.venue.price = BEYOND
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(60.0)
        assert life.venue.signed()
        assert [halt.code for halt in life.halts.in_force()] == ["STOP_SILENT"]


async def test_a_fill_that_comes_while_an_unprotectable_position_is_closed_is_closed_too() -> None:
    life = build()
    venue, left = life.venue, [Decimal("0.003")]

    def late(order: OrderRequest) -> None:
        if order.reduce_only and left:
            venue.fill_part(left.pop())
            venue.remove_stop()

    async with life.running():
        await resting(life)
        venue.resting, venue.script.cancels, venue.script.refused_stops = False, [WriteFault.LOST_BEFORE] * 100, 10_000
        venue.fill_part(Decimal("0.004"))
        venue.remove_stop()
        venue.before_place = late
        await anyio.sleep(90.0)

        assert (venue.signed(), left) == (0, [])
        assert [order.qty for order in venue.effects if order.reduce_only] == [Decimal("0.004"), Decimal("0.003")]


async def test_a_stop_that_liquidation_comes_before_is_told_as_long_as_that_is_so() -> None:
    life = build()

    def told() -> list[str]:
        return [incident.kind for incident in life.account.desk.incidents.open_ones()]

    async with life.running():
        await entered(life)
        before, life.venue.liquidation = told(), Decimal(49_600)
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(1.0)
        during, life.venue.liquidation = told(), Decimal(40_000)
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(1.0)

        assert (before, during, told()) == ([], ["STOP_UNREACHED"], [])


async def test_a_stop_that_is_really_gone_is_restored_within_seconds_all_the_same() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        life.venue.price = BEYOND
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(10.0)
        life.venue.price = Decimal("50000.0")
        life.venue.script.events = [EventFault.NONE]
        life.venue.remove_stop()
        await anyio.sleep(5.0)
        assert life.venue.stop_of() == Decimal("49500.0")


async def test_a_part_of_an_entry_has_its_own_stop_put_back_while_the_rest_works() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.resting = True
        verdict = await port.submit(entry(), READY)
        life.venue.fill_part(Decimal("0.004"))
        await anyio.sleep(1.0)
        assert port.position().stop == entry().stop
        life.venue.remove_stop()
        await anyio.sleep(8.0)

        assert life.venue.stop_of() == entry().stop
        assert life.account.desk.book.need(verdict.link_id).state is OrderState.PARTIAL
