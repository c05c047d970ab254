"""
Storms on the rate budget alone: a hundred instances that want everything at once, against a venue that counts and tells less
than it could. What protects waits for nobody, and nothing is ever too fast.
"""

import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import pytest

from playd.orders.budget import AccountBudget, AddressBudget
from playd.orders.guardian.share import GuardianShare
from playd.orders.rate_limits import ADDRESS_LIMIT, ADDRESS_WINDOW_S, GUARDIANS, STOPS, UID_LIMITS_PER_S
from playd.venues.port import Budget, Priority
from tests.virtual_time import LoopClock

CREATE = "/v5/order/create"
POSITIONS = "/v5/position/list"
LOOK_UPS = ("/v5/order/realtime", "/v5/order/history", "/v5/execution/list", POSITIONS)
INSTANCES = 100
BAR_S = 5.0
PROTECTIVE_WAIT_S = 0.2

Headers = Callable[[random.Random, int, int, int], dict[str, int | None]]
"""(chance, limit, left, time at which it frees) to what a reply says of it."""


def whole(_chance: random.Random, limit: int, left: int, reset_ms: int) -> dict[str, int | None]:
    return {"limit": limit, "left": left, "reset_ms": reset_ms}


def none(_chance: random.Random, _limit: int, _left: int, _reset_ms: int) -> dict[str, int | None]:
    return {"limit": None, "left": None, "reset_ms": None}


def partly(chance: random.Random, limit: int, left: int, reset_ms: int) -> dict[str, int | None]:
    """Any of the three is missing, and a reset may have passed on the way."""
    told = whole(chance, limit, left, reset_ms - chance.choice((0, 0, 5_000)))
    return {name: value if chance.random() < 0.5 else None for name, value in told.items()}


@dataclass
class Venue:
    """Counts arrivals of each user and of the address in rolling windows, and answers with headers."""

    clock: LoopClock
    headers: Headers
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    arrivals: dict[tuple[str, str], deque[float]] = field(default_factory=lambda: defaultdict(deque))
    too_fast: list[str] = field(default_factory=list)
    waits: list[tuple[float, float, Priority]] = field(default_factory=list)
    """(when it was wanted, how long it waited, class), of the daemon."""
    guarded: int = 0
    """Requests of guardians."""

    async def ask(self, budget: Budget, user: str, endpoint: str, priority: Priority, owner: str = "") -> None:
        wanted_s = self.clock.mono_s()
        await budget.take(endpoint, priority, owner=owner)
        if isinstance(budget, GuardianShare):
            self.guarded += 1
        else:
            self.waits.append((wanted_s, self.clock.mono_s() - wanted_s, priority))
        limit = UID_LIMITS_PER_S.get(endpoint)
        left = self._arrived(user, endpoint, 1.0, limit) if limit is not None else 0
        self._arrived("", "address", ADDRESS_WINDOW_S, ADDRESS_LIMIT)
        if limit is not None:
            reset_ms = self.clock.wall_ms() + (0 if left else 1_000)
            budget.learn(endpoint, code=0, **self.headers(self.chance, limit, left, reset_ms))

    def _arrived(self, user: str, name: str, window_s: float, limit: int) -> int:
        now_s, times = self.clock.mono_s(), self.arrivals[user, name]
        times.append(now_s)
        while times[0] <= now_s - window_s:
            times.popleft()
        if len(times) > limit:
            self.too_fast.append(f"{user} {name} at {now_s:.3f}")
        return max(0, limit - len(times))

    def protective(self, since_s: float = 0.0, until_s: float = 1e9) -> list[float]:
        return [
            waited_s for at_s, waited_s, priority in self.waits if priority is Priority.PROTECT and since_s <= at_s < until_s
        ]


