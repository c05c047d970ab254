"""
The books against the venue's money: the wallet after every clean reading, and each past day against the transaction log.

What was put in (balance less booked results) stays the same whatever is traded. When it moves, the log says why: money that was
moved, or an execution that is missing here, which is then fetched. What the log does not explain for ten minutes is a critical
incident. The log is read only then, and once a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from playd.core.canonical import Json, canonical_json, digest
from playd.core.errors import LinkError, VenueError
from playd.core.modes import Environment
from playd.core.orders import Wallet
from playd.core.timeframes import DAY_MS
from playd.orders.catch_up import CatchUp
from playd.orders.desk import Desk
from playd.orders.halts import account_scope
from playd.orders.results import Results
from playd.venues.port import Priority, Transaction

UNEXPLAINED_S: Final = 600.0
"""How long a difference may wait for its explanation: the venue's log may lag behind its wallet."""

DAY_AFTER_MS: Final = 5 * 60_000
"""How long after midnight a past day is checked."""

LATE_MS: Final = 3_600_000
"""How late an execution may turn up and still be looked for when the money does not add up."""

MOST_DAYS: Final = 7
"""How many past days are made up for, one after the other; of more only the last."""

_CENT: Final = Decimal("0.01")
_ROUNDING: Final = Decimal("0.000001")
"""Of equity: average prices are rounded here and there in different places."""

_ZERO: Final = Decimal(0)
_TRADES: Final = frozenset({"TRADE", "LIQUIDATION", "ADL", "DELIVERY"})
TRADING: Final = _TRADES | {"SETTLEMENT"}
"""Types of the log that executions stand for. Everything else moved money without one."""

_KEPT_MS: Final = 400 * DAY_MS


@dataclass(frozen=True, slots=True)
class Day:
    """
    One UTC day of an account in USDT: realised before fees, fees and funding (positive when paid), and money moved in less out,
    which the ledger does not know.
    """

    realised: Decimal
    fees: Decimal
    funding: Decimal
    moved: Decimal = _ZERO


def day_of(rows: Sequence[Transaction]) -> Day:
    """What the log says of the rows of one day."""
    trades = [row for row in rows if row.type in _TRADES]
    return Day(
        realised=sum((row.cash_flow for row in trades), _ZERO),
        fees=sum((row.fee for row in rows if row.type in TRADING), _ZERO),
        funding=sum((row.funding for row in rows if row.type in TRADING), _ZERO),
        moved=moved_by(rows),
    )


def moved_by(rows: Sequence[Transaction]) -> Decimal:
    """Money that came in less what went out, with no execution behind it."""
    return sum((row.change for row in rows if row.type not in TRADING), _ZERO)


def agree(ours: Day, theirs: Day, tolerance: Decimal) -> bool:
    """Whether two views of a day are the same to within rounding."""
    pairs = ((ours.realised, theirs.realised), (ours.fees, theirs.fees), (ours.funding, theirs.funding))
    return all(abs(mine - other) <= tolerance for mine, other in pairs)


def tolerance_of(equity_usdt: Decimal) -> Decimal:
    """How far two sums of the same money may lie apart, in USDT."""
    return max(_CENT, abs(equity_usdt) * _ROUNDING)


