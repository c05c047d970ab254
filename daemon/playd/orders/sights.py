"""What reports of the venue show that a person must hear of, and what it halts: hands, the venue's own acts, contradictions."""

from typing import Final

from playd.core.canonical import Json
from playd.core.ids import is_guardians, is_ours, tag_of
from playd.core.orders import Execution, OrderState, VenueOrder
from playd.core.record import Recorder
from playd.orders.caps import Caps
from playd.orders.chronicle import Tell, nobody
from playd.orders.execution_kinds import KNOWN_TYPES, OTHERS_EXIT, is_forced, is_liquidation
from playd.orders.fills import Fills
from playd.orders.fold import BASELINE
from playd.orders.halts import Level, account_scope, symbol_scope
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.machine import Contradiction, OrderEvent
from playd.orders.news import News
from playd.orders.order_book import ENTRY_ACTIONS, FOREIGN, OrderBook
from playd.orders.rows import OrderRow, plain, text

_BY_HAND: Final = "CancelByUser"
_BY_VENUE: Final = ("CancelByPrepare", "CancelAllBefore", "CancelByAdmin", "CancelByDCP")


class Sights:
    """Opens incidents and asks for halts, which are raised behind the commit. Books nothing but an entry changed by hand."""

    def __init__(
        self,
        ledger: Ledger,
        book: OrderBook,
        fills: Fills,
        caps: Caps,
        incidents: Incidents,
        journal: Recorder,
        news: News,
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._fills = fills
        self._caps = caps
        self._incidents = incidents
        self._journal = journal
        self._account = book.account
        self._news = news
        self.tell: Tell = nobody
        """Hears of what the venue or a hand did; set by the desk."""

    def alarm(self, kind: str, severity: str, symbol: str, note: str, level: Level = Level.OPEN) -> None:
        scope = symbol_scope(self._account, symbol)
        self._incidents.open(kind, severity, scope, note)
        if level:
            self._news.halts.append((scope, level, kind, note))

    def second_daemon(self, link: str, symbol: str) -> bool:
        """Whether an order that the ledger lacks is of playd's format. Nothing of ours leaves unrecorded."""
        if not is_ours(link) or is_guardians(link):
            return False
        known = self._ledger.row("SELECT 1 FROM instances WHERE tag = ?", (tag_of(link),)) is not None
        whose = (
            "the tag of an instance here, and was not sent here: a copy of this state" if known else "an unknown tag: a daemon"
        )
        note = f"order {link} has our format and {whose} may trade on this account elsewhere"
        self.alarm("SECOND_DAEMON", "critical", symbol, note)
        self._news.halts.append((account_scope(self._account), Level.HALT, "SECOND_DAEMON", note))
        return True

    def doubled(self, row: OrderRow, order: VenueOrder) -> None:
        """One link id is one order at the venue for ever: a second one was never meant, whoever let it in."""
        if row.intent is None or row.venue_order_id in ("", order.venue_order_id):
            return
        note = f"link id {row.link_id} is order {row.venue_order_id} at the venue, and order {order.venue_order_id} too"
        self.alarm("CONTRADICTION", "critical", row.symbol, note, Level.HALT)

    def amended(self, row: OrderRow, order: VenueOrder, event: OrderEvent | None) -> None:
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
        self._caps.resize(row, order.qty, order.price if moved else row.price)
        self._book.update(row.link_id, qty=plain(order.qty), **({"price": text(order.price)} if moved else {}))
        note = f"entry {row.link_id} of {row.qty} at {row.price} was changed at the venue to {order.qty} at {order.price}"
        self.alarm("MANUAL_AMEND", "warning", row.symbol, note, Level.PAUSE)

    def lost_stop(self, row: OrderRow) -> None:
        """
        A stop that ends while its position is open was cancelled by the venue or by hand: look at the position now.

        Nobody here ever removes one. The venue clears it when the position closes, and says so before the closing is booked.
        """
        if not row.protective or row.state is not OrderState.CANCELLED or row.owner == FOREIGN:
            return
        if not self._fills.position(row.owner, row.symbol).signed_qty:
            return
        self._news.looks.append((row.symbol, row.link_id))
        self.tell(
            "stop.lost", row.owner, row.symbol, row.link_id, {"cancel_type": row.cancel_type, "trigger": text(row.trigger)}
        )
        if row.cancel_type == _BY_HAND:
            self.alarm("MANUAL_STOP", "warning", row.symbol, "the stop was removed by hand at the venue", Level.PAUSE)
        elif row.cancel_type.startswith(_BY_VENUE):
            self.alarm("STOP_LOST", "warning", row.symbol, f"the venue cancelled the stop: {row.cancel_type}")

    def kind(self, execution: Execution, owner: str, reason: str) -> None:
        symbol, what = execution.symbol, f"{execution.exec_type}/{execution.create_type} of {execution.qty} {execution.symbol}"
        if is_forced(execution):
            if is_liquidation(execution):
                told: dict[str, Json] = {"text": what, "type": execution.exec_type, "create_type": execution.create_type}
                self.tell("position.liquidated", owner, symbol, execution.exec_id, told)
            self.alarm("FORCED_CLOSE", "critical", symbol, f"the venue closed: {what}", Level.HALT)
        elif execution.exec_type not in KNOWN_TYPES:
            self.alarm("EXECUTION_TYPE", "critical", symbol, f"unknown execution type: {what}", Level.HALT)
            self._news.looks.append((symbol, execution.exec_id))
        elif owner != FOREIGN and reason == OTHERS_EXIT:
            note = f"exit {execution.link_id} met less than its share, and closed {execution.qty} {symbol} of {owner}"
            self.alarm("EXIT_BEYOND", "warning", symbol, note)
        elif owner != FOREIGN and reason == "manual":
            how = "closed by the word of a person" if execution.exec_type == BASELINE else "closed by hand at the venue"
            self.alarm("MANUAL_CLOSE", "warning", symbol, f"{how}: {what}", Level.PAUSE)

    def foreign(self, symbol: str) -> None:
        """A person hears of what somebody else holds as long as it is there; see also the reconciler's first contact."""
        held, scope = self._fills.position(FOREIGN, symbol).signed_qty, symbol_scope(self._account, symbol)
        self.tell("position.foreign", FOREIGN, symbol, None, {"qty": text(held)})
        if held:
            self._incidents.open("FOREIGN_POSITION", "warning", scope, f"{symbol} holds {held} that nobody here opened")
        else:
            self._incidents.resolve("FOREIGN_POSITION", scope, "what nobody here opened is closed")

    def contradicted(self, row: OrderRow, contradiction: Contradiction) -> None:
        self._journal.append(
            "order.contradiction",
            {"link_id": row.link_id, "state": contradiction.state, "event": contradiction.event},
            account=self._account,
            symbol=row.symbol,
        )
        self.alarm("CONTRADICTION", "critical", row.symbol, f"order {row.link_id}: {contradiction}", Level.HALT)
