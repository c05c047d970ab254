"""
The daemon's turn at the share of an instance: before each order that reduces it, where others hold a part of the symbol too.

Behind `take` the guardian closes nothing of that share until `done`, and what it has closed of it is booked.
"""

from typing import Final

import anyio

from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.order_book import FOREIGN
from playd.orders.room import is_shared

_LOOK_S: Final = 0.1
_READ_AGAIN_S: Final = 1.0


class ShareTurns:
    """Of one account."""

    def __init__(self, desk: Desk, catch_up: CatchUp) -> None:
        self._desk = desk
        self._catch_up = catch_up
        self._word = desk.halts.guardian
        self._booked: dict[str, int] = {}
        """By instance: the newest claim of the guardian behind which its executions were read."""

        self._seen: dict[str, tuple[int, float]] = {}
        """By instance: the newest claim of the guardian that was met, and when."""

    async def take(self, owner: str, symbol: str, key: str) -> None:
        """
        Wait until the guardian is not at the share, and hold it for `key`, also if it is held for it already: between two
        orders the guardian goes first. A guardian that is gone, or hangs, is not waited for.
        """
        claims, asked_s = self._word.claims, self._desk.clock.mono_s()
        claims.let_go(owner, key)
        if owner == FOREIGN or not is_shared(self._desk, owner, symbol):
            return
        while True:
            last_ms = claims.their_last_ms(owner)
            if self._is_theirs(owner, asked_s):
                await anyio.sleep(_LOOK_S)
            elif not await self._is_booked(owner, last_ms):
                await anyio.sleep(_READ_AGAIN_S)  # how large the share is nobody knows
            elif not claims.hold(owner, key):
                await anyio.sleep(_LOOK_S)
            elif last_ms == claims.their_last_ms(owner) and not self._is_theirs(owner, asked_s):
                return
            else:
                claims.let_go(owner, key)

    async def is_ours(self, owner: str, symbol: str, asked_s: float) -> bool:
        """Whether an order in doubt may be sent again: the guardian is not at the share, and what it did to it is booked."""
        if owner == FOREIGN or not is_shared(self._desk, owner, symbol):
            return True
        last_ms = self._word.claims.their_last_ms(owner)
        return not self._is_theirs(owner, asked_s) and await self._is_booked(owner, last_ms)

    def go_on(self, owner: str, symbol: str, key: str) -> None:
        """Hold it for an order that is at the venue already, or may be."""
        if not self._word.claims.is_held(owner, key) and owner != FOREIGN and is_shared(self._desk, owner, symbol):
            self._word.claims.hold(owner, key)

    def done(self, owner: str, key: str) -> None:
        """Nothing of `key` is under way any more."""
        self._word.claims.let_go(owner, key)

    async def _is_booked(self, owner: str, last_ms: int) -> bool:
        if last_ms == self._booked.get(owner, 0):
            return True
        if not await self._catch_up.try_run():
            return False
        self._booked[owner] = last_ms
        return True

    def _is_theirs(self, owner: str, asked_s: float) -> bool:
        claims = self._word.claims
        if not claims.theirs(owner):
            return False
        last_ms, (known_ms, seen_s) = claims.their_last_ms(owner), self._seen.get(owner, (-1, 0.0))
        if last_ms != known_ms:
            seen_s = self._desk.clock.mono_s()
            self._seen[owner] = last_ms, seen_s
        return self._word.may_act(asked_s, seen_s)
