"""What an account has earned, recomputed from its executions; and the index of its money at a moment, see `breakers`."""

import sqlite3
from decimal import Decimal
from typing import Final

from playd.core.timeframes import DAY_MS
from playd.orders.fills import Fills
from playd.orders.fold import VirtualPosition, fold
from playd.orders.ledger import Ledger
from playd.orders.rows import execution_row

_NEAR_MS: Final = 60_000
_BEFORE_MS: Final = 120_000
_ZERO: Final = Decimal(0)
_BALANCES: Final = "SELECT ms, equity, wallet_balance FROM equity WHERE account = ? AND"


class Results:
    """
    Reads of one account's ledger rows; no counter is kept, only the past of the present day is remembered.

    `by_receipt`: executions have the time at which they were booked here, for a market whose own time runs at another pace
    than the clock that stamps its balances; else the venue's.
    """

    def __init__(self, ledger: Ledger, fills: Fills, *, by_receipt: bool) -> None:
        self._ledger = ledger
        self._fills = fills
        self._time = "received_ms" if by_receipt else "venue_ms"
        self._midnights: dict[int, Decimal] = {}
        self._starts: dict[int, Decimal] = {}

    def now(self) -> Decimal:
        """Realised results less fees and funding of all owners, foreign ones included, in USDT."""
        return sum((_net(share.position) for share in self._fills.shares()), _ZERO)

    def of_owner(self, owner: str) -> Decimal:
        """The same of one owner."""
        return sum((_net(share.position) for share in self._fills.shares() if share.owner == owner), _ZERO)

    def until(self, time_ms: int) -> Decimal:
        """The same of all executions up to a moment, folded from the first one."""
        found = _ZERO
        for share in self._fills.shares():
            rows = self._ledger.rows(
                f"SELECT * FROM executions WHERE account = ? AND owner = ? AND symbol = ? AND {self._time} <= ? ORDER BY n",
                (self._fills.account, share.owner, share.symbol, time_ms),
            )
            found += _net(fold(map(execution_row, rows)))
        return found

    def at_midnight(self, time_ms: int) -> Decimal:
        """Results at the beginning of the UTC day that holds `time_ms`."""
        day = time_ms // DAY_MS
        if day not in self._midnights:
            self._midnights = {day: self.until(day * DAY_MS - 1)}
        return self._midnights[day]

    def day_start(self, time_ms: int) -> Decimal | None:
        """
        The index at the beginning of the UTC day that holds `time_ms`, None while no reading of the balance tells.

        A reading within a minute after midnight, or two before it, is that beginning. Else nobody looked: then it is the larger
        of the day's first reading and of what was booked at midnight, so that a loss of the hours between counts.
        """
        day = time_ms // DAY_MS
        if day not in self._starts:
            start = self._find_start(day * DAY_MS, time_ms)
            self._starts = {} if start is None else {day: start}
        return self._starts.get(day)

    def _find_start(self, midnight_ms: int, time_ms: int) -> Decimal | None:
        first = self._reading("ms >= ? AND ms <= ? ORDER BY ms", midnight_ms, time_ms)
        if first is not None and first[0] <= midnight_ms + _NEAR_MS:
            return first[1]
        before = self._reading("ms >= ? AND ms < ? ORDER BY ms DESC", midnight_ms - _BEFORE_MS, midnight_ms)
        if before is not None:
            return before[1]
        return None if first is None else max(first[1], self.at_midnight(time_ms))

    def readings(self, since_ms: int, until_ms: int) -> list[tuple[int, Decimal]]:
        """(time, index) of stored balances, oldest first."""
        sql = f"{_BALANCES} ms >= ? AND ms < ? ORDER BY ms"
        return [self._index(row) for row in self._ledger.rows(sql, (self._fills.account, since_ms, until_ms))]

    def _reading(self, where: str, low_ms: int, high_ms: int) -> tuple[int, Decimal] | None:
        row = self._ledger.row(f"{_BALANCES} {where} LIMIT 1", (self._fills.account, low_ms, high_ms))
        return None if row is None else self._index(row)

    def _index(self, row: sqlite3.Row) -> tuple[int, Decimal]:
        """(time, index) of one stored balance."""
        time_ms, opened = int(row["ms"]), Decimal(row["equity"]) - Decimal(row["wallet_balance"])
        return time_ms, opened + self.until(time_ms)


def _net(position: VirtualPosition) -> Decimal:
    return position.realised - position.fees - position.funding
