"""The rate budget, in virtual time: a loop whose clock jumps to the next timer."""

import asyncio

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.orders.budget import ENTRY_PAUSE_OVER_S, AccountBudget, AddressBudget
from playd.orders.rate_limits import RateRules
from playd.venues.port import Priority
from tests.virtual_time import WALL_START_MS, LoopClock, in_virtual_time

CREATE = "/v5/order/create"
POSITIONS = "/v5/position/list"
KLINE = "/v5/market/kline"


def now_s() -> float:
    return asyncio.get_running_loop().time()


def fresh() -> AccountBudget:
    return AddressBudget(LoopClock()).for_account("a")


class Log:
    """Who was served when."""

    def __init__(self, budget: AccountBudget) -> None:
        self.budget = budget
        self.served: list[tuple[float, Priority, str]] = []

    async def take(self, endpoint: str, priority: Priority, name: str = "") -> None:
        await self.budget.take(endpoint, priority)
        self.served.append((now_s(), priority, name))

    def times(self, *priorities: Priority) -> list[float]:
        return [time for time, priority, _ in self.served if not priorities or priority in priorities]


def most_in_any(window_s: float, times: list[float]) -> int:
    times = sorted(times)
    return max((sum(1 for each in times if start <= each < start + window_s) for start in times), default=0)


arrivals = st.lists(
    st.tuples(st.floats(0, 4), st.sampled_from(list(Priority)), st.sampled_from([CREATE, POSITIONS, KLINE])), max_size=80
)


@given(arrivals)
@settings(deadline=None, max_examples=60)
def test_never_more_than_four_fifths_of_a_limit_leave_in_any_second(plan: list[tuple[float, Priority, str]]) -> None:
    async def body() -> None:
        log = Log(fresh())

        async def one(at_s: float, priority: Priority, endpoint: str) -> None:
            await anyio.sleep(at_s)
            await log.take(endpoint, priority, endpoint)

        async with anyio.create_task_group() as tasks:
            for at_s, priority, endpoint in plan:
                tasks.start_soon(one, at_s, priority, endpoint)
        assert len(log.served) == len(plan)
        creates = [(time, priority) for time, priority, name in log.served if name == CREATE]
        assert most_in_any(1.0, [time for time, _ in creates]) <= 8
        assert most_in_any(1.0, [time for time, priority in creates if priority >= Priority.ENTRY]) <= 5

    in_virtual_time(body)


async def test_the_settings_say_how_much_of_a_limit_is_used_and_how_long_a_ban_lasts() -> None:
    clock, told = LoopClock(), list[int]()
    address = AddressBudget(clock, on_ban=told.append, rules=RateRules(usable=0.5, reserve=0.6, data_share=0.1, ban_s=900.0))
    budget = address.for_account("a")
    rows = {row.endpoint: row.usable for row in budget.rows()}
    assert (rows[CREATE], rows["address"]) == (5, 300)
    entries = [budget.take_now(CREATE, Priority.ENTRY) for _ in range(3)]
    data = [budget.take_now(KLINE, Priority.DATA) for _ in range(31)]
    assert (entries, data) == ([True, True, False], [True] * 30 + [False])
    budget.banned()
    assert (address.banned_for_s, told) == (900.0, [clock.wall_ms() + 900_000])


async def test_the_address_limit_holds_over_all_accounts_and_endpoints() -> None:
    address = AddressBudget(LoopClock())
    logs = [Log(address.for_account(name)) for name in "abc"]
    async with anyio.create_task_group() as tasks:
        for index in range(1200):
            tasks.start_soon(logs[index % 3].take, KLINE, Priority.RECONCILE)
    times = [time for log in logs for time in log.times()]
    assert len(times) == 1200
    assert most_in_any(5.0, times) <= 480


async def test_data_leaves_two_thirds_of_the_address_to_everyone_else() -> None:
    log = Log(fresh())
    async with anyio.create_task_group() as tasks:
        for _ in range(600):
            tasks.start_soon(log.take, KLINE, Priority.DATA)
    assert most_in_any(5.0, log.times()) <= 144


