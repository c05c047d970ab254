"""The guardian's own share of the rate limits: two of each write and two reads per second. The daemon leaves it free."""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final

import anyio

from playd.core.reply_codes import ReplyClass, classify
from playd.venues.port import Priority
from playd.world.ports import Clock

WRITES_MAX: Final = 2
WRITES_WINDOW_S: Final = 1.1
READS_MAX: Final = 10
READS_WINDOW_S: Final = 5.1
"""Two a second on average, in bursts: a panic reads several times at once. The tenth of a second is what requests may gain."""

BAN_S: Final = 600.0
BAN_MAX_S: Final = 3600.0
"""The longest ban that a daemon may tell of: no wall clock that somebody sets makes it longer."""

REFUSED_S: Final = 1.0

_READS: Final = "reads"
WRITES: Final = frozenset({"/v5/order/create", "/v5/order/cancel", "/v5/position/trading-stop"})


class AddressBan:
    """Until when the venue has banned our address. One for all accounts of the guardian, and for every time one is opened."""

    def __init__(
        self,
        clock: Clock,
        on_ban: Callable[[int], None] = lambda _until_ms: None,
        ban_s: Callable[[], float] = lambda: BAN_S,
    ) -> None:
        """
        `on_ban` hears the wall time until which the venue has banned us itself; not what the daemon told. `ban_s` says how
        long one is.
        """
        self._clock = clock
        self._ban_s = ban_s
        self._on_ban = on_ban
        self._until_s = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the address may send again; zero when it may now."""
        return max(0.0, self._until_s - self._clock.mono_s())

    def begin(self) -> None:
        """The venue has refused a request of ours: silence for as long as a ban is, or longer where we were told so."""
        self._until_s = max(self._until_s, self._clock.mono_s() + self._ban_s())
        self._on_ban(self._clock.wall_ms() + round(self.left_s * 1000))

    def heed(self, until_ms: int) -> None:
        """The daemon was banned until this wall time. It sends from the same address, and asking again prolongs a ban."""
        left_s = min(BAN_MAX_S, (until_ms - self._clock.wall_ms()) / 1000)
        self._until_s = max(self._until_s, self._clock.mono_s() + left_s)


class GuardianShare:
    """Implements `Budget` for one key. Waiting requests are served in the order in which they came."""

    def __init__(self, clock: Clock, ban: AddressBan | None = None) -> None:
        """`ban` is that of the address, one of its own without it."""
        self._clock = clock
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._blocked_until_s: defaultdict[str, float] = defaultdict(float)
        self._ban = ban or AddressBan(clock)
        self._lines: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    @property
    def banned_for_s(self) -> float:
        """Seconds until the address may send again; zero when it may now."""
        return self._ban.left_s

    @property
    def entries_paused_for_s(self) -> float:
        """The guardian sends no entries."""
        return 0.0

    @property
    def missing_stops(self) -> int:
        """Nothing that it sends gives way to them."""
        return 0

    async def take(self, endpoint: str, priority: Priority, *, owner: str = "") -> None:
        """See `Budget.take`. Cancelling gives the place in the line back."""
        kind = _kind(endpoint)
        async with self._lines[kind]:
            while True:
                wait_s = self._free_in_s(kind)
                if wait_s <= 0:
                    break
                await anyio.sleep(wait_s)
            self._recent[kind].append(self._clock.mono_s())

    def take_now(self, endpoint: str, priority: Priority, *, owner: str = "") -> bool:
        """See `Budget.take_now`."""
        kind = _kind(endpoint)
        if self._lines[kind].locked() or self._free_in_s(kind) > 0:
            return False
        self._recent[kind].append(self._clock.mono_s())
        return True

    def learn(self, endpoint: str, *, limit: int | None, left: int | None, reset_ms: int | None, code: int | None) -> None:
        """See `Budget.learn`. Only a refusal for haste matters: the share is far below every limit."""
        if code is not None and classify(code) is ReplyClass.LATER:
            self._blocked_until_s[_kind(endpoint)] = self._clock.mono_s() + REFUSED_S

    def banned(self) -> None:
        """See `Budget.banned`."""
        self._ban.begin()

    def heed(self, until_ms: int) -> None:
        """See `AddressBan.heed`."""
        self._ban.heed(until_ms)

    def _free_in_s(self, kind: str) -> float:
        now_s, recent = self._clock.mono_s(), self._recent[kind]
        most, window_s = (READS_MAX, READS_WINDOW_S) if kind == _READS else (WRITES_MAX, WRITES_WINDOW_S)
        while recent and recent[0] <= now_s - window_s:
            recent.popleft()
        full_until_s = recent[-most] + window_s if len(recent) >= most else now_s
        return max(full_until_s, self._blocked_until_s[kind], now_s + self._ban.left_s) - now_s


class Shares:
    """The share of every account of one address, by alias: what was sent just now, no watch that is opened again forgets."""

    def __init__(self, clock: Clock, ban: AddressBan) -> None:
        self._clock = clock
        self._ban = ban
        self._by_alias: dict[str, GuardianShare] = {}

    def of(self, alias: str) -> GuardianShare:
        """The same one for all the times an account is opened."""
        return self._by_alias.setdefault(alias, GuardianShare(self._clock, self._ban))


def _kind(endpoint: str) -> str:
    """Each write has a limit of its own, reads share one."""
    return endpoint if endpoint in WRITES else _READS
