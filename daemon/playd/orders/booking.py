"""
What the venue reports becomes ledger rows: orders move through their machine, executions are booked to their owner, and
events for instances are put into the outbox. Synchronous and repeatable: the same report twice changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from playd.core.canonical import Json
from playd.core.ids import instance_tag, is_guardians, is_ours, tag_of
from playd.core.orders import Action, Execution, OrderState, VenueOrder
from playd.core.record import Recorder
from playd.orders.caps import Caps
from playd.orders.chronicle import Tell, nobody, told_execution
from playd.orders.fills import Fills, Share
from playd.orders.fold import DELIVERY, moves_position
from playd.orders.halts import Level, account_scope, symbol_scope
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.lost_orders import LostOrders
from playd.orders.machine import Contradiction, OrderEvent, event_of_status
from playd.orders.order_book import FOREIGN, OrderBook, is_theirs
from playd.orders.parts import parts_of
from playd.orders.rows import OrderRow, plain, text

_STOP_TYPES: Final = frozenset({"StopLoss", "PartialStopLoss", "TrailingStop"})
_TARGET_TYPES: Final = frozenset({"TakeProfit", "PartialTakeProfit"})
_END_TYPES: Final = frozenset({DELIVERY, "Settle"})
"""The contract came to its end: the venue closed what was open, and liquidated nothing."""
_FORCED_TYPES: Final = frozenset({"AdlTrade", "BustTrade"}) | _END_TYPES
_SETTLED: Final = "CreateBySettle"
_FORCED_CREATES: Final = frozenset(
    {
        "CreateByLiq",
        "CreateByTakeOver_PassThrough",
        "CreateByAdl_PassThrough",
        _SETTLED,
        "CreateByAdminClosing",
    }
)
_ENDS: Final = frozenset({OrderEvent.SEEN_FILLED, OrderEvent.SEEN_CANCELLED, OrderEvent.SEEN_REJECTED})
_BY_HAND: Final = "CancelByUser"
_BY_VENUE: Final = ("CancelByPrepare", "CancelAllBefore", "CancelByAdmin", "CancelByDCP")
_KNOWN_TYPES: Final = frozenset({"Trade", "BlockTrade", "MovePosition", "Funding", "Baseline"}) | _FORCED_TYPES
ENTRY_ACTIONS: Final = frozenset({Action.ENTER, Action.ADD})


@dataclass
class News:
    """What changed since it was last looked at; whoever commits reads and clears it."""

    links: set[str] = field(default_factory=set)
    """Orders whose state changed."""
    posted: bool = False
    """Something waits in the outbox that an instance must hear of."""
    fills: list[tuple[str, str]] = field(default_factory=list)
    """(symbol, link id or execution id) of executions that moved a position."""
    looks: list[tuple[str, str]] = field(default_factory=list)
    """(symbol, link id) of what makes a fresh reading of the position necessary."""
    halts: list[tuple[str, Level, str, str]] = field(default_factory=list)
    """(scope, level, code, text) to raise after the commit: raising commits by itself, which an open step must not."""


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
        self.tell: Tell = nobody
        """Hears of every execution and of what the venue or a hand did; set by the desk."""
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
            self._watch_amended(row, order, event)
            self._book.update(
                row.link_id,
                venue_order_id=order.venue_order_id,
                venue_status=order.status,
                venue_cum_qty=plain(max(row.venue_cum_qty, order.cum_qty)),
                cancel_type=order.cancel_type,
                reject_reason=order.reject_reason,
                venue_ms=max(row.venue_ms, order.updated_ms),
            )
            if (row.intent is None or row.action is Action.TARGET) and order.qty > 0:
                # The stop of a position is as large as the position, which may have grown; a resting target is cut to it.
                self._book.update(row.link_id, qty=plain(order.qty))
            if row.action is Action.TARGET and row.intent is not None and order.price > 0:
                self._book.update(row.link_id, price=text(order.price))  # a hand may have moved it: it is then taken back
            if order.cum_qty > row.cum_qty:
                # Something was executed that is not booked yet: the position is looked at without waiting for it.
                self.news.looks.append((order.symbol, row.link_id))
            if event is None:
                self._alarm("ORDER_STATUS", "warning", order.symbol, f"order {row.link_id} has unknown status {order.status!r}")
                return self._book.need(row.link_id)
            lacks = self._fills.executed(row.link_id)[0] < order.cum_qty and not is_theirs(row)
            if event is OrderEvent.SEEN_FILLED and lacks:
                event = OrderEvent.SEEN_PARTIAL  # filled only once every execution is booked
            return self.apply(self._book.need(row.link_id), event, source, venue_ms=order.updated_ms)

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

    def executed(self, execution: Execution, source: str) -> bool:
        """Book an execution once, all its parts or none: share, order, outbox. False if it was known."""
        if self._fills.known(execution.exec_id):
            return False
        with self._ledger.atomic(self._fills.forget_cache):
            for part, owner in self._parts(execution) or [(execution, "")]:
                self._book_one(part, source, owner)
        return True

    def _parts(self, execution: Execution) -> Sequence[tuple[Execution, str]]:
        """An execution in a part for each whom it concerns; empty when that is the owner of its order, or nobody known."""
        row = self._order_of(execution)
        if row is not None and row.intent is not None and row.reduce_only:
            return ()
        held = [share for share in self._fills.shares(execution.symbol) if share.position.signed_qty]
        if row is not None and row.intent is not None:
            return self._netted(execution, row, held)
        if row is not None:
            first = row.owner
        elif is_guardians(execution.link_id):
            first = next((share.owner for share in held if instance_tag(share.owner) == tag_of(execution.link_id)), "")
        else:
            # A hand closes first what a hand opened; a liquidation and a stop know no hands.
            by_hand = not execution.stop_order_type and _reason(execution) == "manual"
            first = FOREIGN if by_hand else ""
        return parts_of(execution, held, first)

    def _netted(self, execution: Execution, row: OrderRow, held: Sequence[Share]) -> Sequence[tuple[Execution, str]]:
        """
        An entry that met a position of others on the other side, which had come there while it was on its way.

        The venue has one position: the entry closed theirs first, and only what went beyond that is its owner's. Booked whole
        it would stand against the venue's position, and no order that only reduces could ever close all of it.
        """
        others = [share for share in held if share.owner != row.owner]
        parts = parts_of(execution, others, FOREIGN, beyond="")
        if parts:
            theirs = sum((part.qty for part, owner in parts if owner), Decimal(0))
            note = f"entry {row.link_id} of {execution.qty} {row.symbol} met a position of others, and closed {theirs} of it"
            self._alarm("ENTRY_NETTED", "warning", row.symbol, note)
        return parts

    def _book_one(self, execution: Execution, source: str, owner: str) -> None:
        """Book one piece, to `owner` where that is known, else to whoever it belongs to."""
        with self._ledger.atomic(self._fills.forget_cache):
            row = self._order_of(execution)
            if owner:
                action, reason = _what(execution, row)
            else:
                owner, action, reason = self._attribute(execution, row)
            link = row.link_id if row is not None else None
            self._fills.book(execution, link=link, owner=owner, source=source)
            self.tell("fill.booked", owner, execution.symbol, link, told_execution(execution, reason))
            if row is not None and moves_position(execution):
                row = self._count_execution(row, execution, source)
            if owner != FOREIGN:
                self._tell_owner(execution, row, owner, action, reason)
            if row is not None and moves_position(execution):
                self.settle(row)  # the end of an order is told after its last fill
            self._watch_types(execution, owner, reason)
            if row is None:
                self._second_daemon(execution.link_id, execution.symbol)
            if owner == FOREIGN and moves_position(execution):
                self._watch_foreign(execution.symbol)
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
    ) -> OrderRow:
        """Move an order by an event and settle it if that ended it. A contradiction is stored, alarmed and halts the symbol."""
        return self.settle(self._move(row, event, source, code=code, detail=detail, venue_ms=venue_ms))

    def _move(
        self,
        row: OrderRow,
        event: OrderEvent,
        source: str,
        *,
        code: int | None = None,
        detail: str = "",
        venue_ms: int | None = None,
    ) -> OrderRow:
        try:
            after = self._book.record(row, event, source, code=code, detail=detail, venue_ms=venue_ms)
        except Contradiction as contradiction:
            self._contradicted(row, contradiction)
            return row
        if after.state is not row.state:
            self.news.links.add(row.link_id)
            self._watch_lost_stop(after)
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
        if self._book.close_intent(row.intent, row.state.lower()):
            self._caps.release(row)
            intent = self._book.intent(row.intent)
            if row.state is not OrderState.FILLED:
                self.end_intent(row, row.state.lower())
            elif intent is not None and intent.qty > self._fills.received(row.link_id, row.owner):
                self.end_intent(row, "cut")
        return row

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
        self._alarm("RECOVERED", "warning", order.symbol, note)
        data = {"kind": "recover", "key": order.link_id, "note": note}
        self._journal.append("recon.repair", data, account=self._account, instance=origin.owner, symbol=order.symbol)
        return row

    def _introduce(self, order: VenueOrder, source: str) -> OrderRow | None:
        event = event_of_status(order.status)
        protective = order.stop_order_type in _STOP_TYPES
        if event not in (OrderEvent.SEEN_OPEN, OrderEvent.SEEN_PARTIAL):
            if protective:
                self.news.looks.append((order.symbol, f"v:{order.venue_order_id}"))
            return None
        if protective or order.stop_order_type in _TARGET_TYPES:
            parent = self._book.find(order.parent_link_id) if order.parent_link_id else None
            owner = parent.owner if parent is not None else self._sole_holder(order.symbol)
            if owner is not None:
                action = Action.STOP if protective else Action.TARGET
                return self._book.insert_venue_order(
                    order, owner=owner, action=action, state=OrderState.OPEN, protective=protective
                )
        return self._orphan(order, protective)

    def _orphan(self, order: VenueOrder, protective: bool) -> OrderRow:
        if not self._second_daemon(order.link_id, order.symbol):
            note = f"order {order.link_id or order.venue_order_id} on {order.symbol} is not in the ledger"
            self._alarm("FOREIGN_ORDER", "warning", order.symbol, note)
        return self._book.insert_venue_order(order, owner=FOREIGN, action="", state=OrderState.ORPHAN, protective=protective)

    def _second_daemon(self, link: str, symbol: str) -> bool:
        """Whether an order that the ledger lacks is of playd's format. Nothing of ours leaves unrecorded."""
        if not is_ours(link) or is_guardians(link):
            return False
        known = self._ledger.row("SELECT 1 FROM instances WHERE tag = ?", (tag_of(link),)) is not None
        whose = (
            "the tag of an instance here, and was not sent here: a copy of this state" if known else "an unknown tag: a daemon"
        )
        note = f"order {link} has our format and {whose} may trade on this account elsewhere"
        self._alarm("SECOND_DAEMON", "critical", symbol, note)
        self.news.halts.append((account_scope(self._account), Level.HALT, "SECOND_DAEMON", note))
        return True

    def _order_of(self, execution: Execution) -> OrderRow | None:
        row = self._book.find(execution.link_id) if execution.link_id else None
        return row or self._book.find_by_venue_id(execution.venue_order_id)

    def _attribute(self, execution: Execution, row: OrderRow | None) -> tuple[str, Action, str]:
        """Owner, action and reason of an execution."""
        if row is not None and row.owner != FOREIGN:
            if row.action is Action.STOP or row.action is Action.TARGET:
                return row.owner, *_what(execution, row)
            intent = self._book.intent(row.intent) if row.intent is not None else None
            return row.owner, row.action or Action.EXIT, intent.reason if intent is not None else ""
        if execution.exec_type == "Funding":
            # It may arrive after the position that it was charged for is closed.
            holder = self._sole_holder(execution.symbol) or self._fills.last_owner(execution.symbol, execution.time_ms)
            return holder or FOREIGN, Action.EXIT, "funding"
        return FOREIGN, Action.EXIT, "manual"

    def _sole_holder(self, symbol: str) -> str | None:
        """The one instance that holds the symbol, or is entering it now."""
        holders = {share.owner for share in self._fills.shares(symbol) if share.position.signed_qty and share.owner != FOREIGN}
        entering = {row.owner for row in self._book.live(symbol) if row.action in ENTRY_ACTIONS}
        candidates = holders or entering
        return next(iter(candidates)) if len(candidates) == 1 else None

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
            self._alarm("OVERFILL", "critical", row.symbol, f"order {row.link_id} executed {qty} of {row.qty}", Level.HALT)
        self._caps.consume(row, execution)
        current = self._book.need(row.link_id)
        whole = qty >= row.qty or (current.venue_status == "Filled" and qty >= current.venue_cum_qty)
        event = OrderEvent.SEEN_FILLED if whole and current.state is not OrderState.CANCELLED else OrderEvent.EXECUTED
        if current.state.terminal:
            # Quantity comes from executions, whatever the state says; a state that excludes them is a contradiction.
            event = OrderEvent.EXECUTED
        return self._move(current, event, source, venue_ms=execution.time_ms)

    def _tell_owner(self, execution: Execution, row: OrderRow | None, owner: str, action: Action, reason: str) -> None:
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
            if share.stop is None:
                self._fills.set_protection(owner, execution.symbol, stop=row.stop, target=row.target)
            done = row.cum_qty >= row.qty
        else:
            done = held.signed_qty == 0 or self._intent_done(row)
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

    def _watch_amended(self, row: OrderRow, order: VenueOrder, event: OrderEvent | None) -> None:
        """
        An entry that works with another quantity or price than it was sent with was changed by hand: it counts as what it is
        now, or more of it would work than any limit knows of, and the symbol pauses until a person has looked.
        """
        works = (
            event in (OrderEvent.SEEN_OPEN, OrderEvent.SEEN_PARTIAL) and row.type == "Limit" and row.tif not in ("IOC", "FOK")
        )
        if row.intent is None or row.action not in ENTRY_ACTIONS or not works:
            return
        moved = row.price is not None and order.price > 0 and order.price != row.price
        if order.qty <= 0 or (order.qty == row.qty and not moved):
            return
        self._caps.resize(row, order.qty)
        self._book.update(row.link_id, qty=plain(order.qty), **({"price": text(order.price)} if moved else {}))
        note = f"entry {row.link_id} of {row.qty} at {row.price} was changed at the venue to {order.qty} at {order.price}"
        self._alarm("MANUAL_AMEND", "warning", row.symbol, note, Level.PAUSE)

    def _watch_lost_stop(self, row: OrderRow) -> None:
        """
        A stop that ends while its position is open was cancelled by the venue or by hand: look at the position now.

        Nobody here ever removes one. The venue clears it when the position closes, and says so before the closing is booked.
        """
        if not row.protective or row.state is not OrderState.CANCELLED or row.owner == FOREIGN:
            return
        if not self._fills.position(row.owner, row.symbol).signed_qty:
            return
        self.news.looks.append((row.symbol, row.link_id))
        self.tell(
            "stop.lost", row.owner, row.symbol, row.link_id, {"cancel_type": row.cancel_type, "trigger": text(row.trigger)}
        )
        if row.cancel_type == _BY_HAND:
            self._alarm("MANUAL_STOP", "warning", row.symbol, "the stop was removed by hand at the venue", Level.PAUSE)
        elif row.cancel_type.startswith(_BY_VENUE):
            self._alarm("STOP_LOST", "warning", row.symbol, f"the venue cancelled the stop: {row.cancel_type}")

    def _intent_done(self, row: OrderRow | None) -> bool:
        if row is None or row.intent is None:
            return False
        intent = self._book.intent(row.intent)
        executed = sum((order.cum_qty for order in self._book.of_intent(row.intent)), Decimal(0))
        return intent is not None and executed >= intent.qty

    def _watch_types(self, execution: Execution, owner: str, reason: str) -> None:
        symbol, what = execution.symbol, f"{execution.exec_type}/{execution.create_type} of {execution.qty} {execution.symbol}"
        if execution.exec_type in _FORCED_TYPES or execution.create_type in _FORCED_CREATES:
            if execution.exec_type not in _END_TYPES and execution.create_type != _SETTLED:
                told: dict[str, Json] = {"text": what, "type": execution.exec_type, "create_type": execution.create_type}
                self.tell("position.liquidated", owner, symbol, execution.exec_id, told)
            self._alarm("FORCED_CLOSE", "critical", symbol, f"the venue closed: {what}", Level.HALT)
        elif execution.exec_type not in _KNOWN_TYPES:
            self._alarm("EXECUTION_TYPE", "critical", symbol, f"unknown execution type: {what}")
        elif owner != FOREIGN and reason == "manual":
            self._alarm("MANUAL_CLOSE", "warning", symbol, f"closed by hand at the venue: {what}", Level.PAUSE)

    def _watch_foreign(self, symbol: str) -> None:
        """A person hears of what somebody else holds as long as it is there; see also the reconciler's first contact."""
        held, scope = self._fills.position(FOREIGN, symbol).signed_qty, symbol_scope(self._account, symbol)
        self.tell("position.foreign", FOREIGN, symbol, None, {"qty": text(held)})
        if held:
            self._incidents.open("FOREIGN_POSITION", "warning", scope, f"{symbol} holds {held} that nobody here opened")
        else:
            self._incidents.resolve("FOREIGN_POSITION", scope, "what nobody here opened is closed")

    def _contradicted(self, row: OrderRow, contradiction: Contradiction) -> None:
        self._journal.append(
            "order.contradiction",
            {"link_id": row.link_id, "state": contradiction.state, "event": contradiction.event},
            account=self._account,
            symbol=row.symbol,
        )
        self._alarm("CONTRADICTION", "critical", row.symbol, f"order {row.link_id}: {contradiction}", Level.HALT)

    def _alarm(self, kind: str, severity: str, symbol: str, note: str, level: Level = Level.OPEN) -> None:
        scope = symbol_scope(self._account, symbol)
        self._incidents.open(kind, severity, scope, note)
        if level:
            self.news.halts.append((scope, level, kind, note))


def _what(execution: Execution, row: OrderRow | None) -> tuple[Action, str]:
    """Action and reason of an execution that no order of an instance asked for."""
    if execution.exec_type == "Funding":
        return Action.EXIT, "funding"
    if (row is not None and row.action is Action.STOP) or execution.stop_order_type in _STOP_TYPES:
        return Action.STOP, "sl"
    if (row is not None and row.action is Action.TARGET) or execution.stop_order_type in _TARGET_TYPES:
        return Action.TARGET, "tp"
    return Action.EXIT, _reason(execution)


def _reason(execution: Execution) -> str:
    """Why a position was closed by an execution that no order here asked for."""
    if execution.exec_type in _FORCED_TYPES or execution.create_type in _FORCED_CREATES:
        return "liquidation"
    return "guardian" if is_guardians(execution.link_id) else "manual"