async def test_a_protective_call_does_not_wait_behind_a_hundred_entries() -> None:
    log = Log(fresh())
    waits: list[float] = []

    async def stop() -> None:
        for _ in range(20):
            await anyio.sleep(0.7)
            began_s = now_s()
            await log.take(CREATE, Priority.EXIT)
            waits.append(now_s() - began_s)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(log.take, CREATE, Priority.ENTRY)
        tasks.start_soon(stop)
    assert len(waits) == 20
    assert max(waits) == 0.0


async def test_a_full_rewarm_of_fifty_instances_never_delays_an_exit() -> None:
    log = Log(fresh())
    async with anyio.create_task_group() as tasks:
        for _ in range(50 * 10):
            tasks.start_soon(log.take, KLINE, Priority.DATA)
        await anyio.sleep(1.3)
        began_s = now_s()
        await log.take(CREATE, Priority.EXIT)
        assert now_s() == began_s


async def test_waiting_requests_are_served_by_class_and_then_in_turn() -> None:
    log = Log(fresh())
    for _ in range(8):  # apart from each other, so that places become free one by one
        await log.take(CREATE, Priority.EXIT)
        await anyio.sleep(0.1)
    log.served.clear()
    names = ["ENTRY first", "RESOLVE", "PROTECT", "CANCEL", "EXIT", "ENTRY second"]
    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(log.take, CREATE, Priority[name.split()[0]], name)
            await anyio.lowlevel.checkpoint()
    served = [name for _, _, name in log.served]
    assert served == ["PROTECT", "EXIT", "CANCEL", "RESOLVE", "ENTRY first", "ENTRY second"]


async def test_of_entries_that_wait_the_one_whose_instance_was_served_longest_ago_goes_first() -> None:
    """Instances of one bar ask in the same order each time: in turn, the last ones would be late each time."""
    budget, served = fresh(), list[str]()

    async def enter(owner: str) -> None:
        await budget.take(CREATE, Priority.ENTRY, owner=owner)
        served.append(owner)

    async def bar(names: str) -> list[str]:
        served.clear()
        await anyio.sleep(2.0)
        for _ in range(8):  # apart from each other, so that places become free one by one
            await budget.take(CREATE, Priority.EXIT)
            await anyio.sleep(0.1)
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(enter, name)
                await anyio.lowlevel.checkpoint()
        return [*served]

    assert await bar("abc") == ["a", "b", "c"]
    assert await bar("cd") == ["d", "c"]
    assert await bar("cbad") == ["a", "b", "d", "c"]


@pytest.mark.parametrize("priority", [Priority.PROTECT, Priority.CANCEL, Priority.RECONCILE, Priority.DATA])
async def test_of_any_class_whoever_was_served_longest_ago_goes_first_and_nobody_in_particular_is_one_of_them(
    priority: Priority,
) -> None:
    budget, served = fresh(), list[str]()

    async def ask(owner: str) -> None:
        await budget.take(POSITIONS, priority, owner=owner)
        served.append(owner)

    for owner in ("", "greedy", "modest"):  # whose turn it was before
        await budget.take(POSITIONS, priority, owner=owner)
    await anyio.sleep(2.0)
    for _ in range(40):
        assert budget.take_now(POSITIONS, Priority.EXIT, owner="greedy")
        await anyio.sleep(0.02)
    async with anyio.create_task_group() as tasks:
        for owner in ("greedy", "greedy", "", "modest", "new"):
            tasks.start_soon(ask, owner)
            await anyio.lowlevel.checkpoint()
    assert served == ["new", "", "modest", "greedy", "greedy"]


