"""
What the venue reports becomes ledger rows: orders move through their machine, executions are booked to their owner, and
events for instances are put into the outbox. Synchronous and repeatable: the same report twice changes nothing.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from playd.core.orders import Action, Execution, OrderState, VenueOrder
from playd.core.record import Recorder
from playd.orders.caps import Caps
from playd.orders.chronicle import Tell, nobody, told_execution
from playd.orders.execution_kinds import STOP_TYPES, TARGET_TYPES
from playd.orders.fills import Fills
from playd.orders.fold import DELIVERY, moves_position
from playd.orders.halts import Level, symbol_scope
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.lost_orders import LostOrders
from playd.orders.machine import Contradiction, OrderEvent, event_of_status
from playd.orders.news import News
from playd.orders.order_book import ENTRY_ACTIONS, FOREIGN, OrderBook, is_theirs
from playd.orders.owners import Owners
from playd.orders.rows import OrderRow, plain, text
from playd.orders.sights import Sights

_ENDS: Final = frozenset({OrderEvent.SEEN_FILLED, OrderEvent.SEEN_CANCELLED, OrderEvent.SEEN_REJECTED})


class Booking:
    """Books reports of one account. Commits nothing; `news` tells the caller what to do after its commit."""

    def __init__(
        self,
        ledger: Ledger,
        book: OrderBook,
        fills: Fills,
        caps: Caps,
        incidents: Incidents,
        journal: Recorder,
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._fills = fills
        self._caps = caps
        self._incidents = incidents
        self._journal = journal
        self._account = book.account
        self.news = News()
        self.sights = Sights(ledger, book, fills, caps, incidents, journal, self.news)
        self._owners = Owners(book, fills, self.sights)
        self.tell: Tell = nobody
        """Hears of every execution; set by the desk."""
        self.lost = LostOrders(ledger, book, caps)

    def order_seen(self, order: VenueOrder, source: str) -> OrderRow | None:
        """Book a report about an order. Returns its row, or None for a final order that was never ours."""
        with self._ledger.atomic():
            row = self._locate(order) or self._recovered(order)
            if row is None:
                row = self._introduce(order, source)
            event = event_of_status(order.status)
            # What is older than the newest news says nothing, but for an end: nothing comes behind that.
            if row is None or (order.updated_ms < row.venue_ms and event not in _ENDS):
                return row
            self.sights.doubled(row, order)
            self.sights.amended(row, order, event)
            self._book.update(
                row.link_id,
                venue_order_id=order.venue_order_id,
                venue_status=order.status,
                venue_cum_qty=plain(max(row.venue_cum_qty, order.cum_qty)),
                cancel_type=order.cancel_type,
                reject_reason=order.reject_reason,
                trigger_by=order.trigger_by,
                close_on_trigger=int(order.close_on_trigger),
                venue_ms=max(row.venue_ms, order.updated_ms),
            )
            if (row.intent is None or row.action is Action.TARGET) and order.qty > 0:
                # The stop of a position is as large as the position, which may have grown; a resting target is cut to it.
                self._book.update(row.link_id, qty=plain(order.qty))
            if order.trigger_price > 0 and order.trigger_price != row.trigger:
                self._book.update(row.link_id, trigger=text(order.trigger_price))  # a stop is moved, by us or by hand
            if row.action is Action.TARGET and row.intent is not None and order.price > 0:
                self._book.update(row.link_id, price=text(order.price))  # a hand may have moved it: it is then taken back
            if order.cum_qty > row.cum_qty:
                # Something was executed that is not booked yet: the position is looked at without waiting for it.
                self.news.looks.append((order.symbol, row.link_id))
            if event is None:
                note = f"order {row.link_id} has unknown status {order.status!r}"
                self.sights.alarm("ORDER_STATUS", "warning", order.symbol, note)
                return self._book.need(row.link_id)
            lacks = self._fills.executed(row.link_id)[0] < order.cum_qty and not is_theirs(row)
            if event is OrderEvent.SEEN_FILLED and lacks:
                event = OrderEvent.SEEN_PARTIAL  # filled only once every execution is booked
            at_ms, raw_digest = order.updated_ms, order.raw_digest
            return self.apply(self._book.need(row.link_id), event, source, venue_ms=at_ms, raw_digest=raw_digest)

    def premature(self, execution: Execution) -> bool:
        """
        Whether something must have happened before this execution that is not booked yet.

        True for what no order of the ledger explains, and for closing more than its owner holds: the execution list, read
        in order, tells whose it is. Booked too early it would be taken for somebody else's.
        """
        if self._fills.known(execution.exec_id):
            return False
        row = self._order_of(execution)
        if row is None:
            return True
        if row.owner == FOREIGN or not row.reduce_only or not moves_position(execution):
            return False
        held = self._fills.position(row.owner, execution.symbol)
        return held.side is not execution.side.opposite or abs(held.signed_qty) < execution.qty

    def parts(self, execution: Execution) -> Sequence[tuple[Execution, str]]:
        """An execution in a part for each whom booking it would concern; empty for what closes nothing of anybody's."""
        return self._owners.parts(execution, self._order_of(execution))

    def executed(self, execution: Execution, source: str) -> bool:
        """Book an execution once, all its parts or none: share, order, outbox. False if it was known."""
        if self._fills.known(execution.exec_id):
            return False
        with self._ledger.atomic(self._fills.forget_cache):
            for part, owner in self.parts(execution) or [(execution, "")]:
                self._book_one(part, source, owner)
        return True

    def _book_one(self, execution: Execution, source: str, owner: str) -> None:
        """Book one piece, to `owner` where that is known, else to whoever it belongs to."""
        with self._ledger.atomic(self._fills.forget_cache):
            row = self._order_of(execution)
            if owner:
                action, reason = self._owners.of_part(execution, row, owner)
            else:
                owner, action, reason = self._owners.attribute(execution, row)
            link = row.link_id if row is not None else None
            side_before = self._fills.position(owner, execution.symbol).side
            self._fills.book(execution, link=link, owner=owner, source=source)
            self.tell("fill.booked", owner, execution.symbol, link, told_execution(execution, reason))
            if row is not None and moves_position(execution):
                row = self._count_execution(row, execution, source)
            if owner != FOREIGN:
                opens = self._fills.position(owner, execution.symbol).side is not side_before
                self._tell_owner(execution, row, owner, action, reason, opens=opens)
            if row is not None and moves_position(execution):
                self.settle(row)  # the end of an order is told after its last fill
            self.sights.kind(execution, owner, reason)
            if row is None:
                self.sights.second_daemon(execution.link_id, execution.symbol)
            if owner == FOREIGN and moves_position(execution):
                self.sights.foreign(execution.symbol)
        self.news.posted = True
        if moves_position(execution):
            self.news.fills.append((execution.symbol, link or execution.exec_id))

    def apply(
        self,
        row: OrderRow,
        event: OrderEvent,
        source: str,
        *,
        code: int | None = None,
        detail: str = "",
        venue_ms: int | None = None,
        raw_digest: str = "",
    ) -> OrderRow:
        """Move an order by an event and settle it if that ended it. A contradiction is stored, alarmed and halts the symbol."""
        return self.settle(self._move(row, event, source, code=code, detail=detail, venue_ms=venue_ms, raw_digest=raw_digest))

    def _move(
        self,
        row: OrderRow,
        event: OrderEvent,
        source: str,
        *,
        code: int | None = None,
        detail: str = "",
        venue_ms: int | None = None,
        raw_digest: str = "",
    ) -> OrderRow:
        try:
            after = self._book.record(row, event, source, code=code, detail=detail, venue_ms=venue_ms, raw_digest=raw_digest)
        except Contradiction as contradiction:
            self.sights.contradicted(row, contradiction)
            return row
        if after.state is not row.state:
            self.news.links.add(row.link_id)
            if row.state is OrderState.UNKNOWN and not after.state.terminal and not row.reduce_only and row.owner != FOREIGN:
                # Its check ended while nobody had heard of it: what it fills from here on may get lost like any other's.
                self.news.looks.append((row.symbol, row.link_id))
            self.sights.lost_stop(after)
            if row.state is OrderState.ORPHAN and not self._book.orphans(row.symbol):
                scope = symbol_scope(self._account, row.symbol)
                self._incidents.resolve("FOREIGN_ORDER", scope, "no order of others works any more")
        return after

    def settle(self, row: OrderRow) -> OrderRow:
        """
        Close the intent of a final entry once all its executions are booked. Its owner hears of that unless all it asked for
        was filled: an order that was cut to a ceiling, or that closed what others held, is full before its owner has what it
        wanted.
        """
        if row.intent is None or not row.state.terminal or row.fills_missing or row.action not in ENTRY_ACTIONS:
            return row
        intent = self._book.intent(row.intent)
        if intent is not None and not intent.outcome:
            self._caps.release(row)
            self._book.close_intent(row.intent, row.state.lower())
            if row.state is not OrderState.FILLED:
                self.end_intent(row, row.state.lower())
            elif intent.qty > self._fills.received(row.link_id, row.owner):
                self.end_intent(row, "cut")
        return row

    def lacking(self, symbol: str = "") -> Sequence[OrderRow]:
        """Orders of ours, on one symbol or on all, that trade no more and whose executions are not all booked."""
        return self._owners.lacking(symbol)

    def accepted(self, symbol: str) -> None:
        """A person has accepted the position of a symbol: no order there that is over waits for what nobody listed."""
        for row in self.lacking(symbol):
            self._book.update(row.link_id, venue_cum_qty=plain(row.cum_qty))
            over = self._book.need(row.link_id)
            if over.state.terminal:
                self.settle(over)
            else:
                self.apply(over, OrderEvent.SEEN_FILLED, "operator")

    def end_intent(self, row: OrderRow, reason: str) -> None:
        """Put the end of an unfilled (or partly filled) intent into its owner's outbox."""
        action = row.action or Action.EXIT
        self._fills.post("ended", row.owner, link=row.link_id, exec_id="", action=action, reason=reason, order_done=True)
        self.news.posted = True

    def _locate(self, order: VenueOrder) -> OrderRow | None:
        row = self._book.find(order.link_id) if order.link_id else None
        return row or self._book.find_by_venue_id(order.venue_order_id)

    def lacks(self, execution: Execution) -> bool:
        """Whether an execution belongs to an order of ours that a restored ledger has lost."""
        return self._order_of(execution) is None and self.lost.origin(execution, execution.time_ms) is not None

    def _recovered(self, order: VenueOrder) -> OrderRow | None:
        """The order as one of ours that the ledger had lost; None when it never was, or when nothing can be lost any more."""
        origin = self.lost.origin(order, order.created_ms)
        if origin is None:
            return None
        row = self.lost.take_in(order, origin)
        found = "its decision was found again" if origin.is_proved else "its instance is known, its decision is not"
        note = f"order {order.link_id} of {origin.owner} was missing here and is taken in again: {found}"
        self.sights.alarm("RECOVERED", "warning", order.symbol, note)
        data = {"kind": "recover", "key": order.link_id, "note": note}
        self._journal.append("recon.repair", data, account=self._account, instance=origin.owner, symbol=order.symbol)
        return row

    def _introduce(self, order: VenueOrder, source: str) -> OrderRow | None:
        event = event_of_status(order.status)
        protective = order.stop_order_type in STOP_TYPES
        if event not in (OrderEvent.SEEN_OPEN, OrderEvent.SEEN_PARTIAL):
            if protective:
                self.news.looks.append((order.symbol, f"v:{order.venue_order_id}"))
            return None
        if protective or order.stop_order_type in TARGET_TYPES:
            parent = self._book.find(order.parent_link_id) if order.parent_link_id else None
            owner = parent.owner if parent is not None else self._owners.sole_holder(order.symbol)
            if owner is not None:
                action = Action.STOP if protective else Action.TARGET
                return self._book.insert_venue_order(
                    order, owner=owner, action=action, state=OrderState.OPEN, protective=protective
                )
        return self._orphan(order, protective)

    def _orphan(self, order: VenueOrder, protective: bool) -> OrderRow:
        if not self.sights.second_daemon(order.link_id, order.symbol):
            note = f"order {order.link_id or order.venue_order_id} on {order.symbol} is not in the ledger"
            self.sights.alarm("FOREIGN_ORDER", "warning", order.symbol, note)
        return self._book.insert_venue_order(order, owner=FOREIGN, action="", state=OrderState.ORPHAN, protective=protective)

    def _order_of(self, execution: Execution) -> OrderRow | None:
        row = self._book.find(execution.link_id) if execution.link_id else None
        return row or self._book.find_by_venue_id(execution.venue_order_id)

    def _count_execution(self, row: OrderRow, execution: Execution, source: str) -> OrderRow:
        qty, average = self._fills.executed(row.link_id)
        self._book.update(
            row.link_id,
            cum_qty=plain(qty),
            avg_price=text(average),
            venue_ms=max(row.venue_ms, execution.time_ms),
            **({} if row.venue_order_id else {"venue_order_id": execution.venue_order_id}),
        )
        if row.intent is None and qty > row.qty:
            # Nobody told that the position had grown, and its stop with it.
            self._book.update(row.link_id, qty=plain(qty))
        elif qty > row.qty:
            note = f"order {row.link_id} executed {qty} of {row.qty}"
            self.sights.alarm("OVERFILL", "critical", row.symbol, note, Level.HALT)
        self._caps.consume(row, execution)
        current = self._book.need(row.link_id)
        whole = qty >= row.qty or (current.venue_status == "Filled" and qty >= current.venue_cum_qty)
        event = OrderEvent.SEEN_FILLED if whole and current.state is not OrderState.CANCELLED else OrderEvent.EXECUTED
        if current.state.terminal:
            # Quantity comes from executions, whatever the state says; a state that excludes them is a contradiction.
            event = OrderEvent.EXECUTED
        return self._move(current, event, source, venue_ms=execution.time_ms, raw_digest=execution.raw_digest)

    def _tell_owner(
        self, execution: Execution, row: OrderRow | None, owner: str, action: Action, reason: str, *, opens: bool
    ) -> None:
        if execution.exec_type == "Funding":
            self._fills.post(
                "funding", owner, link="", exec_id=execution.exec_id, action=action, reason="funding", order_done=False
            )
            return
        if not moves_position(execution) and execution.exec_type != DELIVERY:
            return
        held = self._fills.position(owner, execution.symbol)
        if action in ENTRY_ACTIONS and row is not None:
            share = self._fills.share(owner, execution.symbol)
            if opens or share.stop is None:  # what a flat share still holds is of the position before
                self._fills.set_protection(owner, execution.symbol, stop=row.stop, target=row.target)
            done = row.cum_qty >= row.qty
        else:
            is_own = row is not None and row.owner == owner  # of another's the end is not its business
            done = held.signed_qty == 0 or (is_own and self._intent_done(row))
        if held.signed_qty == 0:
            self._fills.set_protection(owner, execution.symbol, stop=None, target=None)
        self._fills.post(
            "fill",
            owner,
            link=row.link_id if row is not None else "",
            exec_id=execution.exec_id,
            action=action,
            reason=reason,
            order_done=done,
        )

    def _intent_done(self, row: OrderRow | None) -> bool:
        if row is None or row.intent is None:
            return False
        intent = self._book.intent(row.intent)
        executed = sum((order.cum_qty for order in self._book.of_intent(row.intent)), Decimal(0))
        return intent is not None and executed >= intent.qty
