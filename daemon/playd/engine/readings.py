"""Columns as they stood at moments: each at the last bar of its own clock that had closed by then."""

from math import nan

import numpy as np
from numpy.typing import NDArray

from playd.engine.clauses import Read
from playd.kernels.compiled import Row
from playd.plays.columns import Columns


class Readings:
    """Reads named columns at epoch ms. Borrows the columns; extending them ends its use."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._closes: dict[int, NDArray[np.int64]] = {}

    def clock_of(self, name: str) -> int:
        """The clock of a named column, by its place in the Program."""
        program = self._columns.program
        return program.columns[program.names[name]].clock

    def closes(self, clock: int) -> NDArray[np.int64]:
        """The times at which bars of a clock closed."""
        if clock not in self._closes:
            self._closes[clock] = self._columns.close_times_ms(clock)
        return self._closes[clock]

    def row(self, clock: int, time_ms: int) -> int:
        """The last bar of a clock that had closed at `time_ms`, -1 if there was none."""
        return int(np.searchsorted(self.closes(clock), time_ms, side="right")) - 1

    def closed_at(self, clock: int, times_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a bar of the clock closed at exactly each of these times."""
        closes = self.closes(clock)
        if not len(closes):
            return np.zeros(len(times_ms), np.bool_)
        there: NDArray[np.bool_] = closes[np.minimum(np.searchsorted(closes, times_ms), len(closes) - 1)] == times_ms
        return there

    def at(self, time_ms: int) -> Read:
        """The values of named columns at `time_ms`, missing before the first close of their clock."""
        rows: dict[int, int] = {}

        def read(name: str) -> float:
            clock = self.clock_of(name)
            if clock not in rows:
                rows[clock] = self.row(clock, time_ms)
            return float(self._columns.column(name)[rows[clock]]) if rows[clock] >= 0 else nan

        return read

    def values(self, name: str, times_ms: NDArray[np.int64]) -> Row:
        """A named column at each of these times, missing before the first close of its clock."""
        closes, column = self.closes(self.clock_of(name)), self._columns.column(name)
        if not len(closes):
            return np.full(len(times_ms), nan)
        rows = np.searchsorted(closes, times_ms, side="right") - 1
        return np.where(rows >= 0, column[rows], nan)
