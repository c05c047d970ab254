"""
Since when a position has had no stop, over restarts of the process, and for how many seconds all in all.

The ladder of a naked position runs by this clock. Its beginning stands in the ledger while it runs: a process that dies with a
naked position hands the clock over to the next one. So does what was counted, so that the seconds between two lives count too;
what the first one had not committed counts twice, half a second at most.
"""

from playd.orders.desk import Desk


class NakedClock:
    """The clocks of one account's symbols. Times are monotonic seconds of this process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._counted_to_s: dict[str, float] = {}
        self._covered: set[str] = set()
        """Symbols of which the ledger holds no beginning: neither this life nor an earlier one left one."""

    def begin(self, symbol: str, since_s: float) -> float:
        """Start the clock of a symbol at `since_s`, or when an earlier life started it. Returns since when it runs."""
        ledger, now_s, now_ms = self._desk.ledger, self._desk.clock.mono_s(), self._desk.clock.wall_ms()
        self._counted_to_s[symbol] = since_s
        self._covered.discard(symbol)
        noted_ms = ledger.meta(self._key(symbol))
        if noted_ms is None:
            ledger.set_meta(self._key(symbol), str(now_ms - round((now_s - since_s) * 1000)))
            return since_s
        counted_ms = ledger.meta(self._counted_key(symbol)) or noted_ms
        self._counted_to_s[symbol] = min(since_s, now_s - max(0, now_ms - int(counted_ms)) / 1000)
        return min(since_s, now_s - max(0, now_ms - int(noted_ms)) / 1000)

    def count(self, symbol: str) -> None:
        """Add the seconds since the last call to `naked_seconds_total`."""
        now_s, total = self._desk.clock.mono_s(), self._desk.naked_seconds
        total[symbol] = total.get(symbol, 0.0) + max(0.0, now_s - self._counted_to_s[symbol])
        self._counted_to_s[symbol] = now_s
        self._desk.ledger.set_meta(self._counted_key(symbol), str(self._desk.clock.wall_ms()))

    def covered(self, symbol: str) -> None:
        """The venue shows the symbol flat or under a stop: what was noted is over."""
        if symbol not in self._covered:
            self._covered.add(symbol)
            for key in (self._key(symbol), self._counted_key(symbol)):
                self._desk.ledger.write("DELETE FROM meta WHERE key = ?", (key,))

    def _key(self, symbol: str) -> str:
        return f"naked_since_ms:{self._desk.alias}/{symbol}"

    def _counted_key(self, symbol: str) -> str:
        return f"naked_counted_ms:{self._desk.alias}/{symbol}"
