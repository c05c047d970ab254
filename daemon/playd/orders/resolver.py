"""
The resolver finds out what became of orders in doubt: open orders, then history, then executions, round after round.

Silence proves nothing. An order is declared `NEVER_ARRIVED` only when its time is over, two complete rounds answered
"empty" three times each, and the venue's position equals ours. One that the venue made itself (an attached stop), or that is
somebody else's, is asked for by the venue's own id; it was there once, so that the same evidence says that it was cancelled.
All waiting is by the monotonic clock: a wall clock that is set makes no order older. Only how long earlier lives were in doubt,
which a person is told of, the wall clock alone can say.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.orders import OrderState, VenueOrder
from playd.orders.desk import Desk
from playd.orders.halts import Level, symbol_scope
from playd.orders.machine import OrderEvent
from playd.orders.order_book import is_theirs
from playd.orders.rows import OrderRow
from playd.venues.port import Priority

_ROUNDS_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_PROOF_GAP_S: Final = 2.0
"""Least time between the two rounds that prove absence."""

_LATE_ROUND_S: Final = 3.0
_SLOW_S: Final = 30.0
_WARN_S: Final = 30.0
_CRITICAL_S: Final = 120.0
_OLD: Final = "UNKNOWN_ORDER_AGE"
_TICK_S: Final = 0.25
_ALARM_EVERY_S: Final = 1.0
_BESIDE: Final = 8
"""Orders asked about beside each other: an answer takes its time, and a storm leaves one order in doubt per instance."""

_ZERO: Final = Decimal(0)
_FILLS_WAIT_S: Final = 2.0
"""How long the private stream may take for executions that the venue's order report already counts."""

_NO_FILL: Final = "unprovable_without_fill"
"""Said of an order that was at the venue and is found nowhere: it forgets within a day what ended without a fill."""


