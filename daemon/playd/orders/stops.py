"""Moves of stop and target that an instance decides: one synced intent, then the venue, then proof by the fill check."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.orders import Intent, IntentClass
from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.expectations import Expectations
from playd.orders.fill_check import nearest_stop
from playd.orders.fills import Share
from playd.orders.flattening import flatten_intent, submit_flatten
from playd.orders.freezing import unless_frozen
from playd.orders.gateway import AMENDED, FLAT, FROZEN, Gateway, Instance, Verdict
from playd.orders.halts import symbol_scope
from playd.orders.pauses import repeat_pauses_s
from playd.orders.rows import text
from playd.venues.port import Priority, Reply

STOP_REFUSED: Final = "STOP_REFUSED"
"""Verdict: the venue says that stop or target are not possible here. In practice the price is beyond one of them."""

STOP_UNSET: Final = "STOP_UNSET"
"""Verdict: stop and target were not set, or may not have been, for a reason that has nothing to do with their prices."""

NO_POSITION: Final = 10001
"""Answer where a position is not there (yet), and where the market is beyond the level: a look at the position tells which."""

_BEYOND: Final = "sl"
"""Why a position is left whose stop would have fired; the engine says the same of one that it leaves."""

_UNKNOWN_YET_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses in which a venue learns of a position whose fill it has told."""


@dataclass(frozen=True, slots=True)
class _Move:
    """What is asked for, and the share as it was before."""

    intent: Intent
    before: Share


