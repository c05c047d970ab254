"""
Panic: stop entries, cancel what could still open risk, flatten, verify flat twice, then sweep what is left of protection.

Works on REST alone, with the private stream dead and instances gone. Of a shared symbol an instance's panic closes exactly
that instance's share. A stop is removed only after flat is verified. What is not verified flat in time is driven on in the
background, over restarts too, for as long as its level stands and nobody freezes it.
"""

from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import anyio
from anyio.abc import TaskGroup

from playd.core.errors import LinkError, VenueError
from playd.core.ids import intent_id
from playd.core.orders import Action, OrderState, Side, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.flattening import executed, flatten_intent
from playd.orders.freezing import unless_frozen
from playd.orders.gateway import Instance
from playd.orders.halts import Level, instance_scope
from playd.orders.order_book import FOREIGN
from playd.orders.panic_levels import PanicLevels
from playd.orders.panic_report import FLAT_WITHIN_S, VERIFY_GAP_S, PanicPosition, PanicReport, PanicScope, slippage_bps
from playd.orders.room import is_shared
from playd.orders.rows import OrderRow
from playd.orders.share_claims import WAIT_S
from playd.orders.withdrawals import Withdrawals
from playd.venues.port import Priority, Reply

__all__ = ["PANIC_CODE", "Panic", "PanicPosition", "PanicReport", "PanicScope"]

PANIC_CODE: Final = "PANIC"
"""Code of the level 4 of a panic that a person or a rule asked for, and nothing behind it."""

_PASS_S: Final = 5.0
_LAST_READING_S: Final = 5.0
"""How long a report waits for what is left: under a ban the venue would say it minutes later."""
_READ_RETRY_S: Final = 1.0
_TRIES_BEHIND: Final = 2
"""So often executions are asked for before positions are closed by what the books say of them."""
_CLOSED_S: Final = 0.1
_LAST_S: Final = 0.5  # so long the close of what nobody here holds waits for the answers to those of instances
_LOOK_S: Final = 0.1
_NOT_YET: Final = "not yet"
_REPEAT_S: Final = 5.0
_SAY_AGAIN_S: Final = 60.0
"""So often a person is told of a panic that is not done."""
_ON_ITS_WAY_MS: Final = 10_000
"""So long after its signing a request may take effect: the venue's window for it, and as much again for clocks."""
_BOOKED_WITHIN_MS: Final = 60_000
"""So long executions may take that an order was reported with; what is missing longer, the resolver looks for."""
_ZERO: Final = Decimal(0)
_AT_VENUE: Final = frozenset({OrderState.SENT, OrderState.ACKED, OrderState.OPEN, OrderState.PARTIAL, OrderState.ORPHAN})


Share = tuple[VenuePosition, str, Decimal]
"""What an owner has of a position, signed."""

Place = tuple[str, int]
"""Symbol and position index: in hedge mode a symbol has a long one (1) and a short one (2), each closed for itself."""


@dataclass
class _Run:
    """Progress of one panic."""

    scope: PanicScope
    cause: str
    reason: str = "panic"
    """Why its fills are said to have been: the command, where it is another than a panic."""
    before: dict[Place, VenuePosition] = field(default_factory=dict)
    intents: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """What closes its positions, each with quantity and value that were executed before this panic."""
    leg: int = 0
    asked: set[str] = field(default_factory=set)
    """Entries whose cancel it has sent."""
    problems: list[str] = field(default_factory=list)
    behind: int = 0
    """How often in a row the executions could not be read."""


