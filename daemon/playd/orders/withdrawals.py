"""
Withdrawals: entries are taken back from the venue, by id, asked again and again until each is final.

Who takes them back: an instance's own cancel, a person's halt, a stop, a panic; and every level in force, whoever raised it and
whenever, also one that an earlier life raised; and new rules of the symbol, under which the venue would not take it today: its
Play decides anew at its next close. A cancel never changes the order's own state: the stream or a look-up says what
became of it, and its instance hears of that end. What was filled before the cancel arrived stays, under the entry's stop.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final

from playd.core.canonical import Json
from playd.core.modes import Environment
from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.orders.freezing import unless_frozen
from playd.orders.halts import Level, scopes_of, symbol_scope
from playd.orders.order_book import FOREIGN
from playd.orders.pauses import repeat_pauses_s
from playd.orders.resolver import Resolver
from playd.orders.rows import OrderRow
from playd.orders.rule_changes import misfit
from playd.venues.port import Priority, Reply

_RULE_PATIENCE_S: Final = 30.0
"""A pause that a rule raised may lift itself; only after this long it takes entries along."""

_AT_ONCE: Final = ("IOC", "FOK")
"""What is over the moment it arrives never rests."""

_PASSING: Final = frozenset(
    {
        *(ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE, ReplyClass.GONE),
        *(ReplyClass.LATER, ReplyClass.CLOCK, ReplyClass.DOUBT, ReplyClass.BAN),
    }
)
"""Answers that a look at the order, or the next cancel, makes good."""

_RULES: Final = frozenset({"daemon", "file", "guardian"})
"""Actors that are no person."""


class Withdrawals:
    """Cancels entries of one account. Every order is driven by one task at most, so that everything here may be repeated."""

    def __init__(self, desk: Desk, resolver: Resolver) -> None:
        self._desk = desk
        self._resolver = resolver
        self._driven: set[str] = set()
        self._since_s: dict[int, float] = {}
        """When this life first saw a halt in force, by its id: the wall clock may have been set since it was raised."""

    def entries(self, *, instance_uid: str = "", symbol: str = "", foreign: bool = False) -> list[OrderRow]:
        """Orders of the scope that could open risk; nothing protective, no targets, and of others only with `foreign`."""
        rows = [row for row in self._desk.book.live(symbol or None) if not row.reduce_only and not row.protective]
        return [row for row in rows if instance_uid in ("", row.owner) and (foreign or row.owner != FOREIGN)]

    async def ask(self, rows: Iterable[OrderRow]) -> None:
        """Send the cancel of each; what is not final by then is driven on in the background, while the account runs."""
        for row in rows:
            await self._send(row)
            self._begin(row.link_id, self._drive)

    def look(self) -> None:
        """
        Begin to take back the entries of instances here that a level in force forbids, or the rules of their symbol. Reads only
        while there is a level, or rules that were just read.
        """
        desk = self._desk
        if desk.rules_read:
            self._look_at_rules()
        if not desk.halts.in_force():
            return
        for row in self.entries():
            if self._forbidden(row):
                self._begin(row.link_id, self._send_and_drive)

    def _look_at_rules(self) -> None:
        desk, read = self._desk, self._desk.rules_read
        desk.rules_read = set()
        for row in self.entries():
            if row.symbol in read and row.type == "Limit" and row.tif not in _AT_ONCE:
                if desk.frozen(row.symbol, row.owner):
                    desk.rules_read.add(row.symbol)  # judged when the freeze is over
                    continue
                no_entry_h = desk.settings_of(row.owner).limits.delist_no_entry_h
                why = misfit(row, desk.instrument(row.symbol), no_entry_h=no_entry_h, now_ms=self._market_ms(row))
                if why:
                    self._begin(row.link_id, partial(self._replace, why))

    def _market_ms(self, row: OrderRow) -> int:
        """The venue's time; of a simulated market, which has a time of its own, that of what it told last."""
        desk = self._desk
        return max(row.venue_ms, desk.fills.newest_ms) if desk.environment is Environment.LOCAL else desk.clock.wall_ms()

    async def _replace(self, why: str, link: str) -> None:
        """Take an entry back that the rules no longer allow, on record before it and behind it."""
        desk, row = self._desk, self._desk.book.need(link)
        data: dict[str, Json] = {"kind": "cancel", "class": "R11", "key": link, "note": why}
        of: dict[str, Any] = {"account": desk.alias, "instance": row.owner, "symbol": row.symbol}
        before = desk.journal.append("recon.repair", data, **of)
        await self._send_and_drive(link)
        desk.journal.append("recon.repair", {**data, "became": desk.book.need(link).state}, cause=before, **of)

    def drive(self, rows: Iterable[OrderRow]) -> None:
        """Cancel each in the background until it is final; waits for nothing, so nothing that cuts the caller short ends it."""
        for row in rows:
            self._begin(row.link_id, self._send_and_drive)

    def _begin(self, link: str, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        if link not in self._driven and self._desk.spawn(work, link):
            self._driven.add(link)

    async def _send_and_drive(self, link: str) -> None:
        await self._send(self._desk.book.need(link))
        await self._drive(link)

    async def _drive(self, link: str) -> None:
        """Until an order whose cancel was sent is final: wait for news, look it up when there are none, cancel again."""
        desk, pauses_s = self._desk, repeat_pauses_s()
        pause_s = next(pauses_s)
        try:
            while not (row := desk.book.need(link)).state.terminal:
                if await desk.changed(link, pause_s):
                    continue
                pause_s = next(pauses_s)
                await self._resolver.look_up(row)
                if not desk.book.need(link).state.terminal:
                    await self._send(row)
        finally:
            self._driven.discard(link)

    async def _send(self, row: OrderRow) -> None:
        if self._desk.frozen(row.symbol, row.owner):
            return
        by_link, panics = not row.link_id.startswith("v:"), self._is_panicked(row)

        def ask() -> Awaitable[Reply]:
            return self._desk.port.cancel(
                row.symbol,
                link_id=row.link_id if by_link else "",
                venue_order_id="" if by_link else row.venue_order_id,
                priority=Priority.PROTECT if panics else Priority.CANCEL,
            )

        reply = await unless_frozen(self._desk, row.symbol, (row.owner,), ask)
        if reply.reply_class not in _PASSING:
            self._refused(row, reply)

    def _is_panicked(self, row: OrderRow) -> bool:
        scopes = scopes_of(row.owner, self._desk.alias, row.symbol)
        return any(halt.level is Level.PANIC for halt in self._desk.halts.in_force(*scopes))

    def _refused(self, row: OrderRow, reply: Reply) -> None:
        """It is asked again all the same; but a person must know of an order that nobody can take back."""
        desk, note = self._desk, f"the cancel of order {row.link_id} was answered {reply.code}: {reply.text}"
        desk.note_refusal(reply, note)
        desk.incidents.open("ORDER_REFUSED", "critical", symbol_scope(desk.alias, row.symbol), note)

    def _forbidden(self, row: OrderRow) -> bool:
        """Whether a level over the order's owner takes resting entries along. A frozen scope is sent nothing at all."""
        desk = self._desk
        halts = desk.halts.in_force(*scopes_of(row.owner, desk.alias, row.symbol))
        if not halts or desk.frozen(row.symbol, row.owner):
            return False
        now_s = desk.clock.mono_s()
        self._since_s = {halt.id: self._since_s.get(halt.id, now_s) for halt in desk.halts.in_force()}
        old_s = now_s - _RULE_PATIENCE_S
        return any(halt.level >= Level.HALT or halt.actor not in _RULES or self._since_s[halt.id] <= old_s for halt in halts)
