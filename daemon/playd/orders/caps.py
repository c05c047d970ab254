"""
Budgets of opened notional and entries: reserved with the intent, used by fills, released at the order's end.

Notional is counted by the hour, so that a week is its last 168 hours; entries by the UTC day, every one that was sent, whatever
the venue made of it. Rows exist only while the account has such caps, or may get them. They live in the ledger, so a restart
forgets nothing.
"""

from decimal import Decimal
from typing import Final

from playd.core.orders import Execution, Intent
from playd.core.timeframes import DAY_MS
from playd.orders.halts import account_scope
from playd.orders.ledger import Ledger
from playd.orders.opened import HOUR_MS, WEEK_MS, Opened, hour_ms, within_week
from playd.orders.rows import OrderRow, text

_HOUR_USD: Final = "hour_usd"
_DAY_USD: Final = "day_usd"
"""Rows of an older program, which counted by the day: they bound for another week."""

_DAY_ORDERS: Final = "day_orders"
_ZERO: Final = Decimal(0)


class Caps:
    """Budget rows of one account. An entry belongs to the hour and the UTC day of its decision bar's close."""

    def __init__(self, ledger: Ledger, account: str, *, counts: bool) -> None:
        """`counts`: whether entries of this account are counted at all; may change at any time."""
        self._ledger = ledger
        self._scope = account_scope(account)
        self.counts = counts

    def opened(self, bar_close_ms: int) -> Opened:
        """Notional, reserved and used, of at least the last 168 hours and of the UTC day that holds `bar_close_ms`."""
        rows = self._ledger.rows(
            "SELECT kind, window_start_ms, reserved, used FROM budgets WHERE scope = ? AND kind IN (?, ?)"
            " AND window_start_ms > ? ORDER BY window_start_ms DESC",
            (self._scope, _HOUR_USD, _DAY_USD, bar_close_ms - WEEK_MS - DAY_MS),
        )
        found = [(row["window_start_ms"], row["kind"], Decimal(row["reserved"]) + Decimal(row["used"])) for row in rows]
        # A whole day counts until its last hour is a week ago.
        ends = [(start_ms + (DAY_MS - HOUR_MS if kind == _DAY_USD else 0), usd) for start_ms, kind, usd in found]
        return within_week(tuple(sorted(ends, reverse=True)), bar_close_ms)

    def orders(self, bar_close_ms: int) -> int:
        """Number of entries of the day that holds `bar_close_ms`."""
        return int(self._read(_DAY_ORDERS, bar_close_ms - bar_close_ms % DAY_MS)[1])

    def reserve(self, intent: Intent) -> None:
        """Reserve an entry's notional and count the entry. Belongs into the transaction that writes the intent."""
        if not self.counts:
            return
        at_ms, day_ms = hour_ms(intent.bar_close_ms), intent.bar_close_ms - intent.bar_close_ms % DAY_MS
        reserved, used = self._read(_HOUR_USD, at_ms)
        self._write(_HOUR_USD, at_ms, reserved + intent.qty * intent.price_ref, used, "USD")
        _, used = self._read(_DAY_ORDERS, day_ms)
        self._write(_DAY_ORDERS, day_ms, _ZERO, used + 1, "orders")

    def consume(self, row: OrderRow, execution: Execution) -> None:
        """Turn reserved notional into used notional for one execution of an entry."""
        found = self._entry(row)
        if found is None:
            return
        kind, at_ms, price_ref = found
        reserved, used = self._read(kind, at_ms)
        left, used = max(_ZERO, reserved - execution.qty * price_ref), used + execution.qty * execution.price
        self._write(kind, at_ms, left, used, "USD")

    def resize(self, row: OrderRow, qty: Decimal) -> None:
        """Reserve for an entry that works with `qty` base units now. Belongs before the change of its row."""
        found = self._entry(row)
        if found is None:
            return
        kind, at_ms, price_ref = found
        reserved, used = self._read(kind, at_ms)
        self._write(kind, at_ms, max(_ZERO, reserved + (qty - row.qty) * price_ref), used, "USD")

    def release(self, row: OrderRow) -> None:
        """Give back what an ended entry reserved and did not use."""
        found = self._entry(row)
        if found is None:
            return
        kind, at_ms, price_ref = found
        reserved, used = self._read(kind, at_ms)
        rest = max(_ZERO, row.qty - row.cum_qty) * price_ref
        self._write(kind, at_ms, max(_ZERO, reserved - rest), used, "USD")

    def _entry(self, row: OrderRow) -> tuple[str, int, Decimal] | None:
        """Kind and begin of the budget row of an order, and its reference price; None for what is no entry, or not counted."""
        if not self.counts or row.intent is None:
            return None
        found = self._ledger.row("SELECT bar_close_ms, price_ref FROM intents WHERE id = ? AND class = 'entry'", (row.intent,))
        if found is None:
            return None
        close_ms, price_ref = found["bar_close_ms"], Decimal(found["price_ref"])
        at_ms, day_ms = hour_ms(close_ms), close_ms - close_ms % DAY_MS
        if not self._is_there(_HOUR_USD, at_ms) and self._is_there(_DAY_USD, day_ms):
            return _DAY_USD, day_ms, price_ref  # an older program reserved it
        return _HOUR_USD, at_ms, price_ref

    def _is_there(self, kind: str, window_ms: int) -> bool:
        sql = "SELECT 1 FROM budgets WHERE scope = ? AND kind = ? AND window_start_ms = ?"
        return self._ledger.row(sql, (self._scope, kind, window_ms)) is not None

    def _read(self, kind: str, window_ms: int) -> tuple[Decimal, Decimal]:
        found = self._ledger.row(
            "SELECT reserved, used FROM budgets WHERE scope = ? AND kind = ? AND window_start_ms = ?",
            (self._scope, kind, window_ms),
        )
        return (_ZERO, _ZERO) if found is None else (Decimal(found["reserved"]), Decimal(found["used"]))

    def _write(self, kind: str, window_ms: int, reserved: Decimal, used: Decimal, unit: str) -> None:
        """The column `limit` stays empty: what bounds an entry is its instance's, and stands in the intent."""
        self._ledger.write(
            'INSERT INTO budgets (scope, kind, window_start_ms, "limit", reserved, used, unit)'
            " VALUES (?,?,?,'',?,?,?) ON CONFLICT DO UPDATE SET reserved = excluded.reserved,"
            " used = excluded.used",
            (self._scope, kind, window_ms, text(reserved), text(used), unit),
        )