class Panic:
    """Executes panics of one account. Repeating one is harmless."""

    def __init__(self, desk: Desk, exits: Exits, catch_up: CatchUp, withdrawals: Withdrawals) -> None:
        self._desk = desk
        self._exits = exits
        self._catch_up = catch_up
        self._withdrawals = withdrawals
        self._levels = PanicLevels(desk)
        self._driven: dict[str, _Run] = {}
        """Panics that go on in the background, by the scope of their level."""
        self._awaited: Counter[str] = Counter()
        """Panics that somebody waits for, by the scope of their level: they are driven by who waits."""

    async def run(self, scope: PanicScope, *, actor: str, reason: str, code: str = PANIC_CODE) -> PanicReport:
        """
        Carry out a panic; returns when flat is verified twice or after 60 s. `code` is that of its level 4.

        What is not verified flat by then keeps its stop, and is closed in the background while the account runs. The level-4
        halt stays until a person lifts it. Cancellation of the caller stops the waiting, not orders that are under way.
        """
        desk, started_s = self._desk, self._desk.clock.mono_s()
        halt = desk.halts.raise_level(scope.halt_scope(desk.alias), Level.PANIC, code, reason, actor=actor)
        run = _Run(scope, f"panic:{halt.id}:{desk.clock.wall_ms()}", "panic" if code == PANIC_CODE else reason)
        self._levels.keep_whether_flat(run.scope, flat=False)
        entries = self._not_asked(run)
        desk.journal.append("panic.step", {"step": "cancelling", "orders": len(entries)}, account=desk.alias, actor=actor)
        flat, stored = False, scope.halt_scope(desk.alias)
        self._awaited[stored] += 1
        try:
            with anyio.move_on_after(FLAT_WITHIN_S):
                async with anyio.create_task_group() as cancelling:
                    # A hundred cancels take a dozen seconds: the first close does not wait for the last of them.
                    cancelling.start_soon(self._withdrawals.ask, entries)
                    flat = await self._flatten_until_verified(run)
        finally:
            self._awaited[stored] -= 1
            if not flat:  # also when nobody waits for it any more; what is told of this one is not the other's to change
                self._go_on(replace(run, problems=[], asked=set()))
        if flat:
            self._levels.keep_whether_flat(run.scope, flat=True)
            await self._sweep(run)
        else:
            frozen = self._levels.frozen(run.scope)
            why = f"{frozen.scope} was frozen by {frozen.actor}" if frozen else f"{FLAT_WITHIN_S:g} s are over"
            run.problems.append(f"not verified flat, with no entry left: {why}")
        report = await self._report(run, desk.clock.mono_s() - started_s)
        data = {"exit_code": report.exit_code, "positions": len(report.positions), "problems": len(report.problems)}
        desk.journal.append("panic.result", data, account=desk.alias, actor=actor)
        if report.exit_code:
            self._alarm(run)
        else:
            desk.incidents.resolve("PANIC_UNFINISHED", stored, "verified flat")
        desk.publish()
        return report

    def resume(self) -> None:
        """
        Go on with the panics in force that nobody here drives: of an earlier life, or of the guardian. May be called again.

        One that was verified flat here is over: what was opened by hand since is no business of its. Of the share of an
        instance one that the guardian has begun is its own until it says how that ended.
        """
        begun = self._desk.halts.guardian.begun
        for halt, scope in self._levels.unfinished():
            if not scope.instance_uid or halt.scope not in begun:
                self._go_on(_Run(scope, f"panic:{halt.id}:{self._desk.clock.wall_ms()}"))

    def entry_filled(self, row: OrderRow) -> None:
        """Close what an entry, kept by the venue for longer than it says, fills behind the verified flat of its scope."""
        filled = row.fills_missing or (row.cum_qty and self._share(row.owner, row.symbol))
        if filled and row.intent and not row.reduce_only and self._levels.found_flat(row.owner, row.symbol):
            why = f"entry {row.link_id} filled behind the panic that had found it flat"
            self._desk.halts.raise_level(instance_scope(row.owner), Level.PANIC, PANIC_CODE, why)
            self._levels.keep_whether_flat(PanicScope(instance_uid=row.owner), flat=False)
            self.resume()

    def _go_on(self, run: _Run) -> None:
        """Drive a panic to its end in the background, unless one of its scope is driven already."""
        stored = run.scope.halt_scope(self._desk.alias)
        if stored not in self._driven and not self._awaited[stored] and self._desk.spawn(self._drive, stored):
            self._driven[stored] = run

    async def _drive(self, stored: str) -> None:
        """Until the scope is verified flat, or its level is lifted, or it is frozen. A person is told again and again."""
        desk, run = self._desk, self._driven[stored]
        try:
            while self._levels.in_force(run.scope) and not self._levels.frozen(run.scope):
                run.asked.clear()
                await self._withdrawals.ask(self._not_asked(run))
                flat = False
                with anyio.move_on_after(_SAY_AGAIN_S):
                    flat = await self._flatten_until_verified(run)
                if flat:
                    self._levels.keep_whether_flat(run.scope, flat=True)
                    await self._sweep(run)
                    desk.journal.append("panic.result", {"exit_code": 0, "positions": len(run.before)}, account=desk.alias)
                    desk.incidents.resolve("PANIC_UNFINISHED", stored, "verified flat")
                    desk.publish()
                    return
                self._alarm(run)
                desk.publish()
                await anyio.sleep(_REPEAT_S)
        finally:
            del self._driven[stored]

    def _alarm(self, run: _Run) -> None:
        stored = run.scope.halt_scope(self._desk.alias)
        note = f"panic of {stored} left something open: {'; '.join(run.problems) or 'see positions'}"
        self._desk.incidents.open("PANIC_UNFINISHED", "critical", stored, note)

    async def _flatten_until_verified(self, run: _Run) -> bool:
        """
        Passes of closing and reading, until two readings in a row, 2 s apart, show the scope flat. False when it is frozen:
        then nothing more is sent.
        """
        flat_readings, is_first = 0, True
        async with anyio.create_task_group() as closing:
            while not self._levels.frozen(run.scope):
                # The first close waits for no list of orders; nothing is called flat without one.
                unread = _NOT_YET if is_first else await self._read_orders()
                open_now, is_first = await self._read(run), False
                if open_now is None:
                    flat_readings = 0
                    await anyio.sleep(_READ_RETRY_S)
                    continue
                if fresh := self._not_asked(run):
                    closing.start_soon(self._withdrawals.ask, fresh)
                if not open_now and unread:
                    flat_readings, run.problems = 0, [*run.problems, f"open orders could not be read: {unread}"]
                    await anyio.sleep(_LOOK_S if unread == _NOT_YET else _READ_RETRY_S)
                    continue
                if not open_now and run.behind and run.scope.instance_uid:  # what it holds is not known
                    flat_readings = 0
                    await anyio.sleep(_READ_RETRY_S)
                    continue
                if not open_now and (resting := self._resting(run.scope)):
                    # Flat with an entry at the venue is flat until it fills.
                    flat_readings, run.problems = 0, [f"entry {row.link_id} is still {row.state}" for row in resting]
                    await self._desk.changed(resting[0].link_id, _READ_RETRY_S)
                    continue
                if not open_now:
                    flat_readings += 1
                    if flat_readings == 2:
                        closing.cancel_scope.cancel()
                        return True
                    await anyio.sleep(VERIFY_GAP_S)
                    continue
                flat_readings = 0
                if not await self._close_all(run, open_now, closing):
                    # A narrower freeze holds what is left, or another exit is at it: the venue is not asked without a pause.
                    await anyio.sleep(_REPEAT_S)
                await self._wait_for_closing(run)
        return False

    def _resting(self, scope: PanicScope) -> list[OrderRow]:
        """
        Entries that the venue has or is being sent, or one in doubt that may be on its way still: no cancel meets that. Also
        one of the instance that was executed and is not booked: its share is larger than the books say.
        """
        now_ms = self._desk.clock.wall_ms()
        works = [
            row
            for row in self._entries(scope)
            if row.state in _AT_VENUE or (row.state is OrderState.UNKNOWN and (row.signed_ms or 0) > now_ms - _ON_ITS_WAY_MS)
        ]
        lacking = self._desk.book.lacking_fills() if scope.instance_uid else []
        lacking = [row for row in lacking if row.owner == scope.instance_uid and not row.reduce_only]
        return works + [row for row in lacking if row.last_event_ms > now_ms - _BOOKED_WITHIN_MS]

    def _not_asked(self, run: _Run) -> list[OrderRow]:
        """Entries of the scope whose cancel was not sent yet; it is sent by who asks for them."""
        fresh = [row for row in self._entries(run.scope) if row.link_id not in run.asked]
        run.asked.update(row.link_id for row in fresh)
        return fresh

    def _entries(self, scope: PanicScope) -> list[OrderRow]:
        """Whatever could open risk in the scope, orders of others included: a panic leaves nothing."""
        return self._withdrawals.entries(instance_uid=scope.instance_uid, symbol=scope.symbol, foreign=True)

    async def _wait_for_closing(self, run: _Run) -> None:
        """Until every intent that closes for this panic is done, at most one pass."""
        with anyio.move_on_after(_PASS_S):
            while open_intents := [intent for intent in self._desk.book.open_intents() if intent.id in run.intents]:
                for row in self._desk.book.of_intent(open_intents[0].id)[-1:]:
                    # The order's last change may be over before its intent is closed: nobody wakes us for that.
                    await self._desk.changed(row.link_id, _CLOSED_S)

    async def _read_orders(self) -> str:
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

    async def _read(self, run: _Run) -> list[VenuePosition] | None:
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
            run.before.setdefault(_place(position), position)
        return open_now

    async def _executions_unread(self, run: _Run) -> str:
        """Book what nobody told of. Why that could not be read, or the empty text."""
        try:
            await self._catch_up.run(Priority.EXIT)
        except (VenueError, LinkError) as error:
            run.behind += 1
            return f"executions could not be read: {error}"
        run.behind = 0
        return ""

    async def _close_all(self, run: _Run, open_now: list[VenuePosition], closing: TaskGroup) -> bool:
        """
        Close them share by share and side by side, because any may be put off by the venue. What nobody here holds comes last:
        should less be open than was read, the venue cuts that and no instance's share. False when nothing is being closed.
        """
        closes, ours, others = list[bool](), list[Share](), list[Share]()
        for position in open_now:
            parts = self._parts(run.scope, position)
            driven = self._join(run, position, {owner for owner, _ in parts}, closing)
            closes += [True] * len(driven)
            # An intent that is not done climbs its own ladder; a second one beside it would only race with it.
            for owner, signed in [part for part in parts if part[0] not in driven]:
                (others if owner == FOREIGN else ours).append((position, owner, signed))
        answered, expected = anyio.Event(), len(closes) + len(ours)

        async def close(position: VenuePosition, owner: str, signed: Decimal) -> None:
            closes.append(await self._close(run, position, owner, signed, closing))
            if len(closes) == expected:
                answered.set()

        with anyio.move_on_after(_PASS_S) as patience:
            async with anyio.create_task_group() as sending:
                for share in ours:
                    sending.start_soon(close, *share)
                if ours and others:
                    with anyio.move_on_after(_LAST_S):
                        await answered.wait()
                for share in others:
                    sending.start_soon(close, *share)
        return any(closes) or patience.cancelled_caught

    async def _close(self, run: _Run, position: VenuePosition, owner: str, signed: Decimal, closing: TaskGroup) -> bool:
        """One closing intent per piece of the venue's largest market order, each driven from birth on. False when none is."""
        symbol, price, side = position.symbol, position.mark_price, Side.SELL if signed > 0 else Side.BUY
        alias, rules = self._desk.alias, self._desk.instruments.get(symbol)
        rest, closes = abs(signed), False
        while rest > 0:
            piece = rest if rules is None else min(rest, rules.max_market_qty)
            rest -= piece
            leg = run.leg = run.leg + 1  # others are closed beside this one, and count on while it is sent
            intent = flatten_intent(
                alias, owner, symbol, side, piece, price_ref=price, cause=run.cause, reason=run.reason, leg=leg
            )
            whose = Instance(owner, "", symbol, 0)
            # All of a position that daemon and guardian close at once is no more than there is of it.
            wait_s = WAIT_S if run.scope.instance_uid else None
            verdict = await self._exits.begin(intent, whose, position_idx=position.position_idx, wait_s=wait_s)
            if not verdict.has_order:
                run.problems.append(f"{symbol}: {verdict.text}")
                break
            closes = True
            self._follow(run, intent_id(owner, run.cause, Action.FLATTEN, leg), (_ZERO, _ZERO), closing)
        return closes

    def _join(self, run: _Run, position: VenuePosition, owners: set[str], closing: TaskGroup) -> set[str]:
        """
        Whose share is being closed already: by this panic, by one of another scope or life, or because it had no stop. This one
        goes on with what they began.
        """
        found = [intent for intent in self._desk.book.open_intents() if intent.action == Action.FLATTEN]
        found = [intent for intent in found if intent.symbol == position.symbol and intent.instance in owners]
        joined = set[str]()
        for intent in found:
            orders = self._desk.book.of_intent(intent.id)
            if not orders or _place(orders[0]) != _place(position):
                continue  # it waits for its turn, and finds nothing to do then; or it closes the other side
            joined.add(intent.instance)
            if intent.id not in run.intents:
                self._follow(run, intent.id, executed(orders), closing)
        return joined

    def _follow(self, run: _Run, identity: str, executed: tuple[Decimal, Decimal], closing: TaskGroup) -> None:
        """Drive a closing intent, or wait for who drives it, until it is done."""
        run.intents[identity] = executed
        if not self._desk.spawn(self._exits.finish, identity):
            closing.start_soon(self._exits.finish, identity)

    def _parts(self, scope: PanicScope, position: VenuePosition) -> list[tuple[str, Decimal]]:
        """
        Whose share is to be closed. Owners first, so that each keeps its own books; what the venue holds beyond them last.
        """
        if scope.instance_uid:
            return [(scope.instance_uid, self._share(scope.instance_uid, position.symbol))]
        owned = [
            (share.owner, share.position.signed_qty)
            for share in self._desk.fills.shares(position.symbol)
            if share.position.signed_qty * position.signed_qty > 0 and share.owner != FOREIGN
        ]
        rest = position.signed_qty - sum((signed for _, signed in owned), _ZERO)
        return [*owned, (FOREIGN, rest)] if rest * position.signed_qty > 0 else owned

    async def _sweep(self, run: _Run) -> None:
        """
        Remove our own orders of symbols that are verified flat; stops last of all.

        A flat share is no flat symbol: what another instance or somebody else holds beside it keeps the one stop there is.
        """
        desk, left = self._desk, await self._final_positions() if run.scope.instance_uid else {}
        held = {position.symbol for position in (left or {}).values() if position.signed_qty}
        flat = [] if left is None else list(dict.fromkeys(symbol for symbol, _ in run.before if symbol not in held))
        rows = [row for symbol in flat for row in desk.book.live(symbol)]
        with anyio.move_on_after(_LAST_READING_S) as patience:
            for row in [row for row in rows if row.owner != FOREIGN and row.reduce_only and row.intent is None]:
                await self._cancel_leftover(run, row)
        if patience.cancelled_caught:  # under a ban, say: nobody waits for what opens no risk, a full run sees to it
            desk.reconcile_soon("leftover")

    async def _cancel_leftover(self, run: _Run, row: OrderRow) -> None:
        desk = self._desk
        if frozen := desk.frozen(row.symbol, row.owner):
            run.problems.append(f"leftover {row.link_id} stays: {frozen}")
            return

        def ask() -> Awaitable[Reply]:
            return desk.port.cancel(row.symbol, venue_order_id=row.venue_order_id, priority=Priority.CANCEL)

        reply = await unless_frozen(desk, row.symbol, (row.owner,), ask)
        if reply.reply_class not in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE, ReplyClass.GONE):
            run.problems.append(f"leftover {row.link_id} was answered {reply.code}: {reply.text}")

    async def _report(self, run: _Run, duration_s: float) -> PanicReport:
        positions = await self._final_positions()
        results = tuple(self._result(run, before, positions) for before in run.before.values())
        return PanicReport(run.scope, results, len(run.asked), duration_s, tuple(run.problems))

    async def _final_positions(self) -> dict[Place, VenuePosition] | None:
        with anyio.move_on_after(_LAST_READING_S):
            try:
                found = await self._desk.port.positions(priority=Priority.EXIT)
            except (VenueError, LinkError):
                return None
            return {_place(position): position for position in found}
        return None

    def _result(self, run: _Run, before: VenuePosition, after: dict[Place, VenuePosition] | None) -> PanicPosition:
        closed = value = _ZERO
        for identity, (qty_before, value_before) in run.intents.items():
            rows = self._desk.book.of_intent(identity)
            if rows and _place(rows[0]) == _place(before):
                qty, worth = executed(rows)
                closed, value = closed + qty - qty_before, value + worth - value_before
        average = value / closed if closed else _ZERO
        slippage = slippage_bps(before.mark_price, average, is_long=before.signed_qty > 0)
        left = after.get(_place(before)) if after is not None else None
        if run.scope.instance_uid:
            start = self._share(run.scope.instance_uid, before.symbol) + closed * (1 if before.signed_qty > 0 else -1)
            remaining = None if after is None else self._share(run.scope.instance_uid, before.symbol)
        else:
            start = before.signed_qty
            remaining = None if after is None else (left.signed_qty if left is not None else _ZERO)
        return PanicPosition(
            before.symbol, start, closed, average, slippage, remaining, left.stop if left is not None else None
        )

    def _has_share_of(self, owner: str, position: VenuePosition) -> bool:
        held = self._share(owner, position.symbol)
        return held * position.signed_qty > 0 if position.position_idx else held != 0

    def _share(self, owner: str, symbol: str) -> Decimal:
        return self._desk.fills.position(owner, symbol).signed_qty

    async def _load_rules(self, symbols: set[str]) -> None:
        """Rules of what others hold. What cannot be read, or is listed no longer, is closed by one order for all of it."""
        unknown = sorted(symbols - self._desk.instruments.keys())
        if unknown:
            with suppress(VenueError, LinkError):
                for rules in (await self._desk.port.instruments(unknown)).values():
                    self._desk.learn_rules(rules)


def _place(row: VenuePosition | OrderRow) -> Place:
    return row.symbol, row.position_idx
