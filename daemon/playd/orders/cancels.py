"""
Cancels that an instance decides: one synced intent, then the venue, again and again until the entry order is final.

A cancel never changes the order's own state: the stream or the resolver says what became of it, and its instance hears of that
end. What the order filled before the cancel arrived stays, under the stop that the entry carried.
"""

from typing import Final

import anyio

from playd.core.orders import Intent, IntentClass
from playd.orders.booking import ENTRY_ACTIONS
from playd.orders.desk import Desk
from playd.orders.gateway import Gateway, Instance, Verdict
from playd.orders.rows import OrderRow
from playd.venues.port import Priority

CANCELLING: Final = "CANCELLING"
"""Verdict: the cancel is under way; the end of the entry follows as an event."""

_REPEAT_S: Final = (0.5, 1.0, 2.0, 5.0)
"""Pauses before a cancel whose order is still there is sent again; the last one repeats."""


class Cancels:
    """Submits and drives intents of class cancel for one account."""

    def __init__(self, desk: Desk, gateway: Gateway) -> None:
        self._desk = desk
        self._gateway = gateway

    async def submit(self, intent: Intent, instance: Instance) -> Verdict:
        """Cancel the instance's working entry. `CANCELLING`, also when the same cancel was decided before."""
        desk = self._desk
        if self._gateway.known(intent) is not None:
            return Verdict(CANCELLING, "this intent exists")
        with anyio.CancelScope(shield=True):
            with desk.ledger.atomic():
                identity = desk.book.insert_intent(intent, b"{}")
                desk.verdicts.record(
                    instance.uid, instance.clock_ms, intent.bar_close_ms, "CANCELLED", intent.reason, intents=identity
                )
            desk.ledger.commit()
            for row in self._working(intent.instance_uid, intent.symbol):
                await self._send(row)
        desk.spawn(self.finish, identity)
        return Verdict(CANCELLING)

    async def finish(self, identity: str) -> None:
        """Drive a stored cancel until no entry that was there before it works any more."""
        desk, tries = self._desk, 0
        intent = desk.book.intent(identity)
        if intent is None or intent.outcome:
            return
        links = {row.link_id for row in self._working(intent.instance, intent.symbol)}
        while left := [row for row in self._working(intent.instance, intent.symbol) if row.link_id in links]:
            changed = await desk.changed(left[0].link_id, _REPEAT_S[min(tries, len(_REPEAT_S) - 1)])
            if not changed:
                tries += 1
                await self._send(left[0])
        if desk.book.close_intent(identity, "done"):
            desk.publish()

    def resume(self) -> None:
        """Take up every unfinished cancel of the ledger again, in the background. Called at start."""
        for intent in self._desk.book.open_intents():
            if intent.intent_class == IntentClass.CANCEL:
                self._desk.spawn(self.finish, intent.id)

    def _working(self, owner: str, symbol: str) -> list[OrderRow]:
        rows = self._desk.book.live(symbol)
        return [row for row in rows if row.owner == owner and row.action in ENTRY_ACTIONS and not row.reduce_only]

    async def _send(self, row: OrderRow) -> None:
        await self._desk.port.cancel(row.symbol, link_id=row.link_id, priority=Priority.CANCEL)
