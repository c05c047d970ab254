"""
The cool-down of entries after a stop or a crash: a while, and then until books and venue agree about the symbol.

It is on record and outlives the daemon. A shadow has nothing at a venue that would have to settle.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from playd.core.modes import Mode
from playd.supervisor.accounts import Accounts
from playd.supervisor.records import RecordStore
from playd.supervisor.slot import Slot
from playd.world.ports import Clock

CAUSE: Final = "cooldown"
"""Cause of degradation while entries wait."""

AGREE_AGAIN_S: Final = 5.0
"""Time between two questions whether books and venue agree."""


class CoolDown:
    """Of all instances. `beside` runs work about one of them in the background; `wait_s` is how long entries wait at least."""

    def __init__(
        self,
        clock: Clock,
        records: RecordStore,
        accounts: Accounts,
        wait_s: Callable[[], float],
        beside: Callable[[Slot, Callable[[Slot], Awaitable[None]]], None],
    ) -> None:
        self._clock = clock
        self._records = records
        self._accounts = accounts
        self._wait_s = wait_s
        self._beside = beside

    def hold(self, slot: Slot) -> None:
        """From now on entries wait."""
        if slot.record.mode is not Mode.SHADOW:
            self._records.hold_entries(slot.record.uid, self._clock.wall_ms() + round(self._wait_s() * 1000))

    def begin(self, slot: Slot) -> None:
        """Degrade a starting instance for as long as its entries wait, if they do."""
        if until_ms := self._records.entries_held_until_ms(slot.record.uid):
            waits, slot.entries_held_until_ms = CAUSE in slot.facts.causes, until_ms
            slot.degrade(CAUSE, f"entries wait {self._wait_s():g} s after a stop or a crash, and until books and venue agree")
            if not waits:
                self._beside(slot, self._end)

    async def _end(self, slot: Slot) -> None:
        records, uid, ended = self._records, slot.record.uid, slot.ended
        while not ended.is_set():
            until_ms = records.entries_held_until_ms(uid)
            left_s = (until_ms - self._clock.wall_ms()) / 1000
            if left_s > 0:
                await anyio.sleep(min(left_s, self._wait_s()))
                if records.entries_held_until_ms(uid) == until_ms:
                    # Nobody waits longer than the whole time because a wall clock stepped back.
                    records.hold_entries(uid, self._clock.wall_ms())
                continue
            account = self._accounts.find(slot.record.account)
            if account is None or not await account.resuming.agrees(slot.record.symbol, f"cool-down of {slot.name}"):
                await anyio.sleep(AGREE_AGAIN_S)
            elif records.entries_held_until_ms(uid) <= self._clock.wall_ms() and not ended.is_set():
                records.let_entries_go(uid)
                slot.entries_held_until_ms = None
                slot.recover(CAUSE)
                return
