"""A venue that lets one symbol wait, or everybody: no other position and no clock waits with it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.orders import Action, IntentClass
from playd.core.reply_codes import ReplyClass, classify
from playd.orders.halts import Level, symbol_scope
from playd.venues.port import Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry
from tests.simulation.venue_script import EventFault, WriteFault

OTHER, OTHER_UID = "ETHUSDT", "wxyz2345"
STOP = Decimal("49500.0")
"""Of what `entry` enters at 50000."""

BAN_S = 600.0


async def two_positions(life: OrderWorld) -> None:
    await entered(life)
    port = await life.register(OTHER_UID, symbol=OTHER)
    await port.submit(entry(uid=OTHER_UID, symbol=OTHER), READY)
    await anyio.sleep(1.0)


def no_stop_for(life: OrderWorld, symbol: str) -> None:
    """The venue takes no stop for this symbol from now on."""
    put = life.venue.set_stops

    async def refusing(asked: str, **given: Any) -> Reply:
        return Reply(classify(10001), 10001, "no") if asked == symbol else await put(asked, **given)

    life.venue.set_stops = refusing  # type: ignore[method-assign, assignment]


def silence(life: OrderWorld, for_s: float = BAN_S) -> None:
    """Every read and every stop waits from now on, as for the end of a ban; behind that all is answered at once."""
    end_s = life.world.clock.mono_s() + for_s

    async def waiting(*_: Any, **__: Any) -> Any:
        await anyio.sleep(max(0.0, end_s - life.world.clock.mono_s()))
        return Reply(ReplyClass.DOUBT, None, "time-out")

    life.venue._read = waiting  # type: ignore[method-assign]
    life.venue.set_stops = waiting  # type: ignore[method-assign]


def levels(life: OrderWorld, symbol: str) -> dict[str, Level]:
    return {halt.code: halt.level for halt in life.halts.in_force(symbol_scope("main", symbol))}


def kinds(life: OrderWorld) -> set[str]:
    return {incident.kind for incident in life.account.desk.incidents.open_ones()}


async def test_an_emergency_close_that_the_venue_puts_off_keeps_no_other_position_from_its_stop() -> None:
    life = build()
    async with life.running():
        await two_positions(life)
        no_stop_for(life, SYMBOL)
        life.venue.script.writes = [WriteFault.THROTTLED] * 10_000
        life.venue.remove_stop(SYMBOL)
        await anyio.sleep(40.0)
        put_off, life.venue.placed = len(life.venue.placed), []
        life.venue.remove_stop(OTHER)
        await anyio.sleep(4.0)

        assert put_off > 10
        assert life.venue.stop_of(OTHER) == STOP
        life.venue.script.writes = []
        await anyio.sleep(10.0)
        assert (life.venue.signed(SYMBOL), life.venue.signed(OTHER)) == (0, Decimal("0.010"))


async def test_an_emergency_close_that_the_venue_puts_off_is_sent_once_and_leaves_the_stop_to_be_tried() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.script.writes = [WriteFault.THROTTLED] * 10_000
        life.venue.price = STOP - 100
        life.venue.remove_stop()
        await anyio.sleep(10.0)
        naked = life.venue.stop_of()
        life.venue.price = STOP + 300
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(4.0)

        assert (naked, life.venue.signed(), life.venue.stop_of()) == (0, Decimal("0.010"), STOP)
        assert len({order.link_id for order in life.venue.placed if order.reduce_only}) == 1


async def test_a_start_does_not_wait_for_an_emergency_close_that_the_venue_puts_off() -> None:
    life = build()
    async with life.running():
        await entered(life)
    life.venue.script.writes = [WriteFault.THROTTLED] * 10_000
    life.venue.price, life.venue.book[SYMBOL].stop = STOP - 100, Decimal(0)
    life = life.crash()
    with anyio.fail_after(30.0):
        async with life.running():
            put_off = len(life.venue.placed)
            life.venue.script.writes = []
            await anyio.sleep(10.0)
    assert put_off > 10
    assert life.venue.signed() == 0
    assert len({order.link_id for order in life.venue.effects if order.reduce_only}) == 1


async def test_while_nothing_is_answered_a_position_without_a_stop_halts_its_symbol_in_its_time() -> None:
    life = build()
    async with life.running():
        await two_positions(life)
        silence(life)
        for symbol in (SYMBOL, OTHER):
            life.venue.remove_stop(symbol)
        await anyio.sleep(6.0)

        assert [levels(life, symbol).get("NAKED") for symbol in (SYMBOL, OTHER)] == [Level.HALT] * 2
        assert "NAKED" in kinds(life)


async def test_while_nothing_is_answered_a_fill_is_unverified_after_ten_seconds() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.script.events = [EventFault.LOST] * 100
        await port.submit(entry(), READY)
        silence(life)
        await anyio.sleep(9.0)
        early = levels(life, SYMBOL).get("FILL_CHECK")
        await anyio.sleep(2.0)

        assert (early, levels(life, SYMBOL).get("FILL_CHECK")) == (None, Level.HALT)
        assert life.ledger.rows("SELECT DISTINCT result FROM fill_checks")[0]["result"] == "blind"


@pytest.mark.parametrize("ban_s", [BAN_S, 9.5])
async def test_a_ban_makes_no_fill_a_mismatch_before_its_end_has_let_somebody_look(ban_s: float) -> None:
    """Also where it ended a moment before the time of the check, and what had waited for that is answered behind it."""
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.script.events = [EventFault.LOST] * 100
        await port.submit(entry(), READY)
        silence(life, ban_s + 1.0)
        began_s, life.budget.ban_s = life.world.clock.mono_s(), ban_s
        await anyio.sleep(ban_s - 1.0)
        assert life.account.protection.open_check(SYMBOL)
        await anyio.sleep(began_s + ban_s - life.world.clock.mono_s())
        life.budget.ban_s = 0.0
        await anyio.sleep(10.0)

        assert "FILL_CHECK" not in levels(life, SYMBOL)
        assert life.ledger.rows("SELECT DISTINCT result FROM fill_checks")[0]["result"] == "late"


def in_a_queue(ask: Callable[..., Awaitable[Reply]]) -> Callable[..., Awaitable[Reply]]:
    """The request, which waits a minute for its turn before anything of it leaves."""

    async def waits(*given: Any, **named: Any) -> Reply:
        await anyio.sleep(60.0)
        return await ask(*given, **named)

    return waits


async def test_a_stop_that_waits_for_its_turn_is_not_set_under_the_freeze_that_comes_meanwhile() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.set_stops = in_a_queue(life.venue.set_stops)  # type: ignore[method-assign, assignment]
        life.venue.remove_stop()
        await anyio.sleep(10.0)
        life.halts.raise_level(symbol_scope("main", SYMBOL), Level.FREEZE, "OPERATOR", "mine now", actor="me")
        await anyio.sleep(120.0)

        assert life.venue.stop_of() == 0
        assert "STOP_REFUSED" not in kinds(life)


async def test_a_moved_stop_and_a_cancel_that_wait_for_their_turn_do_not_leave_under_a_freeze() -> None:
    life = build()
    async with life.running(), anyio.create_task_group() as group:
        port = await entered(life)
        life.venue.resting = True
        await port.submit(entry(120_000), READY)
        life.venue.set_stops = in_a_queue(life.venue.set_stops)  # type: ignore[method-assign, assignment]
        life.venue.cancel = in_a_queue(life.venue.cancel)  # type: ignore[method-assign, assignment]
        move = replace(entry(180_000), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=STOP + 100)
        group.start_soon(port.submit, move, READY)
        group.start_soon(lambda: life.account.cancel_entries(instance_uid=UID))
        await anyio.sleep(5.0)
        life.halts.raise_level(symbol_scope("main", SYMBOL), Level.FREEZE, "OPERATOR", "mine now", actor="me")
        await anyio.sleep(120.0)

        assert life.venue.stop_of() == STOP
        assert life.venue.cancels == []
        group.cancel_scope.cancel()
