"""
The resolver finds out what became of orders in doubt: open orders, then history, then executions, round after round.

Silence proves nothing. An order is declared `NEVER_ARRIVED` only when its time is over, two complete rounds answered
"empty" three times each, and the venue's position equals ours.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.orders import OrderState
from playd.orders.desk import Desk
from playd.orders.halts import Level, symbol_scope
from playd.orders.machine import OrderEvent
from playd.orders.rows import OrderRow
from playd.venues.port import Priority

_ROUNDS_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_PROOF_GAP_S: Final = 2.0
"""Least time between the two rounds that prove absence."""

_LATE_ROUND_S: Final = 3.0
_SLOW_S: Final = 30.0
_WARN_S: Final = 30.0
_CRITICAL_S: Final = 120.0
_TICK_S: Final = 0.25
_ZERO: Final = Decimal(0)
_FILLS_WAIT_S: Final = 2.0
"""How long the private stream may take for executions that the venue's order report already counts."""


@dataclass
class _Doubt:
    """Progress of one order's resolution; times are monotonic seconds of this process."""

    since_s: float
    rounds: int = 0
    first_proof_s: float | None = None

    def due_s(self, never_arrived_after_s: float) -> float:
        """When the next round is due."""
        offsets = (*_ROUNDS_S, never_arrived_after_s, never_arrived_after_s + _LATE_ROUND_S)
        if self.rounds < len(offsets):
            return self.since_s + offsets[self.rounds]
        return self.since_s + offsets[-1] + _SLOW_S * (self.rounds - len(offsets) + 1)


class Resolver:
    """Resolves `UNKNOWN` orders, quiet `ACKED` ones, and final ones whose executions are missing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._doubts: dict[str, _Doubt] = {}
        self._wake = anyio.Event()

    def wake(self) -> None:
        """Look for new doubts now."""
        self._wake.set()

    def reset(self) -> None:
        """After a reconnect: a round for every doubt at once. Evidence of absence is kept."""
        for doubt in self._doubts.values():
            doubt.rounds = 0
        self.wake()

    async def run(self) -> None:
        """Resolve until cancelled."""
        while True:
            await self.step()
            with anyio.move_on_after(_TICK_S if self._pending() else 1.0):
                await self._wake.wait()
            self._wake = anyio.Event()

    async def step(self) -> None:
        """One look at everything in doubt; runs the rounds that are due."""
        desk, now_s = self._desk, self._desk.clock.mono_s()
        rows = self._doubtful()
        links = {row.link_id for row in rows}
        for gone in self._doubts.keys() - links:
            del self._doubts[gone]
        for row in rows:
            doubt = self._doubts.setdefault(row.link_id, _Doubt(now_s))
            if now_s >= doubt.due_s(desk.settings.never_arrived_after_s):
                await self._round(row, doubt)
            self._alarm(row, self._desk.clock.mono_s() - doubt.since_s)

    async def look_up(self, row: OrderRow) -> bool | None:
        """
        One complete round for one order: realtime, history, executions.

        Returns True when the venue knew it (booked and published), False when all three reads answered empty, None when a
        read failed, which proves nothing.
        """
        desk, port, found = self._desk, self._desk.port, False
        try:
            order = await port.order_realtime(row.symbol, row.link_id, priority=Priority.RESOLVE)
            if order is None:
                order = await port.order_history(row.symbol, row.link_id, priority=Priority.RESOLVE)
            executions = await port.executions(symbol=row.symbol, link_id=row.link_id, priority=Priority.RESOLVE)
        except (VenueError, LinkError):
            return None
        for execution in executions:
            desk.booking.executed(execution, "resolver")
            found = True
        if order is not None:
            desk.booking.order_seen(order, "resolver")
            found = True
        if found:
            desk.publish()
        return found

    async def _round(self, row: OrderRow, doubt: _Doubt) -> None:
        desk = self._desk
        doubt.rounds += 1
        started_s = desk.clock.mono_s()
        found = await self.look_up(row)
        if found is not False or row.state is not OrderState.UNKNOWN:
            return
        if started_s - doubt.since_s < desk.settings.never_arrived_after_s or not self._is_old(row):
            doubt.first_proof_s = None
            return
        if doubt.first_proof_s is None:
            doubt.first_proof_s = started_s
        elif started_s - doubt.first_proof_s >= _PROOF_GAP_S and await self._position_agrees(row.symbol):
            self._declare_absent(row)

    def _is_old(self, row: OrderRow) -> bool:
        """Whether the order was last sent so long ago that nothing of it is on its way: an exit in doubt is sent again."""
        signed_ms, desk = self._desk.book.need(row.link_id).signed_ms, self._desk
        return signed_ms is None or desk.clock.wall_ms() - signed_ms >= desk.settings.never_arrived_after_s * 1000

    async def _position_agrees(self, symbol: str) -> bool:
        desk = self._desk
        version = desk.fills.version.get(symbol, 0)
        try:
            positions = await desk.port.positions(symbol, priority=Priority.RESOLVE)
        except (VenueError, LinkError):
            return False
        theirs = sum((position.signed_qty for position in positions if position.symbol == symbol), start=_ZERO)
        return version == desk.fills.version.get(symbol, 0) and theirs == desk.fills.net(symbol)

    def _declare_absent(self, row: OrderRow) -> None:
        desk = self._desk
        if desk.book.need(row.link_id).state is not OrderState.UNKNOWN:
            return
        desk.booking.apply(row, OrderEvent.PROVED_ABSENT, "resolver")
        desk.journal.append("order.resolved", {"link_id": row.link_id, "state": "NEVER_ARRIVED"}, account=desk.alias)
        desk.publish()

    def _doubtful(self) -> list[OrderRow]:
        desk = self._desk
        now_ms = desk.clock.wall_ms()
        found = []
        for row in desk.book.live():
            age_s = (now_ms - row.last_event_ms) / 1000
            if row.state is OrderState.ACKED and age_s >= desk.settings.acked_quiet_s:
                row = desk.booking.apply(row, OrderEvent.QUIET, "resolver")
            if row.state is OrderState.UNKNOWN or (row.fills_missing and age_s >= _FILLS_WAIT_S):
                found.append(row)
        found += [row for row in desk.book.lacking_fills() if (now_ms - row.last_event_ms) / 1000 >= _FILLS_WAIT_S]
        return [row for row in found if not row.link_id.startswith("v:")]

    def _pending(self) -> bool:
        return bool(self._doubts)

    def _alarm(self, row: OrderRow, age_s: float) -> None:
        desk = self._desk
        if desk.book.need(row.link_id).state is not OrderState.UNKNOWN:
            return
        note = f"order {row.link_id} has been in doubt for {age_s:.0f} s"
        if age_s >= _CRITICAL_S:
            desk.halt_symbol(row.symbol, Level.HALT, "UNKNOWN_ORDER", note)
        elif age_s >= _WARN_S:
            desk.incidents.open("UNKNOWN_ORDER_AGE", "warning", symbol_scope(desk.alias, row.symbol), note)
