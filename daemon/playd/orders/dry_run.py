"""
What a reconciliation would find and do, with nothing done: what the venue reports is booked on copies of the books, inside a
transaction that is taken back.

A run books what explains itself before it compares, so that it has nothing to tell of that. Here it is told: orders that are
further at the venue (R1) or over there (R2), and executions that belong to no order of ours (R5).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Final

from playd.core.canonical import Json
from playd.core.orders import Execution, VenueOrder, VenuePosition
from playd.orders.booking import Booking
from playd.orders.caps import Caps
from playd.orders.desk import Desk
from playd.orders.expectations import Expectations, local_view
from playd.orders.fills import Fills
from playd.orders.incidents import Incidents
from playd.orders.order_book import OrderBook
from playd.orders.reconcile import DiffClass, Difference, VenueView, diff
from playd.orders.rows import OrderRow, plain


class _TakenBack(Exception):
    """Ends the transaction that nobody is to see."""


class _Nobody:
    """A recorder of what never happened."""

    def append(self, kind: str, data: Mapping[str, Json], **_context: object) -> int:
        return 0

    async def synced(self) -> None:
        return None

    @property
    def head(self) -> tuple[int, str]:
        return 0, ""


_NOBODY: Final = _Nobody()


def rehearsed(
    desk: Desk,
    orders: Sequence[VenueOrder],
    positions: Sequence[VenuePosition],
    executions: Sequence[Execution],
    leverage: Decimal | None,
) -> tuple[Difference, ...]:
    """All differences between the ledger and these readings, sorted. Synchronous; changes nothing."""
    found: list[Difference] = []
    with suppress(_TakenBack), desk.ledger.atomic():
        copy = _copy(desk)
        before = {row.link_id: row for row in desk.book.live()}
        for execution in executions:
            if not (copy.book.find(execution.link_id) or copy.book.find_by_venue_id(execution.venue_order_id)):
                found.append(_of_nobody(execution))
            copy.booking.executed(execution, "history")
        for order in orders:
            copy.booking.order_seen(order, "poll")
        found += [each for row in before.values() if (each := _further(row, copy.book.need(row.link_id))) is not None]
        found += diff(local_view(copy, Expectations(copy), leverage), VenueView(orders, positions))
        raise _TakenBack
    return tuple(sorted(found))


def _copy(desk: Desk) -> Desk:
    """The same account with books of its own over the same ledger, whose words nobody hears."""
    book, fills = OrderBook(desk.ledger, desk.clock, desk.alias), Fills(desk.ledger, desk.clock, desk.alias)
    caps, incidents = Caps(desk.ledger, desk.alias), Incidents(desk.ledger, desk.clock, _NOBODY)
    booking = Booking(desk.ledger, book, fills, caps, incidents, _NOBODY)
    return replace(desk, book=book, fills=fills, caps=caps, booking=booking, incidents=incidents, journal=_NOBODY)


def _further(ours: OrderRow, theirs: OrderRow) -> Difference | None:
    if (ours.state, ours.cum_qty) == (theirs.state, theirs.cum_qty):
        return None
    cls = DiffClass.ENDED if theirs.state.terminal else DiffClass.AHEAD
    return Difference(cls, ours.symbol, ours.link_id, _said(ours), _said(theirs))


def _said(row: OrderRow) -> str:
    return f"{row.state} {plain(row.cum_qty)} of {plain(row.qty)}"


def _of_nobody(execution: Execution) -> Difference:
    what = f"{execution.exec_type} {execution.side} {execution.qty:f} at {execution.price:f}"
    return Difference(DiffClass.EXECUTION, execution.symbol, execution.exec_id, "", what)
