"""A series of closed candles that grows at its end and may forget its begin."""

import numpy as np

from playd.core.candles import Candle, Candles

_FIRST_ROOM = 1024


class GrowingSeries:
    """Candles of one symbol. Appending costs the same however many there are; views of them stay as they were given out."""

    def __init__(self, symbol: str, step_ms: int, kept_max: int) -> None:
        """`kept_max` candles at least are kept, and fewer than twice as many."""
        self._symbol = symbol
        self._step_ms = step_ms
        self._kept_max = kept_max
        self._begin = 0
        self._end = 0
        self._times = np.empty(_FIRST_ROOM, dtype=np.int64)
        self._rows = np.empty((5, _FIRST_ROOM))

    @property
    def last_ms(self) -> int | None:
        """Open of the newest candle."""
        return int(self._times[self._end - 1]) if self._end > self._begin else None

    @property
    def candles(self) -> Candles:
        """All of them, as views."""
        open_, high, low, close, volume = self._rows[:, self._begin : self._end]
        times = self._times[self._begin : self._end]
        return Candles(self._symbol, self._step_ms, times, open_, high, low, close, volume)

    def append(self, candle: Candle) -> None:
        """One more at the end; one that is not newer than the newest is left out."""
        last_ms = self.last_ms
        if last_ms is not None and candle.open_time_ms <= last_ms:
            return
        if self._end - self._begin == 2 * self._kept_max:
            self._begin += self._kept_max
        if self._end == len(self._times):
            self._make_room()
        self._times[self._end] = candle.open_time_ms
        self._rows[:, self._end] = candle.open, candle.high, candle.low, candle.close, candle.volume
        self._end += 1

    def _make_room(self) -> None:
        """New arrays, twice as long as what is kept; who holds a view of the old ones keeps those."""
        count = self._end - self._begin
        times, rows = np.empty(2 * count, dtype=np.int64), np.empty((5, 2 * count))
        times[:count], rows[:, :count] = self._times[self._begin : self._end], self._rows[:, self._begin : self._end]
        self._times, self._rows, self._begin, self._end = times, rows, 0, count
