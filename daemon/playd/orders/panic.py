"""
Panic: stop entries, cancel what could still open risk, flatten, verify flat twice, then sweep what is left of protection.

Works on REST alone, with the private stream dead and instances gone. Of a shared symbol an instance's panic closes exactly
that instance's share. A stop is removed only after flat is verified. What is not verified flat in time is driven on in the
background, over restarts too, for as long as its level stands and nobody freezes it.
"""

from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final

import anyio

from playd.core.reply_codes import ReplyClass
from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.freezing import unless_frozen
from playd.orders.halts import Level, instance_scope
from playd.orders.order_book import FOREIGN
from playd.orders.panic_closes import PanicCloses
from playd.orders.panic_levels import PanicLevels
from playd.orders.panic_readings import LAST_READING_S, PanicReadings
from playd.orders.panic_report import FLAT_WITHIN_S, VERIFY_GAP_S, PanicPosition, PanicReport, PanicScope
from playd.orders.panic_results import report_of
from playd.orders.panic_run import PanicRun
from playd.orders.resolver import Resolver
from playd.orders.rows import OrderRow
from playd.orders.withdrawals import Withdrawals
from playd.venues.port import Priority, Reply

__all__ = ["PANIC_CODE", "Panic", "PanicPosition", "PanicReport", "PanicScope"]

PANIC_CODE: Final = "PANIC"
"""Code of the level 4 of a panic that a person or a rule asked for, and nothing behind it."""

_READ_RETRY_S: Final = 1.0
_LOOK_S: Final = 0.1
_NOT_YET: Final = "not yet"
_REPEAT_S: Final = 5.0
_SAY_AGAIN_S: Final = 60.0
"""So often a person is told of a panic that is not done."""


class Panic:
    """Executes panics of one account. Repeating one is harmless."""

    def __init__(self, desk: Desk, exits: Exits, catch_up: CatchUp, withdrawals: Withdrawals, resolver: Resolver) -> None:
        self._desk = desk
        self._withdrawals = withdrawals
        self._readings = PanicReadings(desk, catch_up, withdrawals, resolver)
        self._closes = PanicCloses(desk, exits)
        self._levels = PanicLevels(desk)
        self._driven: dict[str, PanicRun] = {}
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
        run = PanicRun(scope, f"panic:{halt.id}:{desk.clock.wall_ms()}", "panic" if code == PANIC_CODE else reason)
        self._levels.keep_whether_flat(run.scope, flat=False)
        entries = self._readings.not_asked(run)
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
        duration_s = desk.clock.mono_s() - started_s
        report = report_of(desk, run, await self._readings.left(), duration_s)
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
                self._go_on(PanicRun(scope, f"panic:{halt.id}:{self._desk.clock.wall_ms()}"))

    def entry_filled(self, row: OrderRow) -> None:
        """
        Close what an entry, kept by the venue for longer than it says, fills behind the verified flat of its scope. What a
        person froze since is left alone, and told. Commits, and so before anybody hears of the fill.
        """
        desk = self._desk
        filled = row.fills_missing or (row.cum_qty and desk.fills.position(row.owner, row.symbol).signed_qty)
        found_flat = self._levels.found_flat(row.owner, row.symbol) if filled and row.intent and not row.reduce_only else ()
        why = f"entry {row.link_id} filled behind the panic that had found it flat"
        if found_flat and (frozen := desk.frozen(row.symbol, row.owner)):
            for scope in found_flat:
                note = f"{why}: {frozen}, and no thaw closes it; the panic asked for again does"
                desk.incidents.open("PANIC_UNFINISHED", "critical", scope.halt_scope(desk.alias), note)
        elif found_flat:
            desk.halts.raise_level(instance_scope(row.owner), Level.PANIC, PANIC_CODE, why)
            self._levels.keep_whether_flat(PanicScope(instance_uid=row.owner), flat=False)
            self.resume()

    def _go_on(self, run: PanicRun) -> None:
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
                await self._withdrawals.ask(self._readings.not_asked(run))
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

    def _alarm(self, run: PanicRun) -> None:
        stored = run.scope.halt_scope(self._desk.alias)
        note = f"panic of {stored} left something open: {'; '.join(run.problems) or 'see positions'}"
        self._desk.incidents.open("PANIC_UNFINISHED", "critical", stored, note)

    async def _flatten_until_verified(self, run: PanicRun) -> bool:
        """
        Passes of closing and reading, until two readings in a row, 2 s apart, show the scope flat. False when it is frozen:
        then nothing more is sent.
        """
        flat_readings, is_first = 0, True
        async with anyio.create_task_group() as closing:
            while not self._levels.frozen(run.scope):
                # The first close waits for no list of orders; nothing is called flat without one.
                unread = _NOT_YET if is_first else await self._readings.orders_unread()
                open_now, is_first = await self._readings.positions(run), False
                if open_now is None:
                    flat_readings = 0
                    await anyio.sleep(_READ_RETRY_S)
                    continue
                if fresh := self._readings.not_asked(run):
                    closing.start_soon(self._withdrawals.ask, fresh)
                if not open_now and unread:
                    flat_readings, run.problems = 0, [*run.problems, f"open orders could not be read: {unread}"]
                    await anyio.sleep(_LOOK_S if unread == _NOT_YET else _READ_RETRY_S)
                    continue
                if not open_now and run.behind and run.scope.instance_uid:  # what it holds is not known
                    flat_readings = 0
                    await anyio.sleep(_READ_RETRY_S)
                    continue
                if not open_now and (resting := self._readings.resting(run.scope)):
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
                if not await self._closes.begin(run, open_now, closing):
                    # A narrower freeze holds what is left, or another exit is at it: the venue is not asked without a pause.
                    await anyio.sleep(_REPEAT_S)
                await self._closes.wait(run)
        return False

    async def _sweep(self, run: PanicRun) -> None:
        """
        Remove our own orders of symbols that are verified flat; stops last of all.

        A flat share is no flat symbol: what another instance or somebody else holds beside it keeps the one stop there is.
        """
        desk, left = self._desk, await self._readings.left() if run.scope.instance_uid else {}
        held = {position.symbol for position in (left or {}).values() if position.signed_qty}
        flat = [] if left is None else list(dict.fromkeys(symbol for symbol, _ in run.before if symbol not in held))
        rows = [row for symbol in flat for row in desk.book.live(symbol)]
        with anyio.move_on_after(LAST_READING_S) as patience:
            for row in [row for row in rows if row.owner != FOREIGN and row.reduce_only and row.intent is None]:
                await self._cancel_leftover(run, row)
        if patience.cancelled_caught:  # under a ban, say: nobody waits for what opens no risk, a full run sees to it
            desk.reconcile_soon("leftover")

    async def _cancel_leftover(self, run: PanicRun, row: OrderRow) -> None:
        desk = self._desk
        if frozen := desk.frozen(row.symbol, row.owner):
            run.problems.append(f"leftover {row.link_id} stays: {frozen}")
            return

        def ask() -> Awaitable[Reply]:
            return desk.port.cancel(row.symbol, venue_order_id=row.venue_order_id, priority=Priority.CANCEL)

        reply = await unless_frozen(desk, row.symbol, (row.owner,), ask)
        if reply.reply_class not in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE, ReplyClass.GONE):
            run.problems.append(f"leftover {row.link_id} was answered {reply.code}: {reply.text}")
