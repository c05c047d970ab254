"""
The daemon's turn at the share of an instance: before each order that reduces it, where others hold a part of the symbol too.

Behind `take` the guardian closes nothing of that share until `done`, and what it has closed of it is booked. Neither is waited
for without end: an order that closes a little too much of a common position once is better than one that never leaves.
"""

from dataclasses import dataclass
from typing import Final

import anyio

from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.halts import symbol_scope
from playd.orders.order_book import FOREIGN
from playd.orders.room import is_shared
from playd.orders.share_claims import WAIT_S

_LOOK_S: Final = 0.1
_READ_AGAIN_S: Final = 1.0

READ_WITHIN_S: Final = 3.0
"""So long an order waits for the executions behind a claim of the guardian; then the books decide how large a share is."""

_OVER_AFTER_MS: Final = 180_000
"""A panic of the guardian takes a minute and its last reading: nothing of a claim that is older than this comes any more."""

_ROUNDS: Final = 3
"""So often a claim may come between the end of the waiting and our own."""

_UNREAD: Final = "SHARE_UNREAD"


@dataclass(slots=True)
class _Met:
    """A claim of the guardian, and how long we have waited for it in all. Time in which we stood still is no waiting."""

    last_ms: int
    looked_s: float
    waited_s: float = 0.0


class ShareTurns:
    """Of one account."""

    def __init__(self, desk: Desk, catch_up: CatchUp) -> None:
        self._desk = desk
        self._catch_up = catch_up
        self._claims = desk.halts.guardian.claims
        self._booked: dict[str, int] = {}
        """By instance: the newest claim of the guardian behind which its executions were read, or could not be read in time."""

        self._met: dict[str, _Met] = {}
        """By instance: the newest claim of the guardian that was met."""

    async def take(self, owner: str, symbol: str, key: str, *, wait_s: float = WAIT_S) -> None:
        """
        Wait until the guardian is not at the share, `wait_s` at most, and hold it for `key`, also if it is held for it already:
        between two orders the guardian goes first.
        """
        for _ in range(_ROUNDS):
            self._claims.let_go(owner, key)
            if not self._is_common(owner, symbol):
                return
            await self._settle(owner, symbol, wait_s)
            self._claims.hold(owner, key)
            if not self._is_theirs(owner, wait_s) and self._is_booked(owner):
                return

    async def go_on(self, owner: str, symbol: str, key: str) -> None:
        """Before an order in doubt is sent again: what it may close stays held, and the guardian is waited for as by `take`."""
        self.hold(owner, symbol, key)
        if self._is_common(owner, symbol):
            await self._settle(owner, symbol, WAIT_S)

    def hold(self, owner: str, symbol: str, key: str) -> None:
        """
        Wait for nobody: for an order that is at the venue already, or may be, and for one of those that together close a whole
        position, which the venue bounds.
        """
        if self._is_common(owner, symbol):
            self._claims.hold(owner, key)

    def done(self, owner: str, key: str) -> None:
        """Nothing of `key` is under way any more."""
        self._claims.let_go(owner, key)

    def _is_common(self, owner: str, symbol: str) -> bool:
        return owner != FOREIGN and is_shared(self._desk, owner, symbol)

    def resume(self) -> None:
        """Read what an earlier life could not. Called at start."""
        for incident in self._desk.incidents.open_ones():
            if incident.kind == _UNREAD and incident.scope.startswith(symbol_scope(self._desk.alias, "")):
                self._desk.spawn(self._read_later, incident.scope)

    async def _settle(self, owner: str, symbol: str, wait_s: float) -> None:
        """Until the guardian is not at the share and what it did to it is booked, or that has taken long enough."""
        while self._is_theirs(owner, wait_s):  # noqa: ASYNC110 - another process wakes nobody here
            await anyio.sleep(_LOOK_S)
        if self._is_booked(owner):
            return
        last_ms = self._claims.their_last_ms(owner)
        with anyio.move_on_after(READ_WITHIN_S) as patience:
            await self._read()
        self._booked[owner] = last_ms
        if patience.cancelled_caught:
            note = f"what the guardian closed of the share of {owner} could not be read: the books decide what is closed of it"
            scope = symbol_scope(self._desk.alias, symbol)
            self._desk.incidents.open(_UNREAD, "warning", scope, note)
            self._desk.spawn(self._read_later, scope)

    async def _read(self) -> None:
        while not await self._catch_up.try_run():  # noqa: ASYNC110 - it is the venue that must be asked
            await anyio.sleep(_READ_AGAIN_S)

    async def _read_later(self, scope: str) -> None:
        await self._read()
        self._desk.incidents.resolve(_UNREAD, scope, "the executions are read")

    def _is_booked(self, owner: str) -> bool:
        last_ms = self._claims.their_last_ms(owner)
        if last_ms == self._booked.get(owner, 0):
            return True
        # A reading of the time to come was made before the clock was set back, and says nothing of a claim behind that.
        return last_ms + _OVER_AFTER_MS < self._catch_up.complete_ms <= self._desk.clock.wall_ms()

    def _is_theirs(self, owner: str, wait_s: float) -> bool:
        """Whether the guardian holds the share, and was not waited for long enough."""
        if not self._claims.theirs(owner):
            return False
        last_ms, now_s = self._claims.their_last_ms(owner), self._desk.clock.mono_s()
        met = self._met.get(owner)
        if met is None or met.last_ms != last_ms:
            met = self._met[owner] = _Met(last_ms, now_s)
        met.waited_s += min(now_s - met.looked_s, 2 * _LOOK_S)
        met.looked_s = now_s
        return met.waited_s < wait_s
