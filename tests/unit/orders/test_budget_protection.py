"""What protects goes before everything that could need protection, or has some already."""

import anyio
import pytest

from playd.orders.budget import AccountBudget, AddressBudget
from playd.orders.rate_limits import STOPS
from playd.venues.port import Priority
from tests.unit.orders.test_budget import CREATE, Log, now_s
from tests.virtual_time import LoopClock


async def test_no_entry_leaves_while_what_protects_the_account_waits_and_others_accounts_go_on() -> None:
    address = AddressBudget(LoopClock())
    mine, others = address.for_account("a"), address.for_account("b")
    left: list[tuple[str, float]] = []
    began_s = now_s()

    async def ask(budget: AccountBudget, endpoint: str, priority: Priority, name: str) -> None:
        await budget.take(endpoint, priority)
        left.append((name, round(now_s() - began_s, 1)))

    mine.learn(STOPS, limit=None, left=None, reset_ms=None, code=10006)
    async with anyio.create_task_group() as group:
        group.start_soon(ask, mine, STOPS, Priority.PROTECT, "stop")
        await anyio.sleep(0.1)
        group.start_soon(ask, mine, CREATE, Priority.ENTRY, "entry")
        group.start_soon(ask, mine, CREATE, Priority.EXIT, "exit")
        group.start_soon(ask, others, CREATE, Priority.ENTRY, "entry of another")
    assert left == [("exit", 0.1), ("entry of another", 0.1), ("stop", 1.0), ("entry", 1.0)]


async def test_moves_of_stops_leave_as_much_free_as_stops_that_are_missing_may_need_though_some_have_just_left() -> None:
    log = Log(AddressBudget(LoopClock()).for_account("a", guarded=True))
    for _ in range(2):
        await log.take(STOPS, Priority.PROTECT)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(log.take, STOPS, Priority.EXIT)
        for at_s in (0.1, 3.0):
            await anyio.sleep(at_s)
            for _ in range(3):
                group.start_soon(log.take, STOPS, Priority.PROTECT, f"at {at_s}")
    late = (
        [time for time, _, name in log.served if name == "at 0.1"],
        [time for time, _, name in log.served if name == "at 3.0"],
    )
    assert [max(times) - min(times) for times in late] == [0.0, 0.0]
    assert (late[0][0], late[1][0]) == pytest.approx((log.served[0][0] + 0.1, log.served[0][0] + 3.1))


@pytest.mark.parametrize("per_s", [2.7, 3.5, 5.0])
async def test_moves_of_stops_go_on_beside_stops_that_are_missing_without_end(per_s: float) -> None:
    """Some that the venue refuses again and again, or a client with the same key that sets stops of its own."""
    log = Log(AddressBudget(LoopClock()).for_account("a", guarded=True))
    began_s = now_s()
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(log.take, STOPS, Priority.EXIT)
        for _ in range(round(60 * per_s)):
            group.start_soon(log.take, STOPS, Priority.PROTECT)
            await anyio.sleep(1 / per_s)
        group.cancel_scope.cancel()
    moves = [time - began_s for time in log.times(Priority.EXIT)]
    assert len(moves) == 20
    assert max(moves) <= 20 * 1.1 * (2 if per_s == 5.0 else 1)  # six in 1.1 s are there, for both


async def test_cancels_and_closes_that_protect_hold_back_no_entry_however_many_they_are() -> None:
    budget = AddressBudget(LoopClock()).for_account("a", guarded=True)
    left: list[float] = []

    async def enter() -> None:
        await budget.take(CREATE, Priority.ENTRY)
        left.append(now_s())

    async with anyio.create_task_group() as group:
        for n in range(80):
            group.start_soon(budget.take, "/v5/order/cancel", Priority.PROTECT)
            if n == 40:
                group.start_soon(enter)
            await anyio.sleep(1 / 8)
        assert (len(left), budget.missing_stops) == (1, 0)
        group.cancel_scope.cancel()


async def test_the_budget_says_how_many_missing_stops_wait() -> None:
    address = AddressBudget(LoopClock())
    mine, others = address.for_account("a"), address.for_account("b")
    mine.learn(STOPS, limit=None, left=None, reset_ms=None, code=10006)
    async with anyio.create_task_group() as group:
        for priority in (Priority.PROTECT, Priority.PROTECT, Priority.EXIT):
            group.start_soon(mine.take, STOPS, priority)
        await anyio.sleep(0.1)
        assert (mine.missing_stops, others.missing_stops) == (2, 0)
    assert mine.missing_stops == 0
