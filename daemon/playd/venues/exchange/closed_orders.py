"""
How long orders that are over can be read back: the newest ones from a cache that a restart empties, older ones from the
records, where those without a fill are soon gone. Reference 3.3.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from playd.core.timeframes import DAY_MS
from playd.venues.exchange.model import Order

CACHED: Final = 500
"""Orders that are over and still shown among the open ones, of each user."""

UNFILLED_MS: Final = DAY_MS
FILLED_MS: Final = 730 * DAY_MS
FILLED_DEMO_MS: Final = 7 * DAY_MS
"""How long the history shows an order after its end, without any fill and with one."""


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

    def of_user(self, uid: int) -> list[Order]:
        """The user's, in no particular order."""
        return [*self._orders.get(uid, {}).values()]
