"""
Cancels that an instance decides: one synced intent, which is done when the entries that worked at the time are final.

How an entry is taken back is the same for everybody: `withdrawals`.
"""

from typing import Final

from playd.core.orders import Intent, IntentClass
from playd.orders.desk import Desk
from playd.orders.gateway import Gateway, Instance, Verdict
from playd.orders.rows import OrderRow
from playd.orders.withdrawals import Withdrawals

CANCELLING: Final = "CANCELLING"
"""Verdict: the cancel is under way; the end of the entry follows as an event."""

_LOOK_S: Final = 5.0


class Cancels:
    """Submits intents of class cancel for one account, and closes them."""

    def __init__(self, desk: Desk, gateway: Gateway, withdrawals: Withdrawals) -> None:
        self._desk = desk
        self._gateway = gateway
        self._withdrawals = withdrawals

    async def submit(self, intent: Intent, instance: Instance) -> Verdict:
        """Cancel the instance's entry that worked at that bar. `CANCELLING`, also when the same cancel was decided before."""
        desk = self._desk
        if self._gateway.known(intent) is not None:
            return Verdict(CANCELLING, "this intent exists")
        bounds = desk.bounds(intent.instance_uid)
        with desk.ledger.atomic():
            identity = desk.book.insert_intent(intent, bounds)
            desk.verdicts.record(
                instance.uid, instance.clock_ms, intent.bar_close_ms, "CANCELLED", intent.reason, intents=identity
            )
        desk.ledger.commit()
        is_asked = False
        try:
            await self._withdrawals.ask(self._working(intent.instance_uid, intent.symbol, intent.bar_close_ms))
            is_asked = True
        finally:
            if not is_asked:  # its instance is stopped meanwhile, and waits for no ban: the cancel was decided all the same
                self._withdrawals.drive(self._working(intent.instance_uid, intent.symbol, intent.bar_close_ms))
            desk.spawn(self._finish, identity)
        return Verdict(CANCELLING)

    def resume(self) -> None:
        """Take up every unfinished cancel of the ledger again, in the background. Called at start, before any new entry."""
        for intent in self._desk.book.open_intents():
            if intent.intent_class == IntentClass.CANCEL:
                self._withdrawals.drive(self._working(intent.instance, intent.symbol, intent.bar_close_ms))
                self._desk.spawn(self._finish, intent.id)

    async def _finish(self, identity: str) -> None:
        """Close a stored cancel once no entry that worked when it was decided works any more."""
        desk = self._desk
        intent = desk.book.intent(identity)
        if intent is None or intent.outcome:
            return
        for row in self._working(intent.instance, intent.symbol, intent.bar_close_ms):
            while not desk.book.need(row.link_id).state.terminal:
                await desk.changed(row.link_id, _LOOK_S)
        if desk.book.close_intent(identity, "done"):
            desk.publish()

    def _working(self, owner: str, symbol: str, close_ms: int) -> list[OrderRow]:
        """
        Entries that a cancel decided at a close is about. A bar that is decided again long after means none of those that were
        decided since.
        """
        rows = self._withdrawals.entries(instance_uid=owner, symbol=symbol)
        return [row for row in rows if self._decided_ms(row) < close_ms]

    def _decided_ms(self, row: OrderRow) -> int:
        """The close at which an entry was decided; 0 of one that a restored ledger does not know it of."""
        intent = None if row.intent is None else self._desk.book.intent(row.intent)
        return 0 if intent is None else intent.bar_close_ms
