"""Panic: what works at the venue counts, whoever knows of it, and nothing that is put off keeps the rest waiting."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import anyio
import pytest

from playd.core.errors import LinkError
from playd.core.instrument import Instrument
from playd.core.orders import Execution, OrderRequest, OrderState, VenueOrder
from playd.core.reply_codes import ReplyClass
from playd.orders.halts import Level, account_scope, instance_scope
from playd.orders.incidents import Incident
from playd.orders.order_book import FOREIGN
from playd.orders.panic import PANIC_CODE
from playd.orders.panic_notes import leave_note
from playd.orders.panic_report import FLAT_WITHIN_S, PanicScope
from playd.venues.port import Priority, Reply
from tests.simulation import fake_venue
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, STATE, UID, OrderWorld, build, entered, entry
from tests.simulation.venue_script import EventFault, Script, WriteFault
from tests.unit.guardian.test_judge import resting
from tests.virtual_time import in_virtual_time

OTHER, OTHER_UID = "ETHUSDT", "wxyz2345"
BY_HAND = resting("by-hand")


def rests(life: OrderWorld) -> bool:
    return life.venue.orders[BY_HAND.venue_order_id].status == "New"


def unfinished(life: OrderWorld) -> list[Incident]:
    return [each for each in life.account.desk.incidents.open_ones() if each.kind == "PANIC_UNFINISHED"]


@pytest.mark.parametrize("scope", [PanicScope(), PanicScope(symbol=SYMBOL)])
async def test_an_entry_that_nobody_told_of_is_taken_back_before_anything_is_called_flat(scope: PanicScope) -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.orders[BY_HAND.venue_order_id] = BY_HAND
        report = await life.account.panic(scope, actor="me", reason="test")

        assert (report.exit_code, report.cancelled, rests(life)) == (0, 1, False)


async def test_an_entry_that_nobody_told_of_is_taken_back_by_a_panic_beside_the_start_too() -> None:
    life = build()
    async with life.running():
        await entered(life)
    again = life.crash()
    again.venue.orders[BY_HAND.venue_order_id] = BY_HAND
    await again.account.key.accept()
    report = await again.account.panic(PanicScope(), actor="me", reason="test")

    assert not rests(again)
    assert (report.cancelled, again.venue.signed()) == (1, 0)
    again.venue.close_stream()


async def test_a_list_of_orders_that_cannot_be_read_keeps_nothing_open_and_nothing_is_called_flat() -> None:
    life = build()
    async with life.running():
        await entered(life)
        listed = life.venue.open_orders

        async def away(*_: Any, **__: Any) -> Sequence[VenueOrder]:
            raise LinkError("no answer")

        life.venue.open_orders = away  # type: ignore[method-assign, assignment]
        life.venue.script.failing_reads = 3
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        left = life.venue.signed()
        life.venue.open_orders = listed  # type: ignore[method-assign]
        await anyio.sleep(30.0)

        assert (report.exit_code, left) == (11, 0)
        assert "open orders could not be read" in str(report.problems)
        assert "PANIC_UNFINISHED" not in {each.kind for each in life.account.desk.incidents.open_ones()}


async def test_a_list_of_orders_that_cannot_be_read_is_asked_for_once_a_second_and_no_faster() -> None:
    life, asked = build(), list[float]()
    async with life.running(), anyio.create_task_group() as group:

        async def away(*, priority: Priority, **_: Any) -> Sequence[VenueOrder]:
            asked.extend([life.world.clock.mono_s()] if priority is Priority.EXIT else [])
            raise LinkError("no answer")

        life.venue.open_orders = away  # type: ignore[method-assign]
        group.start_soon(lambda: life.account.panic(PanicScope(), actor="me", reason="test"))
        await anyio.sleep(10.0)

        assert len(asked) > 5
        assert min(later - earlier for earlier, later in pairwise(asked)) >= 1.0
        group.cancel_scope.cancel()


class SlowCancels:
    """The venue takes each cancel after `after_s`, where it was not withdrawn by then."""

    def __init__(self, life: OrderWorld, after_s: float) -> None:
        self.cancel, self.after_s, self.asked = life.venue.cancel, after_s, 0
        life.venue.cancel = self  # type: ignore[method-assign, assignment]

    async def __call__(self, *given: Any, **named: Any) -> Reply:
        self.asked += 1
        await anyio.sleep(self.after_s)
        return await self.cancel(*given, **named)


async def entered_under_a_stop_that_stays(life: OrderWorld) -> None:
    await entered(life)
    life.venue._gone = lambda _order_id: None  # type: ignore[method-assign]


async def test_a_leftover_whose_cancel_is_put_off_holds_no_panic_up() -> None:
    life = build()
    async with life.running():
        await entered_under_a_stop_that_stays(life)
        slow = SlowCancels(life, 20.0)
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        await anyio.sleep(60.0)

        assert slow.asked
        assert (report.exit_code, life.venue.signed()) == (0, 0)
        assert report.duration_s < 15.0
        assert life.account.desk.book.live(SYMBOL) == []


async def test_a_leftover_that_waits_for_its_turn_is_not_cancelled_under_the_freeze_that_comes_meanwhile() -> None:
    life = build()
    async with life.running(), anyio.create_task_group() as group:
        await entered_under_a_stop_that_stays(life)
        SlowCancels(life, 4.0)
        group.start_soon(lambda: life.account.panic(PanicScope(), actor="me", reason="test"))
        await anyio.sleep(4.0)
        life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "mine now", actor="me")
        await anyio.sleep(4.0)

        assert (life.venue.signed(), life.venue.cancels) == (0, [])
        group.cancel_scope.cancel()


async def no_executions(**_: Any) -> Sequence[Execution]:
    raise LinkError("no answer")


@pytest.mark.parametrize(
    ("scope", "code"), [(PanicScope(), 0), (PanicScope(symbol=SYMBOL), 0), (PanicScope(instance_uid=UID), 11)]
)
async def test_a_list_of_executions_that_cannot_be_read_keeps_nothing_open(scope: PanicScope, code: int) -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.executions = no_executions  # type: ignore[method-assign, assignment]
        report = await life.account.panic(scope, actor="me", reason="test")

        assert (report.exit_code, life.venue.signed()) == (code, 0)


async def test_of_a_shared_symbol_nothing_is_closed_for_one_instance_before_it_is_known_what_it_holds() -> None:
    life = build()
    async with life.running():
        await entered(life)
        await entered(life, OTHER_UID, qty="0.030")
        life.venue.executions = no_executions  # type: ignore[method-assign, assignment]
        report = await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")

        assert (report.exit_code, life.venue.signed()) == (11, Decimal("0.040"))
        assert "executions could not be read" in str(report.problems)


@pytest.mark.parametrize("listed", [True, False])
async def test_a_position_whose_rules_the_venue_does_not_say_is_closed_in_one_piece_beside_the_others(listed: bool) -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.open_foreign(Decimal("0.007"), "OLDUSDT")

        async def unsaid(symbols: Sequence[str]) -> dict[str, Instrument]:
            if listed:
                raise LinkError("no answer")
            return {}

        life.venue.instruments = unsaid  # type: ignore[method-assign]
        report = await life.account.panic(PanicScope(), actor="me", reason="test")

        assert (report.exit_code, life.venue.signed(), life.venue.signed("OLDUSDT")) == (0, 0, 0)


async def test_an_entry_that_comes_while_a_panic_goes_on_is_taken_back_at_once() -> None:
    life = build()
    async with life.running(), anyio.create_task_group() as group:
        await entered(life)
        life.venue.script.codes = [110074] * 1_000
        group.start_soon(lambda: life.account.panic(PanicScope(), actor="me", reason="test"))
        await anyio.sleep(10.0)
        life.venue._report(BY_HAND)
        await anyio.sleep(10.0)

        assert not rests(life)
        group.cancel_scope.cancel()


async def test_a_position_whose_close_is_put_off_keeps_no_other_open() -> None:
    life = build()
    async with life.running(), anyio.create_task_group() as group:
        await entered(life)
        port = await life.register(OTHER_UID, symbol=OTHER)
        await port.submit(entry(uid=OTHER_UID, symbol=OTHER), READY)
        await anyio.sleep(1.0)
        take = life.venue.place

        async def putting_off(order: OrderRequest) -> Reply:
            if order.symbol == SYMBOL:
                return Reply(ReplyClass.LATER, 10006, "too fast", retry_after_s=0.2)
            return await take(order)

        life.venue.place = putting_off  # type: ignore[method-assign]
        group.start_soon(lambda: life.account.panic(PanicScope(), actor="me", reason="test"))
        await anyio.sleep(2.0)

        assert (life.venue.signed(SYMBOL), life.venue.signed(OTHER)) == (Decimal("0.010"), 0)
        life.venue.place = take  # type: ignore[method-assign]
        await anyio.sleep(10.0)
        assert life.venue.signed(SYMBOL) == 0
        group.cancel_scope.cancel()


@pytest.mark.parametrize("beside", [OTHER_UID, FOREIGN])
async def test_a_share_whose_close_is_put_off_keeps_no_other_share_of_its_position_open(beside: str) -> None:
    life = build()
    async with life.running(), anyio.create_task_group() as group:
        await entered(life)
        if beside == FOREIGN:
            life.venue.open_foreign(Decimal("0.030"))
        else:
            await (await life.register(beside)).submit(entry(uid=beside, qty="0.030"), READY)
        await anyio.sleep(1.0)
        take = life.venue.place

        async def putting_off(order: OrderRequest) -> Reply:
            if order.qty == Decimal("0.010"):
                return Reply(ReplyClass.LATER, 10006, "too fast", retry_after_s=0.2)
            return await take(order)

        life.venue.place = putting_off  # type: ignore[method-assign]
        group.start_soon(lambda: life.account.panic(PanicScope(), actor="me", reason="test"))
        await anyio.sleep(2.0)

        shares = {share.owner: share.position.signed_qty for share in life.account.desk.fills.shares(SYMBOL)}
        assert (shares[UID], shares[beside], life.venue.signed()) == (Decimal("0.010"), 0, Decimal("0.010"))
        life.venue.place = take  # type: ignore[method-assign]
        await anyio.sleep(10.0)
        assert life.venue.signed() == life.account.desk.fills.position(UID, SYMBOL).signed_qty == 0
        group.cancel_scope.cancel()


async def test_what_is_closed_side_by_side_is_each_closed_to_its_end_and_counted() -> None:
    life = build()
    async with life.running():
        await entered(life)
        port = await life.register(OTHER_UID, symbol=OTHER)
        await port.submit(entry(uid=OTHER_UID, symbol=OTHER, qty="0.030"), READY)
        await anyio.sleep(1.0)
        report = await life.account.panic(PanicScope(), actor="me", reason="test")

        assert {item.symbol: (item.before, item.closed) for item in report.positions} == {
            SYMBOL: (Decimal("0.010"), Decimal("0.010")),
            OTHER: (Decimal("0.030"), Decimal("0.030")),
        }
        assert life.account.desk.book.open_intents() == []


async def test_a_second_panic_through_the_guardian_closes_what_was_opened_behind_the_first() -> None:
    life = build()
    async with life.running():
        await entered(life)
        left = list[Decimal]()
        for time_ms in (1, 2):
            assert leave_note(life.world.disk, STATE, account_scope("main"), reason="out", actor="me", time_ms=time_ms)
            life.halts.check_files()
            life.account.resume_panics()
            await anyio.sleep(10.0)
            left += [life.venue.signed(), life.venue.signed(OTHER)]
            life.venue.open_foreign(Decimal("0.007"), OTHER)
            await anyio.sleep(1.0)

        assert left == [0, 0, 0, 0]


async def test_a_panic_under_a_ban_says_so_in_its_time() -> None:
    life = build()
    async with life.running():
        await entered(life)

        async def waiting() -> None:
            await anyio.sleep(600.0)

        life.venue._read = waiting  # type: ignore[method-assign]
        with anyio.fail_after(FLAT_WITHIN_S + 15.0):
            report = await life.account.panic(PanicScope(), actor="me", reason="test")
        assert report.exit_code == 11


async def test_what_an_entry_of_the_instance_executed_and_nobody_has_booked_is_closed_too() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        listed, hidden_until_s = life.venue.executions, life.world.clock.mono_s() + 6.0

        async def lagging(**given: Any) -> Sequence[Execution]:
            return await listed(**given) if life.world.clock.mono_s() > hidden_until_s else []

        life.venue.executions = lagging  # type: ignore[method-assign]
        life.venue.script.events = [EventFault.NONE, EventFault.LOST]
        life.venue.fill_share = Decimal("0.4")  # the rest is cancelled: nothing of the entry works any more
        await port.submit(entry(), READY)
        await anyio.sleep(0.5)
        life.venue.fill_share = Decimal(1)
        booked = port.position().position.signed_qty
        report = await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")

        assert (booked, report.exit_code, life.venue.signed()) == (0, 0, 0)


@pytest.mark.parametrize("dies", [False, True], ids=["lives", "dies"])
@pytest.mark.parametrize("scope", [PanicScope(), PanicScope(instance_uid=UID)])
def test_what_an_entry_fills_behind_the_verified_flat_of_its_scope_is_closed_and_nothing_else(
    scope: PanicScope, dies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue keeps an order for longer than the time for which it says it may."""
    monkeypatch.setattr(fake_venue, "ARRIVES_S", 30.0)

    async def body() -> None:
        life = build(script=Script(writes=[WriteFault.DELAYED]))
        async with life.running():
            port = await life.register()
            await port.submit(entry(), READY)
            report = await life.account.panic(scope, actor="me", reason="test")
            life.venue.open_foreign(Decimal("0.007"), OTHER)
            await anyio.sleep(5.0)
            if not dies:
                await anyio.sleep(25.0)
        if dies:
            life = life.crash()
            await anyio.sleep(20.0)
            async with life.running():
                await life.register()
                await anyio.sleep(15.0)
        filled = [order for order in life.venue.effects if not order.reduce_only]

        assert (report.exit_code, len(filled)) == (0, 1)
        assert (life.venue.signed(), life.venue.signed(OTHER)) == (0, Decimal("0.007"))
        assert life.halts.highest(instance_scope(UID)) is not None
        assert life.ledger.rows("SELECT 1 FROM halts WHERE lifted_ms IS NOT NULL") == []

    in_virtual_time(body)


