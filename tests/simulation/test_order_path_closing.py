"""A person closes a part of a position: reduce-only, under its stop, once per command, and nothing is halted by it."""

from decimal import Decimal

import anyio
import pytest

from playd.orders.closing import _pieces
from playd.orders.fills import FillEvent
from playd.orders.halts import Level, account_scope
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, OrderWorld, build, entry, taken
from tests.virtual_time import in_virtual_time


async def closed(life: OrderWorld, pct: str, key: str) -> tuple[Decimal, Decimal, bool, str]:
    (found,) = await life.account.closing.close(SYMBOL, Decimal(pct), key=key)
    await anyio.sleep(0.1)
    return found.before, found.after, found.is_done, found.refused


def test_a_part_is_closed_once_and_what_is_left_keeps_its_stop() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            await port.submit(entry(), READY)
            await anyio.sleep(0.1)

            assert await closed(life, "35", "k1") == (Decimal("0.010"), Decimal("0.007"), True, "")
            assert (life.venue.signed(), life.account.views.positions()[0].protected) == (Decimal("0.007"), True)
            assert "stored with other parameters" in (await closed(life, "35", "k1"))[3]
            assert life.venue.signed() == Decimal("0.007"), "one command, one order"
            assert await closed(life, "0.1", "k2") == (Decimal("0.007"), Decimal("0.006"), True, ""), "at least one step"
            assert life.halts.in_force() == []
            assert (await closed(life, "100", "k3"))[1] == life.venue.signed() == 0
            fills = [event for event in taken(port) if isinstance(event, FillEvent)]
            assert [event.reason for event in fills[1:]] == ["closed by hand"] * 3, "its instance hears of it"

    in_virtual_time(body)


def test_a_freeze_keeps_it_from_being_sent_and_says_so() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            await port.submit(entry(), READY)
            await anyio.sleep(0.1)
            life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "look", actor="me")

            _, after, done, refused = await closed(life, "100", "k1")
            assert (after, done, "frozen" in refused) == (Decimal("0.010"), False, True)
            assert life.venue.signed() == Decimal("0.010")

    in_virtual_time(body)


def test_what_others_hold_is_not_touched() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            life.venue.open_foreign(Decimal("0.5"))
            await life.account.reconcile("test")
            assert await life.account.closing.close(SYMBOL, Decimal(100), key="k1") == []
            assert life.venue.signed() == Decimal("0.5")

    in_virtual_time(body)


@pytest.mark.parametrize(("qty", "pieces"), [("3", ["3"]), ("10", ["5", "5"]), ("11", ["5", "5", "1"])])
def test_a_quantity_is_cut_into_orders_that_the_venue_takes(qty: str, pieces: list[str]) -> None:
    assert _pieces(Decimal(qty), Decimal(5)) == [Decimal(piece) for piece in pieces]
