"""
After every fill the position, its size and its stop are verified at the venue; a missing stop is restored, or the position
is closed, or at least the symbol is halted and a person called. Nothing here is ever gated or delayed by a halt, but for a
freeze, under which only the person is called.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.orders import VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.fill_check import Expected, Fallback, Finding, compare, nearest_stop, planned_stop
from playd.orders.fills import Share
from playd.orders.flattening import flatten_intent, submit_flatten
from playd.orders.halts import Level, symbol_scope
from playd.orders.hourly_range import hourly_range, needed_since_ms
from playd.orders.naked_clock import NakedClock
from playd.orders.order_book import FOREIGN
from playd.orders.repair_limits import RepairLimits
from playd.orders.rows import OrderRow, text
from playd.venues.port import Priority

_POLLS_S: Final = (0.5, 2.0, 5.0, 8.0)
"""When a fill that the private stream has not confirmed is looked up. Where the stream works, nothing is left to look up."""

_LATE_S: Final = 5.0
_CLEARED_S: Final = 3.0
"""How long the venue may take to clear what hung on a position that is closed."""

_TICK_S: Final = 0.1
_REPAIR_EVERY_S: Final = 2.0
_LOOK_EVERY_S: Final = 5.0
"""Time between two readings while a stop should fire any moment."""

_RANGE_WITHIN_S: Final = 1.0
"""How long a naked position waits for candles that say how wide its stop should be."""

_BEYOND_MARKET: Final = frozenset({110092, 110093})
"""Trigger on the wrong side of the market: the stop would have fired, so the position is closed now."""


@dataclass
class _Check:
    """One open fill check."""

    key: str
    opened_s: float
    polls: int = 0


@dataclass
class _Watch:
    """What is open on one symbol. Times are monotonic seconds."""

    checks: list[_Check] = field(default_factory=list)
    finding: Finding | None = None
    seen: VenuePosition | None = None
    seen_s: float = 0.0
    naked_since_s: float | None = None
    flat_s: float = 0.0
    """When the symbol was first seen flat."""
    swept: bool = False
    """Whether what may be left over of a position was looked for since the symbol is flat."""
    covered_s: float = 0.0
    """When a reading last showed the position flat or under a stop."""
    repair_due_s: float = 0.0
    triggering_since_s: float | None = None
    look_due_s: float = 0.0
    halted: bool = False
    flattening: bool = False
    repaired: bool = False
    """Whether a stop was set since one was last seen where it belongs: setting it again is the same repair."""


class Protection:
    """Fill checks and the naked ladder of one account."""

    def __init__(self, desk: Desk, exits: Exits, catch_up: CatchUp, repairs: RepairLimits) -> None:
        self._desk = desk
        self._repairs = repairs
        self._exits = exits
        self._catch_up = catch_up
        self._clock = NakedClock(desk)
        self._watches: dict[str, _Watch] = {}
        self._wake = anyio.Event()
        self.starting = False
        """Whether a stop at the venue that is nearer to the market than the plan is taken for the newer plan."""
        self.reconcile_soon: list[str] = []
        """Reasons for a full reconciliation, for the account's loop to collect."""

    def fill_booked(self, symbol: str, key: str) -> None:
        """
        Open a fill check for an execution just booked; a reading that overtook the execution closes it at once.

        Not for a symbol that nobody here trades: what others do there is listed, and nobody expects anything of it.
        """
        if symbol not in self._desk.instruments:
            return
        watch = self._watch(symbol)
        if all(check.key != key for check in watch.checks):
            watch.checks.append(_Check(key, self._desk.clock.mono_s()))
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
        if symbol not in self._desk.instruments:
            return
        watch = self._watch(symbol)
        if all(check.key != link for check in watch.checks):
            watch.checks.append(_Check(link, self._desk.clock.mono_s()))

    def order_ended(self, row: OrderRow) -> None:
        """An entry that ended without any execution needs no look at the position any more."""
        if row.state.terminal and not row.cum_qty and not row.fills_missing and not row.protective:
            watch = self._watch(row.symbol)
            watch.checks = [check for check in watch.checks if check.key != row.link_id]

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
        return f"fill {watch.checks[0].key} is not verified yet" if watch.checks else ""

    def last_seen(self, symbol: str) -> tuple[VenuePosition, float] | None:
        """Newest reading of a symbol and its age in seconds."""
        watch = self._watches.get(symbol)
        if watch is None or watch.seen is None:
            return None
        return watch.seen, self._desk.clock.mono_s() - watch.seen_s

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            busy = await self.step()
            with anyio.move_on_after(_TICK_S if busy else 1.0):
                await self._wake.wait()
            self._wake = anyio.Event()

    async def step(self) -> bool:
        """One look at every open check and every naked position. True while any is open."""
        busy = False
        for symbol, watch in [*self._watches.items()]:
            self._look_for_leftovers(symbol, watch)
            if watch.checks:
                await self._advance_checks(symbol, watch)
            if watch.naked_since_s is not None:
                await self._climb(symbol, watch, watch.naked_since_s)
            if watch.triggering_since_s is not None:
                await self._await_trigger(symbol, watch, watch.triggering_since_s)
            if watch.finding is Finding.WRONG_STOP:
                await self._set_back(symbol, watch)
            busy = busy or bool(watch.checks) or watch.naked_since_s is not None or watch.triggering_since_s is not None
            busy = busy or watch.finding is Finding.WRONG_STOP
        return busy

    def _look_for_leftovers(self, symbol: str, watch: _Watch) -> None:
        """A stop that outlives its position is swept by a full run, which is due once the venue has had time to clear it."""
        if watch.seen is None or watch.seen.signed_qty or watch.swept:
            return
        if self._desk.clock.mono_s() - watch.flat_s >= _CLEARED_S:
            watch.swept = True
            rows = self._desk.book.live(symbol)
            if any(row.intent is None and row.reduce_only and row.owner != FOREIGN for row in rows):
                self.reconcile_soon.append("leftover")

    async def protect_now(self, positions: list[VenuePosition]) -> list[str]:
        """At start: judge every position and repair at once, without the ladder's patience. Returns symbols still naked."""
        for position in positions:
            finding = self.position_seen(position)
            if finding is not None and (finding.naked or finding is Finding.WRONG_STOP):
                await self._repair(position.symbol, self._watch(position.symbol))
                await self._read(position.symbol)
        return [symbol for symbol, watch in self._watches.items() if watch.naked_since_s is not None]

    def _judge(self, symbol: str, watch: _Watch, position: VenuePosition) -> Finding:
        now_s, desk = self._desk.clock.mono_s(), self._desk
        watch.finding = compare(self.expected(symbol), position)
        if watch.finding.naked and watch.naked_since_s is None:
            self._begin_naked(symbol, watch, now_s)
        elif not watch.finding.naked and watch.naked_since_s is not None:
            self._clock.count(symbol)
            watch.naked_since_s, watch.halted, watch.flattening = None, False, False
            desk.incidents.resolve("NAKED", symbol_scope(desk.alias, symbol), "the venue confirms stop or flat")
        if not watch.finding.naked:
            watch.covered_s = now_s
            self._clock.covered(symbol)
        self._note_triggering(watch, now_s)
        if watch.finding is Finding.VERIFIED:
            watch.flattening = watch.repaired = False
        if watch.finding in (Finding.VERIFIED, Finding.TRIGGERING):
            desk.fills.set_verified(symbol, position.seq)
            for check in watch.checks:
                late = now_s - check.opened_s > _LATE_S
                self._write_check(symbol, check, position, "late" if late else "verified")
            watch.checks.clear()
        return watch.finding

    async def _advance_checks(self, symbol: str, watch: _Watch) -> None:
        desk, now_s = self._desk, self._desk.clock.mono_s()
        oldest = watch.checks[0]
        age_s = now_s - oldest.opened_s
        if oldest.polls < len(_POLLS_S) and age_s >= _POLLS_S[oldest.polls]:
            oldest.polls += 1
            await self._read(symbol)
            if watch.seen is not None and watch.seen.signed_qty != desk.fills.net(symbol):
                # Executions that the stream lost: booked now, they tell whose position it is and which stop belongs to it.
                await self._catch_up.try_run()
        elif age_s >= desk.settings.fill_check_s:
            seen = watch.seen if watch.seen is not None and watch.seen_s > oldest.opened_s else None
            for check in watch.checks:
                self._write_check(symbol, check, seen, "mismatch" if seen is not None else "blind")
            watch.checks.clear()
            what = f"is {watch.finding}" if seen is not None and watch.finding is not None else "could not be read"
            note = f"{age_s:.0f} s after a fill the position on {symbol} {what}"
            desk.halt_symbol(symbol, Level.HALT, "FILL_CHECK", note)
            self.reconcile_soon.append("fill_check")

    async def _climb(self, symbol: str, watch: _Watch, since_s: float) -> None:
        """The naked ladder: repair, halt, flatten."""
        desk, now_s = self._desk, self._desk.clock.mono_s()
        self._clock.count(symbol)
        age_s = now_s - since_s
        if age_s >= desk.settings.naked_halt_s and not watch.halted:
            watch.halted = True
            desk.halt_symbol(symbol, Level.HALT, "NAKED", f"position on {symbol} has had no stop for {age_s:.1f} s")
        if age_s >= desk.settings.naked_act_s and desk.settings.flatten_unprotectable:
            if not watch.flattening and not self._frozen(symbol):
                await self._read(symbol)  # once more: a stop that was just put back may not have been shown by the last one
            if watch.naked_since_s is not None:
                await self._flatten(symbol, watch)
        elif now_s >= watch.repair_due_s:
            watch.repair_due_s = now_s + _REPAIR_EVERY_S
            await self._repair(symbol, watch)
            await self._read(symbol)

    def _note_triggering(self, watch: _Watch, now_s: float) -> None:
        if watch.finding is not Finding.TRIGGERING:
            watch.triggering_since_s = None
        elif watch.triggering_since_s is None:
            watch.triggering_since_s, watch.look_due_s = now_s, now_s + _LOOK_EVERY_S

    async def _await_trigger(self, symbol: str, watch: _Watch, since_s: float) -> None:
        """A live stop that the mark is beyond gets its time to fire; one that stays silent protects nobody."""
        desk, now_s = self._desk, self._desk.clock.mono_s()
        silent = now_s - since_s >= desk.settings.naked_act_s
        acted = watch.flattening or watch.halted
        if now_s < watch.look_due_s and (acted or not silent):
            return
        watch.look_due_s = now_s + _LOOK_EVERY_S
        await self._read(symbol)
        if acted or not silent or watch.triggering_since_s != since_s:
            return
        if desk.settings.flatten_unprotectable:
            await self._flatten(symbol, watch)
        elif not watch.halted:
            watch.halted = True
            desk.halt_symbol(
                symbol, Level.HALT, "STOP_SILENT", f"the stop on {symbol} has not fired for {now_s - since_s:.0f} s"
            )

    async def _set_back(self, symbol: str, watch: _Watch) -> None:
        """Set the planned stop where another one was seen, unless ours is on its way there; again until it is seen."""
        now_s = self._desk.clock.mono_s()
        if now_s < watch.repair_due_s or self._desk.moves.get(symbol):
            return
        watch.repair_due_s = now_s + _REPAIR_EVERY_S
        self._note_hand(symbol, watch)
        await self._repair(symbol, watch)
        await self._read(symbol)

    def _note_hand(self, symbol: str, watch: _Watch) -> None:
        """A stop at a price that nobody here ever asked for was moved by hand: the symbol pauses until a person has looked."""
        desk, seen = self._desk, watch.seen
        if seen is None or watch.finding is not Finding.WRONG_STOP or desk.book.asked_stop(symbol, seen.stop):
            return
        note = f"the stop on {symbol} was moved to {seen.stop} by hand at the venue"
        scope = symbol_scope(desk.alias, symbol)
        desk.incidents.open("MANUAL_STOP", "warning", scope, note)
        desk.halts.raise_level(scope, Level.PAUSE, "MANUAL_STOP", note)

    async def _repair(self, symbol: str, watch: _Watch) -> None:
        """Set the planned stop, or close the position if the market is beyond it."""
        desk, seen = self._desk, watch.seen
        if seen is None or seen.signed_qty == 0 or self._frozen(symbol):
            return
        expected = self.expected(symbol)
        known = expected.stop is not None or expected.nearest is not None
        wide = None if known else await self._width(symbol)
        stop = planned_stop(expected, seen, Fallback(desk.settings.fallback_stop_pct, wide))
        if stop is None:
            await self._flatten(symbol, watch)
            return
        bare = watch.finding is None or watch.finding.naked
        # A stop that we asked for once comes back by itself: with each part of an entry that fills, or in a late report.
        if not watch.repaired and (bare or not desk.book.asked_stop(symbol, seen.stop)):
            watch.repaired = True
            self._repairs.count(symbol)
        target = self._target(symbol)
        desk.journal.append("stop.repaired", {"stop": text(stop), "target": text(target)}, account=desk.alias, symbol=symbol)
        priority = Priority.PROTECT if bare else Priority.EXIT
        reply = await desk.port.set_stops(symbol, stop=stop, target=target, priority=priority)
        if reply.reply_class not in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE):
            note = f"stop {stop} on {symbol} was answered {reply.code}: {reply.text}"
            desk.incidents.open("STOP_REFUSED", "critical", symbol_scope(desk.alias, symbol), note)
        if reply.code in _BEYOND_MARKET:
            await self._flatten(symbol, watch)

    async def _width(self, symbol: str) -> Decimal | None:
        """How far from its entry a stop lies that nobody planned, in USDT; None when the market does not say so at once."""
        desk = self._desk
        with anyio.move_on_after(_RANGE_WITHIN_S):
            try:
                now_ms = desk.clock.wall_ms() + round((await desk.port.clock_offset_ms())[0])
                candles = await desk.port.candles(symbol, needed_since_ms(now_ms), now_ms)
            except (VenueError, LinkError):
                return None
            found = hourly_range(candles, now_ms)
            return None if found is None else found * desk.settings.fallback_stop_atr
        return None

    async def _flatten(self, symbol: str, watch: _Watch) -> None:
        """Close every owner's share of an unprotectable symbol, once; the exits' own ladder does the rest."""
        if watch.flattening or watch.seen is None or self._frozen(symbol):
            return
        watch.flattening = True
        desk = self._desk
        desk.halt_symbol(symbol, Level.HALT, "UNPROTECTABLE", f"position on {symbol} cannot be protected and is closed")
        for share in desk.fills.shares(symbol):
            side = share.position.side
            if side is None or share.owner == FOREIGN:
                continue
            intent = flatten_intent(
                desk.alias,
                share.owner,
                symbol,
                side.opposite,
                abs(share.position.signed_qty),
                price_ref=watch.seen.mark_price,
                cause=f"naked:{symbol}:{share.position.opened_ms}",
                reason="unprotectable",
                leg=0,
            )
            await submit_flatten(self._exits, intent)

    def _frozen(self, symbol: str) -> bool:
        """Whether a person froze the symbol, or somebody's share of it: then only the incident says what is wrong."""
        return bool(self._desk.frozen(symbol, *(share.owner for share in self._desk.fills.shares(symbol))))

    async def _read(self, symbol: str) -> None:
        """One REST reading; void when an execution was booked meanwhile."""
        desk = self._desk
        version = desk.fills.version.get(symbol, 0)
        try:
            positions = await desk.port.positions(symbol, priority=Priority.PROTECT)
        except (VenueError, LinkError):
            return
        if version == desk.fills.version.get(symbol, 0):
            for position in positions:
                if position.symbol == symbol:
                    self.position_seen(position)

    def expects(self, desk: Desk, symbol: str) -> Expected:
        """What other books of the same account would expect."""
        return Protection(desk, self._exits, self._catch_up, self._repairs).expected(symbol)

    def expected(self, symbol: str) -> Expected:
        """What the ledger expects of a symbol at the venue now."""
        desk, shares = self._desk, self._owned(symbol)
        stop = shares[0].stop if len(shares) == 1 else None if shares else self._under_way(symbol)[0]
        nearest = None if len(shares) < 2 else nearest_stop((share.position.signed_qty, share.stop) for share in shares)
        return Expected(desk.fills.net(symbol), stop, desk.instrument(symbol).tick, self._ours(symbol, shares), nearest)

    def _target(self, symbol: str) -> Decimal | None:
        shares = self._owned(symbol)
        return shares[0].target if len(shares) == 1 else None if shares else self._under_way(symbol)[1]

    def _under_way(self, symbol: str) -> tuple[Decimal | None, Decimal | None]:
        """Stop and target of the one entry that may be filling unseen; a position without a known fill is its position."""
        rows = [row for row in self._desk.book.live(symbol) if row.intent is not None and not row.reduce_only]
        return (rows[0].stop, rows[0].target) if len(rows) == 1 else (None, None)

    def _owned(self, symbol: str) -> list[Share]:
        return [share for share in self._desk.fills.shares(symbol) if share.position.signed_qty and share.owner != FOREIGN]

    def _ours(self, symbol: str, shares: list[Share]) -> bool:
        """A position is ours once an instance owns some of it, or while an entry of ours may be filling unseen."""
        working = any(row.intent is not None and not row.reduce_only for row in self._desk.book.live(symbol))
        foreign = any(share.owner == FOREIGN and share.position.signed_qty for share in self._desk.fills.shares(symbol))
        return bool(shares) or (working and not foreign)

    def _keep_nearer_stop(self, position: VenuePosition) -> None:
        """
        No stop is loosened: every plan is on record before the venue hears of it, so that a nearer stop than planned means that
        the ledger was restored, or that a hand moved it while nobody watched.
        """
        symbol, stop, shares = position.symbol, position.stop, self._owned(position.symbol)
        if not stop or len(shares) != 1 or _beyond(position, stop) or shares[0].position.side is not position.side:
            return
        planned = shares[0].stop
        if planned is None or (stop > planned if position.signed_qty > 0 else stop < planned):
            self._desk.fills.set_protection(shares[0].owner, symbol, stop=stop, target=shares[0].target)

    def _watch(self, symbol: str) -> _Watch:
        watch = self._watches.get(symbol)
        if watch is None:
            watch = self._watches[symbol] = _Watch()
        return watch

    def _begin_naked(self, symbol: str, watch: _Watch, now_s: float) -> None:
        """Start the ladder's clock: at the first fill that no reading has found covered yet, whenever it was found out."""
        unseen_s = max(watch.checks[0].opened_s, watch.covered_s) if watch.checks else now_s
        watch.naked_since_s = self._clock.begin(symbol, unseen_s)
        watch.repair_due_s = watch.naked_since_s + self._desk.settings.naked_repair_s

    def _write_check(self, symbol: str, check: _Check, seen: VenuePosition | None, result: str) -> None:
        desk = self._desk
        told = {
            "link_id": check.key,
            "result": result,
            "expected": text(desk.fills.net(symbol)),
            "seen": None if seen is None else text(seen.signed_qty),
            "stop_seen": None if seen is None else text(seen.stop),
        }
        desk.chronicle.tell("fill.check", "", symbol, None, told)
        desk.ledger.write(
            "INSERT INTO fill_checks SELECT ?, coalesce(max(n), 0) + 1, ?, ?, ?, ?, ?, ? FROM fill_checks WHERE link_id = ?",
            (
                check.key,
                text(desk.fills.net(symbol)),
                "" if seen is None else text(seen.signed_qty),
                "" if seen is None else text(seen.stop),
                result,
                round((desk.clock.mono_s() - check.opened_s) * 1000),
                desk.clock.wall_ms(),
                check.key,
            ),
        )


def _beyond(position: VenuePosition, stop: Decimal) -> bool:
    """Whether a stop lies on the winning side of the mark, where it would fire at once."""
    return stop >= position.mark_price if position.signed_qty > 0 else stop <= position.mark_price
