"""What an account has earned, recomputed from its executions; and the index of its money at a moment, see `breakers`."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

import orjson

from playd.core.orders import Execution, Side, Wallet
from playd.core.timeframes import DAY_MS
from playd.orders.fills import Fills
from playd.orders.fold import VirtualPosition, add
from playd.orders.ledger import Ledger

_NEAR_MS: Final = 60_000
_BEFORE_MS: Final = 120_000
_MARK_BEFORE_MS: Final = 3_600_000
"""How far before the beginning of a day its mark lies: no reading that anybody asks for during the day is older."""

_ZERO: Final = Decimal(0)
_FLAT: Final = VirtualPosition()
_BALANCES: Final = "SELECT ms, equity, wallet_balance FROM equity WHERE account = ? AND"

_Shares = dict[tuple[str, str], VirtualPosition]

_Row = tuple[int, tuple[str, str], Execution]
"""Time, owner and symbol, what was executed."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Every share after the executions up to number `n`, none of which happened behind `until_ms`."""

    until_ms: int
    n: int
    shares: _Shares


@dataclass(frozen=True, slots=True)
class _Start:
    """The first reading of a day: index, what had been put in (balance less results), whether it is from when the day began."""

    index: Decimal
    put_in: Decimal
    is_near: bool


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
        self._mark: _Mark | None = None
        self._midnights: dict[int, Decimal] = {}
        self._starts: dict[int, _Start] = {}

    def now(self) -> Decimal:
        """Realised results less fees and funding of all owners, foreign ones included, in USDT."""
        return sum((_net(share.position) for share in self._fills.shares()), _ZERO)

    def of_owner(self, owner: str) -> Decimal:
        """The same of one owner."""
        return sum((_net(share.position) for share in self._fills.shares() if share.owner == owner), _ZERO)

    def until(self, time_ms: int) -> Decimal:
        """The same of all executions up to a moment."""
        return self.at([time_ms])[0]

    def at(self, times_ms: Sequence[int]) -> list[Decimal]:
        """
        The same for each of several moments, folded in booked order.

        What a mark holds is not folded again: as long as nobody asks for what was before it, only the executions of about a day
        are read, however many there are.
        """
        if not times_ms:
            return []
        mark = self._mark_before(min(times_ms))
        rows = self._rows(f"n > ? AND {self._time} <= ?", mark.n, max(times_ms))
        if any(later[0] < earlier[0] for earlier, later in pairwise(rows)):
            return [_sum(_folded(mark.shares, rows, time_ms)) for time_ms in times_ms]
        return _in_one_pass(mark.shares, rows, times_ms)

    def _mark_before(self, time_ms: int) -> _Mark:
        """The newest mark that is of use for a moment; made anew where a day has begun since."""
        wanted_ms = time_ms - time_ms % DAY_MS - _MARK_BEFORE_MS
        mark = self._mark or self._stored_mark()
        if mark is None or mark.until_ms < wanted_ms:
            mark = self._moved(mark or _Mark(0, 0, {}), wanted_ms)
            self._ledger.set_meta(self._mark_key, _packed(mark))
        self._mark = mark
        return mark if mark.until_ms <= time_ms else _Mark(0, 0, {})

    def _moved(self, mark: _Mark, until_ms: int) -> _Mark:
        """
        A mark with the executions behind it up to a moment, as long as none among them happened later: what is booked late
        stays behind the mark.
        """
        behind = "SELECT min(n) AS n FROM executions WHERE account = ? AND n > ?"
        later = self._ledger.row(f"{behind} AND {self._time} > ?", (self._fills.account, mark.n, until_ms))
        newest = self._ledger.row("SELECT max(n) AS n FROM executions WHERE account = ?", (self._fills.account,))
        last_n = later["n"] - 1 if later is not None and later["n"] is not None else (newest["n"] or 0) if newest else 0
        rows = self._rows("n > ? AND n <= ?", mark.n, last_n)
        return _Mark(until_ms, max(mark.n, last_n), _folded(mark.shares, rows, until_ms))

    def _rows(self, where: str, *values: int) -> list[_Row]:
        """(time, share, execution) in booked order. Only what a fold needs is read."""
        found = self._ledger.rows(
            f"SELECT {self._time} AS at, venue_ms, owner, symbol, side, qty, price, fee, fee_currency, exec_type"
            f" FROM executions WHERE account = ? AND {where} ORDER BY n",
            (self._fills.account, *values),
        )
        return [(row["at"], (row["owner"], row["symbol"]), _execution(row)) for row in found]

    def _stored_mark(self) -> _Mark | None:
        stored = self._ledger.meta(self._mark_key)
        return None if stored is None else _unpacked(stored)

    @property
    def _mark_key(self) -> str:
        return f"results:{self._fills.account}:{self._time}"

    def forget_days(self) -> None:
        """Read the past of the present day again: something was booked into it."""
        self._midnights, self._starts = {}, {}

    def at_midnight(self, time_ms: int) -> Decimal:
        """Results at the beginning of the UTC day that holds `time_ms`."""
        day = time_ms // DAY_MS
        if day not in self._midnights:
            self._midnights = {day: self.until(day * DAY_MS - 1)}
        return self._midnights[day]

    def saw_begin(self, time_ms: int) -> bool:
        """Whether a balance is on record from when the UTC day that holds `time_ms` began."""
        start = self._start(time_ms)
        return start is not None and start.is_near

    def day_start(self, time_ms: int, unbooked: Decimal = _ZERO) -> Decimal | None:
        """
        The index at the beginning of the UTC day that holds `time_ms`, None while no reading of the balance tells.

        A reading within a minute after midnight, or two before it, is that beginning. Else nobody looked: then it is the larger
        of the day's first reading and of what was booked at midnight, so that a loss of the hours between counts.
        `unbooked` was lost since midnight, and is in no execution here: the index stood so much higher.
        """
        start = self._start(time_ms)
        if start is None:
            return None
        if start.is_near:
            return start.index + unbooked
        return max(start.index, self.at_midnight(time_ms) + unbooked)

    def put_in_since_midnight(self, wallet: Wallet) -> Decimal | None:
        """
        What came in less what went out since the first reading of a balance's UTC day: by how much the balance moved beside
        what is booked. None while no reading tells.
        """
        start = self._start(wallet.time_ms)
        return None if start is None else wallet.balance_usdt - self.now() - start.put_in

    def _start(self, time_ms: int) -> _Start | None:
        """The first reading of a day that is on record."""
        day = time_ms // DAY_MS
        if day not in self._starts:
            start = self._find_start(day * DAY_MS, time_ms)
            self._starts = {} if start is None else {day: start}
        return self._starts.get(day)

    def _find_start(self, midnight_ms: int, time_ms: int) -> _Start | None:
        first = self._reading("ms >= ? AND ms <= ? ORDER BY ms", midnight_ms, time_ms)
        if first is not None and first["ms"] <= midnight_ms + _NEAR_MS:
            return self._start_of(first, is_near=True)
        before = self._reading("ms >= ? AND ms < ? ORDER BY ms DESC", midnight_ms - _BEFORE_MS, midnight_ms)
        if before is not None:
            return self._start_of(before, is_near=True)
        return None if first is None else self._start_of(first, is_near=False)

    def _start_of(self, row: sqlite3.Row, *, is_near: bool) -> _Start:
        results = self.until(int(row["ms"]))
        return _Start(_opened(row) + results, Decimal(row["wallet_balance"]) - results, is_near)

    def readings(self, since_ms: int, until_ms: int) -> list[tuple[int, Decimal]]:
        """(time, index) of stored balances, oldest first."""
        sql = f"{_BALANCES} ms >= ? AND ms < ? ORDER BY ms"
        rows = self._ledger.rows(sql, (self._fills.account, since_ms, until_ms))
        booked = self.at([int(row["ms"]) for row in rows])
        return [(int(row["ms"]), _opened(row) + result) for row, result in zip(rows, booked, strict=True)]

    def _reading(self, where: str, low_ms: int, high_ms: int) -> sqlite3.Row | None:
        return self._ledger.row(f"{_BALANCES} {where} LIMIT 1", (self._fills.account, low_ms, high_ms))