class Books:
    """Checks the money of one account. Reads of the log that fail are tried again at the next call."""

    def __init__(self, desk: Desk, catch_up: CatchUp) -> None:
        self._desk = desk
        self._catch_up = catch_up
        self._results = Results(desk.ledger, desk.fills, by_receipt=False)
        self._since_s: float | None = None

    async def compare(self, wallet: Wallet) -> str:
        """Judge a balance all of whose executions are booked: `match`, `diff`, or `blind` where the log cannot be read."""
        desk = self._desk
        put_in = wallet.balance_usdt - self._results.now()
        stored = desk.ledger.meta(self._put_in_key)
        moved = _ZERO if stored is None else put_in - Decimal(stored)
        try:
            if stored is None:
                self._agreed(put_in, await self._log())
            elif abs(moved) <= tolerance_of(wallet.equity_usdt):
                self._settle("the balance is what the books say again")
                self._advance(desk.fills.newest_ms)
            else:
                return await self._explain(wallet, put_in, moved)
        except (VenueError, LinkError):
            return "blind"  # nothing is said of what could not be read
        return "match"

    def day_due(self) -> int | None:
        """The first UTC day (days since 1970) that is over and has not been checked; None when there is none."""
        now_ms, stored = self._now_ms(), self._desk.ledger.meta(self._day_key)
        if not now_ms:
            return None
        today = (now_ms - DAY_AFTER_MS) // DAY_MS
        if stored is None:
            # The books begin in the middle of a day; the first whole one is the next.
            self._desk.ledger.set_meta(self._day_key, str(now_ms // DAY_MS + 1))
            return None
        due = int(stored)
        if today - due > MOST_DAYS:
            due = today - 1  # a market in a hurry, or a daemon that was off for long
        return due if due < today else None

    def _now_ms(self) -> int:
        """The venue's time; of a simulated market that of its newest execution: its balances have the machine's time."""
        desk = self._desk
        if desk.environment is Environment.LOCAL:
            return self._catch_up.watermark_ms or 0
        return desk.condition.wallet.time_ms if desk.condition.wallet is not None else 0

    async def check_day(self, day: int) -> None:
        """Compare one past day with the log and keep the result as evidence. What cannot be read is tried again."""
        desk, wallet = self._desk, self._desk.condition.wallet
        start_ms, end_ms = day * DAY_MS, (day + 1) * DAY_MS
        try:
            rows = await desk.port.transactions(since_ms=start_ms, until_ms=end_ms - 1, priority=Priority.RECONCILE)
        except (VenueError, LinkError):
            return
        ours, theirs = self._booked(start_ms, end_ms), day_of(rows)
        passed = agree(ours, theirs, tolerance_of(wallet.equity_usdt if wallet is not None else _ZERO))
        self._keep(day, ours, theirs, passed=passed)
        if not passed:
            note = f"day {_date(day)}: {_differences(ours, theirs)}"
            desk.incidents.open("BOOKS_DIFFER", "critical", self._scope, note)
        desk.ledger.set_meta(self._day_key, str(day + 1))

    async def _explain(self, wallet: Wallet, put_in: Decimal, moved: Decimal) -> str:
        desk, found = self._desk, await self._log()
        rows = [row for row in found if row.time_ms > self._log_ms]
        by_hand = moved_by(rows)
        if abs(moved - by_hand) <= tolerance_of(wallet.equity_usdt):
            data: dict[str, Json] = {"class": "R10", "moved": format(moved, "f"), "explained_by": _types(rows)}
            desk.journal.append("recon.diff", data, account=desk.alias)
            self._settle(f"the venue's log has it: {_types(rows)}")
            self._agreed(put_in, rows)
            return "match"
        missing = [row for row in found if row.type in TRADING and row.exec_id and not desk.fills.known(row.exec_id)]
        if missing and await self._catch_up.since(min(row.time_ms for row in missing)):
            return "diff"  # the next clean reading judges what is booked now
        now_s = desk.clock.mono_s()
        self._since_s = self._begun_s(now_s) if self._since_s is None else self._since_s
        late = now_s - self._since_s >= UNEXPLAINED_S
        note = f"balance moved by {moved:+.2f} USDT that no execution explains; the venue's log has {by_hand:+.2f} of transfers"
        desk.incidents.open("BALANCE_MOVED", "critical" if late else "warning", self._scope, note)
        if late:
            # A person has the figure now; what comes next is judged for itself.
            self._since_s = None
            self._agreed(put_in, rows)
        return "diff"

    def _begun_s(self, now_s: float) -> float:
        """Since when nothing has explained the balance, in an earlier life too, which left its warning open."""
        for incident in self._desk.incidents.open_ones():
            if (incident.kind, incident.scope, incident.severity) == ("BALANCE_MOVED", self._scope, "warning"):
                return now_s - max(0, self._desk.clock.wall_ms() - incident.since_ms) / 1000
        return now_s

    def _settle(self, note: str) -> None:
        """A difference found its explanation. One that stayed without is a person's to close."""
        self._since_s = None
        for incident in self._desk.incidents.open_ones():
            if (incident.kind, incident.scope, incident.severity) == ("BALANCE_MOVED", self._scope, "warning"):
                self._desk.incidents.resolve(incident.kind, incident.scope, note)

    async def _log(self) -> Sequence[Transaction]:
        """The rows of the log behind the last agreement, oldest first, and of the hour before it: one may have come late."""
        since_ms = self._log_ms - LATE_MS if self._log_ms else None
        return await self._desk.port.transactions(since_ms=since_ms, priority=Priority.RECONCILE)

    def _agreed(self, put_in: Decimal, rows: Sequence[Transaction]) -> None:
        self._desk.ledger.set_meta(self._put_in_key, format(put_in, "f"))
        self._advance(max((row.time_ms for row in rows), default=0))

    def _advance(self, time_ms: int) -> None:
        """Rows of the log up to a moment of the venue are accounted for."""
        if time_ms > self._log_ms:
            self._desk.ledger.set_meta(self._log_key, str(time_ms))

    def _booked(self, start_ms: int, end_ms: int) -> Day:
        """What the ledger has of a day."""
        desk = self._desk
        before, after = self._results.at([start_ms - 1, end_ms - 1])
        rows = desk.ledger.rows(
            "SELECT fee, exec_type FROM executions WHERE account = ? AND venue_ms >= ? AND venue_ms < ?"
            " AND fee_currency IN ('', 'USDT')",
            (desk.alias, start_ms, end_ms),
        )
        funding = sum((Decimal(row["fee"]) for row in rows if row["exec_type"] == "Funding"), _ZERO)
        fees = sum((Decimal(row["fee"]) for row in rows if row["exec_type"] != "Funding"), _ZERO)
        return Day(after - before + fees + funding, fees, funding)

    def _keep(self, day: int, ours: Day, theirs: Day, *, passed: bool) -> None:
        desk = self._desk
        numbers: dict[str, Json] = {"day": _date(day), "moved_usdt": format(theirs.moved, "f")}
        for name in ("realised", "fees", "funding"):
            pair = {"ledger": format(getattr(ours, name), "f"), "venue": format(getattr(theirs, name), "f")}
            numbers[f"{name}_usdt"] = dict(pair)
        now_ms = desk.clock.wall_ms()
        body: dict[str, Json] = {"kind": "books_day", "subject": desk.alias, "numbers": numbers, "passed": passed}
        desk.ledger.write(
            "INSERT INTO evidence (id, kind, subject, passed, created_ms, expires_ms, body) VALUES (?,'books_day',?,?,?,?,?)"
            " ON CONFLICT DO NOTHING",
            (digest(body), desk.alias, int(passed), now_ms, now_ms + _KEPT_MS, canonical_json(numbers).decode()),
        )
        desk.journal.append(
            "recon.run", {"trigger": "books_day", "result": "match" if passed else "diff", **numbers}, account=desk.alias
        )

    @property
    def _scope(self) -> str:
        return account_scope(self._desk.alias)

    @property
    def _put_in_key(self) -> str:
        return f"put_in:{self._desk.alias}"

    @property
    def _log_ms(self) -> int:
        """Up to where the rows of the log are accounted for; 0 before the first of them."""
        return int(self._desk.ledger.meta(self._log_key) or 0)

    @property
    def _log_key(self) -> str:
        return f"log_ms:{self._desk.alias}"

    @property
    def _day_key(self) -> str:
        return f"books_day:{self._desk.alias}"


def _types(rows: Sequence[Transaction]) -> str:
    """Rows without an execution, in words."""
    return ", ".join(f"{row.type} {row.change:f}" for row in rows if row.type not in TRADING)


def _differences(ours: Day, theirs: Day) -> str:
    names = ("realised", "fees", "funding")
    return "; ".join(f"{name} {getattr(ours, name):f} here, {getattr(theirs, name):f} in the venue's log" for name in names)


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
