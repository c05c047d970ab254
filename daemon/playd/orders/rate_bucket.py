"""
One rate limit as a rolling window: how many requests left in the last second, and when the next one may. Pure.

A window counts exactly what the venue counts, so that no burst at the seam of two seconds exceeds the limit, as it would with
a bucket that refills.
"""

import math
from collections import deque
from typing import Final

USABLE_SHARE: Final = 0.8
"""Share of a limit that is ever used, unless the settings say another."""

TRAVEL_S: Final = 0.1
"""Requests that leave one window apart may arrive closer together; the window is longer by this much."""

PENALTY: Final = 0.8
PENALTY_S: Final = 600.0
"""After a refusal for sending too fast the limit is believed to be this much smaller for this long."""

GUESS_WINDOW_S: Final = 1.0 + TRAVEL_S
"""Refusals that come within it are of one window, of an endpoint whose limit is guessed."""

_GROWTHS_MAX: Final = 40
"""Steps behind which any guess has grown to everything."""

MAX_BLOCK_S: Final = 5.0
LIMIT_MAX: Final = 10_000
"""More than any user is granted per second: a header that says so is none."""

DEFAULT_BLOCK_S: Final = 1.0


class RateBucket:
    """
    A limit of `limit` requests per `window_s`, of which `usable_share` is used.

    Requests have a level: those of level 0 may use all of it, those of level n and above together no more than `shares[n - 1]`.
    What the higher levels leave is a reserve for the lower ones, at any time: a window that others have filled frees nothing
    for a while, whoever stands first in the queue. Where the reserve stays `free`, what the lower levels use of a window is
    taken from the higher ones, but for one request of each window, so that as much again may follow at once. Times are
    monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        *,
        window_s: float = 1.0,
        shares: tuple[float, ...],
        usable_share: float = USABLE_SHARE,
        reserved: int = 0,
        guess: int | None = None,
        free: bool = False,
    ) -> None:
        """
        `reserved` requests of each window belong to somebody else who uses the same limit. `guess` is the size of one that the
        venue tells nothing of but refusals: each window with one makes it smaller, and time larger again, up to `limit`.
        """
        self.name = name
        self._guess = guess
        self._free = free
        self._guessed_s = -math.inf
        """When the guess was made, or last made smaller."""
        self._reserved = reserved
        self.limit = limit
        self.refusals = 0
        self._window_s = window_s
        self._shares = (1.0, *shares)
        self._usable_share = usable_share
        self._stamps: tuple[deque[float], ...] = tuple([deque() for _ in self._shares])
        """By level: when the requests of that level and above left."""
        self._blocked_until_s = -math.inf
        self._penalised_until_s = -math.inf

    def usable(self, now_s: float) -> int:
        """Requests allowed in any one window; at least one."""
        share = self._usable_share * (PENALTY if now_s < self._penalised_until_s else 1.0)
        return max(1, int(self._size(now_s) * share) - self._reserved)

    def _size(self, now_s: float) -> int:
        if self._guess is None:
            return self.limit
        grown = min(_GROWTHS_MAX, max(0, int((now_s - self._guessed_s) / PENALTY_S)))
        return min(self.limit, int(self._guess / PENALTY**grown))

    def used(self, now_s: float) -> int:
        """Requests of the present window, those of other clients included as far as the venue told us."""
        self._forget(now_s)
        return len(self._stamps[0])

    def free_in_s(self, now_s: float, level: int) -> float:
        """Seconds until one more request of a level may leave, as things stand; zero when it may now."""
        self._forget(now_s)
        usable = self.usable(now_s)
        free_s = max(now_s, self._blocked_until_s)
        for each in range(level + 1):
            allowed = int(usable * self._shares[each]) or 1
            level_s = self._below_s(self._stamps[0 if self._free else each], allowed)
            if self._free and each:
                level_s = min(level_s, self._below_s(self._stamps[each], 1))
            free_s = max(free_s, level_s)
        return free_s - now_s

    def count(self, now_s: float, level: int) -> None:
        """One request leaves."""
        for each in range(level + 1):
            self._stamps[each].append(now_s)

    def learn(self, now_s: float, *, limit: int | None, left: int | None, reset_in_s: float | None) -> None:
        """
        Take over what a reply's headers say: size, how much of it is left, and when it frees up if nothing is. What is missing
        stays as it is known; beside a size that nobody is granted the others say nothing either.

        Use that we do not know of belongs to other clients of the same user and counts like ours; but for as much as is left
        free for somebody anyway, which would else be taken off twice.
        """
        if limit is not None and not 0 < limit <= LIMIT_MAX:
            return
        if limit is not None:
            self.limit, self._guess = limit, None
        if left is None:
            return
        self._forget(now_s)
        for _ in range(min(self.limit - left - self._reserved - len(self._stamps[0]), self.limit)):
            self._stamps[0].append(now_s)
        if left <= 0 and reset_in_s is not None:
            self._block(now_s, reset_in_s)

    def refused(self, now_s: float, reset_in_s: float | None) -> None:
        """The venue refused a request for coming too fast: nothing until the reset, and a smaller limit for ten minutes."""
        self.refusals += 1
        if self._guess is not None and now_s - self._guessed_s >= GUESS_WINDOW_S:
            first = self._guessed_s == -math.inf
            self._guess = self._guess if first else max(1, int(self._size(now_s) * PENALTY))
            self._guessed_s = now_s
        self._penalised_until_s = now_s + PENALTY_S
        self._block(now_s, DEFAULT_BLOCK_S if reset_in_s is None else reset_in_s)

    def _block(self, now_s: float, seconds: float) -> None:
        self._blocked_until_s = max(self._blocked_until_s, now_s + min(max(seconds, 0.0), MAX_BLOCK_S))

    def _below_s(self, stamps: deque[float], allowed: int) -> float:
        """When fewer than `allowed` of these stamps are left in the window; before any time if that is so now."""
        if len(stamps) < allowed:
            return -math.inf
        return stamps[len(stamps) - allowed] + self._window_s + TRAVEL_S

    def _forget(self, now_s: float) -> None:
        oldest_s = now_s - self._window_s - TRAVEL_S
        for stamps in self._stamps:
            while stamps and stamps[0] <= oldest_s:
                stamps.popleft()
