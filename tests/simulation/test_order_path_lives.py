"""What one life of the daemon leaves to the next, and what an instance that fell behind gets back."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import anyio
import anyio.lowlevel
import pytest

from playd.core.errors import Broken, RecordError
from playd.core.limits import FILLS_PER_INSTANCE
from playd.core.orders import Action, IntentClass, OrderState, VenuePosition
from playd.orders.fills import FillEvent, InstanceEvent
from playd.venues.port import Barrier, Priority
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, build, entered, entry, leave, taken
from tests.simulation.venue_script import Script


async def test_a_stop_that_fired_while_nobody_listened_is_told_at_the_next_start() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        saved_n = taken(port)[-1].n
    life.venue.hit_stop()
    life = life.crash()
    async with life.running():
        port = await life.register(after=saved_n)
        events = taken(port)

        assert [type(event) for event in events] == [FillEvent]
        assert isinstance(events[0], FillEvent)
        assert events[0].reason == "sl"
        assert port.position().position.signed_qty == 0


async def test_a_lost_state_gets_every_event_again_from_the_ledger() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        await port.submit(leave(), READY)
        await anyio.sleep(0.1)
        first = taken(port)
    life = life.crash()
    async with life.running():
        assert taken(await life.register(after=0)) == first


async def test_an_order_that_was_only_on_record_when_the_process_died_is_resolved_and_not_sent() -> None:
    life = build()
    async with life.running():
        await life.register()
        gateway, instance = life.account.gateway, life.ports[0]._instance
        row = gateway._write_entry(gateway._case(entry(), READY, instance, intent_exists=False), instance)
    life = life.crash()
    async with life.running():
        assert life.account.desk.book.need(row.link_id).state is OrderState.UNKNOWN
        await anyio.sleep(70.0)

        assert life.account.desk.book.need(row.link_id).state is OrderState.NEVER_ARRIVED
        assert life.venue.placed == []


async def test_a_stop_whose_move_was_only_on_record_when_the_process_died_is_there_in_the_next_life() -> None:
    life = build()
    move = replace(leave(180_000), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49700.0"))
    async with life.running():
        await entered(life)
        desk = life.account.desk
        with desk.ledger.atomic():
            desk.book.insert_intent(move, b"{}")
            desk.fills.set_protection(UID, SYMBOL, stop=move.stop, target=None)
        desk.ledger.commit()
    life = life.crash()
    async with life.running():
        assert life.venue.stop_of() == move.stop
        assert life.account.desk.book.open_intents() == []
        assert life.halts.in_force() == []


async def test_an_unfinished_exit_goes_on_in_the_next_life() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.venue.script.codes = [110074]
        await port.submit(leave(), READY)
    life = life.crash()
    async with life.running():
        await anyio.sleep(10.0)

        assert life.venue.signed() == 0


@pytest.mark.slow
async def test_an_instance_that_falls_too_far_behind_is_cut_off_and_gets_everything_at_its_return() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        rounds = FILLS_PER_INSTANCE // 2 + 2
        for number in range(rounds):
            await port.submit(entry(120_000 * number + 60_000), READY)
            await anyio.sleep(0.02)
            await port.submit(leave(120_000 * number + 120_000), READY)
            await anyio.sleep(0.02)
        first = taken(port)
        port.close()
        rest = taken(await life.register(after=first[-1].n))

        assert len(first) == FILLS_PER_INSTANCE
        assert [event.n for event in [*first, *rest]] == list(range(1, 2 * rounds + 1))


@pytest.mark.parametrize("count", [FILLS_PER_INSTANCE, FILLS_PER_INSTANCE + 1, 3 * FILLS_PER_INSTANCE + 1])
async def test_everything_can_be_told_again_however_much_it_is_and_what_comes_meanwhile_is_told_once(count: int) -> None:
    life = build()
    async with life.running():
        desk = life.account.desk

        def post(number: int) -> None:
            desk.fills.post("ended", UID, link=str(number), exec_id="", action="enter", reason="cut", order_done=True)

        async def go_on() -> None:
            for number in range(count, count + 8):
                post(number)
                desk.publish()
                await anyio.lowlevel.checkpoint()

        await life.register()
        life.ports[-1].close()
        for number in range(count):
            post(number)
        desk.publish()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(go_on)
            port = await life.register(after=0)
        for number in range(count + 8, count + FILLS_PER_INSTANCE):  # what was told again took none of the room for these
            post(number)
        desk.publish()

        assert [event.n for event in taken(port)] == list(range(1, count + FILLS_PER_INSTANCE + 1))


async def test_a_position_closed_by_hand_is_booked_to_its_owner_and_pauses_the_symbol() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.venue.close_by_hand()
        await anyio.sleep(0.1)
        event = taken(port)[-1]

        assert isinstance(event, FillEvent)
        assert event.reason == "manual"
        assert [halt.code for halt in life.halts.in_force()] == ["MANUAL_CLOSE"]


async def test_a_foreign_position_is_counted_and_left_alone() -> None:
    life = build()
    life.venue.open_foreign(Decimal("0.5"), "ETHUSDT")
    async with life.running():
        await anyio.sleep(400.0)

        assert life.account.views.foreign() == {"ETHUSDT": Decimal("0.500")}
        assert life.venue.signed("ETHUSDT") == Decimal("0.5")
        assert life.halts.in_force() == []


async def test_a_barrier_is_answered_after_the_fills_before_it_are_with_the_instance() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.resting = True
        await port.submit(entry(), READY)
        seen: list[InstanceEvent] = []
        seen_at_barrier: list[InstanceEvent] = []
        done = life.venue.barrier_done

        async def note(number: int) -> None:
            seen_at_barrier.extend(seen)
            await done(number)

        async def live() -> None:
            async for event in port.fills:
                await anyio.sleep(1.0)  # an order that the fill asked for
                seen.append(event)
                port.dealt_with(event.n)

        life.venue.barrier_done = note  # type: ignore[method-assign]
        async with anyio.create_task_group() as instance:
            instance.start_soon(live)
            life.venue.fill_resting()
            life.venue._send.send_nowait(Barrier(7))
            await anyio.sleep(1.1)
            instance.cancel_scope.cancel()

        assert life.venue.barriers == [7]
        assert [type(event) for event in seen_at_barrier] == [FillEvent]


async def test_a_barrier_does_not_wait_for_an_instance_that_is_gone_and_not_for_ever_for_one_that_is_deaf() -> None:
    life = build()
    async with life.running():
        gone, deaf = await life.register("gonegone"), await life.register()
        life.venue.resting = True
        await deaf.submit(entry(), READY)
        await gone.submit(entry(uid="gonegone"), READY)
        life.venue.fill_resting()
        life.venue._send.send_nowait(Barrier(7))
        await anyio.sleep(0.1)
        gone.close()
        await anyio.sleep(29.0)
        early = [*life.venue.barriers]
        await anyio.sleep(2.0)

        assert (early, life.venue.barriers) == ([], [7])
        deafs = [incident for incident in life.account.desk.incidents.open_ones() if incident.kind == "INSTANCE_DEAF"]
        assert [incident.scope for incident in deafs] == [f"instance:{UID}"]


async def test_what_cannot_be_recorded_is_not_sent() -> None:
    life = build()
    refused = []
    async with life.running():
        port = await life.register()
        life.ledger._broken = "disk is gone"
        try:
            await port.submit(entry(), READY)
        except RecordError as error:
            refused.append(error)
        life.ledger._broken = None

    assert len(refused) == 1
    assert life.venue.placed == []


async def test_an_instance_is_registered_once() -> None:
    life = build()
    refused = []
    async with life.running():
        await life.register()
        try:
            await life.account.register(UID, "again", SYMBOL, clock_ms=60_000)
        except Broken as error:
            refused.append(error)

    assert len(refused) == 1


async def test_the_clock_of_a_naked_position_runs_over_restarts_and_ends_with_its_cover() -> None:
    life = build(script=Script(no_attached_stop=1, refused_stops=1_000_000))
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        await anyio.sleep(4.0)
        assert life.halts.in_force() == []
    life = life.crash()
    async with life.running(connect=False):
        await anyio.sleep(2.0)
        assert [halt.code for halt in life.halts.in_force()] == ["NAKED"]
        assert "STOP_REFUSED" in {each.kind for each in life.account.desk.incidents.open_ones()}
        life.venue.script.refused_stops = 0
        await anyio.sleep(3.0)
        assert life.venue.stop_of() != 0
        assert "STOP_REFUSED" not in {each.kind for each in life.account.desk.incidents.open_ones()}
        assert life.account.desk.naked_seconds[SYMBOL] > 2.0
    life = life.crash()
    async with life.running():
        assert life.ledger.rows("SELECT * FROM meta WHERE key LIKE 'naked%'") == []


async def test_the_seconds_in_which_nobody_lived_count_for_a_position_that_is_found_naked_behind_them() -> None:
    life = build(script=Script(no_attached_stop=1, refused_stops=1_000_000))
    async with life.running():
        port, began_s = await life.register(), life.world.clock.mono_s()
        await port.submit(entry(), READY)
        await anyio.sleep(4.0)
    before = life.account.desk.naked_seconds[SYMBOL]
    life = life.crash()
    await anyio.sleep(10.0)
    async with life.running(connect=False):
        await anyio.sleep(2.0)
        naked_s = life.world.clock.mono_s() - began_s
        assert abs(before + life.account.desk.naked_seconds[SYMBOL] - naked_s) < 0.6


async def test_one_reading_that_lags_behind_a_stop_just_put_back_closes_nothing() -> None:
    life = build(script=Script(no_attached_stop=1, refused_stops=1_000_000))
    async with life.running():
        await (await life.register()).submit(entry(), READY)
        await anyio.sleep(4.0)
    life = life.crash()
    await anyio.sleep(60.0)
    life.venue.script.refused_stops, lagging = 0, 1
    read = life.venue.positions

    async def late(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        nonlocal lagging
        found = await read(symbol, priority=priority)
        if not lagging or not life.venue.stop_of():
            return found
        lagging -= 1
        return [replace(position, stop=Decimal(0)) for position in found]

    life.venue.positions = late  # type: ignore[method-assign]
    async with life.running(connect=False):
        await anyio.sleep(10.0)
        assert (lagging, life.venue.signed(), life.venue.stop_of()) == (0, Decimal("0.010"), Decimal("49500.0"))


async def test_a_position_that_accepts_no_stop_is_closed() -> None:
    life = build(script=Script(no_attached_stop=1, refused_stops=1_000_000))
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        await anyio.sleep(29.0)
        before = life.venue.signed()
        await anyio.sleep(6.0)

        assert before != 0
        assert life.venue.signed() == 0
        assert {halt.code for halt in life.halts.in_force()} >= {"NAKED", "UNPROTECTABLE"}
        assert [event.reason for event in taken(port) if isinstance(event, FillEvent)] == ["signal", "unprotectable"]
