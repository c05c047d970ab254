"""
What the venue's log has of a UTC day that our books have not: the part of the day that no life of the daemon saw.

A daemon that was down, or that is new on an account, does not know what was lost meanwhile. The log knows: `change` of its rows
is the money itself, fees and funding included, and closed profit is made of the same executions. It is read once for every day
whose beginning this life did not see. Until that has been done the day's start is unknown, and entries are refused.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import anyio

from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.core.timeframes import DAY_MS
from playd.orders.books import TRADING
from playd.orders.desk import Desk
from playd.orders.halts import account_scope
from playd.venues.port import Priority, Transaction

UNKNOWN: Final = "DAY_START_UNKNOWN"
"""Kind of the incident while the log cannot be read."""

TRIES_S: Final = (2.0, 4.0, 8.0)
"""Pauses behind the first readings that fail; after these somebody is told."""

AGAIN_S: Final = 60.0
"""The pause behind every later one."""

_ZERO: Final = Decimal(0)


class DayLog:
    """The log of one account's days. `run` reads, `unbooked` answers."""

    def __init__(self, desk: Desk, on_known: Callable[[], None]) -> None:
        """`on_known` hears that a day which was asked for is known now."""
        self._desk = desk
        self._on_known = on_known
        self._day = -1
        """The newest day that is known, by the log or because this life saw it begin."""
        self._missing: tuple[Transaction, ...] = ()
        """Rows of that day whose executions were not booked when it was read."""
        self._asked_day = -1
        self._asked = anyio.Event()

    def unbooked(self, day: int, *, seen: bool) -> Decimal | None:
        """
        What was lost on a UTC day (days since 1970) beside what is booked, in USDT; None while nobody knows.

        `seen`: a balance of its beginning is on record. That is enough for a day that began in this life.
        """
        if day != self._day and seen and self._day >= 0:
            self._day, self._missing = day, ()
        if day != self._day:
            self._asked_day = day
            self._asked.set()
            return None
        fills = self._desk.fills
        missing = sum((row.change for row in self._missing if not fills.known(row.exec_id)), _ZERO)
        return max(_ZERO, -missing)

    async def run(self) -> None:
        """Read the log of every day that is asked for, as often as it takes; until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            tries = 0
            while self._asked_day != self._day and not await self._read(self._asked_day):
                await anyio.sleep(TRIES_S[tries] if tries < len(TRIES_S) else AGAIN_S)
                tries += 1
                if tries == len(TRIES_S):
                    note = "the venue's log of the day cannot be read: entries are refused until it is"
                    self._desk.incidents.open(UNKNOWN, "warning", account_scope(self._desk.alias), note)

    async def _read(self, day: int) -> bool:
        desk = self._desk
        try:
            rows = await desk.port.transactions(since_ms=day * DAY_MS, priority=Priority.RECONCILE)
        except (VenueError, LinkError):
            return False
        # What was bought or sold on other markets is no loss of positions; our books never have it.
        traded = [row for row in rows if row.type in TRADING and row.exec_id and row.category in ("", "linear")]
        self._day, self._missing = day, tuple(row for row in traded if not desk.fills.known(row.exec_id))
        desk.incidents.resolve(UNKNOWN, account_scope(desk.alias), "the venue's log of the day was read")
        lost = self.unbooked(day, seen=False)
        if lost:
            data: dict[str, Json] = {"class": "R10", "day": day, "unbooked_usdt": format(lost, "f"), "rows": len(self._missing)}
            desk.journal.append("recon.diff", data, account=desk.alias)
        self._on_known()
        return True
