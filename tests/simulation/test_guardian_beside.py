"""Daemon and guardian, each with its own requests, on one account where answers get lost, streams are cut, the daemon dies."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import OrderRequest, Side
from playd.orders.fills import FillEvent
from playd.orders.fold import fold
from playd.orders.halts import Level, instance_scope
from playd.orders.panic import PanicReport, PanicScope
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.guardian_beside import RULES, GuardianBeside
from tests.simulation.order_world import READY, OrderWorld, build, entered, entry, leave, taken
from tests.simulation.venue_script import EventFault, Script, WriteFault
from tests.virtual_time import in_virtual_time

ONE, OTHER = "abcd2345", "wxyz2345"

Story = Callable[[OrderWorld, GuardianBeside], Awaitable[None]]


def told(story: Story, script: Script) -> None:
    async def body() -> None:
        life = build(script=script)
        guardian = GuardianBeside(life)
        try:
            await story(life, guardian)
        finally:
            guardian.task.cancel()

    in_virtual_time(body)


@asynccontextmanager
async def living(life: OrderWorld, guardian: GuardianBeside) -> AsyncIterator[None]:
    """A life of the daemon that ends by a death."""
    async with life.running():
        guardian.daemon_lives(life)
        yield
        guardian.daemon_died()


def in_order(life: OrderWorld) -> None:
    """What no fault and no second hand may have broken."""
    desk = life.account.desk
    assert desk.fills.net(SYMBOL) == life.venue.signed()
    assert all(fold(desk.fills.executions(each.owner, SYMBOL)) == each.position for each in desk.fills.shares())
    kinds = {row["kind"] for row in life.ledger.rows("SELECT kind FROM incidents")}
    assert not kinds & {"CONTRADICTION", "OVERFILL", "SECOND_DAEMON", "MANUAL_CLOSE", "FOREIGN_POSITION"}
    held = Decimal(0)
    for each in life.venue.execution_rows:
        held += each.qty if each.side is Side.BUY else -each.qty
        assert held >= 0, "something that reduces turned the position round"


def reducing(life: OrderWorld) -> list[OrderRequest]:
    return [order for order in life.venue.effects if order.reduce_only]


def test_an_entry_whose_answer_and_stop_are_lost_in_a_death_has_its_stop_before_the_daemon_is_back() -> None:
    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        async with living(life, guardian):
            port = await life.register()
            async with anyio.create_task_group() as group:
                group.start_soon(port.submit, entry(), READY)
                await anyio.sleep(0.008)
                group.cancel_scope.cancel()
        lonely = life.venue.signed(), life.venue.stop_of()
        await anyio.sleep(RULES.dead_after_s + 6 * RULES.check_s)
        guarded, life = life.venue.stop_of(), life.crash()
        async with living(life, guardian):
            port = await life.register()
            await anyio.sleep(30.0)

            assert (lonely, guarded) == ((Decimal("0.010"), 0), entry().stop)
            assert guardian.did == ["stop.repaired"]
            assert [event.reason for event in taken(port) if isinstance(event, FillEvent)] == ["signal"]
            assert port.position().stop == life.venue.stop_of() == guarded
            assert (await life.account.reconcile("test")).result == "match"
            in_order(life)

    told(story, Script(writes=[WriteFault.LOST_AFTER], events=[EventFault.LOST] * 9, no_attached_stop=1))


@pytest.mark.parametrize("stream", ["up", "cut"])
def test_both_close_what_takes_no_stop_and_together_close_it_once(stream: str) -> None:
    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        async with living(life, guardian):
            port = await entered(life)
            life.venue.script.writes = [WriteFault.LOST_BEFORE] * 4 + [WriteFault.DELAYED, WriteFault.LOST_AFTER]
            life.venue.script.refused_stops = 10_000
            if stream == "cut":
                life.venue.disconnect()
            life.venue.remove_stop()
            await anyio.sleep(120.0)

            assert life.venue.signed() == port.position().position.signed_qty == 0
            assert sum(order.qty for order in reducing(life)) >= Decimal("0.010")
            assert "order.sent" in guardian.did, "the daemon was alone"
            assert [event.order_done for event in taken(port) if isinstance(event, FillEvent)][-1]
            in_order(life)

    told(story, Script())


@pytest.mark.parametrize("fault", [WriteFault.LOST_BEFORE] * 4 + [WriteFault.DELAYED, WriteFault.LOST_AFTER])
def test_a_panic_that_dies_with_its_order_on_the_way_is_ended_by_the_next_life_whatever_the_guardian_did(
    fault: WriteFault,
) -> None:
    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        async with living(life, guardian):
            await entered(life)
            life.venue.script.writes, life.venue.script.refused_stops = [fault], 10_000
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: life.account.panic(PanicScope(), actor="me", reason="test"))
                await anyio.sleep(0.02)
                group.cancel_scope.cancel()
        if life.venue.signed():
            life.venue.remove_stop()
        await anyio.sleep(2.0 if fault is WriteFault.DELAYED else 90.0)
        life = life.crash()
        async with living(life, guardian):
            await life.register()
            await anyio.sleep(90.0)

            assert life.venue.signed() == 0
            assert life.account.desk.book.open_intents() == []
            in_order(life)

    told(story, Script())


def test_the_guardians_panic_of_one_of_two_instances_is_booked_to_that_one_and_costs_the_other_nothing() -> None:
    """Asked twice, because the plan of a dead daemon goes on telling of the share; then a life comes that finds its level."""
    one, other = "wxyz2345", "abcd2345"

    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        async with living(life, guardian):
            for uid, qty in ((one, "0.010"), (other, "0.030")):
                await entered(life, uid, qty=qty)
        reports = [await guardian.panic(PanicScope(instance_uid=one)) for _ in range(2)]
        left, life = life.venue.signed(), life.crash()
        life.halts.raise_level(instance_scope(one), Level.PANIC, "GUARDIAN_PANIC", "test")
        async with living(life, guardian):
            ports = [await life.register(uid) for uid in (one, other)]
            await anyio.sleep(30.0)

            assert [report.exit_code for report in reports] == [0, 0]
            assert left == life.venue.signed() == Decimal("0.030")
            assert [port.position().position.signed_qty for port in ports] == [0, Decimal("0.030")]
            in_order(life)

    told(story, Script())


@pytest.mark.parametrize("script", ["nothing", "lost before", "lost after", "too fast", "stream cut"])
@pytest.mark.parametrize("behind_s", [-0.5, -0.02, -0.01, 0.0, 0.01, 0.02, 0.4, 2.0, 5.0])
def test_daemon_and_guardian_that_are_asked_for_the_same_panic_close_the_share_once_whoever_is_asked_first(
    behind_s: float, script: str
) -> None:
    """`behind_s`: how much later than the guardian the daemon is asked. Both live; somebody else holds more of the symbol."""
    one, other = "wxyz2345", "abcd2345"

    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        async with life.running():
            guardian.daemon_lives(life)
            ports = [await life.register(uid) for uid in (one, other)]
            for port, uid, qty in zip(ports, (one, other), ("0.010", "0.030"), strict=True):
                await port.submit(entry(uid=uid, qty=qty), READY)
                await anyio.sleep(1.0)
            scope, reports = PanicScope(instance_uid=one), list[PanicReport]()
            faults = {
                "lost before": WriteFault.LOST_BEFORE,
                "lost after": WriteFault.LOST_AFTER,
                "too fast": WriteFault.THROTTLED,
            }
            life.venue.script.writes = [faults[script]] if script in faults else []
            if script == "stream cut":
                life.venue.disconnect()

            async def by_daemon() -> None:
                await anyio.sleep(max(0.0, behind_s))
                reports.append(await life.account.panic(scope, actor="me", reason="test"))

            async def by_guardian() -> None:
                await anyio.sleep(max(0.0, -behind_s))
                reports.append(await guardian.panic(scope))

            async with anyio.create_task_group() as asked:
                asked.start_soon(by_daemon)
                asked.start_soon(by_guardian)
            await anyio.sleep(10.0)

            assert [report.exit_code for report in reports] == [0, 0]
            assert life.venue.signed() == Decimal("0.030")
            assert [port.position().position.signed_qty for port in ports] == [0, Decimal("0.030")]
            in_order(life)

    told(story, Script())


def shared(story: Story) -> None:
    """Two instances hold 0.010 and 0.030 of one symbol, and both processes live."""

    async def both(life: OrderWorld, guardian: GuardianBeside) -> None:
        async with life.running():
            guardian.daemon_lives(life)
            for uid, qty in ((ONE, "0.010"), (OTHER, "0.030")):
                await entered(life, uid, qty=qty, settled_s=2.0)
            await story(life, guardian)
            in_order(life)

    told(both, Script())


@pytest.mark.parametrize("by", ["play", "panic"])
def test_an_exit_whose_answer_is_lost_is_sent_again_while_the_guardian_waits_for_its_end(by: str) -> None:
    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        life.venue.script.writes = [WriteFault.LOST_BEFORE]
        async with anyio.create_task_group() as asked:
            if by == "play":
                asked.start_soon(life.ports[0].submit, leave(uid=ONE), READY)
            else:
                asked.start_soon(lambda: life.account.panic(PanicScope(instance_uid=ONE), actor="me", reason="test"))
            await anyio.sleep(0.1)
            reports = list[PanicReport]()

            async def by_guardian() -> None:
                reports.append(await guardian.panic(PanicScope(instance_uid=ONE)))

            asked.start_soon(by_guardian)
            await anyio.sleep(3.0)
            assert life.venue.signed() == Decimal("0.030")
        assert [report.exit_code for report in reports] == [0]
        assert life.venue.signed() == Decimal("0.030")

    shared(story)


@pytest.mark.parametrize("other", ["enters", "leaves"])
@pytest.mark.parametrize("behind_s", [0.1, 1.0])
@pytest.mark.parametrize("close", ["taken", "lost"])
def test_what_another_instance_does_meanwhile_is_no_business_of_the_guardians_panic(
    other: str, behind_s: float, close: str
) -> None:
    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        async def trade() -> None:
            await anyio.sleep(behind_s)
            asked = entry if other == "enters" else leave
            await life.ports[1].submit(asked(180_000, uid=OTHER, qty="0.020"), READY)

        life.venue.script.writes = [WriteFault.LOST_BEFORE] if close == "lost" else []
        async with anyio.create_task_group() as trading:
            trading.start_soon(trade)
            report = await guardian.panic(PanicScope(instance_uid=ONE))
        await anyio.sleep(10.0)
        left = Decimal("0.050" if other == "enters" else "0.010")
        assert (report.exit_code, [(each.closed, each.remaining) for each in report.positions]) == (0, [(Decimal("0.010"), 0)])
        assert life.venue.signed() == left
        assert [life.account.desk.fills.position(uid, SYMBOL).signed_qty for uid in (ONE, OTHER)] == [0, left]

    shared(story)


@pytest.mark.parametrize("behind_s", [0.01, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("lagging", [0, 6])
def test_what_the_daemon_has_just_closed_the_guardian_closes_no_second_time_though_plan_and_list_are_older(
    behind_s: float, lagging: int
) -> None:
    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        life.venue.script.lagging_lists = lagging
        guardian.write_plan()
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(life.ports[0].submit, leave(uid=ONE), READY)
            await anyio.sleep(behind_s)
            report = await guardian.panic(PanicScope(instance_uid=ONE))
        await anyio.sleep(20.0)
        assert (report.exit_code, life.venue.signed()) == (0, Decimal("0.030"))

    shared(story)


@pytest.mark.parametrize("piece", ["0.010", "0.004"])
@pytest.mark.parametrize("lagging", [1, 4])
def test_what_the_guardian_has_just_closed_it_closes_no_second_time_though_the_venues_list_is_late(
    piece: str, lagging: int
) -> None:
    async def story(life: OrderWorld, guardian: GuardianBeside) -> None:
        rules = life.account.desk.instruments[SYMBOL]
        life.account.desk.instruments[SYMBOL] = replace(rules, max_market_qty=Decimal(piece))
        guardian.write_plan()
        life.venue.script.lagging_lists = lagging
        report = await guardian.panic(PanicScope(instance_uid=ONE))
        assert (report.exit_code, life.venue.signed()) == (0, Decimal("0.030"))

    shared(story)
