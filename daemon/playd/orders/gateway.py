"""
The gateway: gates → rate token → one synced ledger transaction → venue → classified reply → ledger.

From the moment the ledger is synced until the reply is booked nothing waits but `send`, which is shielded from cancellation
while bytes are on their way: an order that may have left is never forgotten because its instance was stopped.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Final

import anyio

from playd.core.canonical import Json, canonical_json
from playd.core.errors import LinkError, VenueError
from playd.core.ids import intent_id, link_id
from playd.core.orders import Action, Intent, IntentClass, OrderRequest, OrderState, Side
from playd.core.reply_codes import ReplyClass
from playd.orders import gates
from playd.orders.desk import Desk
from playd.orders.facts import Facts
from playd.orders.gates import Case, GateInputs, Refusal
from playd.orders.halts import Level, symbol_scope
from playd.orders.intent_rows import is_other
from playd.orders.judged import PASSED
from playd.orders.ledger import SqlValue
from playd.orders.machine import OrderEvent
from playd.orders.on_record import LIMITS
from playd.orders.pipeline import judge
from playd.orders.rows import OrderRow, text
from playd.orders.submit_table import Reaction, react
from playd.venues.port import CREATE, Priority, Reply

REJUDGE_S: Final = 0.1
"""A longer wait for the rate token ages the signal enough to judge it again, even when nothing on record changed."""

LATER_MAX_S: Final = 5.0

SENT: Final = "SENT"
"""Verdict: the venue took it."""

UNKNOWN: Final = "UNKNOWN"
"""Verdict: the venue may have taken it."""

REJECTED: Final = "REJECTED"
"""Verdict: the venue definitely did not take it."""

AMENDED: Final = "AMENDED"
"""Verdict: stop or target is in force."""

FLAT: Final = "FLAT"
"""Verdict: there is no position that it could be about."""

FROZEN: Final = "FROZEN"
"""Verdict: a person froze the scope; neither exit nor stop was sent."""

REPLAY: Final = "REPLAY"
"""Verdict: its identity is on record with other parameters."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What became of an intent when it was submitted.

    After `SENT`, `UNKNOWN` and `REJECTED` the end of the order arrives on the instance's events. Every other code means that no
    order was sent and that no event will tell of one's end. `refusal` is the gate's whole answer where one refused.
    """

    code: str
    text: str = ""
    link_id: str = ""
    refusal: Refusal | None = None

    @property
    def words(self) -> str:
        """What is to be said of it: of a gate's refusal value, limit and next possible time too."""
        return self.text if self.refusal is None else self.refusal.words

    @property
    def has_order(self) -> bool:
        """Whether an order exists whose end will be reported."""
        return self.code in (SENT, UNKNOWN, REJECTED)


@dataclass(frozen=True, slots=True)
class Instance:
    """Identity of a registered instance, as far as orders need it. `clock_ms` is the length of its execution bars."""

    uid: str
    name: str
    symbol: str
    clock_ms: int


