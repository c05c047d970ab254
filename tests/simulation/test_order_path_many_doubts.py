"""Many orders in doubt at once are asked about beside each other: none of them waits for all the others."""

from decimal import Decimal

import anyio
import pytest

from playd.core.orders import OrderState
from tests.simulation.order_world import READY, OrderWorld, build, entry
from tests.simulation.venue_script import WriteFault
from tests.virtual_time import in_virtual_time

ORDERS = 60
READ_S = 0.15
"""A distant venue's time for one answer."""

ENDED_WITHIN_S = 75.0


async def test_sixty_entries_whose_answers_were_lost_end_in_time() -> None:
    life = build()
    async with life.running():
        venue, uids = life.venue, [f"ab{n:02d}cdef" for n in range(ORDERS)]
        ports = {uid: await life.register(uid, symbol=f"COIN{n}USDT") for n, uid in enumerate(uids)}
        read = venue._read

        async def slow() -> None:
            await anyio.sleep(READ_S)
            await read()

        venue._read = slow  # type: ignore[method-assign]
        venue.script.writes = [WriteFault.LOST_BEFORE] * ORDERS
        async with anyio.create_task_group() as group:
            for n, (uid, port) in enumerate(ports.items()):
                group.start_soon(port.submit, entry(uid=uid, symbol=f"COIN{n}USDT"), READY)
        book = life.account.desk.book
        assert {row.state for row in book.live()} == {OrderState.UNKNOWN}
        await anyio.sleep(ENDED_WITHIN_S)
        assert [row.link_id for row in book.live()] == []
        assert len(venue.placed) == ORDERS
        assert venue.signed() == Decimal(0)


async def test_a_doubt_that_lasts_over_restarts_is_told_as_old_as_it_is() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.script.writes, life.venue.script.hidden_reads = [WriteFault.LOST_BEFORE], 1_000_000
        await port.submit(entry(), READY)
        await anyio.sleep(25.0)
    for waited_s, told in ((0.0, []), (10.0, ["UNKNOWN_ORDER_AGE"])):
        life = life.crash()
        async with life.running():
            await anyio.sleep(waited_s)
            kinds = [each.kind for each in life.account.desk.incidents.open_ones()]
            assert [kind for kind in kinds if kind.startswith("UNKNOWN")] == told


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_told_of_an_old_doubt_is_over_with_the_doubt(*, restarted: bool) -> None:
    def told(life: OrderWorld) -> list[str]:
        return [each.kind for each in life.account.desk.incidents.open_ones() if each.kind.startswith("UNKNOWN")]

    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            life.venue.script.writes = [WriteFault.LOST_BEFORE]
            await port.submit(entry(), READY)
            await anyio.sleep(40.0)
            assert told(life) == ["UNKNOWN_ORDER_AGE"]
            if not restarted:
                await anyio.sleep(60.0)
        if restarted:
            life = life.crash()
            async with life.running():
                await anyio.sleep(100.0)
        assert life.account.desk.book.live() == []
        assert told(life) == []

    in_virtual_time(body)
