"""
What is open in the scope of a panic, read on REST: positions, entries that may still become one, and what nobody told of.

Only what was read counts: a list that could not be had makes nothing flat.
"""

from contextlib import suppress
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.orders import OrderState, VenuePosition
from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.panic_report import PanicScope
from playd.orders.panic_run import PanicRun, Place, place_of
from playd.orders.resolver import Resolver
from playd.orders.room import is_shared
from playd.orders.rows import OrderRow
from playd.orders.withdrawals import Withdrawals
from playd.venues.port import Priority

LAST_READING_S: Final = 5.0
"""How long a report waits for what is left: under a ban the venue would say it minutes later."""

_TRIES_BEHIND: Final = 2
"""So often executions are asked for before positions are closed by what the books say of them."""
_BOOKED_WITHIN_S: Final = 60.0
"""So long executions may take that an order was reported with; what is missing longer, the resolver looks for."""
_AT_VENUE: Final = frozenset({OrderState.SENT, OrderState.ACKED, OrderState.OPEN, OrderState.PARTIAL, OrderState.ORPHAN})


class PanicReadings:
    """Readings for the panics of one account. Books what it reads; sends nothing."""

    def __init__(self, desk: Desk, catch_up: CatchUp, withdrawals: Withdrawals, resolver: Resolver) -> None:
        self._desk = desk
        self._catch_up = catch_up
        self._withdrawals = withdrawals
        self._resolver = resolver

    async def orders_unread(self) -> str:
        """
        Book what works at the venue, of which nobody may have told; why that could not be read, or the empty text. Before the
        positions are read: what fills behind this list is in them.
        """
        try:
            for order in await self._desk.port.open_orders(priority=Priority.EXIT):
                self._desk.booking.order_seen(order, "poll")
        except (VenueError, LinkError) as error:
            return str(error)
        self._desk.publish()
        return ""

    async def positions(self, run: PanicRun) -> list[VenuePosition] | None:
        """Positions of the scope that are still open, or None when they could not be read."""
        desk, scope = self._desk, run.scope
        if (behind := await self._executions_unread(run)) and run.behind < _TRIES_BEHIND:
            run.problems = [behind]
            return None
        try:
            positions = await desk.port.positions(priority=Priority.EXIT)
            await self._load_rules({position.symbol for position in positions})
        except (VenueError, LinkError) as error:
            run.problems = [f"positions could not be read: {error}"]
            return None
        run.problems = []
        open_now = [position for position in positions if position.signed_qty and scope.symbol in ("", position.symbol)]
        if scope.instance_uid:
            open_now = [position for position in open_now if self._has_share_of(scope.instance_uid, position)]
        if scope.instance_uid and behind:
            # The venue bounds what closes a whole position, and not what closes a share beside another.
            open_now = [position for position in open_now if not is_shared(desk, scope.instance_uid, position.symbol)]
            run.problems = [behind]
        for position in open_now:
            run.before.setdefault(place_of(position), position)
        return open_now

    async def left(self) -> dict[Place, VenuePosition] | None:
        """Positions of the whole account as a report tells them, or None when they could not be read in its time."""
        with anyio.move_on_after(LAST_READING_S):
            try:
                found = await self._desk.port.positions(priority=Priority.EXIT)
            except (VenueError, LinkError):
                return None
            return {place_of(position): position for position in found}
        return None

    def resting(self, scope: PanicScope) -> list[OrderRow]:
        """
        Entries that the venue has or is being sent, or one in doubt that may be on its way still: no cancel meets that. Also,
        for a minute, one that the venue has filled, or an ended one of the instance, whose executions are not all booked: a
        share is larger than the books say. What is booked behind that minute is closed then (`Panic.entry_filled`).

        A clock that is set makes neither of them old, and a new life begins their time anew.
        """
        arrives, now_s = self._desk.on_the_way.may_arrive, self._desk.clock.mono_s()
        works = [
            row
            for row in self._entries(scope)
            if not row.is_filled_unbooked
            and (row.state in _AT_VENUE or (row.state is OrderState.UNKNOWN and arrives(row.link_id)))
        ]
        lacking = [row for row in self._entries(scope) if row.is_filled_unbooked]
        if scope.instance_uid:
            over = self._desk.book.lacking_fills()
            lacking += [row for row in over if row.owner == scope.instance_uid and not row.reduce_only]
        return works + [row for row in lacking if self._resolver.lacking_s(row, now_s) < _BOOKED_WITHIN_S]

    def not_asked(self, run: PanicRun) -> list[OrderRow]:
        """Entries of the scope whose cancel was not sent yet; it is sent by who asks for them."""
        fresh = [row for row in self._entries(run.scope) if row.link_id not in run.asked]
        run.asked.update(row.link_id for row in fresh)
        return fresh

    def _entries(self, scope: PanicScope) -> list[OrderRow]:
        """Whatever could open risk in the scope, orders of others included: a panic leaves nothing."""
        return self._withdrawals.entries(instance_uid=scope.instance_uid, symbol=scope.symbol, foreign=True)

    async def _executions_unread(self, run: PanicRun) -> str:
        """Book what nobody told of. Why that could not be read, or the empty text."""
        try:
            await self._catch_up.run(Priority.EXIT)
        except (VenueError, LinkError) as error:
            run.behind += 1
            return f"executions could not be read: {error}"
        run.behind = 0
        return ""

    def _has_share_of(self, owner: str, position: VenuePosition) -> bool:
        held = self._desk.fills.position(owner, position.symbol).signed_qty
        return held * position.signed_qty > 0 if position.position_idx else held != 0

    async def _load_rules(self, symbols: set[str]) -> None:
        """Rules of what others hold. What cannot be read, or is listed no longer, is closed by one order for all of it."""
        unknown = sorted(symbols - self._desk.instruments.keys())
        if unknown:
            with suppress(VenueError, LinkError):
                for rules in (await self._desk.port.instruments(unknown)).values():
                    self._desk.learn_rules(rules)
