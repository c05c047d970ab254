"""Who asks about a hundred instances is answered in slices, between which their orders go on."""

from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pytest

from playd.control.slices import SLICE_S, in_slices
from playd.world.virtual.clock import ManualClock

pytestmark = pytest.mark.anyio


async def test_others_go_on_whenever_an_answer_took_a_slice_and_not_between_quick_rows() -> None:
    clock, order = ManualClock(), list[str]()

    def rows(count: int, each_s: float) -> Iterator[int]:
        for number in range(count):
            clock.advance(each_s)
            order.append("row")
            yield number

    async def others() -> None:
        while True:
            order.append("others")
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        await anyio.lowlevel.checkpoint()
        order.clear()
        assert [each async for each in in_slices(rows(6, SLICE_S / 2), clock)] == [*range(6)]
        slices = " ".join(order).replace(" others", "|").split("|")
        group.cancel_scope.cancel()
    assert [part.split().count("row") for part in slices if "row" in part] == [2, 2, 2]
