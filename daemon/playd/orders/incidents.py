"""Incidents: things a person must know. One open incident per (kind, scope); repeats are counted, not multiplied."""

from dataclasses import dataclass

from playd.core.record import Recorder
from playd.orders.ledger import Ledger
from playd.world.ports import Clock


@dataclass(frozen=True, slots=True)
class Incident:
    id: int
    kind: str
    severity: str
    scope: str
    text: str
    count: int
    opened_ms: int
    last_ms: int
    acked_ms: int | None


class Incidents:
    """Opens, counts and resolves incidents in the ledger and the journal. Severities: `warning`, `critical`."""

    def __init__(self, ledger: Ledger, clock: Clock, journal: Recorder) -> None:
        self._ledger = ledger
        self._clock = clock
        self._journal = journal

    def open(self, kind: str, severity: str, scope: str, text: str) -> None:
        """Open an incident, or count a repeat of one that is open."""
        now_ms = self._clock.wall_ms()
        cursor = self._ledger.write(
            "UPDATE incidents SET count = count + 1, last_ms = ?, text = ?"
            " WHERE kind = ? AND scope = ? AND resolved_ms IS NULL",
            (now_ms, text, kind, scope),
        )
        if cursor.rowcount:
            return
        self._ledger.write(
            "INSERT INTO incidents (kind, severity, scope, text, opened_ms, last_ms) VALUES (?,?,?,?,?,?)",
            (kind, severity, scope, text, now_ms, now_ms),
        )
        self._journal.append("incident.open", {"kind": kind, "severity": severity, "scope": scope, "text": text})

    def resolve(self, kind: str, scope: str, note: str) -> None:
        """Close an incident whose cause is proved gone. Nothing happens when none is open."""
        cursor = self._ledger.write(
            "UPDATE incidents SET resolved_ms = ?, note = ? WHERE kind = ? AND scope = ? AND resolved_ms IS NULL",
            (self._clock.wall_ms(), note, kind, scope),
        )
        if cursor.rowcount:
            self._journal.append("incident.resolve", {"kind": kind, "scope": scope, "note": note})

    def open_ones(self) -> list[Incident]:
        """Unresolved incidents, newest first."""
        rows = self._ledger.rows("SELECT * FROM incidents WHERE resolved_ms IS NULL ORDER BY last_ms DESC, id DESC")
        return [
            Incident(
                row["id"],
                row["kind"],
                row["severity"],
                row["scope"],
                row["text"],
                row["count"],
                row["opened_ms"],
                row["last_ms"],
                row["acked_ms"],
            )
            for row in rows
        ]
