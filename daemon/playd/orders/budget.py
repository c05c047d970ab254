"""
The rate budget: every request to an address waits here for its turn, protective ones first.

One `AddressBudget` per address we send from to (all hosts of the venue count together), one `AccountBudget` per account in it.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import anyio

from playd.core.reply_codes import ReplyClass, classify
from playd.orders.rate_bucket import GUESS_WINDOW_S, RateBucket
from playd.orders.rate_limits import (
    ADDRESS,
    ADDRESS_LIMIT,
    ADDRESS_WINDOW_S,
    GUARDIANS,
    OTHER_LIMIT_PER_S,
    PROTECTIVE_RESERVE,
    READ_RESERVE,
    STOPS,
    UID_LIMITS_PER_S,
    LimitRow,
    RateRules,
    limit_row,
    shares_of,
)
from playd.orders.rate_use import RateUse
from playd.venues.port import Priority
from playd.world.ports import Clock

AGING_S: Final = 2.0
"""Waiting this long lifts a request by one class, up to the class behind cancels. So nothing below starves anything else."""

ENTRY_PAUSE_FIRST_S: Final = 1.0
ENTRY_PAUSE_MAX_S: Final = 30.0
ENTRY_PAUSE_OVER_S: Final = 60.0
"""So long behind the end of a pause the next one is short again."""

SYSTEM_PROTECTION: Final = 10429
WAITS_KEPT: Final = 512

_SOFT: Final = frozenset({Priority.ENTRY, Priority.DATA})


@dataclass(slots=True, eq=False)
class _Request:
    """A request that is to leave: whose it is, and the endpoint's bucket beside the address's."""

    account: "AccountBudget"
    bucket: RateBucket | None
    priority: Priority
    owner: str

    @property
    def level(self) -> int:
        """Of the endpoint: what must leave its reserves alone. Of stops, only one that restores protection may use them."""
        if self._sets_stops:
            return 0 if self.priority is Priority.PROTECT else 2
        return 2 if self.priority in _SOFT else 1 if self.priority > Priority.CANCEL else 0

    @property
    def _sets_stops(self) -> bool:
        return self.bucket is not None and self.bucket.name == STOPS

    @property
    def is_missing_stop(self) -> bool:
        """Whether a position has no stop until it leaves."""
        return self._sets_stops and self.priority is Priority.PROTECT

    @property
    def address_level(self) -> int:
        """Of the address."""
        return 2 if self.priority is Priority.DATA else 1 if self.priority > Priority.CANCEL else 0


@dataclass(slots=True, eq=False)
class _Waiter(_Request):
    ticket: int
    since_s: float
    granted: bool = False
    called: anyio.Event = field(default_factory=anyio.Event)

    @property
    def kind(self) -> object:
        """Equal for requests that may leave at the same moments."""
        return self.priority, id(self.account), id(self.bucket)

    def rank(self, now_s: float) -> tuple[int, int]:
        """Smaller goes first. Protect, exit and cancel keep their place; the others move up with the time they waited."""
        if self.priority <= Priority.CANCEL:
            return self.priority, self.ticket
        lifted = self.priority - int((now_s - self.since_s) / AGING_S)
        return max(int(Priority.RESOLVE), lifted), self.ticket


class AddressBudget:
    """
    What all requests from this machine to the venue share: the address limit, a ban, and the queue.

    `banned_until_ms` (wall clock) is what `on_ban` stored in an earlier life: a ban outlives a restart. A wall clock that was
    set meanwhile cannot make it longer than a ban is.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        banned_until_ms: int = 0,
        on_ban: Callable[[int], None] | None = None,
        rules: RateRules | None = None,
    ) -> None:
        self._clock = clock
        self._on_ban = on_ban
        self._rules = rules = rules or RateRules()
        self._bucket = RateBucket(
            ADDRESS,
            ADDRESS_LIMIT,
            window_s=ADDRESS_WINDOW_S,
            shares=(1.0 - PROTECTIVE_RESERVE, rules.data_share),
            usable_share=rules.usable,
        )
        self._banned_until_s = clock.mono_s() + min(rules.ban_s, (banned_until_ms - clock.wall_ms()) / 1000)
        self._waiting: list[_Waiter] = []
        self._watching: dict[object, _Waiter] = {}
        """By kind: who wakes when something may be left."""
        self._tickets = 0
        self._grants = 0
        self._served: dict[str, int] = {}
        """By owner: the number of its newest grant, among all of them."""
        self._waits_ms: deque[float] = deque(maxlen=WAITS_KEPT)
        self._use = RateUse()
        self._paused_until_s = -math.inf
        self._pause_s = 0.0
        """How long the present pause of entries is, or the last one was."""
        self._entry_s = -math.inf
        """When an entry left last."""

    def for_account(self, alias: str, *, guarded: bool = False) -> "AccountBudget":
        """
        The budget of one account (of one key). The empty alias serves public data without a key.

        `guarded`: a guardian uses the same key and has a share of its own.
        """
        return AccountBudget(self, self._clock, alias, self._rules, guarded=guarded)

    @property
    def banned_for_s(self) -> float:
        """Seconds until the address may send again; zero when it may now."""
        return max(0.0, self._banned_until_s - self._clock.mono_s())

    def ban(self) -> None:
        """Stop everything for as long as a ban is and have it remembered."""
        self._bucket.refusals += 1
        self._banned_until_s = self._clock.mono_s() + self._rules.ban_s
        if self._on_ban is not None:
            self._on_ban(self._clock.wall_ms() + round(self._rules.ban_s * 1000))

    def heed(self, until_ms: int) -> None:
        """Somebody else at our address was banned until that wall time: nothing leaves before, or for as long as a ban is."""
        left_s = min(self._rules.ban_s, (until_ms - self._clock.wall_ms()) / 1000)
        if left_s > self.banned_for_s:
            self._banned_until_s = self._clock.mono_s() + left_s
            if self._on_ban is not None:
                self._on_ban(self._clock.wall_ms() + round(left_s * 1000))

    @property
    def entries_paused_for_s(self) -> float:
        """Seconds for which entries of all accounts wait because the venue protects itself (10429)."""
        return max(0.0, self._paused_until_s - self._clock.mono_s())

    def protects_itself(self) -> None:
        """
        The venue said so: entries pause, twice as long if one has left since the last pause was over. An answer to what left
        before says nothing of that pause, and an order that the venue takes may be an exit, which says nothing of entries.
        """
        now_s = self._clock.mono_s()
        if now_s - self._paused_until_s >= ENTRY_PAUSE_OVER_S:
            self._pause_s = ENTRY_PAUSE_FIRST_S
        elif self._entry_s >= self._paused_until_s:
            self._pause_s = min(2 * self._pause_s, ENTRY_PAUSE_MAX_S)
        self._paused_until_s = now_s + self._pause_s

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    def row(self) -> LimitRow:
        """The address's own line of the `limits` table."""
        by_owner = self._use.of(ADDRESS, self._clock.wall_ms())
        return limit_row("", self._bucket, self._waits_ms, self._clock.mono_s(), self.banned_for_s, by_owner)

    async def take(self, account: "AccountBudget", bucket: RateBucket | None, priority: Priority, owner: str) -> float:
        """Wait for one token of both limits. Returns the seconds waited. Leaves the queue when cancelled."""
        self._tickets += 1
        waiter = _Waiter(account, bucket, priority, owner, self._tickets, self._clock.mono_s())
        self._waiting.append(waiter)
        try:
            while not waiter.granted:
                if (wait_s := self._free_in_s(waiter, self._clock.mono_s())) > 0:
                    await self._wait(waiter, wait_s)
                else:
                    self.serve()
        finally:
            if not waiter.granted:
                self._waiting.remove(waiter)
            self._hand_on(waiter)
        waited_s = self._clock.mono_s() - waiter.since_s
        self._waits_ms.append(waited_s * 1000)
        return waited_s

    async def _wait(self, waiter: _Waiter, wait_s: float) -> None:
        """
        Until it is called. One of each kind also wakes by time, for all of them: hundreds that wake at one moment would hold
        the loop for a second.
        """
        waiter.called = anyio.Event()
        is_watching = self._watching.setdefault(waiter.kind, waiter) is waiter
        with anyio.move_on_after(wait_s if is_watching else math.inf):
            await waiter.called.wait()

    def _hand_on(self, waiter: _Waiter) -> None:
        """Somebody else of its kind watches the time from now on, and hands on in its turn should it leave before it wakes."""
        if self._watching.get(waiter.kind) is waiter:
            del self._watching[waiter.kind]
            heir = next((each for each in self._waiting if each.kind == waiter.kind), None)
            if heir is not None:
                self._watching[waiter.kind] = heir
                heir.called.set()

    def take_now(self, account: "AccountBudget", bucket: RateBucket | None, priority: Priority, owner: str) -> bool:
        """One token of both limits without waiting. False when somebody waits or nothing may leave now."""
        now_s = self._clock.mono_s()
        request = _Request(account, bucket, priority, owner)
        if self._waiting or self._free_in_s(request, now_s) > 0:
            return False
        self._count(request, now_s)
        self._waits_ms.append(0.0)
        return True

    def serve(self) -> None:
        """Grant everything that may leave now, in order of rank."""
        now_s, full = self._clock.mono_s(), set[object]()
        for place in sorted(self._waiting, key=lambda each: each.rank(now_s)):
            if place.kind in full:
                continue
            if self._free_in_s(place, now_s) > 0:
                full.add(place.kind)
            elif (waiter := self._whose_turn(place)) is not None:
                self._grant(waiter, now_s)

    def _whose_turn(self, place: _Waiter) -> _Waiter | None:
        """
        Who takes a place in the queue: of those alike, the one whose owner was served longest ago.

        Instances that decide the same bar ask in the same order each time: in turn, the last ones of many would always be late.
        """
        alike = [each for each in self._waiting if each.kind == place.kind]
        return min(alike, key=lambda each: (self._served.get(each.owner, 0), each.ticket), default=None)

    def _grant(self, waiter: _Waiter, now_s: float) -> None:
        self._count(waiter, now_s)
        waiter.granted = True
        self._waiting.remove(waiter)
        waiter.called.set()

    def _count(self, request: _Request, now_s: float) -> None:
        self._grants += 1
        self._served[request.owner] = self._grants
        if request.priority is Priority.ENTRY:
            self._entry_s = now_s
        self._use.count(ADDRESS, request.owner, self._clock.wall_ms())
        self._bucket.count(now_s, request.address_level)
        if request.bucket is not None:
            request.bucket.count(now_s, request.level)

    def _free_in_s(self, request: _Request, now_s: float) -> float:
        wait_s = max(self._banned_until_s - now_s, self._bucket.free_in_s(now_s, request.address_level))
        if request.bucket is not None:
            wait_s = max(wait_s, request.bucket.free_in_s(now_s, request.level))
        if request.priority is Priority.ENTRY:
            wait_s = max(wait_s, self.entries_paused_for_s, self._missing_stops_wait_s(request.account, now_s))
        return max(0.0, wait_s)

    def missing_stops(self, account: "AccountBudget") -> list[_Waiter]:
        """Requests of an account for stops that are missing, which wait now."""
        return [each for each in self._waiting if each.account is account and each.is_missing_stop]

    def _missing_stops_wait_s(self, account: "AccountBudget", now_s: float) -> float:
        """How long an account's missing stops wait yet: whose stops cannot be placed now opens nothing that needs one."""
        return max((self._free_in_s(each, now_s) for each in self.missing_stops(account)), default=0.0)