@pytest.mark.parametrize("dies", [False, True], ids=["lives", "dies"])
def test_an_entry_that_was_proved_absent_and_fills_behind_the_flat_is_closed_like_any_other(
    dies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_venue, "ARRIVES_S", 100.0)

    async def body() -> None:
        life = build(script=Script(writes=[WriteFault.DELAYED]))
        async with life.running():
            port = await life.register()
            verdict = await port.submit(entry(), READY)
            report = await life.account.panic(PanicScope(), actor="me", reason="test")
            await anyio.sleep(60.0)
            before = life.account.desk.book.need(verdict.link_id).state
            if not dies:
                await anyio.sleep(60.0)
        if dies:
            life = life.crash()
            await anyio.sleep(40.0)
            async with life.running():
                await anyio.sleep(60.0)
        filled = [order for order in life.venue.effects if not order.reduce_only]

        assert (report.exit_code, before, len(filled)) == (0, OrderState.NEVER_ARRIVED, 1)
        assert life.venue.signed() == 0
        assert [halt.code for halt in life.halts.in_force(instance_scope(UID))] == [PANIC_CODE]

    in_virtual_time(body)


def test_what_an_entry_fills_behind_a_freeze_that_came_after_the_panic_is_left_alone_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fake_venue, "ARRIVES_S", 30.0)

    async def body() -> None:
        life = build(script=Script(writes=[WriteFault.DELAYED]))
        async with life.running():
            port = await life.register()
            await port.submit(entry(), READY)
            await life.account.panic(PanicScope(), actor="me", reason="test")
            life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "mine now", actor="me")
            await anyio.sleep(60.0)

            assert life.venue.signed() == Decimal("0.010")
            assert len(life.venue.placed) == 1
            told = unfinished(life)
            assert [(each.severity, each.scope) for each in told] == [("critical", account_scope("main"))]
            assert "frozen by me" in told[0].text

            report = await life.account.panic(PanicScope(), actor="me", reason="again")
            assert (report.exit_code, life.venue.signed(), unfinished(life)) == (0, 0, [])

    in_virtual_time(body)
