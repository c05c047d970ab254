"""Orders whose executions nobody lists: a person ends the waiting, and nothing else waits for ever because of them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.orders import Execution, VenueOrder
from playd.orders.acceptance import AcceptRefused
from playd.orders.fills import OrderEnded
from playd.orders.order_book import FOREIGN
from playd.orders.panic_report import PanicScope
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave, taken
from tests.simulation.test_order_path_accepted import accept, incidents, occupying
from tests.simulation.test_order_path_shared_exits import OTHER, both_long, held
from tests.simulation.venue_script import EventFault


def hide(life: OrderWorld, *exec_ids: str) -> None:
    """These executions are listed by nobody; neither does the stream tell of the next one."""
    listed = life.venue.executions

    async def without(**given: Any) -> Sequence[Execution]:
        return [each for each in await listed(**given) if each.exec_id not in exec_ids]

    life.venue.executions = without  # type: ignore[method-assign]
    life.venue.script.events = [EventFault.NONE, EventFault.LOST]


@pytest.mark.parametrize(("share", "reason"), [("1", "cut"), ("0.4", "cancelled")])
async def test_an_entry_that_is_over_and_unlisted_ends_with_the_acceptance(share: str, reason: str) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        hide(life, "e-1")
        life.venue.fill_share = Decimal(share)
        verdict = await port.submit(entry(), READY)
        await anyio.sleep(1300.0)
        assert life.account.desk.book.need(verdict.link_id).unbooked_qty == life.venue.signed()
        await accept(life, price=None, missing=str(life.venue.signed()))
        life.venue.open_foreign(-life.venue.signed())  # the person closes what is nobody's
        await anyio.sleep(120.0)

        assert life.account.desk.book.need(verdict.link_id).state.terminal
        assert not life.account.desk.book.lacking_fills()
        assert not life.account.desk.book.open_intents()
        assert [each.reason for each in taken(port) if isinstance(each, OrderEnded)] == [reason]
        assert occupying(life) == set()
        notes = [data["note"] for kind, data in life.journal.records if kind == "recon.repair" and data["kind"] == "accept"]
        assert all(note.endswith(f"no longer waited for: {verdict.link_id}") for note in notes)


async def test_an_answer_that_was_asked_for_before_the_acceptance_brings_no_waiting_back() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        hide(life, "e-1")
        life.venue.fill_share = Decimal("0.4")
        verdict = await port.submit(entry(), READY)
        await anyio.sleep(700.0)
        asked, go, read = anyio.Event(), anyio.Event(), life.venue.order_realtime

        async def slow(*given: Any, **named: Any) -> VenueOrder | None:
            found = await read(*given, **named)
            if verdict.link_id in given:
                asked.set()
                await go.wait()
            return found

        life.venue.order_realtime = slow  # type: ignore[method-assign]
        with anyio.fail_after(120):
            await asked.wait()
        await accept(life, price=None, missing="0.004")
        go.set()
        await anyio.sleep(120.0)
        assert not life.account.desk.book.lacking_fills()
        assert not life.account.desk.book.open_intents()


@pytest.mark.parametrize("share", ["0.5", "1"])
async def test_an_exit_that_lacks_goes_on_behind_the_acceptance_with_what_is_left(share: str) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        hide(life, "e-2")
        life.venue.fill_share = Decimal(share)
        await port.submit(leave(), READY)
        await anyio.sleep(700.0)
        life.venue.fill_share = Decimal(1)
        await accept(life, missing=str(-Decimal("0.010") * Decimal(share)))
        await anyio.sleep(90.0)
        assert not life.account.desk.book.lacking_fills()
        assert not life.account.desk.book.open_intents()
        assert life.venue.signed() == life.account.desk.fills.net(SYMBOL) == 0
        assert occupying(life) == set()


@pytest.mark.parametrize("n", [0, 1])
async def test_what_an_unlisted_exit_closed_is_accepted_for_its_owner_and_no_other(n: int) -> None:
    life = build()
    async with life.running():
        await both_long(life)
        hide(life, "e-3")
        life.venue.fill_share = Decimal("0.5")
        owner, other = (UID, OTHER)[n], (OTHER, UID)[n]
        await life.ports[n].submit(leave(uid=owner), READY)
        await anyio.sleep(700.0)
        life.venue.fill_share = Decimal(1)
        done = await accept(life, missing="-0.005")
        assert [(each.owner, each.qty) for each in done.closing] == [(owner, Decimal("0.005"))]
        await anyio.sleep(120.0)
        assert life.venue.signed() == held(life, other) == Decimal("0.010")
        assert held(life, owner) == 0


async def test_what_differs_beyond_the_unlisted_exits_is_divided_as_ever() -> None:
    life = build()
    async with life.running():
        await both_long(life)
        hide(life, "e-3")
        life.venue.fill_share = Decimal("0.5")
        await life.ports[1].submit(leave(uid=OTHER), READY)
        life.venue.book[SYMBOL].signed = Decimal("0.008")  # and seven more that nothing explains
        await anyio.sleep(700.0)
        found = await life.account.acceptance.look(SYMBOL)
        assert [(each.owner, each.qty) for each in found.closing] == [(UID, Decimal("0.007")), (OTHER, Decimal("0.005"))]


@pytest.mark.parametrize("share", ["1", "0.4"])
@pytest.mark.parametrize("scope", [PanicScope(), PanicScope(instance_uid=UID)])
@pytest.mark.parametrize("after_s", [1.0, 300.0])
async def test_no_panic_waits_for_ever_for_executions_that_nobody_lists(scope: PanicScope, share: str, after_s: float) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        hide(life, "e-1")
        life.venue.fill_share = Decimal(share)
        await port.submit(entry(), READY)
        await anyio.sleep(after_s)
        life.venue.fill_share = Decimal(1)
        await life.account.panic(scope, actor="me", reason="test")
        await anyio.sleep(600.0)

        assert "PANIC_UNFINISHED" not in incidents(life)
        # What the books do not know of is no instance's: a panic of the account closes it, and the halted symbol tells.
        assert life.venue.signed() == (Decimal("0.010") * Decimal(share) if scope.instance_uid else 0)
        assert "POSITION_DIFFERS" in incidents(life)


async def test_what_is_listed_behind_a_panic_that_found_an_instance_flat_is_closed_then() -> None:
    life = build()
    listed = life.venue.executions
    async with life.running():
        port = await life.register()
        hide(life, "e-1")
        await port.submit(entry(), READY)
        await anyio.sleep(300.0)
        assert (await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")).exit_code == 0
        life.venue.executions = listed  # type: ignore[method-assign]
        await anyio.sleep(120.0)
        assert life.venue.signed() == life.account.desk.fills.net(SYMBOL) == 0
        assert life.account.desk.fills.position(FOREIGN, SYMBOL).signed_qty == 0


async def test_two_unlisted_orders_that_cancel_out_end_with_an_acceptance_of_nothing_and_may_be_booked_later() -> None:
    life = build()
    listed = life.venue.executions
    async with life.running():
        port = await life.register()
        hide(life, "e-1", "e-2")
        life.venue.fill_share = Decimal("0.4")
        await port.submit(entry(), READY)
        await anyio.sleep(1.0)
        life.venue.script.events = [EventFault.LOST]
        life.venue.hit_stop()
        await anyio.sleep(300.0)
        desk = life.account.desk
        assert life.venue.signed() == desk.fills.net(SYMBOL) == 0
        with pytest.raises(AcceptRefused, match="agree"):
            await accept(life, price=None, missing="0")
        assert occupying(life) == {("main", UID)}
        await anyio.sleep(400.0)
        with pytest.raises(AcceptRefused, match="leave the price away"):
            await accept(life, missing="0")
        found = await life.account.acceptance.look(SYMBOL)
        assert (found.missing, len(found.given_up)) == (Decimal(0), 2)
        await accept(life, price=None, missing="0")
        assert not desk.booking.lacking()
        assert not desk.book.open_intents()
        assert occupying(life) == set()
        with pytest.raises(AcceptRefused, match="agree"):
            await accept(life, price=None, missing="0")

        life.venue.executions = listed  # type: ignore[method-assign]
        await life.account.reconcile("test")
        await anyio.sleep(60.0)
        assert [share.position.signed_qty for share in desk.fills.shares(SYMBOL)] == [Decimal(0)]
        assert desk.fills.position(UID, SYMBOL).realised < 0
        assert not desk.booking.lacking()
