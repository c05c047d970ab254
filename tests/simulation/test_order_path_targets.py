"""A target that rests is there once, as large as the share, through lost replies, hands, exits, deaths; the stop stays."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import Action, Intent, IntentClass, OrderState, Side, VenueOrder
from playd.core.reply_codes import ReplyClass
from playd.orders.fills import FillEvent
from playd.orders.halts import Level, account_scope
from playd.orders.instance_port import InstancePort
from playd.orders.panic import PanicScope
from playd.venues.port import Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import FOLLOWED, READY, UID, OrderWorld, build, entry, leave, taken
from tests.simulation.venue_script import EventFault, WriteFault

PRICE = Decimal("51000.0")


def target(price: Decimal = PRICE, qty: str = "0.010", cause: str = "one") -> Intent:
    return replace(
        leave(0, qty=qty),
        cause=f"target:{cause}:{price}:{qty}",
        action=Action.TARGET,
        target=price,
        price=price,
        order_type="Limit",
        time_in_force="GTC",
        reason="tp",
    )


async def holding(life: OrderWorld, qty: str = "0.010") -> InstancePort:
    """An instance that has just bought."""
    port = await life.register()
    assert (await port.submit(entry(qty=qty), READY)).code == "SENT"
    await anyio.sleep(0.1)
    return port


def working(life: OrderWorld) -> list[VenueOrder]:
    """Limits that rest at the venue."""
    return [order for order in life.venue.orders.values() if order.status == "New" and order.order_type == "Limit"]


def resting(life: OrderWorld) -> list[tuple[Decimal, Decimal]]:
    return [(order.price, order.qty) for order in working(life)]


def outcome(life: OrderWorld, intent: Intent) -> str:
    stored = life.account.desk.book.intent(f"{UID}/{intent.cause}/{intent.action}/{intent.leg}")
    assert stored is not None
    return stored.outcome


def fill_target(life: OrderWorld) -> None:
    life.venue.price = PRICE
    life.venue.fill_resting()


def open_incidents(life: OrderWorld) -> list[str]:
    return [incident.kind for incident in life.account.desk.incidents.open_ones()]


@pytest.mark.parametrize("fault", [WriteFault.NONE, WriteFault.LOST_BEFORE, WriteFault.LOST_AFTER, WriteFault.THROTTLED])
async def test_the_target_rests_once_beside_the_stop_whatever_becomes_of_the_reply(fault: WriteFault) -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        life.venue.script.writes = [fault]
        life.venue.script.events = [EventFault.LOST] * (fault is not WriteFault.NONE)
        assert (await port.submit(target())).code == "SENT"
        await anyio.sleep(10.0)
        assert resting(life) == [(PRICE, Decimal("0.010"))]
        assert life.venue.stop_of() == entry().stop

        fill_target(life)
        await anyio.sleep(1.0)
        assert [(each.action, each.reason) for each in taken(port) if isinstance(each, FillEvent)][1:] == [
            (Action.TARGET, "tp")
        ]
        assert not life.venue.signed()
        assert not port.position().position.signed_qty
        assert outcome(life, target()) == "flat"
        assert len([order for order in life.venue.effects if order.order_type == "Limit"]) == 1
        assert open_incidents(life) == []


async def test_a_target_that_a_hand_cancels_is_put_back_and_told() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        life.venue._take_back(working(life)[0].link_id, "")
        await anyio.sleep(1.0)
        assert (resting(life), open_incidents(life)) == ([], ["TARGET_LOST"])
        await anyio.sleep(3.0)
        assert (resting(life), open_incidents(life)) == ([(PRICE, Decimal("0.010"))], [])


async def test_a_target_that_a_person_takes_back_stays_away() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        row = next(row for row in life.account.desk.book.live(SYMBOL) if row.action is Action.TARGET)
        assert (await life.account.cancel_order(row, 5.0)).state is OrderState.CANCELLED
        assert (await port.submit(target())).code == "SENT"  # asked for once more after a restart
        await anyio.sleep(100.0)
        assert (resting(life), open_incidents(life), outcome(life, target())) == ([], [], "withdrawn")
        assert life.venue.stop_of() == entry().stop


@pytest.mark.parametrize("fault", [WriteFault.NONE, WriteFault.LOST_BEFORE])
async def test_the_target_makes_way_before_all_of_the_share_is_closed(fault: WriteFault) -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        life.venue.script.cancels = [fault]
        gone_first: list[bool] = []
        life.venue.before_place = lambda _order: gone_first.append(not working(life))
        life.venue.resting = True  # the exit waits for the next open
        await port.submit(leave())
        await anyio.sleep(20.0)
        assert gone_first == [fault is WriteFault.NONE]  # it waits for half a second and no longer
        assert working(life) == []  # nor does it come back while the exit works
        life.venue.fill_resting()
        await anyio.sleep(1.0)
        assert not life.venue.signed()
        assert (outcome(life, target()), outcome(life, leave())) == ("flat", "filled")


async def test_an_exit_of_a_part_leaves_the_rest_its_target() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        await port.submit(leave(qty="0.004"))
        await anyio.sleep(5.0)
        assert resting(life) == [(PRICE, Decimal("0.006"))]
        fill_target(life)
        await anyio.sleep(1.0)
        row = life.account.desk.book.of_intent(f"{UID}/{target().cause}/target/0")[0]
        assert (row.state, row.qty, row.cum_qty) == (OrderState.FILLED, Decimal("0.006"), Decimal("0.006"))
        assert not life.venue.signed()
        assert open_incidents(life) == []


async def test_more_of_the_share_and_another_price_have_what_is_missing_and_nothing_twice() -> None:
    life = build()
    async with life.running():
        life.venue.resting = True
        port = await holding(life, "0.015")
        life.venue.fill_part(Decimal("0.010"))
        await anyio.sleep(0.1)
        await port.submit(target(qty="0.010"))
        life.venue.fill_part(Decimal("0.005"))
        await anyio.sleep(0.1)
        await port.submit(target(qty="0.015"))
        assert sorted(resting(life)) == [(PRICE, Decimal("0.005")), (PRICE, Decimal("0.010"))]
        await port.submit(target(PRICE + 10, qty="0.015"))
        await anyio.sleep(3.0)
        assert resting(life) == [(PRICE + 10, Decimal("0.015"))]
        assert outcome(life, target(qty="0.015")) == "replaced"


async def test_a_death_with_the_target_in_doubt_leaves_one_target() -> None:
    first = build()
    async with first.running():
        port = await holding(first)
        first.venue.script.writes = [WriteFault.LOST_BEFORE]
        await port.submit(target())
    second = first.crash()
    assert resting(second) == []
    async with second.running():
        await anyio.sleep(5.0)
        assert resting(second) == [(PRICE, Decimal("0.010"))]
        second.venue.hit_stop()
        await anyio.sleep(5.0)
        assert (resting(second), outcome(second, target())) == ([], "flat")


async def test_a_panic_takes_the_target_along() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        report = await life.account.panic(PanicScope(), actor="test", reason="test")
        await anyio.sleep(5.0)
        assert (report.exit_code, resting(life)) == (0, [])
        assert not life.venue.signed()


@pytest.mark.parametrize(("level", "rests"), [(Level.HALT, True), (Level.CANCEL, False)])
async def test_a_level_of_cancel_takes_the_target_along_until_it_is_lifted(level: Level, rests: bool) -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        there = resting(life)
        halt = life.halts.raise_level(account_scope("main"), level, "OPERATOR", "looking", actor="me")
        await anyio.sleep(10.0)
        assert resting(life) == (there if rests else [])
        assert life.venue.stop_of()
        life.halts.lift(halt.id, by="me", note="looked")
        await anyio.sleep(10.0)
        assert (resting(life), open_incidents(life)) == (there, [])


async def test_a_target_of_ours_never_closes_what_somebody_else_holds() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        life.venue.open_foreign(Decimal("0.010"))
        await anyio.sleep(1.0)
        await port.submit(leave(qty="0.004"))
        await anyio.sleep(5.0)
        # The venue holds 0.016 and would have left the target as it was: ours is 0.006 of it.
        assert resting(life) == [(PRICE, Decimal("0.006"))]


async def test_without_a_position_nothing_rests() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        assert (await port.submit(target())).code == "FLAT"
        assert life.venue.placed == []
        assert target().intent_class is IntentClass.EXIT
        assert target().side is Side.SELL


async def test_a_target_that_a_hand_moves_goes_back_to_its_price() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        life.venue._report(replace(working(life)[0], price=PRICE + 500))
        await anyio.sleep(3.0)
        assert resting(life) == [(PRICE, Decimal("0.010"))]


async def test_a_cancel_that_hangs_is_driven_on_when_the_exit_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        cancel = life.venue.cancel

        async def hang(symbol: str, **_named: object) -> Reply:
            monkeypatch.setattr(life.venue, "cancel", cancel)
            await anyio.sleep(5.0)
            return Reply(ReplyClass.DOUBT, None, "time-out")

        monkeypatch.setattr(life.venue, "cancel", hang)
        life.venue.resting = True  # the exit waits for the next open
        await port.submit(leave())
        await anyio.sleep(20.0)
        assert working(life) == []


@pytest.mark.parametrize("in_doubt", [False, True])
async def test_what_the_venue_puts_off_is_not_sent_under_a_freeze(in_doubt: bool) -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        life.venue.script.writes = [WriteFault.LOST_BEFORE] * in_doubt + [WriteFault.THROTTLED] * 100
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(port.submit, target())
            await anyio.sleep(5.0 if in_doubt else 0.1)
            life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "hands off", actor="me")
            sent = len(life.venue.placed)
            await anyio.sleep(5.0)
        assert len(life.venue.placed) == sent


async def test_less_than_the_venue_takes_is_not_asked_for() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        rules = life.account.desk.instrument(SYMBOL)
        life.account.desk.instruments[SYMBOL] = replace(rules, min_qty=Decimal("0.020"))
        before = len(life.budget.taken)
        assert (await port.submit(target())).code == "SENT"
        await anyio.sleep(3.0)
        assert life.budget.taken[before:] == []
        life.account.desk.instruments[SYMBOL] = rules
        await anyio.sleep(1.0)
        assert resting(life) == [(PRICE, Decimal("0.010"))]


@pytest.mark.parametrize("meanwhile", [target(PRICE + 10), leave()])
async def test_a_target_is_judged_again_behind_the_wait_for_its_token(meanwhile: Intent) -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        life.budget.wait_s = 1.0
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(port.submit, target())
            await anyio.sleep(0.1)
            task_group.start_soon(port.submit, meanwhile)
        await anyio.sleep(5.0)
        assert [order.price for order in life.venue.placed[1:]] == [meanwhile.price]


async def test_a_position_with_a_target_attached_has_none_resting_beside_it() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(replace(entry(), target=PRICE), READY)
        await anyio.sleep(0.1)
    life = life.crash()
    async with life.running():
        port = await life.register()
        assert (await port.submit(target())).code == "AMENDED"
        await anyio.sleep(3.0)
        assert (resting(life), life.account.desk.book.open_intents()) == ([], [])


async def test_what_an_earlier_life_has_told_of_a_target_is_not_told_again() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        await port.submit(target())
        life.venue._take_back(working(life)[0].link_id, "")
        await anyio.sleep(4.0)
    life = life.crash()
    async with life.running():
        await anyio.sleep(4.0)
        assert resting(life) == [(PRICE, Decimal("0.010"))]
        told = life.ledger.rows("SELECT count FROM incidents WHERE kind = 'TARGET_LOST'")
        assert [row["count"] for row in told] == [1]


def numbers(life: OrderWorld) -> list[tuple[int, int, str]]:
    """(leg, attempt, state) of every order of a target."""
    sql = (
        "SELECT i.leg, o.attempt, o.state FROM orders o JOIN intents i ON i.id = o.intent WHERE i.action = 'target'"
        " ORDER BY i.leg, o.attempt"
    )
    return [tuple(row) for row in life.ledger.rows(sql)]


async def test_what_is_held_beside_a_working_target_is_an_intent_of_its_own_in_the_next_life_too() -> None:
    life = build()
    async with life.running():
        life.venue.resting = True
        port = await holding(life, "0.015")
        life.venue.fill_part(Decimal("0.010"))
        await anyio.sleep(0.1)
        await port.submit(target(qty="0.010"))
        life.venue.fill_part(Decimal("0.005"))
        await anyio.sleep(2.0)
        assert numbers(life) == [(0, 0, "OPEN"), (1, 0, "OPEN")]
        assert life.ledger.rows(FOLLOWED) == []
    life = life.crash()
    async with life.running():
        await anyio.sleep(2.0)
        small = next(order for order in working(life) if order.qty == Decimal("0.005"))
        life.venue._take_back(small.link_id, "")
        await anyio.sleep(5.0)
        assert numbers(life) == [(0, 0, "OPEN"), (1, 0, "CANCELLED"), (1, 1, "OPEN")]
        assert sorted(resting(life)) == [(PRICE, Decimal("0.005")), (PRICE, Decimal("0.010"))]
        assert open_incidents(life) == []
        fill_target(life)
        await anyio.sleep(5.0)
        assert not life.venue.signed()
        assert {row["outcome"] for row in life.ledger.rows("SELECT outcome FROM intents WHERE action = 'target'")} == {"flat"}


async def test_a_target_larger_than_one_order_may_be_has_as_many_as_it_takes() -> None:
    life = build()
    async with life.running():
        port = await holding(life)
        rules = life.account.desk.instrument(SYMBOL)
        life.account.desk.instruments[SYMBOL] = replace(rules, max_qty=Decimal("0.004"))
        await port.submit(target())
        await anyio.sleep(5.0)
        assert numbers(life) == [(leg, 0, "OPEN") for leg in range(3)]
        assert sorted(qty for _, qty in resting(life)) == [Decimal("0.002"), Decimal("0.004"), Decimal("0.004")]
        row = next(row for row in life.account.desk.book.live(SYMBOL) if row.action is Action.TARGET)
        await life.account.cancel_order(row, 5.0)
        await anyio.sleep(10.0)
        outcomes = life.ledger.rows("SELECT outcome FROM intents WHERE action = 'target'")
        assert {each["outcome"] for each in outcomes} == {"withdrawn"}