async def test_the_table_says_whose_requests_used_a_limit_today_and_what_was_refused() -> None:
    budget = fresh()
    refused: list[tuple[str, int]] = []
    budget.on_refused = lambda endpoint, code: refused.append((endpoint, code))
    for owner in ("a", "b", "a", ""):
        await budget.take(CREATE, Priority.EXIT, owner=owner)
    budget.take_now(KLINE, Priority.DATA, owner="BTCUSDT")
    budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=10429)
    budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=10006)
    budget.banned()
    lines = {row.endpoint: row for row in budget.rows()}
    assert list(lines[CREATE].by_owner.items()) == [("a", 2), ("b", 1), ("", 1)]
    assert lines["address"].by_owner == {"a": 2, "b": 1, "": 1, "BTCUSDT": 1}
    assert (lines[CREATE].refusals, lines["address"].refusals) == (2, 1)
    assert refused == [(CREATE, 10429), (CREATE, 10006)]
    await anyio.sleep((86_400_000 - WALL_START_MS % 86_400_000) / 1000)
    assert {row.endpoint: dict(row.by_owner) for row in budget.rows()}[CREATE] == {}


async def test_data_is_served_though_stronger_classes_ask_for_all_there_is() -> None:
    log = Log(fresh())

    async def reconcile_without_end() -> None:
        while True:
            await log.take(POSITIONS, Priority.RECONCILE)

    async with anyio.create_task_group() as tasks:
        for _ in range(60):
            tasks.start_soon(reconcile_without_end)
        await anyio.sleep(1.0)
        began_s = now_s()
        await log.take(POSITIONS, Priority.DATA)
        assert now_s() - began_s < 12
        tasks.cancel_scope.cancel()


async def test_an_aged_entry_still_waits_behind_exits_and_cancels() -> None:
    log = Log(fresh())

    async def exit_without_end() -> None:
        while True:
            await log.take(CREATE, Priority.EXIT)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(exit_without_end)
        tasks.start_soon(log.take, CREATE, Priority.ENTRY)
        await anyio.sleep(30)
        tasks.cancel_scope.cancel()
    assert not log.times(Priority.ENTRY)


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    address = AddressBudget(LoopClock())
    log = Log(address.for_account("a"))
    for _ in range(8):
        await log.take(CREATE, Priority.EXIT)
    with anyio.move_on_after(0.2) as scope:
        await log.take(CREATE, Priority.PROTECT)
    assert scope.cancelled_caught
    assert address.waiting == 0
    await anyio.sleep(1.2)
    assert address.row().used == 8


async def test_headers_set_the_size_of_a_limit() -> None:
    budget = fresh()
    budget.learn(CREATE, limit=20, left=19, reset_ms=WALL_START_MS, code=0)
    log = Log(budget)
    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(log.take, CREATE, Priority.EXIT)
    assert most_in_any(1.0, log.times()) in (15, 16)


async def test_what_other_clients_of_the_user_spent_counts() -> None:
    budget = fresh()
    budget.learn(CREATE, limit=10, left=3, reset_ms=WALL_START_MS, code=0)
    log = Log(budget)
    await log.take(CREATE, Priority.EXIT)
    await log.take(CREATE, Priority.EXIT)
    first, second = log.times()
    assert first == 0.0
    assert second == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("reset_after_ms", "waited_s"), [(300, 0.3), (-5000, 0.0), (60_000, 5.0), (None, 1.0)], ids=["soon", "past", "far", "none"]
)
async def test_too_many_visits_empty_the_bucket_until_the_reset(reset_after_ms: int | None, waited_s: float) -> None:
    budget = fresh()
    reset_ms = None if reset_after_ms is None else WALL_START_MS + reset_after_ms
    budget.learn(CREATE, limit=None, left=None, reset_ms=reset_ms, code=10006)
    await budget.take(CREATE, Priority.PROTECT)
    assert now_s() == pytest.approx(waited_s)


