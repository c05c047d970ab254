"""Who asks about a hundred instances is answered in slices, between which their orders go on."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

from playd.control import params
from playd.control.ops_methods import list_limits
from playd.control.slices import SLICE_S, in_slices
from playd.orders.rate_limits import LimitRow
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


async def test_the_rate_budget_of_many_accounts_is_told_in_slices_and_by_the_names_of_those_who_used_it() -> None:
    clock, answered = ManualClock(), list[bool]()

    class Slow(dict[str, int]):
        def items(self) -> Any:
            clock.advance(SLICE_S)
            return super().items()

    records = [
        SimpleNamespace(uid=uid, name=name, account=account, symbol=symbol)
        for uid, name, account, symbol in (
            ("u1", "one", "main", "BTCUSDT"),
            ("u2", "two", "main", "ETHUSDT"),
            ("u3", "three", "main", "ETHUSDT"),
            ("u4", "four", "other", "ETHUSDT"),
        )
    ]
    used = {"u1": 3, "BTCUSDT": 2, "ETHUSDT": 4, "": 1}
    lines = [LimitRow(account, "create", 10, 9, 0, 0.0, 0.0, 0.0, 0, Slow(used)) for account in ("main", "other", "")]
    daemon = SimpleNamespace(
        supervisor=SimpleNamespace(slots={each.name: SimpleNamespace(record=each) for each in records}),
        ops=SimpleNamespace(limits=lambda: lines),
        clock=clock,
    )

    async def others() -> None:
        await anyio.lowlevel.checkpoint()
        answered.append(False)

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        rows = await list_limits(cast(Any, daemon), params.Nothing(), cast(Any, None))
        answered.append(True)
    assert answered == [False, True]
    assert [{each["name"]: each["requests"] for each in row["used_by"]} for row in rows] == [
        {"one": 5, "ETHUSDT": 4, "account": 1},
        {"four": 4, "one": 3, "BTCUSDT": 2, "account": 1},
        {"ETHUSDT": 4, "one": 3, "BTCUSDT": 2, "account": 1},
    ]
