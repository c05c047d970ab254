"""
Budgets of opened notional and entries: reserved with the intent, used by fills, released at the order's end.

Notional is counted by the hour, so that a week is its last 168 hours; entries by the UTC day, every one that was sent, whatever
the venue made of it. What works is reserved at the most that it was sent for; an execution for which nothing is reserved, such
as one behind the end of its order, takes nothing from what another has reserved. Every entry is counted, whether or not a cap
bounds its account: one that is written down later finds what the day has opened. Only where an older program did not count an
entry, on paper without caps, its end behind the update takes from what others of its hour have reserved. The rows live in the
ledger, so a restart forgets nothing.
"""

from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class _Reserve:
    """The budget row of an entry, its reference price, and whether it has anything reserved still."""

    kind: str
    at_ms: int
    price_ref: Decimal
    is_open: bool

    def price(self, sent: Decimal | None) -> Decimal:
        """What one base coin of it is reserved at."""
        return max(self.price_ref, sent or _ZERO)

    def open_qty(self, row: OrderRow) -> Decimal:
        """How much of it is reserved."""
        return max(_ZERO, row.qty - row.cum_qty) if self.is_open else _ZERO


class Caps:
    """Budget rows of one account. An entry belongs to the hour and the UTC day of its decision bar's close."""

    def __init__(self, ledger: Ledger, account: str) -> None:
        self._ledger = ledger
        self._scope = account_scope(account)

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

    def reserve(self, intent: Intent, sent: Decimal | None = None) -> None:
        """
        Reserve an entry's notional and count the entry. Belongs into the transaction that writes the intent. `sent` is the
        limit price of its order, if it has one.
        """
        at_ms, day_ms = hour_ms(intent.bar_close_ms), intent.bar_close_ms - intent.bar_close_ms % DAY_MS
        reserved, used = self._read(_HOUR_USD, at_ms)
        self._write(_HOUR_USD, at_ms, reserved + intent.qty * max(intent.price_ref, sent or _ZERO), used, "USD")
        _, used = self._read(_DAY_ORDERS, day_ms)
        self._write(_DAY_ORDERS, day_ms, _ZERO, used + 1, "orders")

    def consume(self, row: OrderRow, execution: Execution) -> None:
        """Turn reserved notional into used notional for one execution of an entry; `row` is as it was before it."""
        found = self._entry(row)
        if found is None:
            return
        reserved, used = self._read(found.kind, found.at_ms)
        taken = min(execution.qty, found.open_qty(row)) * found.price(row.price)
        self._write(found.kind, found.at_ms, max(_ZERO, reserved - taken), used + execution.qty * execution.price, "USD")

    def resize(self, row: OrderRow, qty: Decimal, price: Decimal | None) -> None:
        """Reserve for an entry that works with `qty` base units at `price` now. Belongs before the change of its row."""
        found = self._entry(row)
        if found is None:
            return
        reserved, used = self._read(found.kind, found.at_ms)
        before, after = found.open_qty(row), found.open_qty(replace(row, qty=qty))
        change = after * found.price(price) - before * found.price(row.price)
        self._write(found.kind, found.at_ms, max(_ZERO, reserved + change), used, "USD")

    def release(self, row: OrderRow) -> None:
        """Give back what an ended entry reserved and did not use. Belongs before its intent has an outcome."""
        found = self._entry(row)
        if found is None:
            return
        reserved, used = self._read(found.kind, found.at_ms)
        rest = found.open_qty(row) * found.price(row.price)
        self._write(found.kind, found.at_ms, max(_ZERO, reserved - rest), used, "USD")

    def _entry(self, row: OrderRow) -> "_Reserve | None":
        """Where the notional of an order is reserved; None for what is no entry."""
        if row.intent is None:
            return None
        sql = "SELECT bar_close_ms, price_ref, outcome FROM intents WHERE id = ? AND class = 'entry'"
        found = self._ledger.row(sql, (row.intent,))
        if found is None:
            return None
        close_ms, price_ref, is_open = found["bar_close_ms"], Decimal(found["price_ref"]), not found["outcome"]
        at_ms, day_ms = hour_ms(close_ms), close_ms - close_ms % DAY_MS
        if not self._is_there(_HOUR_USD, at_ms) and self._is_there(_DAY_USD, day_ms):
            return _Reserve(_DAY_USD, day_ms, price_ref, is_open)  # an older program reserved it
        return _Reserve(_HOUR_USD, at_ms, price_ref, is_open)

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
