"""Takes orders of ours that a restored ledger lacks in again, at the first reading of the venue; see `recovery`."""

from playd.core.ids import intent_id, is_guardians
from playd.core.orders import Execution, IntentClass, VenueOrder
from playd.orders.caps import Caps
from playd.orders.ledger import Ledger
from playd.orders.machine import OrderEvent
from playd.orders.order_book import OrderBook
from playd.orders.recovery import Origin, intent_of, origin_of, request_of
from playd.orders.rows import OrderRow


class LostOrders:
    """Of one account. `recovering` is true while the first reading of a life may show what the ledger has lost."""

    def __init__(self, ledger: Ledger, book: OrderBook, caps: Caps) -> None:
        self._ledger = ledger
        self._book = book
        self._caps = caps
        self.recovering = False

    def origin(self, seen: VenueOrder | Execution, born_ms: int) -> Origin | None:
        """Who sent something that the ledger does not know; None when nothing can be lost, or nobody here did."""
        if not self.recovering or is_guardians(seen.link_id):
            return None
        return origin_of(self._ledger, self._book.account, seen.symbol, seen.link_id, born_ms)

    def take_in(self, order: VenueOrder, origin: Origin) -> OrderRow:
        """Write the order and the intent behind it, as one in doubt: what became of it, the report goes on to say."""
        intent = intent_of(order, origin, self._book.account)
        identity = intent_id(origin.owner, origin.cause, origin.action, origin.leg)
        if self._book.intent(identity) is None:
            # Executions are taken in as they came, so that what is booked behind it was executed behind it.
            behind = b'{"behind":[%d,%d]}' % self._book.newest() if intent.intent_class is IntentClass.EXIT else b"{}"
            self._book.insert_intent(intent, behind, recovered=True)
            if intent.intent_class is IntentClass.ENTRY:
                self._caps.reserve(intent, order.price or None)
            elif not origin.is_proved:
                # What it was to close, and whether that is open still, nobody knows: driven on it might sell a later position.
                self._book.close_intent(identity, "recovered")
        row = self._book.insert_order(intent, identity, origin.attempt, request_of(order), proved=origin.is_proved)
        return self._book.record(row, OrderEvent.DOUBT, "poll", detail="recovered")
