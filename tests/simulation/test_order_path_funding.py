"""Funding is money of the position it was charged for, and nothing else: no fill, no closing by hand, no open question."""

from decimal import Decimal

import anyio
import pytest

from playd.orders.fills import FundingEvent
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, build, entered, leave, taken
from tests.simulation.venue_script import EventFault


@pytest.mark.parametrize("fault", list(EventFault))
async def test_funding_is_told_once_however_it_arrives(fault: EventFault) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        taken(port)
        life.venue.script.events = [fault]
        life.venue.pay_funding(Decimal("-0.25"))
        await anyio.sleep(310.0)

        events = taken(port)
        assert [type(event) for event in events] == [FundingEvent]
        assert isinstance(events[0], FundingEvent)
        assert events[0].amount_usdt == Decimal("-0.25")
        assert port.position().position.funding == Decimal("-0.25")
        assert port.position().position.signed_qty == Decimal("0.010")
        assert life.halts.in_force() == []
        assert life.account.protection.open_check(SYMBOL) == ""
        assert life.account.desk.incidents.open_ones() == []


async def test_funding_that_comes_after_the_close_is_its_owners_all_the_same() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        stamp_ms = life.world.clock.wall_ms()
        await port.submit(leave(), READY)
        await anyio.sleep(1.0)
        taken(port)
        life.venue.pay_funding(Decimal("0.4"), at_ms=stamp_ms)
        await anyio.sleep(1.0)

        assert [event.amount_usdt for event in taken(port) if isinstance(event, FundingEvent)] == [Decimal("0.4")]
        assert life.halts.in_force() == []


async def test_a_position_reading_after_funding_still_counts() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.pay_funding(Decimal("0.1"))
        await anyio.sleep(0.5)
        life.venue.remove_stop()
        await anyio.sleep(5.0)
        assert life.venue.stop_of() == Decimal("49500.0")