@dataclass
class _Doubt:
    """Progress of one order's resolution; times are monotonic seconds of this process."""

    since_s: float
    signed_ms: int | None
    """The last sending that is known of; an exit in doubt is sent again."""
    sent_s: float
    """Since when that is the last: nothing of what was sent before may be on its way when absence is declared."""
    told_s: float = 0.0
    """Since when a person waits for its end, earlier lives included."""
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
        self._news: dict[str, tuple[int, float]] = {}
        """By order that is waited for: the time on its last event, and since when, in monotonic seconds, that is the last."""
        self._lacking: dict[str, tuple[Decimal, float]] = {}
        """By order whose executions are missing: how much of it, and since when it is that much."""
        self._missed: set[str] = set()
        self._inherited: dict[str, float] = {}
        """Orders that an earlier life left in doubt, and since when, as far as the wall clock tells."""
        self._room = anyio.Semaphore(_BESIDE)
        self._wake = anyio.Event()

    def wake(self) -> None:
        """Look for new doubts now."""
        self._wake.set()

    async def missed(self, row: OrderRow) -> None:
        """
        The venue's complete list of open orders does not hold this one: ask what became of it, at once.

        In doubt it is only when the venue does not say: what has just ended keeps nobody from the next entry.
        """
        _, order = await self._ask(row)
        row = self._desk.book.need(row.link_id)
        if order is not None or row.state.terminal:
            return
        if row.state is not OrderState.ORPHAN:
            self._desk.booking.apply(row, OrderEvent.MISSING, "poll")
        self._missed.add(row.link_id)
        self.wake()

    def inherit(self) -> None:
        """Take note of the doubts of earlier lives. Called once, before this one has any."""
        desk, now_s = self._desk, self._desk.clock.mono_s()
        for row in desk.book.live():
            if row.state is OrderState.UNKNOWN:
                age_ms = max(0, desk.clock.wall_ms() - desk.book.in_doubt_since_ms(row))
                self._inherited[row.link_id] = now_s - age_ms / 1000

    def reset(self) -> None:
        """After a reconnect: a round for every doubt at once. Evidence of absence is kept."""
        for doubt in self._doubts.values():
            doubt.rounds = 0
        self.wake()

    def progress(self, link_id: str) -> tuple[int, float] | None:
        """Rounds asked about an order in doubt and seconds until the next one; None for an order without doubt."""
        doubt = self._doubts.get(link_id)
        if doubt is None:
            return None
        due_s = doubt.due_s(self._desk.settings.never_arrived_after_s) - self._desk.clock.mono_s()
        return doubt.rounds, max(0.0, due_s)

    async def run(self) -> None:
        """Resolve until cancelled."""
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._keep_alarms)
            await self._keep_asking()

    async def _keep_alarms(self) -> None:
        """The clock of a doubt goes on while a look-up waits: for a venue that says nothing, or for the end of a ban."""
        desk, ours = self._desk, symbol_scope(self._desk.alias, "")
        told = {each.scope for each in desk.incidents.open_ones() if each.kind == _OLD and each.scope.startswith(ours)}
        while True:
            now_s, doubted = desk.clock.mono_s(), set[str]()
            for row in desk.book.live():
                if row.state is OrderState.UNKNOWN:
                    doubted.add(symbol_scope(desk.alias, row.symbol))
                    self._alarm(row, now_s - self._doubt_of(row, now_s).told_s)
            for scope in told - doubted:
                desk.incidents.resolve(_OLD, scope, "no order is in doubt any more")
            told = doubted
            await anyio.sleep(_ALARM_EVERY_S)

    async def _keep_asking(self) -> None:
        while True:
            await self.step()
            with anyio.move_on_after(_TICK_S if self._news else 1.0):
                await self._wake.wait()
            self._wake = anyio.Event()

    async def step(self) -> None:
        """One look at everything in doubt; runs the rounds that are due, several beside each other."""
        desk, now_s = self._desk, self._desk.clock.mono_s()
        rows = self._doubtful(now_s)
        links = {row.link_id for row in rows}
        for gone in self._doubts.keys() - links:
            del self._doubts[gone]
        asked = [(row, self._doubt_of(row, now_s)) for row in rows]
        async with anyio.create_task_group() as rounds:
            for row, doubt in asked:
                if now_s >= doubt.due_s(desk.settings.never_arrived_after_s):
                    rounds.start_soon(self._round, row, doubt)

    def _doubt_of(self, row: OrderRow, now_s: float) -> _Doubt:
        doubt = self._doubts.get(row.link_id)
        if doubt is None:
            told_s = self._inherited.pop(row.link_id, now_s)
            doubt = self._doubts[row.link_id] = _Doubt(now_s, row.signed_ms, now_s, told_s)
        if doubt.signed_ms != row.signed_ms:
            doubt.signed_ms, doubt.sent_s = row.signed_ms, now_s
        return doubt

    async def look_up(self, row: OrderRow) -> bool | None:
        """
        One complete round for one order: realtime, history, executions.

        Returns True when the venue knew it (booked and published), False when all three reads answered empty, None when a
        read failed, which proves nothing.
        """
        found, _ = await self._ask(row)
        return found

    async def _ask(self, row: OrderRow) -> tuple[bool | None, VenueOrder | None]:
        """As `look_up`, with the order itself where the venue shows it."""
        desk, port, found = self._desk, self._desk.port, False
        link, order_id = ("", row.venue_order_id) if row.link_id.startswith("v:") else (row.link_id, "")
        try:
            order = await port.order_realtime(row.symbol, link, venue_order_id=order_id, priority=Priority.RESOLVE)
            if order is None:
                order = await port.order_history(row.symbol, link, venue_order_id=order_id, priority=Priority.RESOLVE)
            executions = (
                ()  # the stream and the catch-up book those that came behind the beginning of this ledger, and no others
                if is_theirs(row)
                else await port.executions(symbol=row.symbol, link_id=link, venue_order_id=order_id, priority=Priority.RESOLVE)
            )
        except (VenueError, LinkError):
            return None, None
        for execution in executions:
            desk.booking.executed(execution, "resolver")
            found = True
        if order is not None:
            now, found = desk.book.need(row.link_id), True
            ended = row.fills_missing and now.state.terminal and not now.fills_missing
            # What was missing came meanwhile, or a person has accepted that it is missing: this answer was asked for before.
            if not ended or order.cum_qty > row.venue_cum_qty:
                desk.booking.order_seen(order, "resolver")
        if found:
            desk.publish()
        return found, order

    async def _round(self, row: OrderRow, doubt: _Doubt) -> None:
        async with self._room:
            await self._ask_once(row, doubt)

    async def _ask_once(self, row: OrderRow, doubt: _Doubt) -> None:
        desk = self._desk
        row = desk.book.need(row.link_id)
        if row.state.terminal and not row.fills_missing:
            return  # it was told while this one waited
        doubt.rounds += 1
        started_s = desk.clock.mono_s()
        found = await self.look_up(row)
        if found:
            self._missed.discard(row.link_id)
        if found is not False or row.state not in (OrderState.UNKNOWN, OrderState.ORPHAN):
            return
        self._doubt_of(desk.book.need(row.link_id), started_s)
        if started_s - doubt.sent_s < desk.settings.never_arrived_after_s:
            doubt.first_proof_s = None
            return
        if doubt.first_proof_s is None:
            doubt.first_proof_s = started_s
        elif started_s - doubt.first_proof_s >= _PROOF_GAP_S and await self._position_agrees(row.symbol):
            self._declare_absent(row)

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
        desk, now = self._desk, self._desk.book.need(row.link_id)
        # Behind a wait: something may have become of it, or the same bytes gone out again, of which the evidence says nothing.
        if now.state is not row.state or now.signed_ms != row.signed_ms:
            return
        self._missed.discard(row.link_id)
        if row.intent is None:
            row = desk.booking.apply(row, OrderEvent.SEEN_CANCELLED, "resolver", detail=_NO_FILL)
        else:
            row = desk.booking.apply(row, OrderEvent.PROVED_ABSENT, "resolver")
        desk.journal.append("order.resolved", {"link_id": row.link_id, "state": row.state}, account=desk.alias)
        desk.publish()

    def _doubtful(self, now_s: float) -> list[OrderRow]:
        """Orders whose fate has to be asked for now."""
        desk, waited = self._desk, set[str]()
        found = []
        for row in [*desk.book.live(), *desk.book.lacking_fills()]:
            missed = row.state is OrderState.ORPHAN and row.link_id in self._missed
            lacks = row.fills_missing and not is_theirs(row)  # theirs from before this ledger are in its baseline
            if not (missed or row.state in (OrderState.ACKED, OrderState.UNKNOWN) or lacks):
                continue
            waited.add(row.link_id)
            if lacks:
                self.lacking_s(row, now_s)
            age_s = self.quiet_s(row, now_s)
            if row.state is OrderState.ACKED and age_s >= desk.settings.acked_quiet_s:
                row = desk.booking.apply(row, OrderEvent.QUIET, "resolver")
            if missed or row.state is OrderState.UNKNOWN or (lacks and age_s >= _FILLS_WAIT_S):
                found.append(row)
        self._news = {link: news for link, news in self._news.items() if link in waited}
        self._lacking = {link: missing for link, missing in self._lacking.items() if link in waited}
        self._missed &= waited
        return found

    def lacking_s(self, row: OrderRow, now_s: float) -> float:
        """How long the executions of an order have been missing as they are, whatever else is heard of it, in this process."""
        missing, since_s = self._lacking.get(row.link_id, (None, now_s))
        if missing != row.unbooked_qty:
            since_s = now_s
            self._lacking[row.link_id] = row.unbooked_qty, now_s
        return now_s - since_s

    def quiet_s(self, row: OrderRow, now_s: float) -> float:
        """How long nothing has been heard of an order that is waited for, as far as this process knows."""
        told_ms, since_s = self._news.get(row.link_id, (None, now_s))
        if told_ms != row.last_event_ms:
            since_s = now_s
            self._news[row.link_id] = row.last_event_ms, now_s
        return now_s - since_s

    def _alarm(self, row: OrderRow, age_s: float) -> None:
        desk = self._desk
        if desk.book.need(row.link_id).state is not OrderState.UNKNOWN:
            return
        note = f"order {row.link_id} has been in doubt for {age_s:.0f} s"
        if age_s >= _CRITICAL_S:
            desk.halt_symbol(row.symbol, Level.HALT, "UNKNOWN_ORDER", note)
        elif age_s >= _WARN_S:
            desk.incidents.open(_OLD, "warning", symbol_scope(desk.alias, row.symbol), note)
