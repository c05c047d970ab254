"""Reconciliations of the last day, by account, kept in memory so that asking for their share costs nothing."""

from collections import deque
from typing import Final

from playd.core.timeframes import DAY_MS
from playd.orders.ledger import Ledger
from playd.orders.recon_rows import UNEXPLAINED

LEAST_RUNS: Final = 100
"""Of fewer runs one bad one says little: they are counted as a hundred."""

_NEW: Final = (
    "SELECT id, account, result, started_ms,"
    f" (SELECT count(*) FROM recon_diffs WHERE run = r.id AND {UNEXPLAINED}) AS unexplained"
    " FROM recon_runs r WHERE id > ? ORDER BY id"
)


class ReconHistory:
    """`update` reads what is new; a run is good when it matched or explained all, and a blind one is not."""

    def __init__(self, ledger: Ledger, now_ms: int) -> None:
        self._ledger = ledger
        # Runs carry their time, and the table only grows: one look finds where the day begins.
        before = ledger.row("SELECT coalesce(max(id), 0) AS id FROM recon_runs WHERE started_ms < ?", (now_ms - DAY_MS,))
        self._last_run = int(before["id"]) if before is not None else 0
        self._runs: dict[str, deque[tuple[int, bool]]] = {}
        self.update()

    def update(self) -> list[tuple[str, str]]:
        """Take over new runs; account and result of each."""
        found = self._ledger.rows(_NEW, (self._last_run,))
        for row in found:
            self._last_run = row["id"]
            good = row["result"] != "blind" and not row["unexplained"]
            self._runs.setdefault(row["account"], deque()).append((row["started_ms"], good))
        return [(row["account"], row["result"]) for row in found]

    def matched_pct(self, account: str, now_ms: int) -> float | None:
        """Percent of the good ones among those of the last day; None without any."""
        runs = self._runs.get(account, deque())
        while runs and runs[0][0] < now_ms - DAY_MS:
            runs.popleft()
        if not runs:
            return None
        bad = sum(not good for _, good in runs)
        return 100.0 * (1 - bad / max(len(runs), LEAST_RUNS))