class AccountBudget:
    """Implements `Budget` for one account. Cancelling `take` gives the place in the queue back."""

    def __init__(self, address: AddressBudget, clock: Clock, alias: str, rules: RateRules, *, guarded: bool = False) -> None:
        self._address = address
        self._clock = clock
        self._alias = alias
        self._buckets = {
            path: RateBucket(
                path,
                limit,
                shares=shares_of(path, limit, rules),
                usable_share=rules.usable,
                reserved=GUARDIANS.get(path, 0) if guarded else 0,
                free=path == STOPS,
            )
            for path, limit in UID_LIMITS_PER_S.items()
        }
        self._shares, self._usable = (1.0 - READ_RESERVE, 1.0 - rules.reserve), rules.usable
        self._waits_ms: dict[str, deque[float]] = {path: deque(maxlen=WAITS_KEPT) for path in UID_LIMITS_PER_S}
        self._use = RateUse()
        self._left_s: dict[str, deque[float]] = {}
        """Of endpoints without a limit: when requests left, of the last window."""
        self.on_refused: Callable[[str, int], None] = lambda _endpoint, _code: None
        """Hears of every request that the venue refused for coming too fast."""

    @property
    def entries_paused_for_s(self) -> float:
        """See `AddressBudget.entries_paused_for_s`."""
        return self._address.entries_paused_for_s

    @property
    def missing_stops(self) -> int:
        """See `Budget.missing_stops`."""
        return len(self._address.missing_stops(self))

    @property
    def banned_for_s(self) -> float:
        """Seconds until the address may send again; zero when it may now."""
        return self._address.banned_for_s

    async def take(self, endpoint: str, priority: Priority, *, owner: str = "") -> None:
        """See `Budget.take`."""
        waited_s = await self._address.take(self, self._buckets.get(endpoint), priority, owner)
        self._count(endpoint, owner, waited_s)

    def take_now(self, endpoint: str, priority: Priority, *, owner: str = "") -> bool:
        """See `Budget.take_now`."""
        taken = self._address.take_now(self, self._buckets.get(endpoint), priority, owner)
        if taken:
            self._count(endpoint, owner, 0.0)
        return taken

    def _count(self, endpoint: str, owner: str, waited_s: float) -> None:
        if endpoint in self._waits_ms:
            self._waits_ms[endpoint].append(waited_s * 1000)
            self._use.count(endpoint, owner, self._clock.wall_ms())
            return
        left_s = self._left_s.setdefault(endpoint, deque())
        left_s.append(self._clock.mono_s())
        self._in_window(left_s)

    def _in_window(self, left_s: deque[float]) -> int:
        while left_s and left_s[0] <= self._clock.mono_s() - GUESS_WINDOW_S:
            left_s.popleft()
        return len(left_s)

    def learn(self, endpoint: str, *, limit: int | None, left: int | None, reset_ms: int | None, code: int | None) -> None:
        """See `Budget.learn`. `reset_ms` is on our wall clock; one in the past means now."""
        now_s = self._clock.mono_s()
        reset_in_s = None if reset_ms is None else max(0.0, (reset_ms - self._clock.wall_ms()) / 1000)
        bucket = self._buckets.get(endpoint)
        if bucket is not None:
            bucket.learn(now_s, limit=limit, left=left, reset_in_s=reset_in_s)
        if code is not None and classify(code) is ReplyClass.LATER:
            bucket = bucket or self._begin(endpoint)
            bucket.refused(now_s, reset_in_s)
            self.on_refused(endpoint, code)
        if code == SYSTEM_PROTECTION:
            self.on_refused(endpoint, code)
            if bucket is not None:
                bucket.refusals += 1
            self._address.protects_itself()
        self._address.serve()

    def _begin(self, endpoint: str) -> RateBucket:
        """
        A limit of an endpoint that has none by itself: the venue has just refused a request to it for coming too fast. It tells
        of none either: what had left within the window was too much.
        """
        guess = self._in_window(self._left_s.pop(endpoint, deque())) or OTHER_LIMIT_PER_S
        self._waits_ms[endpoint] = deque(maxlen=WAITS_KEPT)
        self._buckets[endpoint] = bucket = RateBucket(
            endpoint, OTHER_LIMIT_PER_S, shares=self._shares, usable_share=self._usable, guess=guess
        )
        return bucket

    def banned(self) -> None:
        """See `Budget.banned`."""
        self._address.ban()

    def rows(self) -> list[LimitRow]:
        """Lines of the `limits` table, the address last."""
        return [*(self._line(path) for path in self._buckets), self._address.row()]

    def used_rows(self) -> Iterator[LimitRow]:
        """Those of endpoints that were used today, or refused anything; each is made when it is asked for."""
        for path, bucket in [*self._buckets.items()]:  # others go on between two rows
            if bucket.refusals or bucket.used(self._clock.mono_s()) or self._use.of(path, self._clock.wall_ms()):
                yield self._line(path)

    def _line(self, path: str) -> LimitRow:
        by_owner = self._use.of(path, self._clock.wall_ms())
        return limit_row(self._alias, self._buckets[path], self._waits_ms[path], self._clock.mono_s(), 0.0, by_owner)
