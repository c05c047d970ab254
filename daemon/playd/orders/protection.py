"""
After every fill the position, its size and its stop are verified at the venue; a missing stop is restored, or the position
is closed, or at least the symbol is halted and a person called. Nothing here is ever gated or delayed by a halt, but for a
freeze, under which only the person is called. What follows from what is in `cover`; here it is read, waited for and sent.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import anyio
from anyio.abc import TaskGroup

from playd.core.errors import LinkError, RecordError, VenueError
from playd.core.orders import VenuePosition
from playd.orders.catch_up import CatchUp
from playd.orders.cover import AT_REST, Cover, CoverAct, CoverEvent, Patience, due, event_of, following
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.expectations import Expectations
from playd.orders.fill_check import Expected, Finding, behind_liquidation, compare
from playd.orders.halts import Level, symbol_scope
from playd.orders.naked_clock import NakedClock
from playd.orders.open_checks import OpenChecks
from playd.orders.order_book import FOREIGN
from playd.orders.repair_limits import RepairLimits
from playd.orders.rows import OrderRow
from playd.orders.stop_repairs import StopRepairs
from playd.venues.port import Priority

_CLEARED_S: Final = 3.0
"""How long the venue may take to clear what hung on a position that is closed."""

_TICK_S: Final = 0.1
_STEP_EVERY_S: Final = 2.0
_LOOK_EVERY_S: Final = 5.0
"""Time between two readings while a stop should fire any moment."""

_ANSWERED_WITHIN_S: Final = 2.0
"""What has not answered by then keeps no check open beyond its time."""

_BEHIND_A_BAN_S: Final = 5.0
"""So long behind a ban the readings that waited for its end may take."""

_FAILED: Final = "PROTECTION_FAILED"

_SAID: Final = (CoverEvent.HALT_DUE, CoverEvent.ALARM_DUE)
"""What is only said, whatever is asked of the venue meanwhile."""


@dataclass
class _Watch:
    """What is open on one symbol. Times are monotonic seconds."""

    checks: OpenChecks
    cover: Cover = Cover.UNREAD
    finding: Finding | None = None
    seen: VenuePosition | None = None
    seen_s: float = 0.0
    naked_since_s: float | None = None
    triggering_since_s: float | None = None
    step_due_s: float = 0.0
    flat_s: float = 0.0
    """When the symbol was first seen flat."""
    swept: bool = False
    """Whether what may be left over of a position was looked for since the symbol is flat."""
    covered_s: float = 0.0
    """When a reading last showed the position flat or under a stop."""
    unreached: bool | None = None
    """Whether liquidation comes before the stop, by the last reading."""
    read_s: float | None = None
    """Since when it is being read for its checks; None while it is not."""
    met: bool = False
    """Whether what the clock asked for is under way."""
    failed: bool = False
    """Whether an error of ours about it was told since it was last seen as planned."""

    @property
    def danger_since_s(self) -> float | None:
        return self.naked_since_s if self.naked_since_s is not None else self.triggering_since_s


class Protection:
    """Fill checks and the naked ladder of one account."""

    def __init__(self, desk: Desk, exits: Exits, catch_up: CatchUp, limits: RepairLimits) -> None:
        self._desk = desk
        self._catch_up = catch_up
        self._clock = NakedClock(desk)
        self._plan = Expectations(desk)
        self._repairs = StopRepairs(desk, exits, self._plan, limits)
        self._watches: dict[str, _Watch] = {}
        self._banned_s = -math.inf
        """When the address was last seen banned."""
        self._wake = anyio.Event()
        self.starting = False
        """Whether a stop at the venue that is nearer to the market than the plan is taken for the newer plan."""
        self.reconcile_soon: list[str] = []
        """Reasons for a full reconciliation, for the account's loop to collect."""
        self.on_unread: Callable[[float], None] = lambda _asked_s: None
        """Hears when a reading was asked for that failed, in monotonic seconds."""

    def fill_booked(self, symbol: str, key: str) -> None:
        """
        Open a fill check for an execution just booked; a reading that overtook the execution closes it at once.

        Not for a symbol that nobody here trades: what others do there is listed, and nobody expects anything of it.
        """
        if symbol not in self._desk.instruments:
            return
        watch = self._watch(symbol)
        watch.checks.open(key)
        if watch.seen is not None and 0 < self._desk.fills.last_seq.get(symbol, 0) <= watch.seen.seq:
            self._judge(symbol, watch, watch.seen)
        self._wake.set()

    def look_again(self, symbol: str, link: str) -> None:
        """Open a check that only a new reading closes, for a stop that is gone, and see to it at once."""
        self.entry_sent(symbol, link)
        self._wake.set()

    def entry_sent(self, symbol: str, link: str) -> None:
        """
        Open a check that only a new reading closes, for an entry that may be at the venue.

        If the entry's fill and everything about it gets lost on the way, the position is still found within seconds. Nothing
        is read before, so nobody is woken: between the ledger and the bytes of an order no other task shall have its turn.
        """
        if symbol in self._desk.instruments:
            self._watch(symbol).checks.open(link)

    def order_ended(self, row: OrderRow) -> None:
        """An entry that ended without any execution needs no look at the position any more."""
        if row.state.terminal and not row.cum_qty and not row.fills_missing and not row.protective:
            self._watch(row.symbol).checks.drop(row.link_id)

    def position_seen(self, position: VenuePosition) -> Finding | None:
        """
        Judge a reading of the stream or of a list. None for symbols without rules here (nobody trades them).

        The venue's sequence numbers tie positions to fills: a reading older than the newest booked fill, or than the
        newest reading, says nothing.
        """
        if position.symbol not in self._desk.instruments:
            return None
        watch = self._watch(position.symbol)
        newest = max(self._desk.fills.last_seq.get(position.symbol, 0), watch.seen.seq if watch.seen is not None else 0)
        if 0 < position.seq < newest:
            return watch.finding
        now_s = self._desk.clock.mono_s()
        if position.signed_qty or watch.seen is None or watch.seen.signed_qty:
            watch.flat_s, watch.swept = now_s, False
        watch.seen, watch.seen_s = position, now_s
        if self.starting:
            self._keep_nearer_stop(position)
        finding = self._judge(position.symbol, watch, position)
        self._wake.set()
        return finding

    def open_check(self, symbol: str) -> str:
        """Text of the open fill check or unprotected position that forbids entries on a symbol; empty if there is none."""
        watch = self._watches.get(symbol)
        if watch is None:
            return ""
        if watch.naked_since_s is not None:
            return f"position on {symbol} has no stop"
        if watch.triggering_since_s is not None:
            return f"the market is beyond the stop on {symbol}"
        return f"fill {watch.checks.oldest} is not verified yet" if watch.checks else ""

    def last_seen(self, symbol: str) -> tuple[VenuePosition, float] | None:
        """Newest reading of a symbol and its age in seconds."""
        watch = self._watches.get(symbol)
        if watch is None or watch.seen is None:
            return None
        return watch.seen, self._desk.clock.mono_s() - watch.seen_s

    def expected(self, symbol: str) -> Expected:
        """What the ledger expects of a symbol at the venue now."""
        return self._plan.of(symbol)

    async def run(self) -> None:
        """Watch until cancelled. What is asked for one symbol keeps no other waiting, nor a clock."""
        async with anyio.create_task_group() as asking:
            while True:
                busy = self._look(asking)
                with anyio.move_on_after(_TICK_S if busy else 1.0):
                    await self._wake.wait()
                self._wake = anyio.Event()

    def _look(self, asking: TaskGroup) -> bool:
        """
        One look at every open check and every position in danger. True while there is any.

        What time alone decides is decided here; what the venue has to be asked for is begun beside, because an answer may take
        as long as a ban does: of each symbol one reading for its checks, and one thing that is done about its stop.
        """
        busy, now_s = False, self._desk.clock.mono_s()
        for symbol, watch in [*self._watches.items()]:
            self._look_for_leftovers(symbol, watch)
            self._expire(symbol, watch, now_s)
            if watch.naked_since_s is not None:
                self._clock.count(symbol)
            event = self._due(symbol, watch)
            if event in _SAID:
                self._take(symbol, watch, event)
            elif event is not None and not watch.met:
                watch.met = True
                asking.start_soon(self._advance_cover, symbol, watch)
            if watch.read_s is None and watch.checks.poll_due(now_s):
                watch.read_s = now_s
                watch.checks.polled()
                asking.start_soon(self._poll, symbol, watch)
            busy = busy or bool(watch.checks) or watch.cover not in AT_REST
        return busy

    async def protect_now(self, positions: list[VenuePosition]) -> list[str]:
        """At start: judge every position and repair at once, without the ladder's patience. Returns symbols still naked."""
        async with anyio.create_task_group() as repairing:
            for position in positions:
                finding = self.position_seen(position)
                if finding is not None and (finding.naked or finding is Finding.WRONG_STOP):
                    repairing.start_soon(self._repair, position.symbol, self._watch(position.symbol))
        return [symbol for symbol, watch in self._watches.items() if watch.naked_since_s is not None]

    # -- readings ------------------------------------------------------------------------------------------------------------

    def _judge(self, symbol: str, watch: _Watch, position: VenuePosition) -> Finding:
        now_s, desk = self._desk.clock.mono_s(), self._desk
        watch.finding = finding = compare(self.expected(symbol), position)
        self._note_naked(symbol, watch, now_s)
        if finding is not Finding.TRIGGERING:
            watch.triggering_since_s = None
        elif watch.triggering_since_s is None:
            watch.triggering_since_s = now_s
        before, watch.cover = watch.cover, following(watch.cover, event_of(finding)).after
        if watch.cover is not before and watch.cover is Cover.TRIGGERING:
            watch.step_due_s = now_s + _LOOK_EVERY_S
        self._note_unreached(symbol, watch, position)
        if finding is Finding.VERIFIED:
            self._repairs.in_place(symbol)
            if watch.failed:
                watch.failed = False
                desk.incidents.resolve(_FAILED, symbol_scope(desk.alias, symbol), "the venue confirms the planned stop or flat")
        if finding in (Finding.VERIFIED, Finding.TRIGGERING):
            desk.fills.set_verified(symbol, position.seq)
            watch.checks.verified(position)
        return finding

    def _note_naked(self, symbol: str, watch: _Watch, now_s: float) -> None:
        """Start or stop the clock of a position without a stop."""
        naked = watch.finding is not None and watch.finding.naked
        if naked and watch.naked_since_s is None:
            # At the first fill that no reading has found covered yet, whenever it was found out.
            unseen_s = max(watch.checks.since_s, watch.covered_s) if watch.checks else now_s
            watch.naked_since_s = self._clock.begin(symbol, unseen_s)
            watch.step_due_s = watch.naked_since_s + self._desk.settings.naked_repair_s
        elif not naked and (watch.naked_since_s is not None or not watch.covered_s):
            # At the first such reading too: an earlier life may have ended before it saw the stop that it had put back.
            if watch.naked_since_s is not None:
                self._clock.count(symbol)
            watch.naked_since_s = None
            for kind in ("NAKED", "STOP_REFUSED"):
                self._desk.incidents.resolve(kind, symbol_scope(self._desk.alias, symbol), "the venue confirms stop or flat")
        if not naked:
            watch.covered_s = now_s
            self._clock.covered(symbol)

    def _note_unreached(self, symbol: str, watch: _Watch, position: VenuePosition) -> None:
        """A person hears of a stop that the venue's own liquidation comes before, as long as that is so."""
        unreached = bool(self._plan.owned(symbol)) and behind_liquidation(position)
        if unreached is watch.unreached:
            return
        watch.unreached = unreached
        scope, desk = symbol_scope(self._desk.alias, symbol), self._desk
        if unreached:
            note = f"the stop of {symbol} at {position.stop} lies behind its liquidation at {position.liq_price}"
            desk.incidents.open("STOP_UNREACHED", "critical", scope, note)
        else:
            desk.incidents.resolve("STOP_UNREACHED", scope, "the stop comes before liquidation, or nothing is open")

    async def _read(self, symbol: str) -> None:
        """One REST reading; void when an execution was booked meanwhile."""
        desk = self._desk
        version, asked_s = desk.fills.version.get(symbol, 0), desk.clock.mono_s()
        try:
            positions = await desk.port.positions(symbol, priority=Priority.PROTECT)
        except (VenueError, LinkError):
            self.on_unread(asked_s)
            return
        if version == desk.fills.version.get(symbol, 0):
            for position in positions:
                if position.symbol == symbol:
                    self.position_seen(position)

    def _look_for_leftovers(self, symbol: str, watch: _Watch) -> None:
        """A stop that outlives its position is swept by a full run, which is due once the venue has had time to clear it."""
        if watch.seen is None or watch.seen.signed_qty or watch.swept:
            return
        if self._desk.clock.mono_s() - watch.flat_s >= _CLEARED_S:
            watch.swept = True
            rows = self._desk.book.live(symbol)
            if any(row.intent is None and row.reduce_only and row.owner != FOREIGN for row in rows):
                self.reconcile_soon.append("leftover")

    async def _poll(self, symbol: str, watch: _Watch) -> None:
        """Read the position for the checks that are open."""
        try:
            await self._outlived(symbol, watch, self._read_for_checks)
        finally:
            watch.read_s = None

    async def _read_for_checks(self, symbol: str, watch: _Watch) -> None:
        await self._read(symbol)
        if watch.seen is not None and watch.seen.signed_qty != self._desk.fills.net(symbol):
            # Executions that the stream lost: booked now, they tell whose position it is and which stop belongs to it.
            await self._catch_up.try_run()

    async def _outlived(self, symbol: str, watch: _Watch, work: Callable[[str, _Watch], Awaitable[None]]) -> None:
        """Do something about one symbol. An error of ours about it is told, and the next thing is done after a pause."""
        desk = self._desk
        try:
            await work(symbol, watch)
        except* RecordError:
            raise
        except* Exception as bugs:  # noqa: BLE001
            # The supervised edge of a symbol: what fails about it must not end what protects the others, nor their exits.
            watch.failed, note = True, f"what protects {symbol} met an error of ours: {_innermost(bugs)}"
            desk.incidents.open(_FAILED, "critical", symbol_scope(desk.alias, symbol), note)
            await anyio.sleep(_STEP_EVERY_S)

    def _expire(self, symbol: str, watch: _Watch, now_s: float) -> None:
        """End the checks whose time is over. A reading that is due, or has just been asked for, goes first."""
        if self._desk.budget.banned_for_s > 0:
            self._banned_s = now_s
        if not watch.checks or now_s - watch.checks.since_s < self._desk.settings.fill_check_s:
            return
        read_s, opened_s = watch.read_s, watch.checks.since_s
        # A ban says nothing against one symbol: the account has its levels, and is looked at as soon as the ban is over.
        waits_until_s = self._banned_s + _BEHIND_A_BAN_S
        if read_s is not None:
            waits_until_s = max(waits_until_s, read_s + _ANSWERED_WITHIN_S)
        if now_s < waits_until_s or (read_s is None and watch.checks.poll_due(now_s)):
            return
        seen = watch.seen if watch.seen is not None and watch.seen_s > opened_s else None
        watch.checks.expired(seen)
        what = f"is {watch.finding}" if seen is not None and watch.finding is not None else "could not be read"
        note = f"{now_s - opened_s:.0f} s after a fill the position on {symbol} {what}"
        self._desk.halt_symbol(symbol, Level.HALT, "FILL_CHECK", note)
        self.reconcile_soon.append("fill_check")

    # -- the ladder ----------------------------------------------------------------------------------------------------------

    async def _advance_cover(self, symbol: str, watch: _Watch) -> None:
        try:
            await self._outlived(symbol, watch, self._meet_what_is_due)
        finally:
            watch.met = False

    async def _meet_what_is_due(self, symbol: str, watch: _Watch) -> None:
        """What the clock asks for now, if anything; before a position is closed it is read once more."""
        event = self._due(symbol, watch)
        if event is CoverEvent.CLOSE_DUE:
            # A stop that was just put back, or has just fired, may not have been shown by the last reading.
            await self._read(symbol)
            event = self._due(symbol, watch)
        if event is not None:
            await self._meet(symbol, watch, event)

    def _due(self, symbol: str, watch: _Watch) -> CoverEvent | None:
        if watch.cover in AT_REST:
            return None
        settings, now_s, since_s = self._desk.settings, self._desk.clock.mono_s(), watch.danger_since_s
        closes = settings.flatten_unprotectable and not self._frozen(symbol)
        patience = Patience(settings.naked_halt_s, settings.naked_act_s, closes)
        return due(watch.cover, 0.0 if since_s is None else now_s - since_s, patience, step_due=now_s >= watch.step_due_s)

    async def _meet(self, symbol: str, watch: _Watch, event: CoverEvent) -> None:
        """Take an event and do what it asks for."""
        act = self._take(symbol, watch, event)
        if act is CoverAct.LOOK:
            await self._read(symbol)
        elif act is CoverAct.REPAIR:
            await self._repair(symbol, watch)
        elif act is CoverAct.SET_BACK:
            await self._set_back(symbol, watch)
        elif act is CoverAct.CLOSE:
            await self._close(symbol, watch, again=event is CoverEvent.STEP_DUE)

    def _take(self, symbol: str, watch: _Watch, event: CoverEvent) -> CoverAct:
        """Take an event and say what it asks to be said; returns what it asks to be done."""
        step = following(watch.cover, event)
        watch.cover = step.after
        desk, now_s = self._desk, self._desk.clock.mono_s()
        since_s = now_s if watch.danger_since_s is None else watch.danger_since_s
        if event is CoverEvent.STEP_DUE:
            watch.step_due_s = now_s + (_LOOK_EVERY_S if step.act is CoverAct.LOOK else _STEP_EVERY_S)
        if step.act is CoverAct.HALT:
            note = f"position on {symbol} has had no stop for {now_s - since_s:.1f} s"
            desk.halt_symbol(symbol, Level.HALT, "NAKED", note)
        elif step.act is CoverAct.CALL:
            note = f"the stop on {symbol} has not fired for {now_s - since_s:.0f} s"
            desk.halt_symbol(symbol, Level.HALT, "STOP_SILENT", note)
        return step.act

    async def _close(self, symbol: str, watch: _Watch, *, again: bool) -> None:
        """Close the position; `again`, with exits at it: they may be put off, and the market back where its stop is taken."""
        if watch.seen is None or self._frozen(symbol):
            return
        await self._repairs.close(watch.seen, again=again)
        if again and watch.finding is not None and watch.finding.naked:
            await self._repairs.set_stop(watch.seen, bare=True)
            await self._read(symbol)

    async def _set_back(self, symbol: str, watch: _Watch) -> None:
        """Set the planned stop where another one was seen, unless ours is on its way there; again until it is seen."""
        if self._desk.moves.get(symbol):
            watch.step_due_s = 0.0
            return
        if watch.seen is not None and watch.finding is Finding.WRONG_STOP:
            self._repairs.note_hand(watch.seen)
        await self._repair(symbol, watch)

    async def _repair(self, symbol: str, watch: _Watch) -> None:
        """Set the planned stop and read it back, or close the position if the market is beyond it."""
        seen, bare = watch.seen, watch.finding is None or watch.finding.naked
        wanted = seen is not None and seen.signed_qty != 0 and not self._frozen(symbol)
        if seen is not None and wanted and not await self._repairs.set_stop(seen, bare=bare):
            await self._meet(symbol, watch, CoverEvent.BEYOND)
        await self._read(symbol)

    def _frozen(self, symbol: str) -> bool:
        """Whether a person froze the symbol, or somebody's share of it: then only the incident says what is wrong."""
        return bool(self._desk.frozen(symbol, *(share.owner for share in self._desk.fills.shares(symbol))))

    def _keep_nearer_stop(self, position: VenuePosition) -> None:
        """
        No stop is loosened: every plan is on record before the venue hears of it, so that a nearer stop than planned means that
        the ledger was restored, or that a hand moved it while nobody watched.
        """
        symbol, stop, shares = position.symbol, position.stop, self._plan.owned(position.symbol)
        if not stop or len(shares) != 1 or _beyond(position, stop) or shares[0].position.side is not position.side:
            return
        planned = shares[0].stop
        if planned is None or (stop > planned if position.signed_qty > 0 else stop < planned):
            self._desk.fills.set_protection(shares[0].owner, symbol, stop=stop, target=shares[0].target)

    def _watch(self, symbol: str) -> _Watch:
        watch = self._watches.get(symbol)
        if watch is None:
            watch = self._watches[symbol] = _Watch(OpenChecks(self._desk, symbol))
        return watch


def _beyond(position: VenuePosition, stop: Decimal) -> bool:
    """Whether a stop lies on the winning side of the mark, where it would fire at once."""
    return stop >= position.mark_price if position.signed_qty > 0 else stop <= position.mark_price


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
