"""A stop that is moved gets to the venue whatever becomes of the answer; one for a position it does not know yet waits."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.orders import Action, Intent, IntentClass, Side, VenuePosition
from playd.core.reply_codes import ReplyClass, classify
from playd.orders.fills import FillEvent
from playd.orders.halts import Level, account_scope
from playd.orders.stops import STOP_REFUSED, STOP_UNSET
from playd.venues.port import Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave, taken
from tests.simulation.venue_script import EventFault

HIGHER = Decimal("49800.0")
LOST = Reply(ReplyClass.DOUBT, None, "time-out")


def move(stop: Decimal = HIGHER, cause: int = 120_000) -> Intent:
    return replace(leave(cause), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=stop)


def of_fill(stop: Decimal = HIGHER) -> Intent:
    """A move that no bar decided: an execution asks for it."""
    return replace(move(stop), cause="fill:x", bar_close_ms=0)


def outcome_of(life: OrderWorld, cause: str) -> str:
    intent = life.account.desk.book.intent(f"{UID}/{cause}/stop/0")
    assert intent is not None
    return intent.outcome


def answering(life: OrderWorld, monkeypatch: pytest.MonkeyPatch, *replies: Reply) -> list[Decimal]:
    """The venue takes these answers for the next moves, which have no effect; what was asked for."""
    set_stops, left, asked = life.venue.set_stops, [*replies], list[Decimal]()

    async def answer(symbol: str, **given: object) -> Reply:
        asked.append(given["stop"])  # type: ignore[arg-type]
        return left.pop(0) if left else await set_stops(symbol, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(life.venue, "set_stops", answer)
    return asked


def refusal(code: int) -> Reply:
    return Reply(classify(code), code, "no")


@pytest.mark.parametrize("reply", [LOST, refusal(10006), refusal(10016), refusal(10005), refusal(110074), refusal(110009)])
async def test_a_move_without_a_definite_answer_is_asked_for_again_until_it_is_there(
    reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        asked = answering(life, monkeypatch, reply, reply)
        verdict = await port.submit(move())
        assert verdict.code == STOP_UNSET
        await anyio.sleep(5.0)
        assert life.venue.stop_of() == HIGHER
        assert asked == [HIGHER] * 3
        intent = life.account.desk.book.intent(f"{port.position().owner}/120000/stop/0")
        assert intent is not None
        assert intent.outcome == "done"
        await anyio.sleep(60.0)
        assert len(asked) == 3


async def test_a_move_whose_answer_was_lost_behind_its_effect_is_seen_and_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        set_stops, asked = life.venue.set_stops, list[str]()

        async def lose(symbol: str, **given: object) -> Reply:
            asked.append(symbol)
            await set_stops(symbol, **given)  # type: ignore[arg-type]
            return LOST

        monkeypatch.setattr(life.venue, "set_stops", lose)
        assert (await port.submit(move())).code == STOP_UNSET
        await anyio.sleep(30.0)
        assert (asked, life.venue.stop_of()) == ([SYMBOL], HIGHER)


async def test_a_later_move_takes_the_place_of_one_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        asked = answering(life, monkeypatch, LOST)
        await port.submit(move())
        later = HIGHER + 50
        await port.submit(move(later, 180_000))
        await anyio.sleep(60.0)
        assert (asked, life.venue.stop_of()) == ([HIGHER, later], later)


async def test_a_move_in_doubt_ends_with_its_position_and_sends_nothing_under_a_freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        asked = answering(life, monkeypatch, *[LOST] * 100)
        await port.submit(move())
        halt = life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "hands off", actor="me")
        await anyio.sleep(30.0)
        assert len(asked) == 1
        life.halts.lift(halt.id, by="me", note="looked")
        await anyio.sleep(6.0)
        assert len(asked) > 1
        life.venue.hit_stop()
        await anyio.sleep(6.0)
        done = len(asked)
        await anyio.sleep(60.0)
        assert len(asked) == done
        assert life.account.desk.book.open_intents() == []


async def test_a_refused_key_that_a_moved_stop_meets_halts_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        answering(life, monkeypatch, refusal(10003))
        await port.submit(move())
        assert [(halt.scope, int(halt.level)) for halt in life.halts.in_force()] == [(account_scope("main"), 2)]
        assert life.account.desk.condition.refused


@pytest.mark.parametrize(("hidden", "code"), [(2, "AMENDED"), (0, STOP_REFUSED)])
async def test_levels_of_a_fill_wait_for_a_position_that_the_venue_does_not_know_yet(
    hidden: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        asked = answering(life, monkeypatch, *[refusal(10001)] * max(1, hidden))
        positions, unseen = life.venue.positions, [hidden]

        async def late(symbol: str | None = None, **given: object) -> list[VenuePosition]:
            unseen[0] -= 1
            return [] if unseen[0] >= 0 else [*await positions(symbol, **given)]  # type: ignore[arg-type]

        monkeypatch.setattr(life.venue, "positions", late)
        assert (await port.submit(of_fill())).code == code
        assert asked == [HIGHER] * (hidden + 1)


async def test_a_move_that_meets_a_position_just_closed_waits_no_longer_than_its_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.script.events = [EventFault.LOST] * 9
        life.venue.hit_stop()
        began_s = life.account.desk.clock.mono_s()
        asked = answering(life, monkeypatch)
        async with anyio.create_task_group() as group:
            group.start_soon(port.submit, move())
            await anyio.sleep(0.05)
            await life.account.catch_up.run()
        assert life.account.desk.clock.mono_s() - began_s < 0.5
        assert asked == [HIGHER]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_levels_refused_because_the_position_closed_are_not_those_of_the_next_one(side: Side) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.hit_stop()
        assert (await port.submit(of_fill())).code == "FLAT"
        await anyio.sleep(2.0)
        flat = port.position()
        assert (flat.position.side, flat.stop) == (None, None)
        stop = Decimal("49900.0") if side is Side.BUY else Decimal("50100.0")
        await port.submit(replace(entry(180_000, side=side), stop=stop), READY)
        await anyio.sleep(6.0)
        assert (port.position().stop, life.venue.stop_of()) == (stop, stop)
        assert life.halts.in_force() == []


async def test_a_stop_left_on_a_flat_share_gives_way_to_that_of_the_next_entry() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.hit_stop()
        await anyio.sleep(1.0)
        life.account.desk.fills.set_protection(UID, SYMBOL, stop=HIGHER, target=None)
        await port.submit(entry(180_000), READY)
        await anyio.sleep(6.0)
        planned = entry().stop
        assert (port.position().stop, life.venue.stop_of()) == (planned, planned)


async def test_a_second_part_of_an_entry_leaves_a_stop_that_was_moved_meanwhile() -> None:
    life = build()
    async with life.running():
        life.venue.resting = True
        port = await life.register()
        await port.submit(entry(), READY)
        life.venue.fill_part(Decimal("0.004"))
        await anyio.sleep(0.5)
        assert (await port.submit(of_fill())).code == "AMENDED"
        life.venue.fill_part(Decimal("0.006"))
        await anyio.sleep(6.0)
        assert (port.position().stop, life.venue.stop_of()) == (HIGHER, HIGHER)


async def test_refused_levels_of_a_fill_take_no_later_move_back(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        set_stops, calls = life.venue.set_stops, list[str]()

        async def slow_no(symbol: str, **given: object) -> Reply:
            calls.append(symbol)
            if len(calls) > 1:
                return await set_stops(symbol, **given)  # type: ignore[arg-type]
            await anyio.sleep(0.3)
            return refusal(110092)

        monkeypatch.setattr(life.venue, "set_stops", slow_no)
        async with anyio.create_task_group() as group:
            group.start_soon(port.submit, of_fill(Decimal("49950.0")))
            await anyio.sleep(0.1)
            assert (await port.submit(move(HIGHER, 180_000))).code == "AMENDED"
        await anyio.sleep(8.0)
        assert (port.position().stop, life.venue.stop_of()) == (HIGHER, HIGHER)
        assert outcome_of(life, "fill:x") == "replaced"


async def test_levels_of_a_fill_that_are_refused_when_asked_for_again_close_the_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        asked = answering(life, monkeypatch, LOST, *[refusal(10001)] * 100)
        assert (await port.submit(of_fill())).code == STOP_UNSET
        await anyio.sleep(30.0)
        assert (asked, outcome_of(life, "fill:x")) == ([HIGHER] * 2, "refused")
        assert (life.venue.signed(), port.position().position.side) == (Decimal(0), None)
        events = [event for event in taken(port) if isinstance(event, FillEvent)]
        assert [(event.action, event.reason) for event in events[1:]] == [(Action.FLATTEN, "sl")]


async def test_a_move_behind_a_ban_does_not_reach_the_position_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        set_stops, verdicts = life.venue.set_stops, list[str]()

        async def banned(symbol: str, **given: object) -> Reply:
            await anyio.sleep(60.0)
            return await set_stops(symbol, **given)  # type: ignore[arg-type]

        async def ask() -> None:
            verdicts.append((await port.submit(move())).code)

        monkeypatch.setattr(life.venue, "set_stops", banned)
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await anyio.sleep(1.0)
            life.venue.hit_stop()
            await anyio.sleep(5.0)
            life.venue.open_foreign(Decimal("0.010"))
            before = life.venue.stop_of()
            await anyio.sleep(100.0)
        assert (life.venue.stop_of(), verdicts, outcome_of(life, "120000")) == (before, ["FLAT"], "replaced")


async def test_a_move_whose_instance_stops_while_the_venue_does_not_know_its_position_is_brought_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        answering(life, monkeypatch, refusal(10001))
        positions, hidden = life.venue.positions, [True]

        async def late(symbol: str | None = None, **given: object) -> list[VenuePosition]:
            return [] if hidden else [*await positions(symbol, **given)]  # type: ignore[arg-type]

        monkeypatch.setattr(life.venue, "positions", late)
        async with anyio.create_task_group() as group:
            group.start_soon(port.submit, of_fill())
            await anyio.sleep(0.05)
            group.cancel_scope.cancel()
        hidden.clear()
        assert (await port.submit(of_fill())).code == "AMENDED"
        await anyio.sleep(10.0)
        assert (life.venue.stop_of(), outcome_of(life, "fill:x")) == (HIGHER, "done")


@pytest.mark.parametrize("asks", ["stop", "cancel"])
async def test_an_instance_that_is_stopped_waits_for_no_ban_that_its_move_or_its_cancel_waits_for(asks: str) -> None:
    life = build()
    async with life.running():
        if asks == "stop":
            port = await entered(life)
        else:
            port, life.venue.resting = await life.register(), True
            await port.submit(replace(entry(), order_type="Limit", price=Decimal(50_000), time_in_force="GTC"), READY)

        async def banned() -> None:
            await anyio.sleep(max(0.0, 600.0 - life.world.clock.mono_s()))

        for name in ("set_stops", "cancel"):
            call = getattr(life.venue, name)

            async def waits(*given: object, _call: Any = call, **more: object) -> Reply:
                await banned()
                return await _call(*given, **more)

            setattr(life.venue, name, waits)
        wanted = move() if asks == "stop" else replace(leave(), action=Action.CANCEL, intent_class=IntentClass.CANCEL)
        with anyio.fail_after(10.0):
            async with anyio.create_task_group() as instance:
                instance.start_soon(port.submit, wanted)
                await anyio.sleep(1.0)
                instance.cancel_scope.cancel()
        await anyio.sleep(700.0)
        assert asks == "cancel" or life.venue.stop_of() == move().stop
        assert asks == "stop" or [order.status for order in life.venue.orders.values()] == ["Cancelled"]
        assert life.account.desk.book.open_intents() == []


async def test_a_stop_order_bears_the_price_that_the_venue_states_now() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=1.0)
        stop = life.venue.orders[life.venue.book[SYMBOL].stop_order_id]
        moved = replace(stop, trigger_price=Decimal("49800.0"), updated_ms=stop.updated_ms + 1)
        unstated = replace(moved, trigger_price=Decimal(0), updated_ms=moved.updated_ms + 1)
        found = []
        for told in (stop, moved, unstated, stop):
            life.account.desk.booking.order_seen(told, "stream")
            found += [row.trigger for row in life.account.desk.book.live(SYMBOL) if row.protective]
        assert found == [Decimal("49500.0"), *[Decimal("49800.0")] * 3]
