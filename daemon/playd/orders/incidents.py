"""
Incidents: things a person must know. One open incident per (kind, scope); repeats are counted, not multiplied.

One that comes again within half an hour of its end is the same incident, open again: it has to be acknowledged anew.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from playd.core.canonical import Json
from playd.core.record import Recorder
from playd.orders.ledger import Ledger
from playd.world.ports import Clock

_NOTED: Final = "note = coalesce(nullif(note, '') || '; ' || nullif(?, ''), nullif(note, ''), ?)"
"""What is said of an incident goes behind what was said before; takes the note twice."""


REOPENED_WITHIN_MS: Final = 30 * 60_000


@dataclass(frozen=True, slots=True)
class Incident:
    """`opened_ms` is when it came first, `reopened_ms` when it came again after it was over, None when it never did."""

    id: int
    kind: str
    severity: str
    scope: str
    text: str
    count: int
    opened_ms: int
    last_ms: int
    acked_ms: int | None
    acked_by: str
    resolved_ms: int | None
    note: str
    reopened_ms: int | None

    @property
    def since_ms(self) -> int:
        """Since when it has been there without an end."""
        return self.opened_ms if self.reopened_ms is None else self.reopened_ms

    @property
    def name(self) -> str:
        """What people call it: `inc_20240131T120000_1a2b3c4d`, the same whenever it is asked."""
        return _name(self.id, self.kind, self.scope, self.opened_ms)

    @property
    def state(self) -> str:
        """`open`, `reopened`, `acked` or `resolved`."""
        if self.resolved_ms is not None:
            return "resolved"
        if self.acked_ms is not None:
            return "acked"
        return "open" if self.reopened_ms is None else "reopened"


class Incidents:
    """
    Opens, counts, acknowledges and resolves incidents in the ledger and the journal. Severities: `warning`, `critical`; a
    repeat that is graver makes the incident graver.
    """

    def __init__(self, ledger: Ledger, clock: Clock, journal: Recorder) -> None:
        self._ledger = ledger
        self._clock = clock
        self._journal = journal

    def open(self, kind: str, severity: str, scope: str, text: str) -> None:
        """Open an incident, or count a repeat of one that is open. One that has become graver is on record again."""
        now_ms = self._clock.wall_ms()
        known = self._ledger.row(
            "SELECT id, severity, opened_ms FROM incidents WHERE kind = ? AND scope = ? AND resolved_ms IS NULL", (kind, scope)
        )
        data: dict[str, Json] = {"kind": kind, "severity": severity, "scope": scope, "text": text}
        cursor = self._ledger.write(
            "UPDATE incidents SET count = count + 1, last_ms = ?, text = ?,"
            " severity = CASE WHEN ? = 'critical' THEN 'critical' ELSE severity END"
            " WHERE kind = ? AND scope = ? AND resolved_ms IS NULL",
            (now_ms, text, severity, kind, scope),
        )
        if known is not None and cursor.rowcount:
            if severity == "critical" != known["severity"]:
                name = _name(known["id"], kind, scope, known["opened_ms"])
                self._journal.append("incident.open", {"incident": known["id"], "name": name, **data})
            return
        if self._reopened(kind, severity, scope, text, now_ms):
            return
        added = self._ledger.write(
            "INSERT INTO incidents (kind, severity, scope, text, opened_ms, last_ms) VALUES (?,?,?,?,?,?)",
            (kind, severity, scope, text, now_ms, now_ms),
        )
        number = added.lastrowid or 0
        self._journal.append("incident.open", {"incident": number, "name": _name(number, kind, scope, now_ms), **data})

    def _reopened(self, kind: str, severity: str, scope: str, text: str, now_ms: int) -> bool:
        """Whether one that ended a short while ago is open again now."""
        ended = self._ledger.row(
            "SELECT id, opened_ms FROM incidents WHERE resolved_ms > ? AND kind = ? AND scope = ?"
            " ORDER BY resolved_ms DESC LIMIT 1",
            (now_ms - REOPENED_WITHIN_MS, kind, scope),
        )
        if ended is None:
            return False
        self._ledger.write(
            "UPDATE incidents SET resolved_ms = NULL, acked_ms = NULL, acked_by = NULL, reopened_ms = ?, count = count + 1,"
            " last_ms = ?, text = ?, severity = ? WHERE id = ?",
            (now_ms, now_ms, text, severity, ended["id"]),
        )
        data: dict[str, Json] = {"kind": kind, "severity": severity, "scope": scope, "text": text}
        name = _name(ended["id"], kind, scope, ended["opened_ms"])
        self._journal.append("incident.reopen", {"incident": ended["id"], "name": name, **data})
        return True

    def resolve(self, kind: str, scope: str, note: str) -> None:
        """Close an incident whose cause is proved gone. Nothing happens when none is open."""
        found = self._ledger.row("SELECT * FROM incidents WHERE kind = ? AND scope = ? AND resolved_ms IS NULL", (kind, scope))
        if found is not None:
            self._close(_incident(found), "daemon", note)

    def acknowledge(self, incident: Incident, by: str, note: str) -> None:
        """A person has seen it: it is not said again. It resumes nothing. A second acknowledgement changes nothing."""
        cursor = self._ledger.write(
            f"UPDATE incidents SET acked_ms = ?, acked_by = ?, {_NOTED} WHERE id = ? AND acked_ms IS NULL",
            (self._clock.wall_ms(), by, note, note, incident.id),
        )
        if cursor.rowcount:
            self._record("incident.ack", incident, note, by)

    def remind(self, incident: Incident, kind: str, note: str) -> None:
        """Put on record that it waits for a person: `incident.repeat` when it is said again, `incident.sla_breach` too late."""
        self._record(kind, incident, note, "daemon")

    def note(self, incident: Incident, by: str, note: str) -> None:
        """Write down what a person found out; notes of before stay."""
        self._ledger.write(f"UPDATE incidents SET {_NOTED} WHERE id = ?", (note, note, incident.id))
        self._record("incident.note", incident, note, by)

    def resolve_by_hand(self, incident: Incident, by: str, note: str) -> None:
        """A person says that it is over. One whose cause goes on is opened anew by that cause."""
        self._close(incident, by, note)

    def _close(self, incident: Incident, by: str, note: str) -> None:
        cursor = self._ledger.write(
            f"UPDATE incidents SET resolved_ms = ?, {_NOTED} WHERE id = ? AND resolved_ms IS NULL",
            (self._clock.wall_ms(), note, note, incident.id),
        )
        if cursor.rowcount:
            self._record("incident.resolve", incident, note, by)

    def open_ones(self) -> list[Incident]:
        """Unresolved incidents, newest first."""
        rows = self._ledger.rows("SELECT * FROM incidents WHERE resolved_ms IS NULL ORDER BY last_ms DESC, id DESC")
        return [_incident(row) for row in rows]

    def latest(self, limit: int) -> list[Incident]:
        """Incidents of every state, newest first."""
        return [_incident(row) for row in self._ledger.rows("SELECT * FROM incidents ORDER BY id DESC LIMIT ?", (limit,))]

    def resolved_since(self, since_ms: int) -> list[Incident]:
        """Those that were resolved after a wall time, in the order in which they were opened."""
        rows = self._ledger.rows("SELECT * FROM incidents WHERE resolved_ms > ? ORDER BY id", (since_ms,))
        return [_incident(row) for row in rows]

    def _record(self, kind: str, incident: Incident, note: str, by: str) -> None:
        data: dict[str, Json] = {
            "incident": incident.id,
            "name": incident.name,
            "kind": incident.kind,
            "severity": incident.severity,
            "scope": incident.scope,
            "note": note,
        }
        self._journal.append(kind, data, actor=by)


def open_incident(ledger: Ledger, kind: str, scope: str) -> Incident | None:
    """The open incident of a kind and scope, None where there is none."""
    row = ledger.row("SELECT * FROM incidents WHERE kind = ? AND scope = ? AND resolved_ms IS NULL", (kind, scope))
    return None if row is None else _incident(row)


def _name(number: int, kind: str, scope: str, opened_ms: int) -> str:
    """What an incident is called, for ever: by when it came first and what it is about."""
    moment = datetime.fromtimestamp(opened_ms // 1000, UTC)
    return f"inc_{moment:%Y%m%dT%H%M%S}_{sha256(f'{number}/{kind}/{scope}'.encode()).hexdigest()[:8]}"


def _incident(row: sqlite3.Row) -> Incident:
    return Incident(
        id=row["id"],
        kind=row["kind"],
        severity=row["severity"],
        scope=row["scope"],
        text=row["text"],
        count=row["count"],
        opened_ms=row["opened_ms"],
        last_ms=row["last_ms"],
        acked_ms=row["acked_ms"],
        acked_by=row["acked_by"] or "",
        resolved_ms=row["resolved_ms"],
        note=row["note"] or "",
        reopened_ms=row["reopened_ms"],
    )
