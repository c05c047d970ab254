"""
Executions that the private stream did not show: read from the venue's list since the watermark and booked like any other.

The watermark is the newest execution time of the last complete read. Only complete reads move it, and each read reaches a
minute further back, so a fill that the stream lost, or that happened while nobody listened, is booked exactly once.

The first read of all only sets the watermark: what happened on the account before this ledger existed is not ours, and the
position it left is booked as one `Baseline` row by the reconciler.
"""

from typing import Final

from playd.core.errors import LinkError, VenueError
from playd.core.orders import Execution
from playd.orders.desk import Desk
from playd.orders.fold import moves_position
from playd.orders.order_book import is_theirs
from playd.orders.recovery import order_of
from playd.venues.port import Priority

OVERLAP_MS: Final = 60_000


class CatchUp:
    """Closes gaps in the executions of one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.found: list[Execution] = []
        """What the last complete reading had, known executions too."""

        self.complete_ms = 0
        """Wall time at which the last run began that booked everything there was by then; 0 before the first."""

    async def run(self, priority: Priority = Priority.RECONCILE) -> int:
        """Book what is missing and publish it; returns the number of new executions. Raises `VenueError` or `LinkError`."""
        desk, began_ms = self._desk, self._desk.clock.wall_ms()
        watermark_ms = self.watermark_ms
        executions = self.found = await self._read(priority)
        newest_ms = max((execution.time_ms for execution in executions), default=watermark_ms or 0)
        if watermark_ms is None:
            desk.ledger.set_meta(self._baseline_key, str(newest_ms))
        booked = 0
        for execution in executions:
            if self._concerns(execution):
                if desk.booking.lacks(execution):
                    desk.publish()  # what is booked does not wait for the venue, where anybody's commit would tear it apart
                    await self._recover(execution, executions, priority)
                booked += desk.booking.executed(execution, "history")
        if newest_ms != watermark_ms:
            desk.ledger.write("UPDATE accounts SET executions_watermark_ms = ? WHERE alias = ?", (newest_ms, desk.alias))
        self.complete_ms = began_ms
        if booked:
            desk.publish()
        return booked

    async def unread(self) -> list[Execution]:
        """What a run would book, oldest first; nothing is booked. Raises as `run`."""
        found = await self._read(Priority.RECONCILE)
        return [each for each in found if self._concerns(each) and not self._desk.fills.known(each.exec_id)]

    async def _read(self, priority: Priority) -> list[Execution]:
        """The venue's executions since a minute before the watermark, oldest first."""
        watermark_ms = self.watermark_ms
        # Zero: complete, and nothing was ever executed. The venue's own range then covers everything that can be new.
        since_ms = watermark_ms - OVERLAP_MS if watermark_ms else None
        return sorted(await self._desk.port.executions(since_ms=since_ms, priority=priority), key=_in_order)

    def _concerns(self, execution: Execution) -> bool:
        """Whether an execution came behind the beginning of this ledger, or belongs to an order that was sent from it."""
        baseline_ms = int(self._desk.ledger.meta(self._baseline_key) or 0)
        if execution.time_ms > baseline_ms:
            return True
        row = self._desk.book.find(execution.link_id)
        return row is not None and not is_theirs(row)

    async def since(self, time_ms: int) -> int:
        """Book what is missing since a moment before the watermark; returns the number of new executions. Raises as `run`."""
        desk = self._desk
        found = await desk.port.executions(since_ms=time_ms - OVERLAP_MS, priority=Priority.RECONCILE)
        baseline_ms = int(desk.ledger.meta(self._baseline_key) or 0)
        missing = [each for each in found if each.time_ms > baseline_ms]
        booked = sum(desk.booking.executed(execution, "history") for execution in sorted(missing, key=_in_order))
        if booked:
            desk.publish()
        return booked

    async def _recover(self, execution: Execution, found: list[Execution], priority: Priority) -> None:
        """Take in the order of an execution that a restored ledger has lost, as the venue shows it or as its executions do."""
        desk, link = self._desk, execution.link_id
        order = await desk.port.order_history(execution.symbol, link, priority=priority)
        if order is None:
            order = await desk.port.order_realtime(execution.symbol, link, priority=priority)
        moves = [each for each in found if each.link_id == link and moves_position(each)]
        if order is not None or moves:
            desk.booking.order_seen(order or order_of(moves), "history")

    async def try_run(self) -> bool:
        """Like `run` with the priority of an exit; False when the venue could not be read."""
        try:
            await self.run(Priority.EXIT)
        except (VenueError, LinkError):
            return False
        return True

    @property
    def _baseline_key(self) -> str:
        return f"baseline_ms:{self._desk.alias}"

    @property
    def watermark_ms(self) -> int | None:
        """None before this ledger's first complete read of the account."""
        row = self._desk.ledger.row("SELECT executions_watermark_ms FROM accounts WHERE alias = ?", (self._desk.alias,))
        return None if row is None else row["executions_watermark_ms"]


def _in_order(execution: Execution) -> tuple[int, int]:
    return execution.time_ms, execution.seq