class Gateway:
    """Sends entries, and single attempts of exits on behalf of `Exits`. The only caller of `VenuePort.place`."""

    def __init__(self, desk: Desk, facts: Facts) -> None:
        self._desk = desk
        self._facts = facts
        self.resolve_soon: Callable[[], None] = lambda: None
        """Wakes the resolver; set by `Account`."""
        self.entry_sent: Callable[[str, str], None] = lambda _symbol, _link: None
        """Opens a fill check for an entry that may be at the venue; set by `Account`."""

    async def submit_entry(
        self, intent: Intent, inputs: GateInputs, instance: Instance, again: Callable[[], GateInputs] | None = None
    ) -> Verdict:
        """
        Judge and, if every gate passes, send one entry. See `Verdict`. Raises `RecordError` when nothing can be recorded.

        `again` tells what `inputs` tells, of a later moment: an entry that had to wait is judged by what is so then.
        """
        desk = self._desk
        known = self.known(intent)
        if known is not None:
            return known
        case = self._case(intent, inputs, instance, intent_exists=False)
        refusal = judge(case)
        if refusal is not None:
            return self._refuse(case, instance, refusal)
        deadline_s = desk.clock.mono_s() + self._max_age_s(instance) - inputs.bar_age_s
        if not desk.budget.take_now(CREATE, Priority.ENTRY, owner=intent.instance_uid):
            refusal, case = await self._await_token(case, instance, again)
            if refusal is not None:
                return self._refuse(case, instance, refusal)
        row = self._write_entry(case, instance)
        reaction = await self.send(row, IntentClass.ENTRY, lambda: self._still_wanted(case, instance, again, deadline_s))
        return self._entry_verdict(row, reaction)

    def _max_age_s(self, instance: Instance) -> float:
        return min(self._desk.settings.entry_max_age_s, instance.clock_ms / 1000)

    async def _await_token(
        self, case: Case, instance: Instance, again: Callable[[], GateInputs] | None
    ) -> tuple[Refusal | None, Case]:
        """Wait for the rate token as long as the signal is fresh, then look again: the world went on meanwhile."""
        desk, inputs = self._desk, case.inputs
        started_s, on_record = desk.clock.mono_s(), desk.ledger.writes
        # A ban that begins while we wait would keep the token for ten minutes; the signal is of no use for so long.
        with anyio.move_on_after(max(0.0, self._max_age_s(instance) - inputs.bar_age_s)) as patience:
            await desk.budget.take(CREATE, Priority.ENTRY, owner=case.intent.instance_uid)
        waited_s = desk.clock.mono_s() - started_s
        refusal = None
        if patience.cancelled_caught or waited_s > REJUDGE_S or on_record != desk.ledger.writes or desk.condition.not_ready():
            case = self._aged(case, instance, waited_s, again)
            refusal = judge(case)
            if refusal is not None and refusal.code == "SIGNAL_OLD":
                refusal = replace(
                    refusal, code="RATE_EXPIRED", text="the signal grew too old while waiting for the rate budget"
                )
        if refusal is None and patience.cancelled_caught:
            refusal = Refusal("RATE_EXPIRED", "no rate token came while the signal was fresh")
        if refusal is not None and refusal.code == "RATE_EXPIRED" and (stops := desk.budget.missing_stops):
            first = f"{stops} stops that are missing wait for theirs, and no entry leaves before them"
            refusal = replace(refusal, text=f"{refusal.text}: {first}")
        return refusal, case

    async def send(self, row: OrderRow, intent_class: IntentClass, wanted: Callable[[], bool]) -> Reaction:
        """
        Hand a committed order to the venue and book the reply. The caller holds the rate token of the first try.

        A new row was committed as `SENT`; only the sending of an older one is written down here.

        Repeats by itself only what definitely had no effect (class later, and once class clock), while `wanted()` holds.
        Shielded from cancellation while a copy may have left; between two copies a cancellation books the refusal.
        """
        desk, clock_tried, first = self._desk, False, row.state is OrderState.SENT
        while True:
            if not first:
                row = desk.book.need(row.link_id)
                if row.state not in _SENDABLE:
                    return Reaction.TAKEN  # an earlier copy got through while this one waited
                row = desk.book.record(row, OrderEvent.SEND, "send", signed_ms=desk.clock.wall_ms())
            first = False
            reply = await self._place(row)
            reaction = react(intent_class, reply.reply_class)
            if reaction is Reaction.RESYNC and clock_tried:
                reaction = react(intent_class, ReplyClass.DOUBT)
            if reaction not in (Reaction.AGAIN_LATER, Reaction.RESYNC):
                self._book_reply(row, reply, reaction)
                return reaction
            desk.book.note_reply(row.link_id, reply.code, reply.text, raw_digest=reply.raw_digest)
            may_repeat = False
            try:
                if reaction is Reaction.AGAIN_LATER:
                    await anyio.sleep(min(LATER_MAX_S, max(0.05, reply.retry_after_s)))
                else:
                    clock_tried = True
                    await self._resync()
                may_repeat = await self._next_token(intent_class, wanted, row)
            finally:
                if not may_repeat:  # not wanted any more, or cancelled: this copy had no effect
                    self._book_reply(row, reply, Reaction.REFUSED)
            if not may_repeat:
                return Reaction.REFUSED

    async def _resync(self) -> None:
        """One more sample of the venue's clock. Without one its refusal has told the time already."""
        with anyio.move_on_after(LATER_MAX_S), suppress(VenueError, LinkError):
            await self._desk.port.clock_offset_ms()

    async def _next_token(self, intent_class: IntentClass, wanted: Callable[[], bool], row: OrderRow) -> bool:
        """The token of a repeat. Exits wait for it as long as it takes; False for what nobody wants by then."""
        budget = self._desk.budget
        if not wanted():
            return False
        if intent_class is not IntentClass.ENTRY:
            await budget.take(CREATE, turn_of(row.action), owner=row.owner)
            return wanted()
        with anyio.move_on_after(self._desk.settings.entry_max_age_s):
            await budget.take(CREATE, Priority.ENTRY, owner=row.owner)
            return wanted()
        return False

    def entry_request(self, intent: Intent, inputs: GateInputs) -> OrderRequest:
        """The order of an entry: plain market on the local exchange, elsewhere an IOC limit with the band around the quote."""
        link = link_id(intent.instance_uid, intent.cause, intent.action, intent.leg, 0)
        request = OrderRequest(
            link_id=link,
            symbol=intent.symbol,
            side=intent.side,
            qty=intent.qty,
            order_type=intent.order_type,
            price=intent.price,
            time_in_force=intent.time_in_force,
            stop=intent.stop,
            target=intent.target,
        )
        if self._band_bps(intent) is None:
            return request
        return replace(request, order_type="Limit", time_in_force="IOC", price=self._band_price(intent, inputs))

    def known(self, intent: Intent) -> Verdict | None:
        """
        The answer to an intent that exists already, None for a new one.

        Decided again after a restart, the same decision is the same order, and its events are on their way. An equal
        identity with other parameters is another decision under a used name: nothing is sent, and a person must look.
        """
        desk = self._desk
        identity = intent_id(intent.instance_uid, intent.cause, intent.action, intent.leg)
        stored = desk.book.intent(identity)
        if stored is None:
            # A restored ledger may have its order and not know what it was decided for: it was sent, and is not sent again.
            link = link_id(intent.instance_uid, intent.cause, intent.action, intent.leg, 0)
            found = desk.book.find(link)
            return None if found is None else Verdict(SENT, f"its order was found again and is {found.state}", link_id=link)
        if is_other(stored, intent):
            note = f"intent {identity} was stored with other parameters"
            # What such an entry rests on is not what it was, and nothing more shall rest on it.
            if intent.intent_class is IntentClass.ENTRY:
                desk.halt_symbol(intent.symbol, Level.HALT, "INTENT_CHANGED", note)
            else:
                desk.incidents.open("INTENT_CHANGED", "critical", symbol_scope(desk.alias, intent.symbol), note)
            return Verdict(REPLAY, note)
        orders = desk.book.of_intent(identity)
        if not orders:
            return Verdict(AMENDED, "this intent exists")
        return Verdict(SENT, f"this intent exists and its order is {orders[-1].state}", link_id=orders[-1].link_id)

    def _write_entry(self, case: Case, instance: Instance) -> OrderRow:
        """The intent as it was decided, and the order with as much of it as the account allows, in one synced transaction."""
        desk, intent, fitted = self._desk, case.intent, case.fitted
        limits = desk.on_record.key(LIMITS, case.settings)
        judged = desk.judged.told(case, PASSED)
        allowed = replace(intent, qty=fitted.qty) if fitted.qty != intent.qty else intent
        request = self.entry_request(allowed, case.inputs)
        sent = {"qty": text(request.qty), "price": text(request.price)}  # a hand may change it at the venue
        gates: dict[str, object] = {"passed": "all", "limits": limits, "cut": fitted.why, "sent": sent}
        cut = f"; {intent.qty} cut to {fitted.qty} because {fitted.why}" if fitted.why else ""
        detail = f"{intent.reason}{cut}"
        with desk.ledger.atomic():
            identity = desk.book.insert_intent(intent, canonical_json(gates), band_bps=self._band_bps(intent))
            row = desk.book.insert_order(allowed, identity, 0, request)
            desk.verdicts.record(instance.uid, instance.clock_ms, intent.bar_close_ms, "ENTERED", detail, intents=identity)
            desk.judged.keep(judged)
            desk.caps.reserve(allowed, row.price)
        desk.ledger.commit()
        if fitted.why:
            data: dict[str, Json] = {"intent": identity, "asked": str(intent.qty), "sent": str(fitted.qty), "why": fitted.why}
            desk.chronicle.tell("order.state", intent.instance_uid, intent.symbol, identity, data)
        return row

    async def _place(self, row: OrderRow) -> Reply:
        """One call of the port; whatever ends it without a reply is doubt."""
        reply = Reply(ReplyClass.DOUBT, None, "no reply")
        if not row.reduce_only:
            # An entry whose answer and whose fill get lost holds a position before anybody knows of it.
            self.entry_sent(row.symbol, row.link_id)
        self._desk.on_the_way.sent(row.link_id)
        try:
            reply = await self._desk.port.place(row.request())
        except BaseException:
            # The port broke its contract or the loop is ending: the bytes may have left, and that must be on record.
            self._book_reply(row, reply, Reaction.UNKNOWN)
            raise
        finally:
            self._desk.on_the_way.sent(row.link_id)  # the port may have signed it once more since
        return reply

    def _book_reply(self, row: OrderRow, reply: Reply, reaction: Reaction) -> None:
        desk = self._desk
        event = _EVENT.get(reaction, OrderEvent.REFUSE)
        if event is OrderEvent.REFUSE and row.state is OrderState.UNKNOWN:
            event = OrderEvent.DOUBT  # sent again: the refusal speaks of this copy, and the first may be what it meets
        fields: dict[str, SqlValue] = {"code": reply.code}
        if reply.venue_order_id:
            fields["venue_order_id"] = reply.venue_order_id
        if event is OrderEvent.ACK:
            fields["acked_ms"] = desk.clock.wall_ms()
        elif event is OrderEvent.REFUSE:
            fields["reject_reason"] = reply.text
        desk.book.update(row.link_id, **fields)
        after = desk.booking.apply(row, event, "reply", code=reply.code, detail=reply.text, raw_digest=reply.raw_digest)
        if not row.reduce_only and not after.state.terminal and not after.cum_qty:
            self.entry_sent(row.symbol, row.link_id)
        self._answer_danger(row, reply, reaction)
        if event is not OrderEvent.ACK:
            self.resolve_soon()
        if desk.has_news:
            desk.publish()
        desk.wake()

    def _answer_danger(self, row: OrderRow, reply: Reply, reaction: Reaction) -> None:
        desk, note = self._desk, f"order {row.link_id} was answered {reply.code}: {reply.text}"
        desk.note_refusal(reply, note)
        if reply.reply_class is ReplyClass.SYMBOL:
            # Of an exit too, which is tried on: whoever is told must know that nothing closes here now.
            desk.halt_symbol(row.symbol, Level.HALT, "SYMBOL_REFUSED", note)
        elif reaction is Reaction.REFUSED_ACCOUNT_HALT and reply.reply_class is ReplyClass.DANGER:
            desk.refuse_account(note)
        elif (
            reaction in (Reaction.REFUSED_INCIDENT, Reaction.NEXT_RUNG, Reaction.KEEP_TRYING)
            and row.action is not Action.TARGET
        ):
            # That a target does not rest is told as `TARGET_LOST`, with this reason, until it does.
            desk.incidents.open("ORDER_REFUSED", "critical", symbol_scope(desk.alias, row.symbol), note)

    def _entry_verdict(self, row: OrderRow, reaction: Reaction) -> Verdict:
        stored = self._desk.book.need(row.link_id)
        if stored.state is OrderState.UNKNOWN:
            return Verdict(UNKNOWN, "the venue's answer does not say whether it took the order", link_id=row.link_id)
        if stored.state in (OrderState.REJECTED, OrderState.NEVER_ARRIVED) or reaction is Reaction.REFUSED:
            why = f": {stored.reject_reason}" if stored.reject_reason else ""
            return Verdict(REJECTED, f"the venue refused with code {stored.code}{why}", link_id=row.link_id)
        return Verdict(SENT, link_id=row.link_id)

    def _case(self, intent: Intent, inputs: GateInputs, instance: Instance, *, intent_exists: bool) -> Case:
        desk = self._desk
        # A panic of the guardian leaves word before it closes anything, and what it closes may be what this entry follows.
        desk.halts.check_files()
        facts = self._facts.gather(intent, instance.clock_ms, intent_exists=intent_exists)
        settings = desk.settings_of(intent.instance_uid)
        return Case(intent, inputs, facts, desk.instrument(intent.symbol), settings)

    def _aged(self, case: Case, instance: Instance, waited_s: float, again: Callable[[], GateInputs] | None) -> Case:
        """The case after a wait: whatever the wait changed counts, and signal and quote have aged by it."""
        intent = case.intent
        aged = _older(case.inputs, waited_s) if again is None else again()
        identity = intent_id(intent.instance_uid, intent.cause, intent.action, intent.leg)
        return self._case(intent, aged, instance, intent_exists=self._desk.book.intent(identity) is not None)

    def _still_wanted(self, case: Case, instance: Instance, again: Callable[[], GateInputs] | None, deadline_s: float) -> bool:
        """Whether what the venue put off may still be sent: in time, and as far as people and the supervisor are concerned."""
        if self._desk.clock.mono_s() >= deadline_s:
            return False
        now = self._case(case.intent, case.inputs if again is None else again(), instance, intent_exists=True)
        return all(gate(now) is None for gate in (gates.halt, gates.armed, gates.state))

    def _refuse(self, case: Case, instance: Instance, refusal: Refusal) -> Verdict:
        close_ms = case.intent.bar_close_ms
        if self._desk.verdicts.record(instance.uid, instance.clock_ms, close_ms, refusal.code, refusal.words):
            self._desk.judged.refused(case, refusal.code)
        return Verdict(refusal.code, refusal.text, refusal=refusal)

    def _band_bps(self, intent: Intent) -> Decimal | None:
        """The band of an entry at the market; None for one with a price of its own, and on the local exchange."""
        plain = intent.order_type != "Market" or self._desk.settings.plain_market
        return None if plain else self._desk.settings.entry_band_bps

    def _band_price(self, intent: Intent, inputs: GateInputs) -> Decimal:
        """Best opposite price plus the band, on the less aggressive tick. The quote gate saw to it that there is a quote."""
        band, tick = self._desk.settings.entry_band_bps / 10_000, self._desk.instrument(intent.symbol).tick
        if intent.side is Side.BUY:
            edge = (inputs.ask or intent.price_ref) * (1 + band)
            return edge // tick * tick
        edge = (inputs.bid or intent.price_ref) * (1 - band)
        return (edge / tick).to_integral_value(ROUND_CEILING) * tick


def turn_of(action: Action | None) -> Priority:
    """
    The class in which an order that reduces waits for its turn: what panic, protection or a person closes goes before what
    Plays decide.
    """
    return Priority.PROTECT if action is Action.FLATTEN else Priority.EXIT


def _older(inputs: GateInputs, by_s: float) -> GateInputs:
    """The same inputs, when nobody can tell newer ones."""
    quote_age_s = None if inputs.quote_age_s is None else inputs.quote_age_s + by_s
    return replace(inputs, bar_age_s=inputs.bar_age_s + by_s, feed_age_s=inputs.feed_age_s + by_s, quote_age_s=quote_age_s)


_SENDABLE: Final = (OrderState.INTENT, OrderState.SENT, OrderState.UNKNOWN)

_EVENT: Final = {
    Reaction.TAKEN: OrderEvent.ACK,
    Reaction.UNKNOWN: OrderEvent.DOUBT,
    Reaction.UNKNOWN_REPEAT: OrderEvent.DOUBT,
}
"""Event of a reaction; every other reaction means that the request definitely had no effect."""
