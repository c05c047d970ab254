"""Two instances on one symbol, exits under way when others close, funding at a flip: what an opponent would try."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import Action, Execution, IntentClass, Side
from playd.orders.fills import FillEvent, FundingEvent
from playd.orders.fold import fold
from playd.orders.order_book import FOREIGN
from playd.orders.panic import PanicScope
from playd.venues.port import ExecutionUpdate
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave, taken
from tests.simulation.venue_script import EventFault, Script

OTHER = "beta2345"


def sums(life: OrderWorld) -> None:
    """What always holds of shares: they add up to the venue, and each is the fold of its executions."""
    desk = life.account.desk
    assert desk.fills.net(SYMBOL) == life.venue.signed()
    for share in desk.fills.shares():
        assert fold(desk.fills.executions(share.owner, share.symbol)) == share.position


def held(life: OrderWorld, owner: str) -> Decimal:
    return life.account.desk.fills.position(owner, SYMBOL).signed_qty


async def test_an_entry_against_another_instances_position_is_refused_and_one_beside_it_is_not() -> None:
    life = build()
    async with life.running():
        long, other = await life.register(UID), await life.register(OTHER)
        await long.submit(entry(qty="0.030"), READY)
        await anyio.sleep(1.0)
        against = await other.submit(entry(side=Side.SELL, uid=OTHER), READY)
        beside = await other.submit(entry(120_000, uid=OTHER), READY)
        await anyio.sleep(1.0)

        assert (against.code, beside.code) == ("UNRESOLVED", "SENT")
        assert "the other side" in against.text
        assert (held(life, UID), held(life, OTHER)) == (Decimal("0.030"), Decimal("0.010"))
        sums(life)


@pytest.mark.parametrize("doubled", [True, False])
async def test_a_position_that_a_hand_reverses_is_closed_for_its_owner_and_the_rest_is_nobodys(doubled: bool) -> None:
    life = build(script=Script(events=[EventFault.NONE] * 6 + [EventFault.DOUBLED] * 20 * doubled))
    async with life.running():
        port = await entered(life, qty="0.030")
        taken(port)
        life.venue.price += 100
        life.venue.open_foreign(Decimal("-0.060"))
        await anyio.sleep(1.0)
        events = [event for event in taken(port) if isinstance(event, FillEvent)]
        assert [(event.reason, event.execution.qty, event.order_done) for event in events] == [
            ("manual", Decimal("0.030"), True)
        ]
        assert port.position().position.realised == 3
        assert (held(life, UID), held(life, FOREIGN)) == (0, Decimal("-0.030"))
        assert [halt.code for halt in life.halts.in_force()] == ["MANUAL_CLOSE"]
        sums(life)
        await life.account.strangers.close(SYMBOL, key="k")
        assert life.venue.signed() == 0
        assert (await life.account.reconcile("test")).result == "match"
        assert [each.kind for each in life.account.desk.incidents.open_ones()] == ["MANUAL_CLOSE"]


@pytest.mark.parametrize("hand", ["close", "stop", "liquidation"])
async def test_an_exit_under_way_ends_when_somebody_else_closes_the_position_first(hand: str) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.resting = True
        await port.submit(leave(), READY)
        life.venue.resting = False
        if hand == "stop":
            life.venue.hit_stop()
        else:
            life.venue.close_by_hand()
        await anyio.sleep(0.5)
        life.venue.fill_resting()
        await anyio.sleep(40.0)
        placed = len(life.venue.placed)
        await anyio.sleep(60.0)

        assert (life.venue.signed(), held(life, UID), held(life, FOREIGN)) == (0, 0, 0)
        assert len(life.venue.placed) == placed == 2
        assert life.account.desk.book.open_intents() == []
        sums(life)


async def test_a_partial_exit_beside_a_stop_that_fires_closes_no_more_than_there_is() -> None:
    life = build()
    async with life.running():
        port = await entered(life, qty="0.030")
        life.venue.resting = True
        await port.submit(replace(leave(qty="0.010"), action=Action.REDUCE), READY)
        life.venue.resting = False
        life.venue.hit_stop()
        await anyio.sleep(0.2)
        life.venue.fill_resting()
        await anyio.sleep(30.0)

        assert (life.venue.signed(), held(life, UID)) == (0, 0)
        assert sum(order.qty for order in life.venue.effects if order.reduce_only) == Decimal("0.010")
        sums(life)


async def test_funding_of_a_stamp_between_exit_and_reversal_belongs_to_the_position_it_was_charged_for() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        stamp_ms = life.world.clock.wall_ms()
        await anyio.sleep(0.5)
        await port.submit(leave(), READY)
        await anyio.sleep(0.5)
        await port.submit(entry(180_000, side=Side.SELL), READY)
        await anyio.sleep(0.5)
        taken(port)
        life.venue.pay_funding(Decimal("0.4"), at_ms=stamp_ms)
        await anyio.sleep(1.0)

        assert [event.amount_usdt for event in taken(port) if isinstance(event, FundingEvent)] == [Decimal("0.4")]
        assert port.position().position.signed_qty == Decimal("-0.010")
        assert life.halts.in_force() == []
        sums(life)


async def test_a_stop_moved_while_an_exit_is_under_way_is_no_second_exit() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.resting = True
        await port.submit(leave(), READY)
        move = replace(leave(180_000), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49900.0"))
        await port.submit(move)
        life.venue.resting = False
        life.venue.fill_resting()
        await anyio.sleep(20.0)
        reasons = [event.reason for event in taken(port) if isinstance(event, FillEvent)]

        assert reasons == ["signal", "signal"]
        assert (life.venue.signed(), life.venue.stop_of()) == (0, 0)
        sums(life)


async def test_a_panic_of_one_share_leaves_the_stop_that_covers_the_other() -> None:
    life = build()
    async with life.running():
        for uid in (UID, OTHER):
            await entered(life, uid)
        report = await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")
        await anyio.sleep(5.0)

        assert (report.exit_code, held(life, UID), held(life, OTHER)) == (0, 0, Decimal("0.010"))
        assert life.venue.cancels == []
        assert life.venue.stop_of() == Decimal("49500.0")
        assert life.account.desk.naked_seconds == {}
        sums(life)


async def test_a_delivery_ends_everybodys_share_of_its_symbol() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.open_foreign(Decimal("0.003"))
        await anyio.sleep(1.0)
        life.venue.stream_up = False
        life.venue.price -= 100
        life.venue.close_by_hand()
        life.venue.execution_rows[-1] = replace(life.venue.execution_rows[-1], exec_type="Delivery")
        life.venue.stream_up = True
        life.venue._tell(ExecutionUpdate(life.venue.execution_rows[-1], 0))
        await anyio.sleep(1.0)
        event = [event for event in taken(port) if isinstance(event, FillEvent)][-1]

        assert (held(life, UID), held(life, FOREIGN)) == (0, 0)
        assert (event.reason, event.execution.qty, port.position().position.realised) == (
            "liquidation",
            Decimal("0.010"),
            -1,
        )
        sums(life)
        await life.account.reconcile("test")  # sees that the stop went with the position
        assert (await life.account.reconcile("test")).result == "match"
        assert "BALANCE_MOVED" not in [each.kind for each in life.account.desk.incidents.open_ones()]


@pytest.mark.parametrize("part", ["0.004", "0.013"])
async def test_a_stop_that_covers_more_than_its_owners_share_closes_each_share_for_its_owner(part: str) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.open_foreign(Decimal("0.003"))
        await anyio.sleep(1.0)
        taken(port)
        position = life.venue.book[SYMBOL]
        if Decimal(part) == position.signed:
            life.venue.hit_stop()
        else:
            life.venue._close(SYMBOL, Decimal(part), position.stop, "", position.stop_order_id, "StopLoss")
        await anyio.sleep(1.0)
        events = [event for event in taken(port) if isinstance(event, FillEvent)]

        own = min(Decimal(part), Decimal("0.010"))
        assert [(event.reason, event.execution.qty) for event in events] == [("sl", own)]
        assert held(life, UID) == Decimal("0.010") - own
        assert held(life, FOREIGN) == Decimal("0.003") - (Decimal(part) - own)
        sums(life)


async def test_a_hand_closes_first_what_a_hand_opened_and_funding_is_paid_by_size() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.open_foreign(Decimal("0.030"))
        await anyio.sleep(1.0)
        taken(port)
        life.venue.pay_funding(Decimal("0.4"))
        await anyio.sleep(1.0)
        paid = [event.amount_usdt for event in taken(port) if isinstance(event, FundingEvent)]
        life.venue.open_foreign(Decimal("-0.030"))
        await anyio.sleep(1.0)

        assert paid == [Decimal("0.1")]
        assert (held(life, UID), held(life, FOREIGN), taken(port)) == (Decimal("0.010"), 0, [])
        assert life.halts.in_force() == []
        sums(life)


async def test_a_stop_of_two_instances_closes_both() -> None:
    life = build()
    async with life.running():
        ports = [await life.register(uid) for uid in (UID, OTHER)]
        for port, uid in zip(ports, (UID, OTHER), strict=True):
            await port.submit(entry(uid=uid), READY)
            await anyio.sleep(1.0)
        life.venue.hit_stop()
        await anyio.sleep(1.0)

        assert [[event.reason for event in taken(port) if isinstance(event, FillEvent)] for port in ports] == [
            ["signal", "sl"]
        ] * 2
        assert (held(life, UID), held(life, OTHER), held(life, FOREIGN)) == (0, 0, 0)
        sums(life)


async def test_an_exit_larger_than_the_venue_takes_at_once_goes_in_pieces_without_a_pause() -> None:
    life = build()
    async with life.running():
        port = await entered(life, qty="0.100")
        rules = life.account.desk.instruments[SYMBOL]
        life.account.desk.learn_rules(replace(rules, max_market_qty=Decimal("0.015")))
        await port.submit(leave(qty="0.100"), READY)
        await anyio.sleep(2.0)

        assert life.venue.signed() == 0
        assert [order.qty for order in life.venue.placed[1:]] == [Decimal("0.015")] * 6 + [Decimal("0.010")]
        assert [each.kind for each in life.account.desk.incidents.open_ones()] == ["RULES_CHANGED"]
        sums(life)


async def test_a_stop_that_outlives_its_position_is_swept_within_ten_seconds() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        stop_id = life.venue.book[SYMBOL].stop_order_id
        life.venue.book[SYMBOL].stop_order_id = ""  # the venue forgets to clear it
        await port.submit(leave(), READY)
        await anyio.sleep(9.0)

        assert life.venue.orders[stop_id].status == "Cancelled"
        assert life.halts.in_force() == []


async def test_a_refusal_by_a_limit_that_passed_our_rules_has_them_read_again() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await anyio.sleep(1.0)
        read = life.account.desk.rules_mono_s[SYMBOL]
        life.venue.script.codes = [110094]
        refused = await port.submit(entry(), READY)
        await anyio.sleep(2.0)

        assert refused.code == "REJECTED"
        assert life.account.desk.rules_mono_s[SYMBOL] > read


async def test_an_exit_that_waits_for_its_next_attempt_does_not_close_what_another_one_has_closed() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.open_foreign(Decimal("0.010"))
        await anyio.sleep(1.0)
        life.venue.script.codes = [110007]
        await port.submit(leave(), READY)
        await anyio.sleep(1.0)
        await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")
        await anyio.sleep(20.0)

        assert (held(life, UID), held(life, FOREIGN), life.venue.signed()) == (0, Decimal("0.010"), Decimal("0.010"))
        assert life.account.desk.book.open_intents() == []
        sums(life)


async def test_the_parts_of_one_execution_are_booked_together_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        for uid in (UID, OTHER):
            await entered(life, uid, settled_s=0.1)
    desk = life.account.desk
    book_one, before = desk.booking._book_one, [share.position for share in desk.fills.shares(SYMBOL)]
    assert len(before) == 2

    def fails_behind_the_first(part: Execution, source: str, owner: str) -> None:
        monkeypatch.setattr(desk.booking, "_book_one", fails)
        book_one(part, source, owner)

    def fails(*_: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(desk.booking, "_book_one", fails_behind_the_first)
    stop = replace(life.venue.execution_rows[-1], exec_id="both", side=Side.SELL, qty=Decimal("0.020"))
    with pytest.raises(RuntimeError, match="in the middle"):
        desk.booking.executed(replace(stop, link_id="", venue_order_id="s", stop_order_type="StopLoss"), "poll")
    assert not desk.fills.known("both")
    assert [share.position for share in desk.fills.shares(SYMBOL)] == before


async def test_two_orders_of_the_venue_under_one_link_id_halt_the_symbol() -> None:
    life = build()
    async with life.running():
        await entered(life)
        (link,) = [order.link_id for order in life.venue.placed]
        (first,) = [order for order in life.venue.orders.values() if order.link_id == link]
        life.account.desk.booking.order_seen(first, "poll")
        life.account.desk.publish()
        assert life.halts.in_force() == []
        life.account.desk.booking.order_seen(replace(first, venue_order_id="another"), "poll")
        life.account.desk.publish()

        (halt,) = life.halts.in_force()
        assert (halt.code, int(halt.level), halt.scope) == ("CONTRADICTION", 2, f"symbol:main/{SYMBOL}")
        assert "and order another too" in halt.text
