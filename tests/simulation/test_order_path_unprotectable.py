"""A position that cannot be protected is being closed: what is tried meanwhile, and what is left when it is over."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.ids import intent_id
from playd.core.modes import Environment
from playd.core.orders import Side
from playd.core.reply_codes import ReplyClass
from playd.orders.flattening import flatten_intent
from playd.orders.gateway import Instance
from playd.orders.halts import symbol_scope
from playd.orders.settings import OrderSettings
from playd.venues.port import Priority, Reply
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave

STOP = Decimal("49500.0")
"""Of what `entered` enters at 50000."""

SCOPE = symbol_scope("main", SYMBOL)


def told(life: OrderWorld) -> set[str]:
    return {incident.kind for incident in life.account.desk.incidents.open_ones()}


async def beyond_and_its_exit_put_off(life: OrderWorld) -> None:
    """The stop is gone, the mark is where it would have fired, and the venue takes no order for a while."""
    life.venue.script.codes = [110074] * 1_000
    life.venue.price = STOP - 100
    life.venue.remove_stop()
    await anyio.sleep(10.0)


async def test_a_market_that_comes_back_while_the_exit_is_put_off_finds_the_position_under_its_stop_again() -> None:
    life = build()
    async with life.running():
        await entered(life)
        await beyond_and_its_exit_put_off(life)
        naked = life.venue.stop_of()
        life.venue.price = STOP + 300
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(4.0)

        assert (naked, life.venue.signed(), life.venue.stop_of()) == (0, Decimal("0.010"), STOP)


async def test_a_level_that_a_person_lifts_while_the_position_is_closed_stays_lifted() -> None:
    life = build()
    async with life.running():
        await entered(life)
        await beyond_and_its_exit_put_off(life)
        raised = [halt for halt in life.halts.in_force(SCOPE) if halt.code == "UNPROTECTABLE"]
        for halt in raised:
            life.halts.lift(halt.id, by="me", note="")
        await anyio.sleep(6.0)

        assert len(raised) == 1
        assert "UNPROTECTABLE" not in {halt.code for halt in life.halts.in_force(SCOPE)}


async def test_an_exit_that_nobody_drives_keeps_no_later_position_from_being_closed() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        close = flatten_intent(
            "main", UID, SYMBOL, Side.SELL, Decimal("0.010"), price_ref=life.venue.price, cause="test", reason="test"
        )
        await life.account.exits.begin(close, Instance(UID, "", SYMBOL, 0))
        await anyio.sleep(1.0)
        left = [intent.id for intent in life.account.desk.book.open_intents()]
        await port.submit(entry(180_000), READY)
        await anyio.sleep(1.0)
        life.venue.script.refused_stops = 1_000
        life.venue.remove_stop()
        held = life.venue.signed()
        await anyio.sleep(60.0)

        assert (left, held) == ([intent_id(UID, "test", close.action, close.leg)], Decimal("0.010"))
        assert life.venue.signed() == 0
        assert life.account.desk.book.open_intents() == []


@pytest.mark.parametrize("what", ["positions", "set_stops"])
async def test_an_error_of_ours_about_one_symbol_is_told_and_ends_no_account(what: str) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        ask = getattr(life.venue, what)

        async def fails(*given: Any, **named: Any) -> Any:
            if named["priority"] is Priority.PROTECT:
                raise KeyError("a bug")
            return await ask(*given, **named)

        setattr(life.venue, what, fails)
        life.venue.remove_stop()
        await anyio.sleep(4.0)
        heard = {row["kind"] for row in life.ledger.rows("SELECT kind FROM incidents")}
        account_runs = life.account.desk.task_group is not None
        setattr(life.venue, what, ask)
        await anyio.sleep(10.0)

        assert account_runs
        assert "PROTECTION_FAILED" in heard
        assert (life.venue.signed(), life.venue.stop_of()) == (Decimal("0.010"), STOP)
        assert "PROTECTION_FAILED" not in told(life)
        assert port.position().position.signed_qty == Decimal("0.010")


async def test_a_refused_repair_of_a_stop_at_another_price_is_told_until_the_planned_one_is_seen() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.script.refused_stops = 1_000
        life.venue.book[SYMBOL].stop = STOP - 200
        life.venue.book[SYMBOL].seq += 1
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(5.0)
        during = told(life)
        life.venue.script.refused_stops = 0
        await anyio.sleep(5.0)

        assert life.venue.stop_of() == STOP
        assert "STOP_REFUSED" in during
        assert "STOP_REFUSED" not in told(life)


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_repair_that_meets_no_position_behind_an_exit_of_ours_alarms_nobody(leaves: bool) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        ask, asked = life.venue.set_stops, anyio.Event()

        async def late(*given: Any, **named: Any) -> Reply:
            asked.set()
            await anyio.sleep(0.5)
            return await ask(*given, **named)

        life.venue.set_stops = late  # type: ignore[method-assign]
        life.venue.remove_stop()
        if leaves:
            await asked.wait()
            await port.submit(leave(), READY)
        else:
            life.venue.script.refused_stops = 1  # nothing of ours has closed it
        await anyio.sleep(5.0)

        heard = {row["kind"] for row in life.ledger.rows("SELECT kind FROM incidents")}
        assert (life.venue.signed() == 0, "STOP_REFUSED" in heard) == (leaves, not leaves)


async def test_a_life_that_ended_naked_leaves_no_incident_once_its_next_one_sees_the_stop() -> None:
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), flatten_unprotectable=False))

    async def silent(symbol: str, **_: Any) -> Reply:
        return Reply(ReplyClass.DOUBT, None, "time-out")

    async with life.running():
        await entered(life)
        put, life.venue.set_stops = life.venue.set_stops, silent  # type: ignore[assignment]
        life.venue.remove_stop()
        await anyio.sleep(8.0)
        before = told(life)
    life.venue.book[SYMBOL].stop = STOP
    life.venue.book[SYMBOL].seq += 1
    life.venue.set_stops = put  # type: ignore[method-assign]
    life = life.crash()
    async with life.running():
        await anyio.sleep(2.0)

        assert before >= {"NAKED", "STOP_REFUSED"}
        assert not told(life) & {"NAKED", "STOP_REFUSED"}
