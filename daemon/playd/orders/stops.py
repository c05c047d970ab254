"""Moves of stop and target that an instance decides: one synced intent, then the venue, then proof by the fill check."""

from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.orders import Intent, IntentClass
from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.orders.exits import FROZEN
from playd.orders.freezing import unless_frozen
from playd.orders.gateway import Gateway, Instance, Verdict
from playd.orders.halts import symbol_scope
from playd.orders.rows import text
from playd.venues.port import Priority, Reply

STOP_REFUSED: Final = "STOP_REFUSED"
"""Verdict: the venue says that stop or target are not possible here. In practice the price is beyond one of them."""

STOP_UNSET: Final = "STOP_UNSET"
"""Verdict: stop and target were not set, or may not have been, for a reason that has nothing to do with their prices."""

_NO_POSITION: Final = 10001
"""Answer where a position is not there (yet), and where the market is beyond the level: a look at the position tells which."""

_UNKNOWN_YET_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses in which a venue learns of a position whose fill it has told."""

_REPEAT_S: Final = (0.5, 1.0, 2.0, 5.0)
"""Pauses before a move without a definite answer is asked for again; the last one repeats."""


class Stops:
    """Executes `STOP` intents of class protect for one account."""

    def __init__(self, desk: Desk, gateway: Gateway) -> None:
        self._desk = desk
        self._gateway = gateway
        self._asked: dict[str, Intent] = {}
        """Moves whose answer said nothing, or nothing that lasts, each asked for again by a task."""

    async def submit(self, intent: Intent, instance: Instance) -> Verdict:
        """
        Set the given stop and target (None leaves one as it is). `AMENDED` when the venue took it, `FLAT` without a position,
        `FROZEN` when nothing may be sent.

        After any other answer the old stop is still at the venue, or nobody knows; the new one stays the plan in the ledger and
        is asked for again until the venue has it. Levels that a fill asked for (no bar decided them) are no plan any more once
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
        bounds = desk.bounds(intent.instance_uid)
        with desk.moving(intent.symbol):
            with anyio.CancelScope(shield=True):
                with desk.ledger.atomic():
                    identity = desk.book.insert_intent(intent, bounds)
                    desk.fills.set_protection(instance.uid, intent.symbol, stop=stop, target=target)
                    desk.book.note_move(moved, "send", f"to {text(stop)} by {identity}")
                    if intent.bar_close_ms:
                        desk.verdicts.record(
                            instance.uid, instance.clock_ms, intent.bar_close_ms, "AMENDED", intent.reason, intents=identity
                        )
                desk.ledger.commit()
                reply = await self._ask(intent)
            reply = await self._once_it_is_known(intent, reply)
        desk.book.note_move(moved, "reply", reply.text, reply.code)
        data = {"stop": text(stop), "target": text(target), "code": reply.code}
        desk.journal.append("stop.moved", data, account=desk.alias, instance=instance.uid, symbol=intent.symbol, cause=identity)
        if _took(reply.reply_class):
            desk.book.close_intent(identity, "done")
            return Verdict("AMENDED")
        note = f"stop {stop} on {intent.symbol} was answered {reply.code}: {reply.text}"
        desk.incidents.open(STOP_REFUSED, "warning", symbol_scope(desk.alias, intent.symbol), note)
        desk.note_refusal(reply, note)
        if reply.reply_class is not ReplyClass.LIMITS:
            self._asked[identity] = intent
            if not desk.spawn(self._repeat, identity):
                self._end(identity, "refused")
            return Verdict(STOP_UNSET, note)
        desk.book.close_intent(identity, "refused")
        if not intent.bar_close_ms:
            desk.fills.set_protection(instance.uid, intent.symbol, stop=share.stop, target=share.target)
            desk.publish()
        return Verdict(STOP_REFUSED, note)

    def resume(self) -> None:
        """Close what an earlier life left without an answer: the plan is on record, and the start has set it at the venue."""
        for intent in self._desk.book.open_intents():
            if intent.intent_class == IntentClass.PROTECT:
                self._desk.book.close_intent(intent.id, "done")

    async def _ask(self, intent: Intent) -> Reply:
        # The position has a stop already: one that has none goes first.
        desk, symbol = self._desk, intent.symbol
        return await unless_frozen(
            desk,
            symbol,
            (intent.instance_uid,),
            lambda: desk.port.set_stops(symbol, stop=intent.stop, target=intent.target, priority=Priority.EXIT),
        )

    async def _once_it_is_known(self, intent: Intent, reply: Reply) -> Reply:
        """A venue may tell of a fill before it knows the position: what it refuses for that reason is asked once more."""
        for pause_s in _UNKNOWN_YET_S:
            if reply.code != _NO_POSITION or await self._is_there(intent.symbol):
                return reply
            await anyio.sleep(pause_s)
            closed = not self._desk.fills.position(intent.instance_uid, intent.symbol).signed_qty
            if closed or self._desk.frozen(intent.symbol, intent.instance_uid):
                return reply
            reply = await self._ask(intent)
        return reply

    async def _is_there(self, symbol: str) -> bool:
        """Whether the venue shows a position; what cannot be read proves none."""
        try:
            found = await self._desk.port.positions(symbol, priority=Priority.EXIT)
        except (VenueError, LinkError):
            return False
        return any(position.symbol == symbol and position.signed_qty for position in found)

    async def _repeat(self, identity: str) -> None:
        """Ask for the same again. What ends with the account is the next life's, which begins by setting what is planned."""
        outcome = await self._until_definite(self._asked[identity])
        self._end(identity, outcome)

    async def _until_definite(self, intent: Intent) -> str:
        """Look whether the levels are there, else ask for them, until the answer is definite or the plan another one."""
        desk, tries = self._desk, 0
        moved = desk.book.stops_of(intent.instance_uid, intent.symbol)
        while True:
            await anyio.sleep(_REPEAT_S[min(tries, len(_REPEAT_S) - 1)])
            tries += 1
            if not self._is_planned(intent):
                return "replaced"
            if await self._is_in_place(intent):
                return "done"
            if desk.frozen(intent.symbol, intent.instance_uid) or not self._is_planned(intent):
                continue
            with desk.moving(intent.symbol):
                reply = await self._ask(intent)
            desk.book.note_move(moved, "reply", reply.text, reply.code)
            if _took(reply.reply_class):
                return "done"
            if reply.reply_class is ReplyClass.LIMITS:
                return "refused"  # the watch over the position says what follows

    def _is_planned(self, intent: Intent) -> bool:
        """Whether the books want these levels still: the position is open, and no later move took their place."""
        share = self._desk.fills.share(intent.instance_uid, intent.symbol)
        wanted = intent.stop in (None, share.stop) and intent.target in (None, share.target)
        return wanted and share.position.signed_qty != 0

    async def _is_in_place(self, intent: Intent) -> bool:
        try:
            found = await self._desk.port.positions(intent.symbol, priority=Priority.EXIT)
        except (VenueError, LinkError):
            return False
        there = [position for position in found if position.symbol == intent.symbol and position.signed_qty]
        return any(intent.stop in (None, each.stop) and intent.target in (None, each.target) for each in there)

    def _end(self, identity: str, outcome: str) -> None:
        del self._asked[identity]
        self._desk.book.close_intent(identity, outcome)


def _took(reply_class: ReplyClass) -> bool:
    return reply_class in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE)
