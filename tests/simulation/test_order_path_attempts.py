"""Attempts of an exit: which is waited for, what climbs the ladder, and how long a copy may be on its way."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.orders import OrderRequest, OrderState, VenueOrder
from playd.core.reply_codes import ReplyClass
from playd.orders.exit_attempts import insert_attempt, rung_of
from playd.orders.machine import OrderEvent
from playd.venues.port import Reply
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, UID, build, entered, entry, leave
from tests.simulation.test_order_path_restore import back_up, bar, restored


async def test_an_earlier_attempt_in_doubt_is_waited_for_before_another_one_follows_a_later_that_is_over() -> None:
    life = build()
    async with life.running():
        await entered(life)
        desk, intent, sent = life.account.desk, leave(), len(life.venue.placed)
        identity = desk.book.insert_intent(intent, desk.bounds(UID))
        first = insert_attempt(desk, intent, identity, 0, Decimal("0.010"))
        later = insert_attempt(desk, intent, identity, 1, Decimal("0.003"))
        desk.book.record(first, OrderEvent.DOUBT, "poll")
        desk.booking.apply(later, OrderEvent.SEEN_CANCELLED, "poll")
        desk.ledger.commit()
        with anyio.move_on_after(60.0):
            await life.account.exits.finish(identity)

        assert [order.link_id for order in life.venue.placed[sent:]] == [first.link_id]
        assert life.venue.signed() == desk.fills.net(SYMBOL) == 0


async def test_an_attempt_that_was_refused_for_a_reason_outside_it_climbs_no_rung() -> None:
    life = build()
    async with life.running():
        await entered(life)
        desk, intent = life.account.desk, leave()
        identity = desk.book.insert_intent(intent, desk.bounds(UID))
        sent = insert_attempt(desk, intent, identity, 0, Decimal("0.010"))
        unfilled, filled = (replace(sent, state=state) for state in (OrderState.CANCELLED, OrderState.FILLED))
        bad_key = replace(sent, state=OrderState.REJECTED, code=10003)

        assert rung_of([bad_key, bad_key]) == 0
        assert rung_of([unfilled, bad_key, filled, unfilled]) == 2


@pytest.mark.parametrize("answer", [ReplyClass.DOUBT, ReplyClass.ACCEPTED])
async def test_a_copy_may_be_on_its_way_while_it_is_handed_over_and_for_the_whole_time_from_its_answer_on(
    answer: ReplyClass,
) -> None:
    """The port may sign it once more, behind a refusal of the clock."""
    life = build()
    async with life.running():
        port, on_the_way, seen = await life.register(), life.account.desk.on_the_way, list[bool]()
        await anyio.sleep(15.0)

        async def slow(order: OrderRequest) -> Reply:
            seen.append(on_the_way.may_arrive(order.link_id))
            await anyio.sleep(9.5)
            return Reply(answer, None, "late")

        life.venue.place = slow  # type: ignore[method-assign]
        link = (await port.submit(entry(), READY)).link_id
        await anyio.sleep(9.0)
        seen.append(on_the_way.may_arrive(link))
        await anyio.sleep(2.0)
        seen.append(on_the_way.may_arrive(link))
        assert seen == [True, True, False]


async def test_nothing_that_is_booked_waits_uncommitted_for_the_venue_to_show_a_lost_order() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(bar(life)), READY)
        await anyio.sleep(60.0)
        back_up(life)
        life.venue.hit_stop()
        await anyio.sleep(60.0)
        await port.submit(entry(bar(life)), READY)
        await anyio.sleep(1.0)
    life, open_writes = restored(life), list[bool]()
    read = life.venue.order_history

    async def history(*given: Any, **named: Any) -> VenueOrder | None:
        open_writes.append(life.ledger._connection.in_transaction)
        return await read(*given, **named)

    life.venue.order_history = history  # type: ignore[method-assign]
    async with life.running():
        await life.register(after=0)
        await anyio.sleep(10.0)
        assert open_writes
        assert not any(open_writes)
        assert life.account.desk.fills.net(SYMBOL) == life.venue.signed() == Decimal("0.010")
