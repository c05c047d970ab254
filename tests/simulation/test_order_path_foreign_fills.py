"""What an order of somebody else executed before this ledger began stands in the baseline, and is booked no second time."""

from decimal import Decimal

import anyio
import pytest

from playd.core.orders import OrderState
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import build


@pytest.mark.parametrize("link", ["hand", ""])
async def test_an_order_of_others_that_was_partly_filled_before_the_first_start_is_counted_once(link: str) -> None:
    life = build()
    life.venue.by_hand(link, price=50_000)
    life.venue.fill_part(Decimal("0.004"))
    async with life.running():
        await life.register()
        book, fills = life.account.desk.book, life.account.desk.fills
        await anyio.sleep(10.0)
        for _ in range(2):
            await life.account.reconcile("test")
        early = fills.net(SYMBOL), life.halts.in_force()
        (row,) = book.orphans(SYMBOL)
        life.venue.fill_part(Decimal("0.006"))
        await anyio.sleep(10.0)
        await life.account.reconcile("test")

        assert early == (Decimal("0.004"), [])
        assert fills.net(SYMBOL) == life.venue.signed() == Decimal("0.010")
        assert (book.need(row.link_id).state, book.orphans(SYMBOL)) == (OrderState.FILLED, [])
        assert life.halts.in_force() == []
