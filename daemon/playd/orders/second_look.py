"""
A second look at entries that were let through: whether anything was in force that forbids them.

Gates judge before an entry is written down. This reads the ledger afterwards, knows nothing of gates, and trusts no clock: what
was in force at two looks in a row was in force between them, and an entry that is new at the second one was written then. What
it finds is a bug of this program, so a person is told and the symbol takes no more risk.
"""

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from playd.core.modes import Environment
from playd.core.orders import IntentClass, OrderState
from playd.orders.desk import Desk
from playd.orders.fills import Share
from playd.orders.halts import Halt, Level, scopes_of
from playd.orders.protection import Protection
from playd.orders.rows import OrderRow

LOOK_EVERY_S: Final = 5.0
LOOKED_AT: Final = 100
"""Twice as many entries as a venue takes from one account in that time."""

SLACK: Final = Decimal("1.1")
"""Prices and equity move between the gates and this look; what is further above a cap than that was never below it."""


class SecondLook:
    """Looks at one account. `look` often; it does something every `LOOK_EVERY_S`."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection
        self._due_s = 0.0
        self._seen = {row["id"] for row in self._newest()}
        self._halts: dict[int, Halt] = {}
        self._doubtful: dict[str, tuple[str, int | None]] = {}
        """Symbols of orders in doubt, and when each was sent: one that was sent again was in no doubt for a moment."""

    def look(self) -> None:
        """Hold new entries against what was in force since the last look."""
        desk, now_s = self._desk, self._desk.clock.mono_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + LOOK_EVERY_S
        halts = {halt.id: halt for halt in desk.halts.in_force()}
        doubtful = {row.link_id: (row.symbol, row.signed_ms) for row in desk.book.live() if row.state is OrderState.UNKNOWN}
        lasting = [halt for number, halt in self._halts.items() if number in halts]
        unknown = {link: sent[0] for link, sent in self._doubtful.items() if doubtful.get(link) == sent}
        for row in self._new_entries():
            for fault in self._faults(row, lasting, unknown):
                desk.halt_symbol(row["symbol"], Level.HALT, "INVARIANT", f"entry {row['id']}: {fault}")
        self._halts, self._doubtful = halts, doubtful

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
            "SELECT i.*, o.link_id, o.stop AS order_stop, o.qty AS order_qty FROM"
            " (SELECT * FROM intents WHERE account = ? AND class = ? ORDER BY created_ms DESC LIMIT ?) i"
            " LEFT JOIN orders o ON o.intent = i.id AND o.attempt = 0 ORDER BY i.created_ms DESC",
            (self._desk.alias, str(IntentClass.ENTRY), LOOKED_AT),
        )

    def _faults(self, row: sqlite3.Row, halts: list[Halt], unknown: dict[str, str]) -> Iterator[str]:
        desk, symbol = self._desk, row["symbol"]
        if row["link_id"] is None:
            yield "it has no order (INV-01)"
        for link in sorted(link for link, where in unknown.items() if where == symbol):
            yield f"order {link} of {symbol} was in doubt (INV-08)"
        if row["link_id"] is not None and row["order_stop"] is None:
            yield "its order carries no stop (INV-15)"
        scopes = scopes_of(row["instance"], desk.alias, symbol)
        for halt in halts:
            if halt.scope in scopes and halt.level >= Level.PAUSE:
                yield f"{halt.scope} was at level {int(halt.level)} for {halt.code} (INV-18)"
        if row["link_id"] is not None:
            yield from self._above_caps(row)
        if desk.environment is Environment.LIVE and not self._armed(row):
            yield "no permission to trade with real money covers it (INV-21)"
        if not self._has_verdict(row):
            yield f"its bar {row['bar_close_ms']} has no verdict (INV-22)"

    def _above_caps(self, row: sqlite3.Row) -> Iterator[str]:
        """Caps in money that an entry, or all that is open together with it, lies above. Foreign positions count too."""
        desk, one_order = self._desk, self._desk.settings_of(row["instance"]).limits.hard_order_usd
        worth = Decimal(row["order_qty"]) * Decimal(row["price_ref"])
        if one_order is not None and worth > one_order * SLACK:
            yield f"it is worth {worth:.2f} USDT, one order may be worth {one_order} (INV-17)"
        # The account's own: an instance's tighter one bound only its own entry, and others may have opened more since.
        gross_pct, wallet = desk.settings.limits.gross_pct, desk.condition.wallet
        if gross_pct is None or wallet is None:
            return
        held = sum((abs(each.position.signed_qty) * self._least_price(each) for each in desk.fills.shares()), Decimal(0))
        entries = [order for order in desk.book.live() if order.intent is not None and not order.reduce_only]
        waiting = sum((order.open_qty * self._price_of(order) for order in entries), Decimal(0))
        most = wallet.equity_usdt * gross_pct / 100
        if held + waiting > most * SLACK:
            yield f"{held + waiting:.2f} USDT are open with it, at most {most:.2f} may be (INV-17)"

    def _least_price(self, share: Share) -> Decimal:
        """What a position is worth at least: the gate goes by the mark, which may have moved far from the price of entry."""
        seen, paid = self._protection.last_seen(share.symbol), share.position.avg_price
        return min(seen[0].mark_price or paid, paid) if seen is not None else paid

    def _price_of(self, order: OrderRow) -> Decimal:
        """The price that an entry was decided at; that of its limit is at most a band away."""
        intent = self._desk.book.intent(order.intent or "")
        return intent.price_ref if intent is not None else order.price or Decimal(0)

    def _armed(self, row: sqlite3.Row) -> bool:
        sql = (
            "SELECT 1 FROM armings WHERE instance = ? AND expires_ms > ? AND confirmed_ms <= ?"
            " AND (revoked_ms IS NULL OR revoked_ms > ?)"
        )
        then_ms = row["created_ms"]
        return self._desk.ledger.row(sql, (row["instance"], then_ms, then_ms, then_ms)) is not None

    def _has_verdict(self, row: sqlite3.Row) -> bool:
        sql = (
            "SELECT 1 FROM instances i JOIN bars b ON b.instance = i.uid AND b.clock_ms = i.clock_ms AND b.close_ms = ?"
            " WHERE i.uid = ?"
        )
        return self._desk.ledger.row(sql, (row["bar_close_ms"], row["instance"])) is not None
