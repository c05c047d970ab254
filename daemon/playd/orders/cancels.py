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
        """Cancel the instance's working entry. `CANCELLING`, also when the same cancel was decided before."""
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
            await self._withdrawals.ask(self._working(intent.instance_uid, intent.symbol))
            is_asked = True
        finally:
            if not is_asked:  # its instance is stopped meanwhile, and waits for no ban: the cancel was decided all the same
                self._withdrawals.drive(self._working(intent.instance_uid, intent.symbol))
            desk.spawn(self._finish, identity)
        return Verdict(CANCELLING)

    def resume(self) -> None:
        """Take up every unfinished cancel of the ledger again, in the background. Called at start, before any new entry."""
        for intent in self._desk.book.open_intents():
            if intent.intent_class == IntentClass.CANCEL:
                self._withdrawals.drive(self._working(intent.instance, intent.symbol))
                self._desk.spawn(self._finish, intent.id)

    async def _finish(self, identity: str) -> None:
        """Close a stored cancel once no entry that worked when it was decided works any more."""
        desk = self._desk
        intent = desk.book.intent(identity)
        if intent is None or intent.outcome:
            return
        for row in self._working(intent.instance, intent.symbol):
            while not desk.book.need(row.link_id).state.terminal:
                await desk.changed(row.link_id, _LOOK_S)
        if desk.book.close_intent(identity, "done"):
            desk.publish()

    def _working(self, owner: str, symbol: str) -> list[OrderRow]:
        return self._withdrawals.entries(instance_uid=owner, symbol=symbol)
