"""One verdict per closed bar and instance: what was decided, and by which clause or gate."""

from dataclasses import dataclass

from playd.orders.ledger import Ledger
from playd.world.ports import Clock


@dataclass(frozen=True, slots=True)
class BarVerdict:
    """A stored verdict. `verdict` is a gate's code or `ENTERED EXITED AMENDED HOLD COOLDOWN NO_SIGNAL …`."""

    close_ms: int
    verdict: str
    detail: str
    processed_ms: int


class Verdicts:
    """Rows of `bars`. Batched: committed with the next order or within a second."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._deciding: dict[str, tuple[int, str]] = {}

    def deciding(self, instance_uid: str, close_ms: int, bar_digest: str) -> None:
        """The bar that an instance decides now: its verdict, whoever writes it, bears the digest of the bar."""
        self._deciding[instance_uid] = close_ms, bar_digest

    def record(
        self,
        instance_uid: str,
        clock_ms: int,
        close_ms: int,
        verdict: str,
        detail: str,
        *,
        intents: str = "",
        late: bool = False,
    ) -> bool:
        """
        Write the bar's verdict. The first one stands: False, and nothing written, if the bar has one already.

        A bar may move a stop or cancel an entry and leave its position beside that: then it has left, whatever was sent first.
        """
        decided_ms, bar_digest = self._deciding.get(instance_uid, (0, ""))
        if decided_ms != close_ms:
            bar_digest = ""
        cursor = self._ledger.write(
            "INSERT INTO bars (instance, clock_ms, close_ms, bar_digest, processed_ms, verdict, detail, intents, late)"
            " VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET verdict = excluded.verdict, detail = excluded.detail,"
            " intents = excluded.intents WHERE bars.verdict IN ('AMENDED', 'CANCELLED') AND excluded.verdict = 'EXITED'",
            (instance_uid, clock_ms, close_ms, bar_digest, self._clock.wall_ms(), verdict, detail, intents, int(late)),
        )
        return cursor.rowcount == 1

    def find(self, instance_uid: str, clock_ms: int, close_ms: int) -> BarVerdict | None:
        row = self._ledger.row(
            "SELECT * FROM bars WHERE instance = ? AND clock_ms = ? AND close_ms = ?", (instance_uid, clock_ms, close_ms)
        )
        return None if row is None else BarVerdict(row["close_ms"], row["verdict"], row["detail"], row["processed_ms"])

    def newest_ms(self, instance_uid: str) -> int | None:
        """Close of the last bar that an instance has decided, None before the first."""
        row = self._ledger.row("SELECT max(close_ms) AS newest FROM bars WHERE instance = ?", (instance_uid,))
        return None if row is None or row["newest"] is None else int(row["newest"])

    def latest(self, instance_uid: str, clock_ms: int, limit: int) -> list[BarVerdict]:
        """The newest verdicts on a clock, newest first: of all clocks together, every bar would be read to find them."""
        rows = self._ledger.rows(
            "SELECT * FROM bars WHERE instance = ? AND clock_ms = ? ORDER BY close_ms DESC LIMIT ?",
            (instance_uid, clock_ms, limit),
        )
        return [BarVerdict(row["close_ms"], row["verdict"], row["detail"], row["processed_ms"]) for row in rows]
