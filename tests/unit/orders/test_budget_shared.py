"""What accounts, the guardian and others at our address share of its limits: pauses, bans and slices."""

import anyio
import pytest

from playd.orders.budget import AddressBudget
from playd.orders.rate_limits import RateRules
from playd.venues.port import Priority
from tests.unit.orders.test_budget import CREATE, KLINE, POSITIONS, Log
from tests.virtual_time import WALL_START_MS, LoopClock


async def test_the_venues_own_protection_pauses_entries_of_every_account_and_polls_make_no_pause_short() -> None:
    address = AddressBudget(LoopClock())
    one, other = address.for_account("one"), address.for_account("other")
    one.learn(CREATE, limit=None, left=None, reset_ms=None, code=10429)
    assert other.entries_paused_for_s == pytest.approx(1.0)
    await anyio.sleep(1.5)
    assert one.take_now(CREATE, Priority.ENTRY)
    one.learn(POSITIONS, limit=None, left=None, reset_ms=None, code=0)
    other.learn(CREATE, limit=None, left=None, reset_ms=None, code=10429)
    assert one.entries_paused_for_s == pytest.approx(2.0)
    await anyio.sleep(2.0 + 61.0)
    one.learn(CREATE, limit=None, left=None, reset_ms=None, code=10429)
    assert one.entries_paused_for_s == pytest.approx(1.0)


async def test_answers_of_one_burst_make_one_pause_and_a_taken_exit_does_not_make_the_next_one_short() -> None:
    budget = AddressBudget(LoopClock()).for_account("a")
    pauses = []
    for _ in range(4):
        await budget.take(CREATE, Priority.ENTRY)
        for _ in range(5):
            budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=10429)
        pauses.append(budget.entries_paused_for_s)
        await anyio.sleep(pauses[-1] + 0.05)
        budget.learn(CREATE, limit=None, left=None, reset_ms=None, code=0)  # an exit, which leaves in a pause too
    assert pauses == [pytest.approx(each) for each in (1.0, 2.0, 4.0, 8.0)]


async def test_an_endpoint_that_is_refused_without_telling_its_limit_is_asked_more_slowly_until_it_is_not() -> None:
    clock, taken_s, refused = LoopClock(), list[float](), list[float]()
    budget = AddressBudget(clock).for_account("")

    async def ask() -> None:
        while True:
            await budget.take(KLINE, Priority.DATA)
            now_s = clock.mono_s()
            is_free = sum(1 for each in taken_s if now_s - each < 1.0) < 10
            (taken_s if is_free else refused).append(now_s)
            budget.learn(KLINE, limit=None, left=None, reset_ms=None, code=0 if is_free else 10006)

    async with anyio.create_task_group() as asking:
        began_s = clock.mono_s()
        for _ in range(50):
            asking.start_soon(ask)
        await anyio.sleep(60.0)
        asking.cancel_scope.cancel()
    assert refused
    assert max(refused) - began_s < 20.0
    assert len(refused) < len(taken_s) / 3
    assert len([each for each in taken_s if each > began_s + 30.0]) > 30 * 2


async def test_a_guessed_limit_grows_back_while_nothing_is_refused() -> None:
    budget = AddressBudget(LoopClock()).for_account("")

    def usable() -> int:
        return next(row.usable for row in budget.rows() if row.endpoint == KLINE)

    for _ in range(50):
        assert budget.take_now(KLINE, Priority.DATA)
    budget.learn(KLINE, limit=None, left=None, reset_ms=None, code=10006)
    budget.learn(KLINE, limit=None, left=None, reset_ms=None, code=10006)  # of the same window
    seen = [usable()]
    for _ in range(3):
        await anyio.sleep(601.0)
        seen.append(usable())
    assert seen == [32, 49, 62, 77]
    await anyio.sleep(10 * 86_400.0)
    assert usable() == 96


async def test_a_row_may_be_made_while_an_endpoint_gets_its_first_limit() -> None:
    budget = AddressBudget(LoopClock()).for_account("")
    for endpoint in (CREATE, POSITIONS):
        assert budget.take_now(endpoint, Priority.EXIT)
    rows = budget.used_rows()
    first = next(rows)
    budget.learn(KLINE, limit=None, left=None, reset_ms=None, code=10006)
    assert {first.endpoint, *(row.endpoint for row in rows)} >= {CREATE, POSITIONS}


async def test_a_ban_that_somebody_else_at_our_address_heard_of_is_kept_and_remembered() -> None:
    stored: list[int] = []
    address = AddressBudget(LoopClock(), on_ban=stored.append)
    address.heed(WALL_START_MS - 1_000)
    assert address.banned_for_s == 0.0
    for until_ms in (300_000, 100_000):
        address.heed(WALL_START_MS + until_ms)
        assert address.banned_for_s == pytest.approx(300.0)
    assert stored == [WALL_START_MS + 300_000]
    address.heed(10**15)
    assert address.banned_for_s == pytest.approx(RateRules().ban_s)


async def test_what_the_guardian_uses_of_its_share_is_taken_off_once() -> None:
    budget = AddressBudget(LoopClock()).for_account("a", guarded=True)
    budget.learn(CREATE, limit=10, left=8, reset_ms=None, code=0)  # two of the guardian's
    log = Log(budget)
    for _ in range(6):
        await log.take(CREATE, Priority.EXIT)
    assert log.times() == [0.0] * 6
    budget.learn(CREATE, limit=10, left=1, reset_ms=None, code=0)  # and one of somebody else's
    assert next(row for row in budget.rows() if row.endpoint == CREATE).used == 7


async def test_an_endpoint_without_a_limit_of_its_own_gets_one_when_the_venue_finds_it_too_fast() -> None:
    told: list[tuple[str, int]] = []
    address = AddressBudget(LoopClock())
    budget = address.for_account("")
    budget.on_refused = lambda endpoint, code: told.append((endpoint, code))
    assert KLINE not in [row.endpoint for row in budget.rows()]
    budget.learn(KLINE, limit=None, left=None, reset_ms=WALL_START_MS + 300, code=10006)
    log = Log(budget)
    await log.take(POSITIONS, Priority.DATA)
    await log.take(KLINE, Priority.DATA)
    assert log.times() == [0.0, pytest.approx(0.3)]
    row = next(row for row in budget.rows() if row.endpoint == KLINE)
    assert (row.refusals, row.used, row.usable) == (1, 1, 76)  # four fifths of a limit that is believed a fifth smaller
    assert told == [(KLINE, 10006)]