class Stops:
    """Executes `STOP` intents of class protect for one account."""

    def __init__(self, desk: Desk, gateway: Gateway, exits: Exits) -> None:
        self._desk = desk
        self._gateway = gateway
        self._exits = exits
        self._plan = Expectations(desk)
        self._asked: dict[str, _Move] = {}
        """Moves whose answer said nothing, or nothing that lasts, each asked for again by a task."""

    async def submit(self, intent: Intent, instance: Instance) -> Verdict:
        """
        Set the given stop and target (None leaves one as it is). `AMENDED` when the venue took it, `FLAT` without a position,
        also where it closed meanwhile, `FROZEN` when nothing may be sent. The venue keeps one stop: of several owners' the
        nearest is asked for.

        After any other answer the old stop is still at the venue, or nobody knows; the new one stays the plan in the ledger and
        is asked for again until the venue has it. Levels that a fill asked for (no bar decided them) are no plan any more once
        the venue refuses them: whoever asked leaves the position; where they were asked for again it is closed here.
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
                desk.verdicts.record(instance.uid, instance.clock_ms, intent.bar_close_ms, FLAT, note)
            return Verdict(FLAT, note)
        stop = intent.stop if intent.stop is not None else share.stop
        target = intent.target if intent.target is not None else share.target
        moved, move = desk.book.stops_of(instance.uid, intent.symbol), _Move(intent, share)
        bounds = desk.bounds(intent.instance_uid)
        with desk.moving(intent.symbol):
            with desk.ledger.atomic():
                identity = desk.book.insert_intent(intent, bounds)
                desk.fills.set_protection(instance.uid, intent.symbol, stop=stop, target=target)
                desk.book.note_move(moved, "send", f"to {text(self._wanted(intent) or stop)} by {identity}")
                if intent.bar_close_ms:
                    desk.verdicts.record(
                        instance.uid, instance.clock_ms, intent.bar_close_ms, AMENDED, intent.reason, intents=identity
                    )
            desk.ledger.commit()
            is_known = False
            try:
                reply = await self._once_it_is_known(move, await self._ask(move))
                is_known = True
            finally:
                if not is_known:  # its instance is stopped meanwhile, and waits for no ban: the move was decided all the same
                    self._go_on(identity, move)
        desk.book.note_move(moved, "reply", reply.text, reply.code, raw_digest=reply.raw_digest)
        data = {"stop": text(stop), "target": text(target), "code": reply.code}
        desk.journal.append("stop.moved", data, account=desk.alias, instance=instance.uid, symbol=intent.symbol, cause=identity)
        if _took(reply.reply_class):
            desk.book.close_intent(identity, "done")
            return Verdict(AMENDED)
        if not self._is_planned(move):
            desk.note_refusal(reply, self._note(move, reply))
            desk.book.close_intent(identity, "replaced")
            if self._is_open(move):
                return Verdict(STOP_UNSET, "a later move took its place")
            return Verdict(FLAT, "the position closed before its stop was moved")
        note = self._report(move, reply)
        if reply.reply_class is not ReplyClass.LIMITS:
            self._go_on(identity, move)
            return Verdict(STOP_UNSET, note)
        desk.book.close_intent(identity, "refused")
        self._take_back(move)
        return Verdict(STOP_REFUSED, note)

    def replaced(self, intent: Intent, before_ms: int) -> Verdict | None:
        """`STOP_UNSET` where a bar that closed from `before_ms` on, or a fill since, has moved the stop; else None."""
        uid = intent.instance_uid
        bars, fills = f"{uid}/{before_ms}", f"{uid}/fill:"
        found = self._desk.ledger.row(
            "SELECT 1 FROM intents WHERE id >= ? AND id < ? AND action = 'stop'"  # ids of bars sort by their close
            " UNION ALL SELECT 1 FROM intents i JOIN executions e ON e.account = i.account AND e.exec_id = substr(i.cause, 6)"
            " WHERE i.id >= ? AND i.id < ? AND i.action = 'stop' AND e.venue_ms >= ? LIMIT 1",
            (bars, f"{uid}/:", fills, f"{uid}/fill;", before_ms),
        )
        return None if found is None else Verdict(STOP_UNSET, "a later move took its place")

    def resume(self) -> None:
        """Close what an earlier life left without an answer: the plan is on record, and the start has set it at the venue."""
        for intent in self._desk.book.open_intents():
            if intent.intent_class == IntentClass.PROTECT:
                self._desk.book.close_intent(intent.id, "done")

    async def _ask(self, move: _Move) -> Reply:
        """Ask until the answer is about the stop that is wanted by then: another owner's may have been moved meanwhile."""
        desk, intent = self._desk, move.intent
        while True:
            stop = self._wanted(intent)
            reply = await self._ask_for(move, stop)
            frozen = desk.frozen(intent.symbol, intent.instance_uid)
            if frozen or not self._is_planned(move) or self._wanted(intent) == stop:
                return reply

    async def _ask_for(self, move: _Move, stop: Decimal | None) -> Reply:
        # The position has a stop already: one that has none goes first.
        desk, symbol, target = self._desk, move.intent.symbol, move.intent.target
        return await unless_frozen(
            desk,
            symbol,
            (move.intent.instance_uid,),
            lambda: desk.port.set_stops(symbol, stop=stop, target=target, priority=Priority.EXIT),
            lambda: self._is_planned(move) and self._wanted(move.intent) == stop,
        )

    async def _once_it_is_known(self, move: _Move, reply: Reply) -> Reply:
        """A venue may tell of a fill before it knows the position: what it refuses for that reason is asked once more."""
        intent = move.intent
        for pause_s in _UNKNOWN_YET_S:
            if reply.code != NO_POSITION or await self._is_there(intent.symbol):
                return reply
            await anyio.sleep(pause_s)
            if not self._is_planned(move) or self._desk.frozen(intent.symbol, intent.instance_uid):
                return reply
            reply = await self._ask(move)
        return reply

    async def _is_there(self, symbol: str) -> bool:
        """Whether the venue shows a position; what cannot be read proves none."""
        try:
            found = await self._desk.port.positions(symbol, priority=Priority.EXIT)
        except (VenueError, LinkError):
            return False
        return any(position.symbol == symbol and position.signed_qty for position in found)

    def _go_on(self, identity: str, move: _Move) -> None:
        """Ask for the same again in the background, while the account runs."""
        self._asked[identity] = move
        if not self._desk.spawn(self._repeat, identity):
            self._end(identity, "refused")

    async def _repeat(self, identity: str) -> None:
        """Ask for the same again. What ends with the account is the next life's, which begins by setting what is planned."""
        outcome = await self._until_definite(self._asked[identity])
        self._end(identity, outcome)

    async def _until_definite(self, move: _Move) -> str:
        """Look whether the levels are there, else ask for them, until the answer is definite or the plan another one."""
        desk, intent, pauses_s = self._desk, move.intent, repeat_pauses_s()
        moved = desk.book.stops_of(intent.instance_uid, intent.symbol)
        while True:
            await anyio.sleep(next(pauses_s))
            if not self._is_planned(move):
                return "replaced"
            if await self._is_in_place(intent):
                return "done"
            if desk.frozen(intent.symbol, intent.instance_uid) or not self._is_planned(move):
                continue
            with desk.moving(intent.symbol):
                reply = await self._once_it_is_known(move, await self._ask(move))
            desk.book.note_move(moved, "reply", reply.text, reply.code, raw_digest=reply.raw_digest)
            if _took(reply.reply_class):
                return "done"
            if reply.reply_class is ReplyClass.LIMITS and self._is_planned(move):
                self._report(move, reply)
                self._take_back(move)
                if not intent.bar_close_ms:
                    await self._leave(move)
                return "refused"  # of a bar's move the watch over the position says what follows

    def _is_open(self, move: _Move) -> bool:
        """Whether the position is the one whose stop was to be moved."""
        now, before = self._desk.fills.position(move.intent.instance_uid, move.intent.symbol), move.before.position
        return (now.side, now.opened_ms) == (before.side, before.opened_ms)

    def _is_planned(self, move: _Move) -> bool:
        """Whether the books want these levels still: the position is open, and no later move took their place."""
        intent = move.intent
        share = self._desk.fills.share(intent.instance_uid, intent.symbol)
        return self._is_open(move) and intent.stop in (None, share.stop) and intent.target in (None, share.target)

    def _wanted(self, intent: Intent) -> Decimal | None:
        """The stop to ask for, None to leave it as it is: that of the intent, or a nearer one of another owner."""
        if intent.stop is None:
            return None
        nearest = nearest_stop((share.position.signed_qty, share.stop) for share in self._plan.owned(intent.symbol))
        return intent.stop if nearest is None else nearest

    async def _is_in_place(self, intent: Intent) -> bool:
        try:
            found = await self._desk.port.positions(intent.symbol, priority=Priority.EXIT)
        except (VenueError, LinkError):
            return False
        stop = self._wanted(intent)
        there = [position for position in found if position.symbol == intent.symbol and position.signed_qty]
        return any(stop in (None, each.stop) and intent.target in (None, each.target) for each in there)

    def _note(self, move: _Move, reply: Reply) -> str:
        stop = move.intent.stop if move.intent.stop is not None else move.before.stop
        return f"stop {stop} on {move.intent.symbol} was answered {reply.code}: {reply.text}"

    def _report(self, move: _Move, reply: Reply) -> str:
        """Tell a person what the venue answered. Returns what is said."""
        desk, note = self._desk, self._note(move, reply)
        desk.incidents.open(STOP_REFUSED, "warning", symbol_scope(desk.alias, move.intent.symbol), note)
        desk.note_refusal(reply, note)
        return note

    def _take_back(self, move: _Move) -> None:
        """The plan is again what it was, where a fill asked for these levels and the books hold them still."""
        desk, intent, before = self._desk, move.intent, move.before
        if not intent.bar_close_ms:
            desk.fills.set_protection(intent.instance_uid, intent.symbol, stop=before.stop, target=before.target)
            desk.publish()

    async def _leave(self, move: _Move) -> None:
        """Close the share: its instance has its answer long since, and hears of this by the fill."""
        desk, intent = self._desk, move.intent
        held = desk.fills.position(intent.instance_uid, intent.symbol)
        if held.side is not None:
            leaving = flatten_intent(
                desk.alias,
                intent.instance_uid,
                intent.symbol,
                held.side.opposite,
                abs(held.signed_qty),
                price_ref=intent.price_ref,
                cause=intent.cause,
                reason=_BEYOND,
            )
            await submit_flatten(self._exits, leaving)

    def _end(self, identity: str, outcome: str) -> None:
        del self._asked[identity]
        self._desk.book.close_intent(identity, outcome)


def _took(reply_class: ReplyClass) -> bool:
    return reply_class in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE)
