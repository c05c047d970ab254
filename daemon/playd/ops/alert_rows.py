"""Alerts as rows of the ledger: written before anything is sent, so that neither a crash nor a dead provider loses one."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from playd.core.timeframes import DAY_MS
from playd.orders.ledger import Ledger

KEPT_MS: Final = 90 * DAY_MS
BACKOFF_MAX_MS: Final = 300_000
"""The longest wait between two tries. Only quiet hours hold a warning, that was not tried yet, for longer: a day at most."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert on one route. `status` is `queued`, `sent` or `dead`; `dedup` makes each thing said once per route."""

    id: int
    route: str
    severity: str
    dedup: str
    body: str
    status: str
    attempts: int
    next_ms: int
    created_ms: int
    error: str


class AlertRows:
    """The table `notifications`. Synchronous; `commit` is the caller's, before a row is sent and after it was."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, route: str, severity: str, dedup: str, body: str, *, incident: int, now_ms: int, next_ms: int) -> bool:
        """Queue one, unless the route has one of this `dedup`; whether it was added."""
        cursor = self._ledger.write(
            "INSERT OR IGNORE INTO notifications (route, severity, dedup, incident, body, status, next_ms, created_ms)"
            " VALUES (?,?,?,?,?,'queued',?,?)",
            (route, severity, dedup, incident, body, next_ms, now_ms),
        )
        return cursor.rowcount == 1

    def due(self, route: str, now_ms: int) -> AlertRow | None:
        """
        The next one to send: critical before warning, then the oldest. One that would wait for longer than any ever does was
        put off by a wall clock that has been set back since.
        """
        row = self._ledger.row(
            "SELECT * FROM notifications WHERE route = ? AND status = 'queued' AND (next_ms <= ?"
            " OR next_ms > ? + CASE WHEN severity = 'critical' OR attempts > 0 THEN ? ELSE ? END)"
            " ORDER BY severity = 'critical' DESC, id LIMIT 1",
            (route, now_ms, now_ms, BACKOFF_MAX_MS, DAY_MS),
        )
        return None if row is None else _row(row)

    def sent(self, alert: AlertRow, now_ms: int) -> None:
        """The provider took it."""
        self._end(alert, "sent", "", now_ms)

    def dead(self, alert: AlertRow, error: str, now_ms: int) -> None:
        """It is not tried any more; kept as a dead letter."""
        self._end(alert, "dead", error, now_ms)

    def failed(self, alert: AlertRow, error: str, next_ms: int) -> None:
        """It was not taken, and is tried again at `next_ms`."""
        self._ledger.write(
            "UPDATE notifications SET attempts = attempts + 1, next_ms = ?, error = ? WHERE id = ?", (next_ms, error, alert.id)
        )
        self._ledger.commit()

    def retry(self, alert_id: int, now_ms: int) -> bool:
        """Queue a dead or waiting one for now; False when there is none of that number that was not sent."""
        cursor = self._ledger.write(
            "UPDATE notifications SET status = 'queued', next_ms = ?, created_ms = ?, attempts = 0, done_ms = NULL"
            " WHERE id = ? AND status <> 'sent'",
            (now_ms, now_ms, alert_id),
        )
        return cursor.rowcount == 1

    def drop(self, alert_id: int, by: str, now_ms: int) -> bool:
        """A person gives one up; False when there is none of that number that was not sent."""
        cursor = self._ledger.write(
            "UPDATE notifications SET status = 'dropped', done_ms = ?, error = ? WHERE id = ? AND status <> 'sent'",
            (now_ms, f"dropped by {by}", alert_id),
        )
        return cursor.rowcount == 1

    def of(self, route: str, dedup: str) -> AlertRow | None:
        """The alert of a route with this `dedup`."""
        row = self._ledger.row("SELECT * FROM notifications WHERE route = ? AND dedup = ?", (route, dedup))
        return None if row is None else _row(row)

    def find(self, alert_id: int) -> AlertRow | None:
        """One alert by its number."""
        row = self._ledger.row("SELECT * FROM notifications WHERE id = ?", (alert_id,))
        return None if row is None else _row(row)

    def latest(self, limit: int) -> list[AlertRow]:
        """Alerts of every status, newest first."""
        return [_row(row) for row in self._ledger.rows("SELECT * FROM notifications ORDER BY id DESC LIMIT ?", (limit,))]

    def pending(self) -> dict[str, int]:
        """How many wait, by route."""
        rows = self._ledger.rows("SELECT route, count(*) AS n FROM notifications WHERE status = 'queued' GROUP BY route")
        return {row["route"]: row["n"] for row in rows}

    def oldest_ms(self) -> int | None:
        """When the oldest one that was not delivered was due: a queued one, or a critical one that was given up by us."""
        row = self._ledger.row(
            "SELECT min(created_ms) AS at FROM notifications"
            " WHERE (status = 'queued' AND attempts > 0) OR (status = 'dead' AND severity = 'critical')"
        )
        return None if row is None or row["at"] is None else int(row["at"])

    def forget_old(self, now_ms: int) -> None:
        """Drop what is older than its time."""
        self._ledger.write("DELETE FROM notifications WHERE created_ms < ? AND status <> 'queued'", (now_ms - KEPT_MS,))

    def commit(self) -> None:
        """Make everything written so far durable."""
        self._ledger.commit()

    def _end(self, alert: AlertRow, status: str, error: str, now_ms: int) -> None:
        self._ledger.write(
            "UPDATE notifications SET status = ?, attempts = attempts + 1, error = ?, done_ms = ? WHERE id = ?",
            (status, error, now_ms, alert.id),
        )
        self._ledger.commit()


def _row(row: sqlite3.Row) -> AlertRow:
    return AlertRow(
        id=row["id"],
        route=row["route"],
        severity=row["severity"],
        dedup=row["dedup"],
        body=row["body"],
        status=row["status"],
        attempts=row["attempts"],
        next_ms=row["next_ms"],
        created_ms=row["created_ms"],
        error=row["error"],
    )