async def storm(venue: Venue, budget: AccountBudget, user: str, bars: int) -> None:
    """
    Entries and moved stops of all instances at each close, look-ups and candles without end, a lost stop now and then; and a
    guardian with the same key that does as much as its share allows.
    """
    chance, guardian = random.Random(user), GuardianShare(venue.clock)

    async def guard(endpoint: str) -> None:
        while True:
            await venue.ask(guardian, user, endpoint, Priority.PROTECT)

    async def without_end(endpoint: str, priority: Priority) -> None:
        while True:
            await venue.ask(budget, user, endpoint, priority)

    async def lose_stops() -> None:
        while True:
            await anyio.sleep(chance.uniform(0.7, 1.5))
            await venue.ask(budget, user, POSITIONS, Priority.PROTECT)
            await venue.ask(budget, user, STOPS, Priority.PROTECT)

    async def close(n: int) -> None:
        await venue.ask(budget, user, CREATE, Priority.ENTRY, f"instance {n}")
        await venue.ask(budget, user, POSITIONS, Priority.PROTECT, f"instance {n}")
        await venue.ask(budget, user, STOPS, Priority.EXIT, f"symbol {n}")

    async with anyio.create_task_group() as around:
        around.start_soon(lose_stops)
        for endpoint in GUARDIANS:
            around.start_soon(guard, endpoint)
        for endpoint in LOOK_UPS:
            for _ in range(2):
                around.start_soon(without_end, endpoint, Priority.RESOLVE)
        for _ in range(2):
            around.start_soon(without_end, "/v5/market/kline", Priority.DATA)
        for _ in range(bars):
            for n in range(INSTANCES):
                around.start_soon(close, n)
            await anyio.sleep(BAR_S)
        around.cancel_scope.cancel()


@pytest.mark.parametrize("headers", [whole, none, partly])
async def test_no_protective_call_waits_and_none_is_too_fast_whatever_the_venue_tells(headers: Headers) -> None:
    clock = LoopClock()
    venue = Venue(clock, headers)
    await storm(venue, AddressBudget(clock).for_account("a", guarded=True), "a", bars=1)
    assert venue.too_fast == []
    assert venue.guarded > 30
    assert len(venue.protective()) > 15
    assert max(venue.protective()) <= PROTECTIVE_WAIT_S


async def test_two_users_at_one_address_share_its_limit_and_neither_delays_what_protects_the_other() -> None:
    clock = LoopClock()
    venue, address = Venue(clock, whole), AddressBudget(clock)
    async with anyio.create_task_group() as users:
        for user in ("a", "b"):
            users.start_soon(storm, venue, address.for_account(user, guarded=True), user, 1)
    assert venue.too_fast == []
    assert len(venue.protective()) > 20
    assert max(venue.protective()) <= PROTECTIVE_WAIT_S


@pytest.mark.parametrize("lost", [2, 24])
async def test_stops_that_many_positions_lose_at_one_moment_of_a_storm_leave_as_fast_as_the_venue_takes_them(lost: int) -> None:
    """
    Ten are looked at at once. Of the requests that put stops back the venue takes ten a second from one key, of which the
    daemon uses six: of stops that are lost three leave at once whatever moves beside them (the storm has one), the others at
    that pace.
    """
    clock, put_back = LoopClock(), list[tuple[float, float]]()
    venue = Venue(clock, partly)
    budget = AddressBudget(clock).for_account("a", guarded=True)

    async def lose(n: int) -> None:
        began_s = clock.mono_s()
        await venue.ask(budget, "a", POSITIONS, Priority.PROTECT, f"symbol {n}")
        read_s = clock.mono_s()
        await venue.ask(budget, "a", STOPS, Priority.PROTECT, f"symbol {n}")
        put_back.append((read_s - began_s, clock.mono_s() - read_s))

    async with anyio.create_task_group() as around:
        around.start_soon(storm, venue, budget, "a", 2)
        await anyio.sleep(BAR_S + 0.2)  # every instance has just moved its stop
        for n in range(lost):
            around.start_soon(lose, n)
    assert venue.too_fast == []
    reads, sets = sorted(read for read, _ in put_back), sorted(sent for _, sent in put_back)
    assert len(sets) == lost
    assert max(reads[:10]) <= PROTECTIVE_WAIT_S
    assert max(reads) <= 1.1
    assert max(sets[:3]) <= PROTECTIVE_WAIT_S
    assert max(sets) <= lost / 6 * 1.1


@pytest.mark.slow
async def test_behind_a_ban_the_stops_that_waited_leave_first_and_as_fast_as_may_be_and_nothing_is_too_fast() -> None:
    clock = LoopClock()
    venue, address = Venue(clock, partly), AddressBudget(clock)
    budget = address.for_account("a", guarded=True)
    budget.banned()
    async with anyio.create_task_group() as waiting:
        for n in range(24):
            waiting.start_soon(venue.ask, budget, "a", STOPS, Priority.PROTECT, f"symbol {n}")
        await anyio.sleep(599.9)
        assert venue.arrivals == {}
        waiting.start_soon(storm, venue, budget, "a", 2)
    assert venue.too_fast == []
    assert max(venue.protective(until_s=1.0)) < 600 + 24 / 6 * 1.1 + 0.5
    assert max(venue.protective(since_s=605.0)) <= PROTECTIVE_WAIT_S
