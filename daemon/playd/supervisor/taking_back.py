"""
Entries that rest at the venue for an instance that does not trade are taken back there.

Whoever has any waits for its account: what ended the one may have ended the other.
"""

from collections.abc import Callable
from typing import Final

import anyio

from playd.core.modes import Mode
from playd.supervisor.accounts import Accounts
from playd.supervisor.records import RecordStore
from playd.supervisor.slot import Slot
from playd.supervisor.states import State

AFTER_CRASH_S: Final = 30.0
"""Resting entries of a crashed instance are taken back when it is not running again by then."""

LOOK_S: Final = 1.0
"""Time between two looks whether an account is open again."""


class TakingBack:
    """Of all instances, each at a time. A shadow has nothing at a venue."""

    def __init__(self, accounts: Accounts, records: RecordStore) -> None:
        self._accounts = accounts
        self._records = records

    async def now(self, slot: Slot) -> None:
        """Where its account is open; that asks again until they are gone."""
        account = self._accounts.find(slot.record.account)
        if account is not None:
            await account.cancel_entries(instance_uid=slot.record.uid)

    async def of_idle(self, slot: Slot) -> None:
        """Of one that stopped or failed, unless it is started again."""
        await self._while(slot, lambda: not slot.active or slot.facts.failed is not None)

    async def unless_back(self, slot: Slot) -> None:
        """Of one that crashed, or whose daemon did: once it has had its time and is not running again."""
        await anyio.sleep(AFTER_CRASH_S)
        await self._while(slot, lambda: slot.state is not State.RUNNING)

    async def _while(self, slot: Slot, wanted: Callable[[], bool]) -> None:
        """As soon as its account is open, while that is wanted and the ledger knows of anything there."""
        while slot.record.mode is not Mode.SHADOW and wanted():
            if self._accounts.find(slot.record.account) is not None:
                await self.now(slot)
                return
            if not self._records.occupies(slot.record):
                return
            await anyio.sleep(LOOK_S)
