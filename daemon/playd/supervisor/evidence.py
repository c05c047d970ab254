"""Evidence in the ledger: what was shown, by whom and until when it counts. Its id is the digest of its content."""

from typing import Any, Final

import orjson

from playd.core.canonical import canonical_json, digest
from playd.core.timeframes import DAY_MS
from playd.orders.ledger import Ledger
from playd.supervisor.readiness import Evidence
from playd.world.ports import Clock

KEPT_MS: Final = 90 * DAY_MS
"""How long evidence counts that names no end of its own; the policy asks for less."""

PAGE: Final = 500


class EvidenceBook:
    """Adds and finds evidence. `subject` is what it is about: the digest of a Play, the number of a drill, an account."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def add(
        self, kind: str, subject: str, numbers: dict[str, Any], *, passed: bool, created_ms: int, lasts_ms: int
    ) -> Evidence:
        """Keep one piece, durable on return. The same content again is the same piece."""
        body = {"kind": kind, "subject": subject, "numbers": numbers, "passed": passed, "created_ms": created_ms}
        found = Evidence(digest(body), kind, passed, created_ms, created_ms + lasts_ms, numbers)
        self._ledger.write(
            "INSERT INTO evidence (id, kind, subject, passed, created_ms, expires_ms, body) VALUES (?,?,?,?,?,?,?)"
            " ON CONFLICT DO NOTHING",
            (found.id, kind, subject, int(passed), created_ms, found.expires_ms, canonical_json(numbers).decode()),
        )
        self._ledger.commit()
        return found

    def newest(self, kind: str, subject: str) -> Evidence | None:
        """The newest of a kind about something, whether it passed or not."""
        found = self.about(kind, subject)
        return found[0] if found else None

    def about(self, kind: str, subject: str) -> list[Evidence]:
        """All of a kind about something, newest first."""
        sql = "SELECT * FROM evidence WHERE kind = ? AND subject = ? ORDER BY created_ms DESC LIMIT ?"
        return [_of(row) for row in self._ledger.rows(sql, (kind, subject, PAGE))]

    def newest_by_subject(self, kind: str) -> dict[str, Evidence]:
        """The newest of a kind for each subject."""
        rows = self._ledger.rows("SELECT * FROM evidence WHERE kind = ? ORDER BY created_ms", (kind,))
        return {row["subject"]: _of(row) for row in rows}

    def named(self, id: str) -> Evidence | None:
        """One by its id, as a check names what shows it."""
        row = self._ledger.row("SELECT * FROM evidence WHERE id = ?", (id,))
        return None if row is None else _of(row)

    def latest(self) -> list[tuple[str, Evidence]]:
        """Subject and evidence, newest first."""
        rows = self._ledger.rows("SELECT * FROM evidence ORDER BY created_ms DESC LIMIT ?", (PAGE,))
        return [(row["subject"], _of(row)) for row in rows]


def _of(row: Any) -> Evidence:
    numbers = orjson.loads(row["body"])
    return Evidence(row["id"], row["kind"], bool(row["passed"]), row["created_ms"], row["expires_ms"], numbers)
