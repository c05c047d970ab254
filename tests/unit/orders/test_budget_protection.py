"""What protects goes before everything that could need protection, or has some already."""

import anyio
import pytest

from playd.orders.budget import AccountBudget, AddressBudget
from playd.orders.rate_limits import STOPS
from playd.venues.port import Priority
from tests.unit.orders.test_budget import CREATE, Log, now_s
from tests.virtual_time import LoopClock, in_virtual_time


def test_no_entry_leaves_while_what_protects_the_account_waits_and_others_accounts_go_on() -> None:
    async def body() -> None:
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

    in_virtual_time(body)


def test_moves_of_stops_leave_as_much_free_as_stops_that_are_missing_may_need_though_some_have_just_left() -> None:
    async def body() -> None:
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

    in_virtual_time(body)
