"""
Executions that the private stream did not show: read from the venue's list since the watermark and booked like any other.

The watermark is the newest execution time of the last complete read. Only complete reads move it, and each read reaches a
minute further back, so a fill that the stream lost, or that happened while nobody listened, is booked exactly once.

The first read of all only sets the watermark: what happened on the account before this ledger existed is not ours, and the
position it left is booked as one `Baseline` row by the reconciler.
"""

from typing import Final

from playd.core.errors import LinkError, VenueError
from playd.orders.desk import Desk
from playd.venues.port import Priority

OVERLAP_MS: Final = 60_000


class CatchUp:
    """Closes gaps in the executions of one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self, priority: Priority = Priority.RECONCILE) -> int:
        """Book what is missing and publish it; returns the number of new executions. Raises `VenueError` or `LinkError`."""
        desk = self._desk
        watermark_ms = self.watermark_ms
        # Zero: complete, and nothing was ever executed. The venue's own range then covers everything that can be new.
        since_ms = watermark_ms - OVERLAP_MS if watermark_ms else None
        found = await desk.port.executions(since_ms=since_ms, priority=priority)
        executions = sorted(found, key=lambda execution: (execution.time_ms, execution.seq))
        newest_ms = max((execution.time_ms for execution in executions), default=watermark_ms or 0)
        if watermark_ms is None:
            desk.ledger.set_meta(self._baseline_key, str(newest_ms))
        baseline_ms = int(desk.ledger.meta(self._baseline_key) or 0)
        booked = sum(
            desk.booking.executed(execution, "history")
            for execution in executions
            if execution.time_ms > baseline_ms or desk.book.find(execution.link_id) is not None
        )
        if newest_ms != watermark_ms:
            desk.ledger.write("UPDATE accounts SET executions_watermark_ms = ? WHERE alias = ?", (newest_ms, desk.alias))
        if booked:
            desk.publish()
        return booked

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
