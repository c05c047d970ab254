"""A target beside others and in place of another: none waits for what is not its own, nothing is forgotten of the old one."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.modes import Environment
from playd.orders.instance_port import InstancePort
from tests.simulation.order_world import READY, OrderWorld, build, entered, entry
from tests.simulation.test_order_path_targets import PRICE, holding, open_incidents, resting, target, working
from tests.simulation.venue_script import EventFault
from tests.virtual_time import in_virtual_time


@pytest.mark.parametrize(("environment", "within_s"), [(Environment.DEMO, 0.0), (Environment.LOCAL, 5.0)])
async def test_an_instance_does_not_wait_for_what_the_venue_puts_off(environment: Environment, within_s: float) -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        life.account.desk.environment = environment
        life.budget.wait_s = 600.0
        before_s = life.world.clock.mono_s()
        assert (await port.submit(target())).code == "SENT"
        assert life.world.clock.mono_s() - before_s <= within_s
        await anyio.sleep(700.0)
        assert resting(life) == [(PRICE, Decimal("0.010"))]


async def test_a_target_that_the_venue_puts_off_holds_up_no_other() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        other = await life.register("beta2345", symbol="ETHUSDT")
        await other.submit(entry(uid="beta2345", symbol="ETHUSDT"), READY)
        await anyio.sleep(1.0)
        life.budget.wait_s = 600.0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other.submit, replace(target(), instance_uid="beta2345", symbol="ETHUSDT"))
            await anyio.sleep(1.0)
            life.budget.wait_s = 0.0
            life.venue._report(replace(working(life)[0], price=PRICE + 500))
            await anyio.sleep(5.0)
            assert resting(life) == [(PRICE, Decimal("0.010"))], "it is back while the other one waits for its token"


async def two_intents(life: OrderWorld) -> InstancePort:
    """A share filled in two parts: its target was asked for twice, and an order of the first intent works on."""
    life.venue.resting = True
    port = await holding(life, "0.015")
    for part, held in (("0.010", "0.010"), ("0.005", "0.015")):
        life.venue.fill_part(Decimal(part))
        await anyio.sleep(0.1)
        await port.submit(target(qty=held))
    life.venue.resting = False
    await anyio.sleep(2.0)
    assert sorted(resting(life)) == [(PRICE, Decimal("0.005")), (PRICE, Decimal("0.010"))]
    return port


@pytest.mark.parametrize("dies", [False, True])
def test_an_order_of_a_target_that_was_replaced_is_told_of_when_a_hand_takes_it_away(dies: bool) -> None:
    async def taken_away(life: OrderWorld) -> None:
        old = next(order for order in working(life) if order.qty == Decimal("0.010"))
        life.venue._take_back(old.link_id, "")
        await anyio.sleep(1.0)
        assert open_incidents(life) == ["TARGET_LOST"]
        await anyio.sleep(5.0)
        assert sorted(resting(life)) == [(PRICE, Decimal("0.005")), (PRICE, Decimal("0.010"))]
        assert open_incidents(life) == []

    async def body() -> None:
        life = build()
        async with life.running():
            await two_intents(life)
            if not dies:
                await taken_away(life)
        if dies:
            life = life.crash()
            async with life.running():
                await taken_away(life)

    in_virtual_time(body)


async def test_what_a_target_that_was_replaced_had_executed_is_booked_before_the_next_is_sized() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await entered(life, "beta2345")
        await port.submit(target())
        await anyio.sleep(1.0)
        # A part of it is executed, and nobody tells of that until the order is taken back.
        life.venue.script.events = [EventFault.LOST]
        life.venue.price = PRICE
        life.venue.fill_part(Decimal("0.004"))
        life.venue.price = Decimal("50000.0")
        life.venue.script.failing_reads = 8
        sized: list[Decimal] = []
        life.venue.before_place = lambda order: sized.append(order.qty)
        await port.submit(target(PRICE + 10))
        await anyio.sleep(30.0)
        assert sized == [Decimal("0.006")]
        assert resting(life) == [(PRICE + 10, Decimal("0.006"))]
