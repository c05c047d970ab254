"""Candle fields of one clock as growing rows: the base clock as it comes in, slower clocks rolled up from it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candle, Candles
from playd.kernels import rollup
from playd.kernels.compiled import Row, Table
from playd.plays.program import PRICE_FIELDS, REFERENCE_FIELDS

_OF_REFERENCE: Final = dict(zip(REFERENCE_FIELDS, PRICE_FIELDS, strict=True))

AT_ONCE: Final = 2
"""Bars that one base bar can finish: one that lacks its last base bar, and its own."""


class CandleRows:
    """
    Rows of one clock by field name. `count` bars are filled; the rest is room.

    Rows are replaced when room runs out: `grow` tells, and whoever holds rows must take them anew.
    """

    def __init__(self, step_ms: int, derived: Iterable[str], capacity: int) -> None:
        self.step_ms = step_ms
        self.count = 0
        self.capacity = capacity
        self._derived = tuple(derived)
        self.rows: dict[str, Row] = {name: _room(name, capacity) for name in self._derived}

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` bars."""
        self.capacity = capacity
        for name, row in self.rows.items():
            self.rows[name] = moved(row, _room(name, capacity), self.count)

    def drop(self, bars: int) -> None:
        """Forget the first bars. The others move to the front of the same memory, so that rows stay where they are."""
        left = self.count - bars
        for row in (*self.raw(0), *(self.rows[name] for name in self._derived)):
            row[:left] = row[bars : self.count]
        if "close_time" in self._derived:
            self.rows["close_time"][left : self.count] = np.nan
        self.count = left

    def raw(self, first: int) -> list[NDArray[Any]]:
        """What the bars from `first` on are made of, always in the same order; fields made from open times are not in it."""
        raise NotImplementedError

    def fill_derived(self, lo: int, times: NDArray[np.float64] | NDArray[np.int64]) -> None:
        """Write the fields made from the open times of the bars from `lo` on."""
        hi = lo + len(times)
        for name in self._derived:
            row = self.rows[name][lo:hi]
            if name == "index":
                np.divide(times, self.step_ms, out=row)
            else:
                np.add(times, self.step_ms if name == "close_time" else 0, out=row, casting="unsafe")


def _room(name: str, capacity: int) -> Row:
    """Unwritten rows are never touched, except close times, whose missing values mark the end for alignment."""
    return np.full(capacity, np.nan) if name == "close_time" else np.empty(capacity)


def moved(row: Row, room: Row, count: int) -> Row:
    """`room` with the first `count` values of `row`."""
    room[:count] = row[:count]
    return room


