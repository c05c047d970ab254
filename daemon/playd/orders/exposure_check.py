"""
The look between two full runs: while anything is open, size and stop of every position and the orders that work are compared
with the venue. It books nothing; what is not as it should be has a full run at once.
"""

from collections.abc import Collection, Sequence

from playd.core.errors import LinkError, VenueError
from playd.core.orders import VenueOrder
from playd.orders.blind_clock import BlindClock
from playd.orders.desk import Desk
from playd.orders.fill_check import Finding
from playd.orders.moved import Marks
from playd.orders.protection import Protection
from playd.orders.reconcile import missing_orders
from playd.orders.reconciler import with_flat
from playd.venues.port import Priority


class ExposureCheck:
    """Of one account. One list of positions and one of open orders, each to its end."""

    def __init__(self, desk: Desk, protection: Protection, blind: BlindClock) -> None:
        self._desk = desk
        self._blind = blind
        self._protection = protection

    async def run(self) -> None:
        """Compare, if anything is open. What cannot be read begins the blind clock, what moved meanwhile is left alone."""
        desk = self._desk
        if not any(share.position.signed_qty for share in desk.fills.shares()) and not desk.book.live():
            return
        marks, asked_s = Marks(desk), desk.clock.mono_s()
        try:
            positions = await desk.port.positions(priority=Priority.RECONCILE)
            moved = marks.moved()
            desk.shown.take_all(positions, moved, asked_s)
            orders = await desk.port.open_orders(priority=Priority.RECONCILE)
        except (VenueError, LinkError):
            self._blind.failed(asked_s)
            return
        for position in with_flat(positions, desk.instruments):
            if position.symbol not in moved and self._protection.position_seen(position) is Finding.SIZE:
                self._protection.reconcile_soon.append("exposure")
        if self._odd_orders(orders, marks.moved()):
            self._protection.reconcile_soon.append("exposure")

    def _odd_orders(self, orders: Sequence[VenueOrder], moved: Collection[str]) -> bool:
        """Whether an order works here and not there, or there and not here."""
        book = self._desk.book
        gone = {row.symbol for row in missing_orders(book.live(), orders)}
        unknown = [each for each in orders if not book.find(each.link_id) and not book.find_by_venue_id(each.venue_order_id)]
        return bool((gone | {each.symbol for each in unknown}) - {*moved})
