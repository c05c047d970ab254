"""
A second look at entries that were let through: whether anything was in force that forbids them.

Gates judge before an entry is written down. This reads the ledger afterwards, knows nothing of gates, and trusts no clock: what
was in force at two looks in a row was in force between them, and an entry that is new at the second one was written then. What
it finds is a bug of this program, so a person is told and the symbol takes no more risk.
"""

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import anyio.lowlevel
import orjson

from playd.core.modes import Environment
from playd.core.orders import IntentClass, OrderState
from playd.orders.desk import Desk
from playd.orders.halts import Halt, Level, scopes_of
from playd.orders.protection import Protection
from playd.orders.second_caps import SLACK, SecondCaps, Sent
from playd.orders.second_stops import SecondStops
from playd.orders.settings import OrderSettings

LOOK_EVERY_S: Final = 5.0
LOOKED_AT: Final = 100
"""Twice as many entries as a venue takes from one account in that time."""

_DAY_S: Final = 86_400.0


class SecondLook:
    """Looks at one account. `look` often; it does something every `LOOK_EVERY_S`."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._due_s = 0.0
        self._seen = {row["id"] for row in self._newest()}
        self._halts: dict[int, Halt] = {}
        self._caps = SecondCaps(desk, protection)
        self._stops = SecondStops(desk)
        self._doubtful: dict[str, tuple[str, int | None]] = {}
        """Symbols of orders in doubt, and when each was sent: one that was sent again was in no doubt for a moment."""
        self._absent_from_s: dict[str, float] = {}
        """By order in doubt: before this moment nobody can have proved it absent."""

    async def look(self) -> None:
        """
        Hold new entries against what was in force since the last look. All of that is read at once; others go on between two
        entries.
        """
        desk, now_s = self._desk, self._desk.clock.mono_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + LOOK_EVERY_S
        halts = {halt.id: halt for halt in desk.halts.in_force()}
        doubtful = {row.link_id: (row.symbol, row.signed_ms) for row in desk.book.live() if row.state is OrderState.UNKNOWN}
        lasting = [halt for number, halt in self._halts.items() if number in halts]
        unknown = {link: sent[0] for link, sent in self._doubtful.items() if doubtful.get(link) == sent}
        new = self._new_entries()
        self._caps.take(new)
        for link in self._doubtful.keys() - doubtful.keys():
            self._judge_end(link, now_s)
        self._stops.look()
        self._halts, self._doubtful = halts, doubtful
        # It was in doubt up to a look before this one.
        soonest_s = now_s + desk.settings.never_arrived_after_s - 2 * LOOK_EVERY_S
        self._absent_from_s = {link: min(self._absent_from_s.get(link, soonest_s), soonest_s) for link in doubtful}
        for row in new:
            for fault in self._faults(row, lasting, unknown):
                desk.halt_symbol(row["symbol"], Level.HALT, "INVARIANT", f"entry {row['id']}: {fault}")
            await anyio.lowlevel.checkpoint()

    def _judge_end(self, link: str, now_s: float) -> None:
        """An order that is in doubt no more: called absent, it must have been in doubt for as long as the proof takes."""
        row = self._desk.book.need(link)
        if row.state is OrderState.NEVER_ARRIVED and now_s < self._absent_from_s[link]:
            note = f"order {link} was called absent before its doubt was old enough to prove it (INV-06)"
            self._desk.halt_symbol(row.symbol, Level.HALT, "INVARIANT", note)

    def _new_entries(self) -> list[sqlite3.Row]:
        """Entries with the order they became, of this account, that were not there at the last look; oldest first."""
        newest = self._newest()
        new = [row for row in reversed(newest) if row["id"] not in self._seen]
        self._seen = {row["id"] for row in newest}
        # What was taken in again behind a lost ledger was judged in another life, and has no digest of its parameters.
        return [row for row in new if row["parameters_digest"]]

    def _newest(self) -> list[sqlite3.Row]:
        """More of the newest entries than can be sent between two looks; the index has them in this order."""
        return self._desk.ledger.rows(
            "SELECT i.*, o.link_id, o.stop AS order_stop, o.qty AS order_qty, o.price AS order_price, o.state AS order_state"
            " FROM (SELECT * FROM intents WHERE account = ? AND class = ? ORDER BY created_ms DESC LIMIT ?) i"
            " LEFT JOIN orders o ON o.intent = i.id AND o.attempt = 0 ORDER BY i.created_ms DESC",
            (self._desk.alias, str(IntentClass.ENTRY), LOOKED_AT),
        )

    def _faults(self, row: sqlite3.Row, halts: list[Halt], unknown: dict[str, str]) -> Iterator[str]:
        desk, symbol = self._desk, row["symbol"]
        if row["link_id"] is None:
            yield "it has no order (INV-01)"
        elif row["order_state"] == OrderState.NEVER_ARRIVED:
            yield f"its order was called absent within {LOOK_EVERY_S:g} s (INV-06)"
        for link in sorted(link for link, where in unknown.items() if where == symbol):
            yield f"order {link} of {symbol} was in doubt (INV-08)"
        if row["link_id"] is not None and row["order_stop"] is None:
            yield "its order carries no stop (INV-15)"
        scopes = scopes_of(row["instance"], desk.alias, symbol)
        for halt in halts:
            if halt.scope in scopes and halt.level >= Level.PAUSE:
                yield f"{halt.scope} was at level {int(halt.level)} for {halt.code} (INV-18)"
        if row["link_id"] is not None:
            case = desk.judged.body(row["instance"], row["bar_close_ms"])
            if case is None:
                yield "nothing is kept of what its gates had before them (INV-36)"
            else:
                bounds = self._caps.bounds(case["limits"])
                yield from self._caps.faults(row, bounds, case["facts"])
                yield from _stale(case["inputs"], case["facts"], bounds)
        if desk.environment is Environment.LIVE and not self._armed(row):
            yield "no permission to trade with real money covers it (INV-21)"
        if not self._has_verdict(row):
            yield f"its bar {row['bar_close_ms']} has no verdict (INV-22)"

    def _armed(self, row: sqlite3.Row) -> bool:
        """Whether a permission for this very Play, and for an order of this size, was in force when the entry was written."""
        sql = (
            "SELECT body FROM armings WHERE instance = ? AND expires_ms > ? AND confirmed_ms <= ?"
            " AND (revoked_ms IS NULL OR revoked_ms > ?)"
        )
        then_ms = row["created_ms"]
        found = self._desk.ledger.rows(sql, (row["instance"], then_ms, then_ms, then_ms))
        return any(_covers(orjson.loads(each["body"]), row) for each in found)

    def _has_verdict(self, row: sqlite3.Row) -> bool:
        sql = (
            "SELECT 1 FROM instances i JOIN bars b ON b.instance = i.uid AND b.clock_ms = i.clock_ms AND b.close_ms = ?"
            " WHERE i.uid = ?"
        )
        return self._desk.ledger.row(sql, (row["bar_close_ms"], row["instance"])) is not None


def _stale(inputs: dict[str, Any], facts: dict[str, Any], bounds: OrderSettings) -> Iterator[str]:
    """Ages beyond their bounds in what the gates had before them when they let an entry through."""
    ages = [
        ("signal", inputs["bar_age_s"], min(bounds.entry_max_age_s, float(facts["bar_s"]))),
        ("feed", inputs["feed_age_s"], bounds.feed_stale_s),
        ("equity", facts["equity_age_s"], bounds.equity_max_age_s),
        ("rules", facts["rules_age_s"], _DAY_S),
    ]
    if not bounds.plain_market:
        ages.append(("quote", inputs["quote_age_s"], bounds.quote_max_age_s))
    for what, age_s, most_s in ages:
        if not isinstance(age_s, int | float) or age_s > most_s:
            yield f"its {what} was {age_s} s old, at most {most_s:g} s are allowed (INV-23)"
    if inputs["ready"] is not True:
        yield f"column {inputs['not_ready']} was not ready (INV-23)"


def _covers(arming: dict[str, Any], row: sqlite3.Row) -> bool:
    """Whether a permission was given for the Play, the account and the size of an entry."""
    worth, most = Sent.of(row).qty * Decimal(row["price_ref"]), arming.get("order_usd")
    same = all(arming.get(name, row[name]) == row[name] for name in ("play_digest", "account"))
    return same and (not most or worth <= Decimal(most) * SLACK)
