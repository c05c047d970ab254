"""How many orders each account has sent since 00:00 UTC, and a warning when that is more than anybody meant."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from playd.core.timeframes import DAY_MS
from playd.orders.halts import account_scope
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.rate_limits import LimitRow
from playd.orders.rows import OrderRow

KIND: Final = "ORDERS_OF_DAY"


class OrdersOfDay:
    """Counts by link id, so that no order counts twice; behind a restart from the ledger. `heard` is told of every change."""

    def __init__(self, ledger: Ledger, now_ms: Callable[[], int], incidents: Incidents, warn_from: int) -> None:
        self._ledger = ledger
        self._now_ms = now_ms
        self._incidents = incidents
        self._warn_from = warn_from
        self._seen: dict[str, tuple[int, dict[str, str]]] = {}
        """Of each account the day, and the owner of each order by its link id."""
        self._told: set[str] = set()

    def heard(self, alias: str, row: OrderRow) -> None:
        """An order of an account changed. What was not sent, or not by us, does not count."""
        if row.signed_ms is None or row.signed_ms // DAY_MS != self._now_ms() // DAY_MS:
            return
        sent = self._today(alias)
        sent[row.link_id] = row.owner
        if len(sent) >= self._warn_from and alias not in self._told:
            self._told.add(alias)
            text = f"{len(sent)} orders since 00:00 UTC, rate.orders_per_day_warn is {self._warn_from}"
            self._incidents.open(KIND, "warning", account_scope(alias), text)

    def row(self, alias: str) -> LimitRow:
        """A line of the `limits` table. Nothing is refused for it, it is only told."""
        sent = self._today(alias)
        by_owner = dict(Counter(sent.values()).most_common())
        name = "orders since 00:00 UTC"
        return LimitRow(alias, name, self._warn_from, self._warn_from, len(sent), 0.0, 0.0, 0.0, 0, by_owner)

    def _today(self, alias: str) -> dict[str, str]:
        day = self._now_ms() // DAY_MS
        found = self._seen.get(alias)
        if found is not None and found[0] == day:
            return found[1]
        sent: dict[str, str] = {}
        # This reads every order there ever was: `row`, called when the account opens, keeps it from the first order.
        if found is None:
            sql = "SELECT link_id, owner FROM orders WHERE account = ? AND signed_ms >= ?"
            sent.update((row["link_id"], row["owner"]) for row in self._ledger.rows(sql, (alias, day * DAY_MS)))
        self._told.discard(alias)
        if len(sent) < self._warn_from:
            self._incidents.resolve(KIND, account_scope(alias), "a new day")
        self._seen[alias] = day, sent
        return sent
