"""Panic: flat means verified flat, a share is a share, and what remains is said."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

import anyio
import pytest

from playd.core.orders import Action, IntentClass, OrderRequest, OrderState, VenuePosition
from playd.orders.fills import FillEvent
from playd.orders.gateway import FROZEN
from playd.orders.halts import ALL, Level, account_scope, instance_scope, symbol_scope
from playd.orders.panic import PanicScope
from playd.orders.panic_report import FLAT_WITHIN_S, VERIFY_GAP_S
from playd.venues.port import Priority, Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave, taken
from tests.simulation.venue_script import Script, WriteFault

OTHER = "wxyz2345"


async def test_a_panic_of_an_instance_closes_its_position_and_refuses_its_entries() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        report = await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")

        assert report.exit_code == 0
        assert VERIFY_GAP_S < report.duration_s < VERIFY_GAP_S + 0.5
        assert [(item.symbol, item.before, item.closed, item.remaining) for item in report.positions] == [
            (SYMBOL, Decimal("0.010"), Decimal("0.010"), Decimal(0))
        ]
        assert life.venue.signed() == 0
        assert (await port.submit(entry(180_000), READY)).code == "HALTED"
        closing = taken(port)[-1]
        assert isinstance(closing, FillEvent)
        assert closing.reason == "panic"


async def test_the_fill_of_a_stop_that_closes_names_that_command_and_no_panic() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="stop --flatten", code="STOP_FLATTEN")
        closing = taken(port)[-1]
        assert isinstance(closing, FillEvent)
        assert closing.reason == "stop --flatten"


async def test_a_panic_of_one_instance_never_touches_another_ones_share() -> None:
    life = build()
    async with life.running():
        first, second = await life.register(UID), await life.register(OTHER)
        await first.submit(entry(qty="0.010"), READY)
        await anyio.sleep(0.1)
        await second.submit(entry(qty="0.030", uid=OTHER), READY)
        await anyio.sleep(0.1)
        report = await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")

        assert report.exit_code == 0
        assert life.venue.signed() == Decimal("0.030")
        assert life.venue.stop_of() != 0
        assert second.position().position.signed_qty == Decimal("0.030")
        assert first.position().position.signed_qty == 0
        assert life.halts.highest(instance_scope(OTHER)) is None


async def test_a_panic_of_the_account_closes_foreign_positions_too() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.venue.open_foreign(Decimal("0.005"))
        life.venue.open_foreign(Decimal("0.007"), "ETHUSDT")
        await anyio.sleep(0.1)
        report = await life.account.panic(PanicScope(), actor="me", reason="test")

        assert report.exit_code == 0
        assert life.venue.signed() == 0
        assert life.venue.signed("ETHUSDT") == 0
        assert port.position().position.signed_qty == 0
        assert {item.symbol for item in report.positions} == {SYMBOL, "ETHUSDT"}


async def test_panic_works_while_no_loop_of_the_account_runs_and_no_instance_lives() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
    life.venue.new_stream()
    report = await life.account.panic(PanicScope(), actor="me", reason="test")

    assert report.exit_code == 0
    assert life.venue.signed() == 0
    life.venue.close_stream()


async def test_a_panic_beside_the_start_barrier_closes_what_is_there_and_no_more() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
    again = life.crash()
    await again.account.key.accept()
    async with anyio.create_task_group() as group:
        group.start_soon(again.start)
        report = await again.account.panic(PanicScope(), actor="me", reason="test")
    assert (report.exit_code, again.venue.signed()) == (0, 0)
    again.venue.close_stream()


async def test_a_start_that_is_tried_again_doubts_no_order_of_a_panic_beside_it() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
    again = life.crash()
    await again.account.start()
    again.venue.script.writes = [WriteFault.SLOW] * 3
    async with anyio.create_task_group() as group:
        group.start_soon(partial(again.account.panic, PanicScope(), actor="me", reason="test"))
        await anyio.sleep(0.5)
        assert OrderState.SENT in {row.state for row in again.account.desk.book.live()}
        assert (await again.account.start()).in_doubt == 0
    again.venue.close_stream()


async def test_what_could_not_be_closed_or_read_is_exit_code_11_and_keeps_its_stop() -> None:
    life = build(script=Script(codes=[]))
    async with life.running():
        await entered(life, settled_s=0.1)
        life.venue.script.codes = [110074] * 1000
        report = await life.account.panic(PanicScope(symbol=SYMBOL), actor="me", reason="test")

        assert report.exit_code == 11
        assert report.positions[0].remaining == Decimal("0.010")
        assert report.positions[0].stop_at_venue == Decimal("49500.0")
        assert life.venue.stop_of() != 0
        life.venue.script.codes = []
        await anyio.sleep(30.0)
        assert life.venue.signed() == 0


async def test_a_panic_again_is_harmless() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        first = await life.account.panic(PanicScope(symbol=SYMBOL), actor="me", reason="test")
        second = await life.account.panic(PanicScope(symbol=SYMBOL), actor="me", reason="test")

        assert (first.exit_code, second.exit_code) == (0, 0)
        assert second.positions == ()
        assert len(life.halts.in_force()) == 1
        assert life.halts.in_force()[0].level is Level.PANIC


async def test_the_first_closing_order_leaves_within_half_a_second() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        started_s, left_s = life.world.clock.mono_s(), []
        life.venue.before_place = lambda _order: left_s.append(life.world.clock.mono_s())
        await life.account.panic(PanicScope(), actor="me", reason="test")

        assert left_s[0] - started_s < 0.5


async def test_flat_is_seen_twice_with_a_gap_between() -> None:
    life = build()
    async with life.running():
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        assert report.exit_code == 0
        assert report.duration_s >= VERIFY_GAP_S


async def test_time_that_ends_between_two_flat_readings_is_exit_code_11_until_the_second_was_made() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.venue.script.failing_reads = 1_000_000
        reports = []

        async def panic() -> None:
            reports.append(await life.account.panic(PanicScope(), actor="me", reason="test"))

        async with anyio.create_task_group() as group:
            group.start_soon(panic)
            await anyio.sleep(FLAT_WITHIN_S - 1.5)
            life.venue.close_by_hand()
            life.venue.script.failing_reads = 0

        assert reports[0].exit_code == 11
        assert "not verified flat" in reports[0].problems[-1]
        assert unfinished(life) == [account_scope("main")]
        await anyio.sleep(2 * VERIFY_GAP_S)
        assert unfinished(life) == []


async def test_a_panic_that_could_read_nothing_closes_when_the_venue_is_back() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.venue.script.failing_reads = 1_000_000
        report = await life.account.panic(PanicScope(symbol=SYMBOL), actor="me", reason="test")
        assert report.exit_code == 11
        await anyio.sleep(300.0)
        life.venue.script.failing_reads = 0
        await anyio.sleep(10.0)

        assert life.venue.signed() == 0
        assert unfinished(life) == []


async def test_the_next_life_goes_on_with_a_panic_whose_level_stands() -> None:
    life = build()
    async with life.running():
        for uid in (OTHER, UID):
            await entered(life, uid, settled_s=0.1)
        life.halts.raise_level(instance_scope(UID), Level.PANIC, "PANIC", "the daemon died behind this", actor="me")
    life = life.crash()
    async with life.running():
        await anyio.sleep(10.0)
        assert life.venue.signed() == Decimal("0.010")
        assert life.venue.stop_of() != 0


async def test_the_next_life_leaves_alone_what_was_opened_behind_a_panic_that_was_verified_flat() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.halts.raise_level(ALL, Level.PANIC, "PANIC", "test", actor="me")
        assert (await life.account.panic(PanicScope(), actor="me", reason="test")).exit_code == 0
    life = life.crash()
    life.venue.open_foreign(Decimal("0.020"))
    async with life.running():
        await anyio.sleep(60.0)
        assert life.venue.signed() == Decimal("0.020")


async def test_a_frozen_scope_is_sent_nothing_until_a_later_panic() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.halts.raise_level(account_scope("main"), Level.PANIC, "PANIC", "of before, flat again since", actor="me")
        life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "hands off", actor="me")
        sent = len(life.venue.placed)
        assert (await port.submit(leave())).code == FROZEN
        move = replace(leave(180_000), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49800.0"))
        assert (await port.submit(move)).code == FROZEN
        life.venue.remove_stop()
        await anyio.sleep(60.0)

        assert len(life.venue.placed) == sent
        assert (life.venue.signed(), life.venue.stop_of()) == (Decimal("0.010"), 0)
        assert "NAKED" in {each.kind for each in life.account.desk.incidents.open_ones()}
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        assert (report.exit_code, life.venue.signed()) == (0, 0)


@pytest.mark.parametrize("put_off", [True, False])
async def test_a_freeze_that_comes_while_an_exit_waits_keeps_it_from_leaving(put_off: bool) -> None:
    """The venue has put it off (10006) and it waits to be sent again, or it waits for its rate token."""
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        sent = len(life.venue.placed)
        life.venue.script.writes = [WriteFault.THROTTLED] * put_off
        life.budget.wait_s = 0.1
        async with anyio.create_task_group() as group:
            group.start_soon(port.submit, leave())
            await anyio.sleep(0.15 if put_off else 0.05)
            life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "hands off", actor="me")
        await anyio.sleep(30.0)
        assert len(life.venue.placed) == sent + put_off
        assert life.venue.signed() == Decimal("0.010")
        for halt in life.halts.in_force():
            life.halts.lift(halt.id, by="me", note="on you go")
        await anyio.sleep(30.0)
        assert life.venue.signed() == (0 if put_off else Decimal("0.010"))


async def test_a_freeze_stops_a_panic() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.venue.script.codes = [110074] * 1000
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        assert report.exit_code == 11
        life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "hands off", actor="me")
        await anyio.sleep(30.0)
        life.venue.script.codes, placed = [], len(life.venue.placed)
        await anyio.sleep(120.0)
        assert len(life.venue.placed) == placed
        assert life.venue.signed() == Decimal("0.010")


async def test_a_freeze_that_is_asked_again_stops_the_panic_between_them() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "hands off", actor="me")
        life.venue.script.codes = [110074] * 1000
        await life.account.panic(PanicScope(), actor="me", reason="test")
        life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "hands off", actor="me")
        await anyio.sleep(30.0)
        life.venue.script.codes, placed = [], len(life.venue.placed)
        await anyio.sleep(120.0)
        assert (len(life.venue.placed), life.venue.signed()) == (placed, Decimal("0.010"))


async def test_a_panic_leaves_a_frozen_symbol_in_peace_and_says_so() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.venue.script.codes = [110074] * 1000
        await life.account.panic(PanicScope(), actor="me", reason="test")
        life.halts.raise_level(symbol_scope("main", SYMBOL), Level.FREEZE, "OPERATOR", "hands off", actor="me")
    life = life.crash()
    async with life.running():
        reads = 0
        read = life.venue.positions

        async def counted(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
            nonlocal reads
            reads += priority is Priority.EXIT
            return await read(symbol, priority=priority)

        life.venue.positions = counted  # type: ignore[method-assign]
        await anyio.sleep(120.0)
        assert 10 < reads < 60
        assert life.venue.signed() == Decimal("0.010")
        assert unfinished(life) == [account_scope("main")]


def unfinished(life: OrderWorld) -> list[str]:
    """Scopes of panics that a person is told are not done."""
    return [each.scope for each in life.account.desk.incidents.open_ones() if each.kind == "PANIC_UNFINISHED"]


async def test_a_panic_does_not_believe_a_flat_venue_while_an_entry_is_on_its_way_there() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        place = life.venue.place

        async def slow(order: OrderRequest) -> Reply:
            if not order.reduce_only:
                await anyio.sleep(4.0)
            return await place(order)

        life.venue.place = slow  # type: ignore[method-assign]
        async with anyio.create_task_group() as sending:
            sending.start_soon(port.submit, entry(), READY)
            await anyio.sleep(0.1)
            states = [row.state for row in life.account.desk.book.live()]
            report = await life.account.panic(PanicScope(), actor="me", reason="test")

        assert states == [OrderState.SENT]
        assert (report.exit_code, life.venue.signed()) == (0, 0)
        assert [position.closed for position in report.positions] == [Decimal("0.010")]


async def test_a_panic_waits_for_an_entry_that_may_be_on_its_way_still_and_closes_what_it_opens() -> None:
    life = build(script=Script(writes=[WriteFault.DELAYED]))
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        await anyio.sleep(10.0)

        assert [order.link_id for order in life.venue.effects if not order.reduce_only] != []
        assert (report.exit_code, life.venue.signed()) == (0, 0)


@pytest.mark.parametrize("second", ["guardian", "account", "again"])
async def test_a_panic_that_is_under_way_is_gone_on_with_and_never_driven_twice(second: str) -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.venue.script.writes = [WriteFault.LOST_BEFORE] * 3
        reports = []

        async def panic(scope: PanicScope) -> None:
            reports.append(await life.account.panic(scope, actor="me", reason="test"))

        async with anyio.create_task_group() as group:
            group.start_soon(panic, PanicScope(symbol=SYMBOL))
            await anyio.sleep(0.2)
            if second == "guardian":
                life.account.resume_panics()
            else:
                group.start_soon(panic, PanicScope() if second == "account" else PanicScope(symbol=SYMBOL))

        closing = [order.link_id for order in life.venue.placed if order.reduce_only]
        assert (len(closing) > 1, len(set(closing))) == (True, 1), "the same order until it was taken, and no other"
        assert [report.exit_code for report in reports] == [0] * len(reports)
        assert {report.positions[0].closed for report in reports} == {Decimal("0.010")}
        assert [kind for kind, _ in life.journal.records].count("panic.result") == len(reports)
        assert unfinished(life) == []


async def test_a_panic_that_nobody_waits_for_any_more_goes_on() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.venue.script.failing_reads = 20
        with anyio.move_on_after(1.0):
            await life.account.panic(PanicScope(), actor="me", reason="test")
        await anyio.sleep(60.0)

        assert life.venue.signed() == 0
