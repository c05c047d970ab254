"""
Budgets of opened notional and entries per UTC day: reserved with the intent, used by fills, released at the order's end.

Rows exist only while the account has such caps, or may get them. They live in the ledger, so a restart forgets nothing.
"""

from decimal import Decimal
from typing import Final

from playd.core.orders import Execution, Intent
from playd.core.timeframes import DAY_MS
from playd.orders.halts import account_scope
from playd.orders.ledger import Ledger
from playd.orders.rows import OrderRow, text

WEEK_WINDOW_DAYS: Final = 8
"""Days whose notional is that of a week: the entry's own and the seven before it, which are at least the last 168 hours."""

_DAY_USD: Final = "day_usd"
_DAY_ORDERS: Final = "day_orders"
_ZERO: Final = Decimal(0)


class Caps:
    """Budget rows of one account. The day of an entry is the UTC day of its decision bar's close."""

    def __init__(self, ledger: Ledger, account: str, *, counts: bool) -> None:
        """`counts`: whether entries of this account are counted at all; may change at any time."""
        self._ledger = ledger
        self._scope = account_scope(account)
        self.counts = counts

    def day(self, bar_close_ms: int) -> tuple[Decimal, int]:
        """Notional (reserved and used) and number of entries of the day that holds `bar_close_ms`."""
        usd, orders = self._read(_DAY_USD, bar_close_ms), self._read(_DAY_ORDERS, bar_close_ms)
        return usd[0] + usd[1], int(orders[1])

    def week(self, bar_close_ms: int) -> tuple[Decimal, ...]:
        """Notional of each of the `WEEK_WINDOW_DAYS` that end with that day, the newest first."""
        days = (self._read(_DAY_USD, bar_close_ms - ago * DAY_MS) for ago in range(WEEK_WINDOW_DAYS))
        return tuple([reserved + used for reserved, used in days])

    def reserve(self, intent: Intent) -> None:
        """Reserve an entry's notional and count the entry. Belongs into the transaction that writes the intent."""
        if not self.counts:
            return
        reserved, used = self._read(_DAY_USD, intent.bar_close_ms)
        self._write(_DAY_USD, intent.bar_close_ms, reserved + intent.qty * intent.price_ref, used, "USD")
        _, used = self._read(_DAY_ORDERS, intent.bar_close_ms)
        self._write(_DAY_ORDERS, intent.bar_close_ms, _ZERO, used + 1, "orders")

    def consume(self, row: OrderRow, execution: Execution) -> None:
        """Turn reserved notional into used notional for one execution of an entry."""
        found = self._entry(row)
        if found is None:
            return
        bar_close_ms, price_ref = found
        reserved, used = self._read(_DAY_USD, bar_close_ms)
        self._write(
            _DAY_USD,
            bar_close_ms,
            max(_ZERO, reserved - execution.qty * price_ref),
            used + execution.qty * execution.price,
            "USD",
        )

    def resize(self, row: OrderRow, qty: Decimal) -> None:
        """Reserve for an entry that works with `qty` base units now. Belongs before the change of its row."""
        found = self._entry(row)
        if found is None:
            return
        bar_close_ms, price_ref = found
        reserved, used = self._read(_DAY_USD, bar_close_ms)
        self._write(_DAY_USD, bar_close_ms, max(_ZERO, reserved + (qty - row.qty) * price_ref), used, "USD")

    def release(self, row: OrderRow) -> None:
        """Give back what an ended entry reserved and did not use."""
        found = self._entry(row)
        if found is None:
            return
        bar_close_ms, price_ref = found
        reserved, used = self._read(_DAY_USD, bar_close_ms)
        rest = max(_ZERO, row.qty - row.cum_qty) * price_ref
        self._write(_DAY_USD, bar_close_ms, max(_ZERO, reserved - rest), used, "USD")

    def _entry(self, row: OrderRow) -> tuple[int, Decimal] | None:
        if not self.counts or row.intent is None:
            return None
        found = self._ledger.row("SELECT bar_close_ms, price_ref FROM intents WHERE id = ? AND class = 'entry'", (row.intent,))
        return None if found is None else (found["bar_close_ms"], Decimal(found["price_ref"]))

    def _read(self, kind: str, bar_close_ms: int) -> tuple[Decimal, Decimal]:
        found = self._ledger.row(
            "SELECT reserved, used FROM budgets WHERE scope = ? AND kind = ? AND window_start_ms = ?",
            (self._scope, kind, _day_start_ms(bar_close_ms)),
        )
        return (_ZERO, _ZERO) if found is None else (Decimal(found["reserved"]), Decimal(found["used"]))

    def _write(self, kind: str, bar_close_ms: int, reserved: Decimal, used: Decimal, unit: str) -> None:
        """The column `limit` stays empty: what bounds an entry is its instance's, and stands in the intent."""
        self._ledger.write(
            "INSERT INTO budgets VALUES (?,?,?,'',?,?,?) ON CONFLICT DO UPDATE SET reserved = excluded.reserved,"
            " used = excluded.used",
            (self._scope, kind, _day_start_ms(bar_close_ms), text(reserved), text(used), unit),
        )


def _day_start_ms(time_ms: int) -> int:
    return time_ms - time_ms % DAY_MS
