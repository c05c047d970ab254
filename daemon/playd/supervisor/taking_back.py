"""
Entries that rest at the venue for an instance that does not trade are taken back there.

Whoever has any waits for its account: what ended the one may have ended the other. An account carries what it was asked for
only as long as it lives, so each that opens is asked, until the ledger knows of no entry any more.
"""

from collections.abc import Callable
from typing import Final

import anyio

from playd.core.modes import Mode
from playd.orders.account import Account
from playd.supervisor.accounts import Accounts
from playd.supervisor.records import RecordStore
from playd.supervisor.slot import Slot

AFTER_CRASH_S: Final = 30.0
"""Resting entries of a crashed instance are taken back when it is not warm again by then."""

LOOK_S: Final = 1.0
"""Time between two looks whether an account is open again."""


class TakingBack:
    """Of all instances, each at a time. A shadow has nothing at a venue."""

    def __init__(self, accounts: Accounts, records: RecordStore) -> None:
        self._accounts = accounts
        self._records = records
        self._timed: set[str] = set()
        """Instances whose time to come back runs, by uid: a crash behind a crash begins no other."""

    async def now(self, slot: Slot) -> None:
        """Where its account is open; that asks again until they are gone."""
        account = self._accounts.find(slot.record.account)
        if account is not None:
            await account.cancel_entries(instance_uid=slot.record.uid)

    async def of_idle(self, slot: Slot, asked: Account | None = None) -> None:
        """Of one that stopped or failed, unless it is started again. `asked` is an account that was asked already."""
        await self._while(slot, lambda: not slot.active or slot.facts.failed is not None, asked)

    async def unless_back(self, slot: Slot) -> None:
        """Of one that crashed, or whose daemon did: unless it is warm again in its time."""
        uid = slot.record.uid
        if uid in self._timed:
            return
        self._timed.add(uid)
        try:
            with anyio.move_on_after(AFTER_CRASH_S):
                while not slot.facts.warm:
                    await slot.touched.wait()
        finally:
            self._timed.discard(uid)
        await self._while(slot, lambda: not slot.facts.warm)

    async def _while(self, slot: Slot, wanted: Callable[[], bool], asked: Account | None = None) -> None:
        """Ask each account that opens, while that is wanted and the ledger knows of an entry."""
        while slot.record.mode is not Mode.SHADOW and wanted() and self._records.entry_rests(slot.record):
            account = self._accounts.find(slot.record.account)
            if account is not None and account is not asked:
                asked = account
                await account.cancel_entries(instance_uid=slot.record.uid)
            else:
                await anyio.sleep(LOOK_S)