def _opened(row: sqlite3.Row) -> Decimal:
    """What was open when a balance was stored."""
    return Decimal(row["equity"]) - Decimal(row["wallet_balance"])


def _folded(shares: _Shares, rows: Sequence[_Row], until_ms: int) -> _Shares:
    """These shares after the rows that happened up to a moment."""
    after = dict(shares)
    for at_ms, share, execution in rows:
        if at_ms <= until_ms:
            after[share] = add(after.get(share, _FLAT), execution)
    return after


def _in_one_pass(shares: _Shares, rows: Sequence[_Row], times_ms: Sequence[int]) -> list[Decimal]:
    """The sums at several moments where rows were booked in the order in which they happened."""
    found: dict[int, Decimal] = {}
    held, done = dict(shares), 0
    for until_ms in sorted(set(times_ms)):
        while done < len(rows) and rows[done][0] <= until_ms:
            _, share, execution = rows[done]
            held[share] = add(held.get(share, _FLAT), execution)
            done += 1
        found[until_ms] = _sum(held)
    return [found[time_ms] for time_ms in times_ms]


def _sum(shares: _Shares) -> Decimal:
    return sum(map(_net, shares.values()), _ZERO)


def _execution(row: sqlite3.Row) -> Execution:
    """As much of an execution as a fold looks at."""
    return Execution(
        exec_id="",
        link_id="",
        venue_order_id="",
        symbol=row["symbol"],
        side=Side(row["side"]),
        qty=Decimal(row["qty"]),
        price=Decimal(row["price"]),
        value=_ZERO,
        fee=Decimal(row["fee"]),
        fee_currency=row["fee_currency"],
        exec_type=row["exec_type"],
        create_type="",
        stop_order_type="",
        closed_size=_ZERO,
        exec_pnl=_ZERO,
        is_maker=False,
        seq=0,
        time_ms=row["venue_ms"],
    )


def _packed(mark: _Mark) -> str:
    shares = [
        [*key, str(held.signed_qty), str(held.avg_price), str(held.realised), str(held.fees), str(held.funding), held.opened_ms]
        for key, held in mark.shares.items()
    ]
    return orjson.dumps({"until_ms": mark.until_ms, "n": mark.n, "shares": shares}).decode()


def _unpacked(stored: str) -> _Mark:
    found = orjson.loads(stored)
    shares = {
        (owner, symbol): VirtualPosition(
            Decimal(signed), Decimal(average), Decimal(realised), Decimal(fees), Decimal(funding), opened_ms
        )
        for owner, symbol, signed, average, realised, fees, funding, opened_ms in found["shares"]
    }
    return _Mark(found["until_ms"], found["n"], shares)


def _net(position: VirtualPosition) -> Decimal:
    return position.realised - position.fees - position.funding
