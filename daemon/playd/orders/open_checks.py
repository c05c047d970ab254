"""The open fill checks of one symbol: what was executed, or may have been, and not seen as it should be at the venue yet."""

from dataclasses import dataclass
from typing import Final

from playd.core.orders import VenuePosition
from playd.orders.desk import Desk
from playd.orders.rows import text

_POLLS_S: Final = (0.5, 2.0, 5.0, 8.0)
"""When a fill that the private stream has not confirmed is looked up. Where the stream works, nothing is left to look up."""

_LATE_S: Final = 5.0


@dataclass
class _Check:
    """One of them. `key` is a link id, or an execution's id; times are monotonic seconds."""

    key: str
    opened_s: float
    polls: int = 0


class OpenChecks:
    """Opened by fills and entries, closed by a reading or by time; each end is a row of `fill_checks`."""

    def __init__(self, desk: Desk, symbol: str) -> None:
        self._desk = desk
        self._symbol = symbol
        self._checks: list[_Check] = []

    def __bool__(self) -> bool:
        return bool(self._checks)

    @property
    def oldest(self) -> str:
        """What the oldest one is about."""
        return self._checks[0].key

    @property
    def since_s(self) -> float:
        """When the oldest one was opened."""
        return self._checks[0].opened_s

    def open(self, key: str) -> None:
        if all(check.key != key for check in self._checks):
            self._checks.append(_Check(key, self._desk.clock.mono_s()))

    def drop(self, key: str) -> None:
        """What it was about never happened."""
        self._checks = [check for check in self._checks if check.key != key]

    def poll_due(self, now_s: float) -> bool:
        """Whether the position is to be read for the oldest check now; once for each of its times."""
        if not self._checks or self._checks[0].polls >= len(_POLLS_S):
            return False
        return now_s - self._checks[0].opened_s >= _POLLS_S[self._checks[0].polls]

    def polled(self) -> None:
        """It is being read."""
        self._checks[0].polls += 1

    def verified(self, seen: VenuePosition) -> None:
        """A reading shows all that was expected."""
        now_s = self._desk.clock.mono_s()
        for check in self._checks:
            self._write(check, seen, "late" if now_s - check.opened_s > _LATE_S else "verified")
        self._checks.clear()

    def expired(self, seen: VenuePosition | None) -> None:
        """Time is over: what was seen since the oldest one was opened is not it, or nothing was seen."""
        for check in self._checks:
            self._write(check, seen, "mismatch" if seen is not None else "blind")
        self._checks.clear()

    def _write(self, check: _Check, seen: VenuePosition | None, result: str) -> None:
        desk, expected = self._desk, text(self._desk.fills.net(self._symbol))
        told = {
            "link_id": check.key,
            "result": result,
            "expected": expected,
            "seen": None if seen is None else text(seen.signed_qty),
            "stop_seen": None if seen is None else text(seen.stop),
        }
        desk.chronicle.tell("fill.check", "", self._symbol, None, told)
        desk.ledger.write(
            "INSERT INTO fill_checks (link_id, n, expected, seen, stop_seen, result, latency_ms, checked_ms)"
            " SELECT ?, coalesce(max(n), 0) + 1, ?, ?, ?, ?, ?, ? FROM fill_checks WHERE link_id = ?",
            (
                check.key,
                expected,
                told["seen"] or "",
                told["stop_seen"] or "",
                result,
                round((desk.clock.mono_s() - check.opened_s) * 1000),
                desk.clock.wall_ms(),
                check.key,
            ),
        )
