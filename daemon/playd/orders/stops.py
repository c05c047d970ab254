"""Moves of stop and target that an instance decides: one synced intent, then the venue, then proof by the fill check."""

from typing import Final

import anyio

from playd.core.orders import Intent, IntentClass
from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.orders.exits import FROZEN
from playd.orders.gateway import Gateway, Instance, Verdict
from playd.orders.halts import symbol_scope
from playd.orders.rows import text
from playd.venues.port import Priority

STOP_REFUSED: Final = "STOP_REFUSED"
"""Verdict: the venue says that stop or target are not possible here. In practice the price is beyond one of them."""

STOP_UNSET: Final = "STOP_UNSET"
"""Verdict: stop and target were not set, or may not have been, for a reason that has nothing to do with their prices."""


class Stops:
    """Executes `STOP` intents of class protect for one account."""

    def __init__(self, desk: Desk, gateway: Gateway) -> None:
        self._desk = desk
        self._gateway = gateway

    async def submit(self, intent: Intent, instance: Instance) -> Verdict:
        """
        Set the given stop and target (None leaves one as it is). `AMENDED` when the venue took it, `FLAT` without a position,
        `FROZEN` when nothing may be sent.

        After any other answer the old stop is still at the venue; the new one stays the plan in the ledger, and the fill
        check sets it again until the venue has it. Levels that a fill asked for (no bar decided them) are no plan any more once
        the venue refuses them: whoever asked leaves the position.
        """
        desk = self._desk
        known = self._gateway.known(intent)
        if known is not None:
            return known
        if frozen := desk.frozen(intent.symbol, instance.uid):
            if intent.bar_close_ms:
                desk.verdicts.record(instance.uid, instance.clock_ms, intent.bar_close_ms, FROZEN, frozen)
            return Verdict(FROZEN, frozen)
        share = desk.fills.share(instance.uid, intent.symbol)
        if share.position.signed_qty == 0:
            note = "there is no position whose stop could be moved"
            if intent.bar_close_ms:
                desk.verdicts.record(instance.uid, instance.clock_ms, intent.bar_close_ms, "FLAT", note)
            return Verdict("FLAT", note)
        stop = intent.stop if intent.stop is not None else share.stop
        target = intent.target if intent.target is not None else share.target
        moved = desk.book.stops_of(instance.uid, intent.symbol)
        with anyio.CancelScope(shield=True):
            with desk.ledger.atomic():
                identity = desk.book.insert_intent(intent, b"{}")
                desk.fills.set_protection(instance.uid, intent.symbol, stop=stop, target=target)
                desk.book.note_move(moved, "send", f"to {text(stop)} by {identity}")
                if intent.bar_close_ms:
                    desk.verdicts.record(
                        instance.uid, instance.clock_ms, intent.bar_close_ms, "AMENDED", intent.reason, intents=identity
                    )
            desk.ledger.commit()
            with desk.moving(intent.symbol):
                # The position has a stop already: one that has none goes first.
                reply = await desk.port.set_stops(intent.symbol, stop=intent.stop, target=intent.target, priority=Priority.EXIT)
        desk.book.note_move(moved, "reply", reply.text, reply.code)
        desk.book.close_intent(identity, "done" if _took(reply.reply_class) else "refused")
        data = {"stop": text(stop), "target": text(target), "code": reply.code}
        desk.journal.append("stop.moved", data, account=desk.alias, instance=instance.uid, symbol=intent.symbol, cause=identity)
        if _took(reply.reply_class):
            return Verdict("AMENDED")
        note = f"stop {stop} on {intent.symbol} was answered {reply.code}: {reply.text}"
        desk.incidents.open(STOP_REFUSED, "warning", symbol_scope(desk.alias, intent.symbol), note)
        if reply.reply_class is not ReplyClass.LIMITS:
            return Verdict(STOP_UNSET, note)
        if not intent.bar_close_ms:
            desk.fills.set_protection(instance.uid, intent.symbol, stop=share.stop, target=share.target)
            desk.publish()
        return Verdict(STOP_REFUSED, note)

    def resume(self) -> None:
        """Close what an earlier life left without an answer: the plan is on record, and the start has set it at the venue."""
        for intent in self._desk.book.open_intents():
            if intent.intent_class == IntentClass.PROTECT:
                self._desk.book.close_intent(intent.id, "done")


def _took(reply_class: ReplyClass) -> bool:
    return reply_class in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE)
