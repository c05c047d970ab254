"""
Orders that are over: the newest ones are in a cache that a restart empties, all of them in the records for as long as
`retention` says, as at the venue.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from playd.venues.exchange.listing import Finer
from playd.venues.exchange.model import Order

CACHED: Final = 500
"""Orders that are over and still shown among the open ones, of each user."""


class ClosedOrders:
    """Orders that ended since the exchange was started, the newest of each user."""

    def __init__(self) -> None:
        self._orders: dict[int, OrderedDict[str, Order]] = {}

    def note(self, orders: Iterable[Order]) -> None:
        """Take those that are over."""
        for order in orders:
            if not order.status.open:
                kept = self._orders.setdefault(order.uid, OrderedDict())
                kept[order.order_id] = order
                if len(kept) > CACHED:
                    kept.popitem(last=False)

    def count_finer(self, finer: Finer) -> None:
        """A symbol is counted anew."""
        for kept in self._orders.values():
            for order in kept.values():
                if order.symbol == finer.symbol:
                    order.count_finer(finer.ticks, finer.steps)

    def of_user(self, uid: int) -> list[Order]:
        """The user's, in no particular order."""
        return [*self._orders.get(uid, {}).values()]