class BaseRows(CandleRows):
    """The candles as they come in, with those of the reference symbol if they are wanted, and what of `MARKET_FIELDS` is."""

    def __init__(
        self, step_ms: int, derived: Iterable[str], capacity: int, *, reference: bool = False, market: Sequence[str] = ()
    ) -> None:
        super().__init__(step_ms, derived, capacity)
        self.open_time_ms: NDArray[np.int64] = np.empty(capacity, dtype=np.int64)
        self.reference_ms: int | None = None
        """Open time of the first candle that the reference symbol has had."""
        self._of_reference = _OF_REFERENCE if reference else {}
        self._market = tuple(market)
        self.rows |= {name: np.empty(capacity) for name in (*PRICE_FIELDS, *self._of_reference, *self._market)}

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` bars."""
        super().grow(capacity)
        room = np.empty(capacity, dtype=np.int64)
        room[: self.count] = self.open_time_ms[: self.count]
        self.open_time_ms = room

    def raw(self, first: int) -> list[NDArray[Any]]:
        prices = (self.rows[name] for name in (*PRICE_FIELDS, *self._of_reference, *self._market))
        return [row[first : self.count] for row in (self.open_time_ms, *prices)]

    def take_all(self, candles: Candles) -> bool:
        """Hold these candles without copying, if they fill the room exactly. True if so."""
        arrays = self._arrays(candles)
        fits = all(row.dtype == np.float64 and row.flags.c_contiguous and row.flags.writeable for row in arrays.values())
        if self.count or len(candles) != self.capacity or not fits:
            return False
        self.rows |= arrays
        self.open_time_ms = candles.open_time_ms
        self.count = len(candles)
        self.fill_derived(0, candles.open_time_ms)
        return True

    def append_many(self, candles: Candles) -> None:
        """Copy candles behind those held; there must be room."""
        lo, hi = self.count, self.count + len(candles)
        for name, row in self._arrays(candles).items():
            self.rows[name][lo:hi] = row
        self.open_time_ms[lo:hi] = candles.open_time_ms
        self.fill_derived(lo, candles.open_time_ms)
        self.count = hi

    def _arrays(self, candles: Candles) -> dict[str, Row]:
        """Rows by field name. Raises `ValueError` for candles that lack the reference symbol's."""
        arrays: dict[str, Row] = {name: getattr(candles, name) for name in PRICE_FIELDS}
        if self._of_reference and candles.reference is None:
            raise ValueError("found candles of one symbol, expected those of the reference symbol beside them")
        if self._of_reference and self.reference_ms is None:
            self.reference_ms = candles.first_of_reference_ms()
        arrays |= {name: getattr(candles.reference, field) for name, field in self._of_reference.items()}
        return arrays | {name: _market_row(candles, name) for name in self._market}

    def append_one(self, candle: Candle) -> None:
        """Write one candle behind those held; there must be room. A reference symbol without a candle is missing there."""
        at, rows = self.count, self.rows
        rows["open"][at] = candle.open
        rows["high"][at] = candle.high
        rows["low"][at] = candle.low
        rows["close"][at] = candle.close
        rows["volume"][at] = candle.volume
        for name, field in self._of_reference.items():
            rows[name][at] = np.nan if candle.reference is None else getattr(candle.reference, field)
        if self._of_reference and self.reference_ms is None and candle.reference is not None:
            self.reference_ms = candle.open_time_ms
        for name in self._market:
            rows[name][at] = _market_value(candle, name)
        self.open_time_ms[at] = candle.open_time_ms
        for name in self._derived:
            value = candle.open_time_ms
            rows[name][at] = value / self.step_ms if name == "index" else value + (self.step_ms if name == "close_time" else 0)
        self.count = at + 1


def _market_row(candles: Candles, name: str) -> Row:
    """A row of `MARKET_FIELDS`."""
    if name == "mark":
        return (candles.mark or candles).close
    found: Row | None = getattr(candles, name)
    return np.full(len(candles), np.nan) if found is None else found


def _market_value(candle: Candle, name: str) -> float:
    """A value of `MARKET_FIELDS`."""
    if name == "mark":
        return (candle.mark or candle).close
    found: float | None = getattr(candle, name)
    return np.nan if found is None else found


class SlowRows(CandleRows):
    """Candles of a slower clock, rolled up from the base clock, with those of the reference symbol if they are wanted."""

    def __init__(self, step_ms: int, derived: Iterable[str], base: BaseRows, *, reference: bool = False) -> None:
        capacity = base.capacity * base.step_ms // step_ms + AT_ONCE
        super().__init__(step_ms, tuple(name for name in derived if name != "time"), capacity)
        self._base = base
        self._kernel = rollup.kernel()
        self._params = rollup.pack(base.step_ms, step_ms)
        self._series = [_Series(PRICE_FIELDS, capacity), *([_Series(REFERENCE_FIELDS, capacity)] if reference else [])]
        self._show_tables()
        self.see_base()

    def _show_tables(self) -> None:
        for series in self._series:
            self.rows |= {name: series.table[place] for place, name in enumerate(series.fields, rollup.OPEN)}
        self.rows["time"] = self._series[0].table[rollup.TIME]

    def see_base(self) -> None:
        """Read from the rows that the base clock has now."""
        for series in self._series:
            series.source = tuple(self._base.rows[name] for name in ("time", *series.fields))

    def most_from(self, lo: int, hi: int) -> int:
        """The most bars that the base bars `lo…hi` can finish: those of this clock that they touch, and one before."""
        times = self._base.open_time_ms
        return min(hi - lo, (int(times[hi - 1]) - int(times[lo])) // self.step_ms + 1) + AT_ONCE

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` bars."""
        self.rows = {name: self.rows[name] for name in self._derived}
        super().grow(capacity)
        for series in self._series:
            old, series.table = series.table, np.empty((rollup.ROWS, capacity))
            series.table[:, : self.count] = old[:, : self.count]
        self._show_tables()

    def raw(self, first: int) -> list[NDArray[Any]]:
        return [row[first : self.count] for series in self._series for row in series.table]

    @property
    def states(self) -> list[Row]:
        """All that the rollups remember."""
        return [series.state for series in self._series]

    def extend(self, lo: int, hi: int) -> int:
        """Take the base bars `lo…hi`; returns how many bars of this clock they finished."""
        before = self.count
        for series in self._series:  # bars end with time, so that all series have the same ones
            self.count = self._kernel(series.source, self._params, series.state, series.table, lo, hi, before)
        if self.count > before and self._derived:
            self.fill_derived(before, self.rows["time"][before : self.count])
        return self.count - before


class _Series:
    """One symbol's candles of a slower clock: where they come from, and how far the present one has got."""

    def __init__(self, fields: tuple[str, ...], capacity: int) -> None:
        self.fields = fields
        self.source: tuple[Row, ...] = ()
        self.state: Row = np.zeros(rollup.STATE_SIZE)
        self.table: Table = np.empty((rollup.ROWS, capacity))