async def test_too_many_visits_shrink_the_limit_for_ten_minutes() -> None:
    budget = fresh()
    usable = {row.endpoint: row.usable for row in budget.rows()}
    budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=10006)
    budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=10006)
    assert {row.endpoint: row.usable for row in budget.rows()} == {**usable, CREATE: 6}
    assert next(row for row in budget.rows() if row.endpoint == CREATE).refusals == 2
    await anyio.sleep(601)
    assert {row.endpoint: row.usable for row in budget.rows()} == usable


async def test_system_protection_pauses_entries_longer_each_time_and_nothing_else() -> None:
    budget = fresh()
    for pause_s in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=10429)
        began_s = now_s()
        await budget.take(CREATE, Priority.EXIT)
        assert now_s() == began_s
        await budget.take(CREATE, Priority.ENTRY)
        assert now_s() - began_s == pytest.approx(pause_s)
    await anyio.sleep(ENTRY_PAUSE_OVER_S)
    budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=10429)
    assert budget.entries_paused_for_s == pytest.approx(1.0)


async def test_a_ban_stops_everything_for_ten_minutes_and_is_remembered() -> None:
    stored: list[int] = []
    address = AddressBudget(LoopClock(), on_ban=stored.append)
    address.for_account("a").banned()
    assert stored == [WALL_START_MS + 600_000]
    await address.for_account("b").take(KLINE, Priority.PROTECT)
    assert now_s() == pytest.approx(600)


async def test_a_stored_ban_outlives_a_restart() -> None:
    budget = AddressBudget(LoopClock(), banned_until_ms=WALL_START_MS + 90_000).for_account("a")
    assert budget.banned_for_s == pytest.approx(90)
    await budget.take(CREATE, Priority.PROTECT)
    assert now_s() == pytest.approx(90)


@pytest.mark.parametrize(
    ("limit", "left", "reset_after_ms", "expected"),
    [
        (None, None, 2000, (10, 0, 0.0)),  # a reset alone says nothing of what is left
        (20, None, 2000, (20, 0, 0.0)),
        (None, 3, None, (10, 7, 0.0)),
        (None, 0, 300, (10, 10, 1.1)),  # as full as our own window says: longer than the reset
        (None, -5, None, (10, 10, 1.1)),
        (None, 99, None, (10, 0, 0.0)),
    ],
)
async def test_of_headers_those_count_that_came(
    limit: int | None, left: int | None, reset_after_ms: int | None, expected: tuple[int, int, float]
) -> None:
    budget = fresh()
    reset_ms = None if reset_after_ms is None else WALL_START_MS + reset_after_ms
    budget.learn(CREATE, limit=limit, left=left, reset_ms=reset_ms, code=0)
    row = next(row for row in budget.rows() if row.endpoint == CREATE)
    assert (row.limit, row.used, round(row.blocked_s, 6)) == expected


@pytest.mark.parametrize("limit", [0, -1, 1_000_000])
async def test_a_header_that_grants_what_nobody_is_granted_is_none(limit: int) -> None:
    budget = fresh()
    budget.learn(CREATE, limit=limit, left=0, reset_ms=WALL_START_MS + 5000, code=0)
    row = next(row for row in budget.rows() if row.endpoint == CREATE)
    assert (row.limit, row.used, row.blocked_s) == (10, 0, 0.0)


async def test_whoever_waits_is_served_although_the_two_before_it_left_at_one_moment() -> None:
    budget = fresh()
    while budget.take_now(CREATE, Priority.ENTRY):
        pass
    leaving, served = [anyio.CancelScope(), anyio.CancelScope()], list[float]()

    async def leave(scope: anyio.CancelScope) -> None:
        with scope:
            await budget.take(CREATE, Priority.ENTRY)

    async def stay() -> None:
        await budget.take(CREATE, Priority.ENTRY)
        served.append(now_s())

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for scope in leaving:
                tasks.start_soon(leave, scope)
            for _ in range(2):
                tasks.start_soon(stay)
            await anyio.sleep(0.1)
            for scope in leaving:
                scope.cancel()
    assert len(served) == 2
    assert max(served) < 2
