"""A person closes a part of a position: reduce-only, under its stop, once per command, and nothing is halted by it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.ids import link_id
from playd.core.orders import Action, OrderRequest, Side, VenuePosition
from playd.orders.fills import FillEvent
from playd.orders.flattening import CLOSED_WITHIN_S
from playd.orders.halts import Level, account_scope
from playd.orders.panic import PanicScope
from playd.orders.strangers import StrangerRefused
from playd.orders.views import Wanted, latest_fills
from playd.venues.port import Priority
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, taken


async def closed(life: OrderWorld, pct: str, key: str) -> tuple[Decimal, Decimal, bool, str]:
    (found,) = await life.account.closing.close(SYMBOL, Decimal(pct), key=key)
    await anyio.sleep(0.1)
    return found.before, found.after, found.is_done, found.refused


async def test_a_part_is_closed_once_and_what_is_left_keeps_its_stop() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)

        assert await closed(life, "35", "k1") == (Decimal("0.010"), Decimal("0.007"), True, "")
        assert (life.venue.signed(), life.account.views.positions()[0].protected) == (Decimal("0.007"), True)
        assert "stored with other parameters" in (await closed(life, "35", "k1"))[3]
        assert life.venue.signed() == Decimal("0.007"), "one command, one order"
        assert await closed(life, "0.1", "k2") == (Decimal("0.007"), Decimal("0.006"), True, ""), "at least one step"
        assert life.halts.in_force() == []
        assert (await closed(life, "100", "k3"))[1] == life.venue.signed() == 0
        fills = [event for event in taken(port) if isinstance(event, FillEvent)]
        assert [event.reason for event in fills[1:]] == ["closed by hand"] * 3, "its instance hears of it"
        told = [view.reason for view in latest_fills(life.ledger, Wanted(), limit=9)]
        assert told == [*["closed by hand"] * 3, entry().reason], "and so does whoever lists fills"


async def test_it_says_what_was_closed_at_what_price_how_far_from_the_mark_and_which_stop_is_left() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)

        def fall() -> None:
            life.venue.price = Decimal(49_950)

        def cheaper(_order: OrderRequest) -> None:
            asyncio.get_running_loop().call_later(0.004, fall)  # while it is on its way

        life.venue.before_place = cheaper
        (found,) = await life.account.closing.close(SYMBOL, Decimal(40), key="k1")
        assert (found.closed, found.average_price, found.slippage_bps) == (Decimal("0.004"), Decimal(49_950), Decimal(10))
        assert found.stop_at_venue == entry().stop
        life.venue.script.failing_reads = 1
        (rest,) = await life.account.closing.close(SYMBOL, Decimal(100), key="k2")
        assert (rest.closed, rest.slippage_bps, rest.stop_at_venue) == (Decimal("0.006"), None, 0)


async def test_a_freeze_keeps_it_from_being_sent_and_says_so() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "look", actor="me")

        _, after, done, refused = await closed(life, "100", "k1")
        assert (after, done, "frozen" in refused) == (Decimal("0.010"), False, True)
        assert life.venue.signed() == Decimal("0.010")


async def test_what_others_hold_is_not_touched() -> None:
    life = build()
    async with life.running():
        life.venue.open_foreign(Decimal("0.5"))
        await life.account.reconcile("test")
        assert await life.account.closing.close(SYMBOL, Decimal(100), key="k1") == []
        assert life.venue.signed() == Decimal("0.5")


async def test_more_than_one_order_may_hold_is_closed_by_as_many_as_it_takes() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        most_at_once(life, "0.004")

        assert await closed(life, "100", "k1") == (Decimal("0.010"), Decimal(0), True, "")
        assert [order.qty for order in life.venue.placed[1:]] == [Decimal(qty) for qty in ("0.004", "0.004", "0.002")]


async def test_of_others_more_than_one_order_may_hold_is_closed_too() -> None:
    life = build()
    async with life.running():
        await life.register()
        life.venue.open_foreign(Decimal("0.010"))
        await life.account.reconcile("test")
        most_at_once(life, "0.004")

        assert await life.account.strangers.close(SYMBOL, key="k1") == life.venue.signed() == 0
        assert len(life.venue.placed) == 3


async def test_a_person_waits_ten_seconds_however_many_orders_it_takes() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        most_at_once(life, "0.004")
        life.venue.resting = True
        with anyio.fail_after(11.0):
            assert (await closed(life, "100", "k1"))[1:3] == (Decimal("0.010"), False)


async def test_no_close_waits_for_the_mark_of_its_report() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=2.0)

        async def silent(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
            await anyio.sleep_forever()
            raise AssertionError((symbol, priority))

        life.venue.positions = silent  # type: ignore[method-assign]
        async with anyio.create_task_group() as group:
            group.start_soon(closed, life, "100", "k1")
            await anyio.sleep(0.1)
            assert life.venue.signed() == 0
            group.cancel_scope.cancel()


async def test_what_could_not_be_sent_in_ten_seconds_is_told_with_the_reason_and_sent_in_its_turn() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=2.0)
        life.budget.wait_s = life.budget.ban_s = 600.0
        began_s = life.world.clock.mono_s()
        _, after, done, refused = await closed(life, "100", "k1")

        assert life.world.clock.mono_s() - began_s <= CLOSED_WITHIN_S + 6.0
        assert (after, done) == (Decimal("0.010"), False)
        assert "nothing was sent yet: the venue has banned this address for another 600 s" in refused
        assert refused.endswith("it is sent then, by the next start if the daemon ends before")
        life.budget.wait_s = life.budget.ban_s = 0.0
        await anyio.sleep(600.0)
        assert life.venue.signed() == 0


def closes(life: OrderWorld) -> list[Decimal]:
    return [order.qty for order in life.venue.placed if order.reduce_only]


async def banned(life: OrderWorld, ended_s: float = 600.0) -> None:
    await anyio.sleep(2.0)
    life.budget.wait_s = life.budget.ban_s = ended_s


@pytest.mark.parametrize("gone", ["0", "0.006", "0.010"])
async def test_a_close_that_waits_for_a_ban_is_on_record_and_sent_once_by_the_next_life(gone: str) -> None:
    """What is gone of the share by then is closed by nobody a second time."""
    life = build()
    async with life.running():
        await (await life.register()).submit(entry(), READY)
        await banned(life)
        await closed(life, "60", "k1")
        assert life.account.desk.book.open_intents()[0].reason == "closed by hand"
    life = life.crash()
    if Decimal(gone):
        life.venue.open_foreign(-Decimal(gone))
    async with life.running():
        await anyio.sleep(30.0)
        left = Decimal("0.010") - Decimal(gone)
        assert closes(life) == ([min(left, Decimal("0.006"))] if left else [])
        assert life.venue.signed() == life.account.desk.fills.net(SYMBOL) == max(Decimal(0), left - Decimal("0.006"))
        assert life.account.desk.book.open_intents() == []
    life = life.crash()
    async with life.running():
        await anyio.sleep(30.0)
        assert len(closes(life)) == (1 if left else 0), "one word of a person, one close"


async def test_a_close_whose_order_a_restored_ledger_finds_again_is_sent_no_second_time() -> None:
    life = build()
    async with life.running():
        await (await life.register()).submit(entry(), READY)
        await banned(life)
        await closed(life, "60", "k1")
    life = life.crash()
    link = link_id(UID, "close:k1", Action.FLATTEN, 1, 0)
    life.venue.by_hand(link, Side.SELL, "0.006", None, reduce_only=True)  # by a life that is lost
    async with life.running():
        await anyio.sleep(30.0)
        assert (closes(life), life.account.desk.book.open_intents()) == ([], [])
        assert life.venue.signed() == life.account.desk.fills.net(SYMBOL) == Decimal("0.004")


async def test_a_close_of_what_others_hold_that_waited_when_the_daemon_ended_is_dropped_and_may_be_asked_again() -> None:
    """What stands there at the next start may be another position."""
    life = build()
    async with life.running():
        await life.register()
        life.venue.open_foreign(Decimal("0.010"))
        await banned(life)
        await life.account.strangers.close(SYMBOL, key="k1")
        assert life.account.strangers.waits(SYMBOL).endswith("it is sent then, unless its account is opened anew before")
        with pytest.raises(StrangerRefused, match="another command closes it already; nothing was sent yet"):
            await life.account.strangers.close(SYMBOL, key="k2")
    life = life.crash()
    async with life.running():
        await anyio.sleep(30.0)
        assert (closes(life), life.venue.signed()) == ([], Decimal("0.010"))
        assert life.account.strangers.waits(SYMBOL) == ""
        life.account.desk.put_on_record()
        assert ("intent.dropped", "withdrawn") in [(kind, data.get("outcome")) for kind, data in life.journal.records]
        assert await life.account.strangers.close(SYMBOL, key="k3") == life.venue.signed() == 0


async def test_a_panic_waits_for_no_close_whose_turn_has_not_come() -> None:
    life = build()
    async with life.running():
        await (await life.register()).submit(entry(), READY)
        await banned(life)
        await closed(life, "60", "k1")
        life.budget.wait_s = life.budget.ban_s = 0.0
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        assert (report.exit_code, life.venue.signed()) == (0, 0)
        assert report.duration_s < 5.0
        await anyio.sleep(700.0)
        assert closes(life) == [Decimal("0.010")]
        assert life.account.desk.book.open_intents() == []


async def test_a_freeze_ends_a_close_whose_turn_has_not_come() -> None:
    life = build()
    async with life.running():
        await (await life.register()).submit(entry(), READY)
        await banned(life, 60.0)
        await closed(life, "60", "k1")
        freeze = life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "look", actor="me")
        life.budget.wait_s = life.budget.ban_s = 0.0
        await anyio.sleep(90.0)
        life.halts.lift(freeze.id, by="me", note="seen")
        await anyio.sleep(90.0)
        assert (closes(life), life.venue.signed()) == ([], Decimal("0.010"))


async def test_two_parts_that_wait_for_a_ban_do_not_add_up_and_all_of_it_may_be_closed_beside_a_part() -> None:
    life = build()
    async with life.running():
        await entered(life)
        await banned(life, 60.0)
        await closed(life, "50", "k1")
        refused = (await closed(life, "50", "k2"))[3]
        assert "another command closes some of it already: nothing was sent yet: the venue has banned" in refused
        life.budget.wait_s = life.budget.ban_s = 0.0
        await anyio.sleep(90.0)
        assert life.venue.signed() == Decimal("0.005")
        await banned(life, 60.0)
        await closed(life, "50", "k3")
        await closed(life, "100", "k4")
        life.budget.wait_s = life.budget.ban_s = 0.0
        await anyio.sleep(90.0)
        assert life.venue.signed() == 0


async def test_a_part_is_refused_while_the_order_of_another_part_rests() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.resting = True
        await closed(life, "50", "k1")
        assert "another command closes some of it already: exit" in (await closed(life, "50", "k2"))[3]


async def test_the_same_command_in_a_ban_says_why_it_waits() -> None:
    life = build()
    async with life.running():
        await entered(life)
        await banned(life, 60.0)
        first = await closed(life, "60", "k1")
        assert await closed(life, "60", "k1") == first
        assert "nothing was sent yet: the venue has banned" in first[3]


async def test_a_share_that_its_stop_closes_while_somebody_waits_is_gone() -> None:
    life = build()
    async with life.running():
        await entered(life)
        await banned(life, 60.0)
        async with anyio.create_task_group() as group:

            async def stop() -> None:
                await anyio.sleep(1.0)
                life.venue.hit_stop()

            group.start_soon(stop)
            assert await closed(life, "100", "k1") == (Decimal("0.010"), Decimal(0), True, "")
        assert (closes(life), life.account.desk.book.open_intents()) == ([], [])


async def test_a_freeze_that_is_lifted_in_the_ban_ends_the_close_that_waits_too() -> None:
    life = build()
    async with life.running():
        await entered(life)
        await banned(life, 60.0)
        await closed(life, "60", "k1")
        freeze = life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "look", actor="me")
        life.halts.lift(freeze.id, by="me", note="seen")
        await anyio.sleep(5.0)
        assert life.account.desk.book.open_intents() == []
        assert (await closed(life, "60", "k1"))[3].startswith("its scope was frozen while it waited")
        life.budget.wait_s = life.budget.ban_s = 0.0
        await anyio.sleep(90.0)
        assert closes(life) == []


def most_at_once(life: OrderWorld, qty: str) -> None:
    """The venue's largest market order."""
    rules = life.account.desk.instrument(SYMBOL)
    life.account.desk.learn_rules(replace(rules, max_market_qty=Decimal(qty)))
