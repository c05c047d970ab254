"""
What stands beside candles in files of its own: funding rates by stamp, open interest by time, and what is known of them when.

Both are Parquet, oldest first. Funding: `time_ms` (int64, the stamp), `rate` (float64, a fraction, positive when longs pay),
and, where it is recorded, `announced_ms` (int64): since when the rate of that stamp was known. Open interest: `time_ms` (int64)
and `open_interest` (float64, base coin).
"""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.errors import CandleError
from playd.core.timeframes import MINUTE_MS
from playd.world.ports import Column, Disk

USUAL_INTERVAL_MS: Final = 480 * MINUTE_MS
"""Between two stamps, where a single one says nothing of it."""

_LASTS_STEPS: Final = 2
"""A value of a series is seen as long as one of a slower clock is: less than two of its steps."""


@dataclass(frozen=True, slots=True)
class Funding:
    """
    Funding stamps of a symbol: `time_ms` int64 rising, `rate` as a fraction, positive when longs pay.

    `announced_ms`: since when each rate was known; None for a venue that announces it at the stamp before.
    """

    time_ms: NDArray[np.int64]
    rate: NDArray[np.float64]
    announced_ms: NDArray[np.int64] | None = None

    @property
    def interval_ms(self) -> int:
        """The distance between two stamps."""
        return int(np.diff(self.time_ms).min()) if len(self.time_ms) > 1 else USUAL_INTERVAL_MS

    def known_at(self, times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """The rate that was announced at each time for the next stamp after it; missing where none was."""
        if not len(self.time_ms):
            return np.full(len(times_ms), np.nan)
        places = np.searchsorted(self.time_ms, times_ms, side="right")
        next_one = np.minimum(places, len(self.time_ms) - 1)
        since_ms = self.time_ms - self.interval_ms if self.announced_ms is None else self.announced_ms
        known = (places < len(self.time_ms)) & (since_ms[next_one] <= times_ms)
        return np.where(known, self.rate[next_one], np.nan)


NO_FUNDING: Final = Funding(np.zeros(0, np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """Open interest of a symbol in base coin: `time_ms` int64 rising."""

    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]

    def known_at(self, times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """The last value at or before each time, missing where that is two steps of the series old, or there is none."""
        if not len(self.time_ms):
            return np.full(len(times_ms), np.nan)
        places = np.searchsorted(self.time_ms, times_ms, side="right") - 1
        last = np.maximum(places, 0)
        step_ms = int(np.diff(self.time_ms).min()) if len(self.time_ms) > 1 else MINUTE_MS
        known = (places >= 0) & (self.time_ms[last] > times_ms - _LASTS_STEPS * step_ms)
        return np.where(known, self.value[last], np.nan)


def read_funding(disk: Disk, path: PurePath) -> Funding:
    """
    The stamps of a file.

    Raises:
        CandleError: The file is missing, not Parquet, lacks a column, or a row is out of order, not a number, or announced
            after its stamp. The text names file, row and reason.
    """
    columns = _columns(disk, path, ("time_ms", "rate"), ("announced_ms",))
    times = _times(path, columns["time_ms"])
    rates = _numbers(path, "rate", columns["rate"])
    _refuse(path, np.abs(rates) >= 1.0, "rate is 100 % or more; expected a fraction such as 0.0001")
    announced = columns.get("announced_ms")
    if announced is None:
        return Funding(times, rates)
    since = _whole(path, "announced_ms", announced)
    _refuse(path, since > times, "the rate is announced after its stamp")
    return Funding(times, rates, since)


def read_open_interest(disk: Disk, path: PurePath) -> OpenInterest:
    """The values of a file. Raises `CandleError` as `read_funding` does."""
    columns = _columns(disk, path, ("time_ms", "open_interest"), ())
    values = _numbers(path, "open_interest", columns["open_interest"])
    _refuse(path, values < 0.0, "open_interest is negative")
    return OpenInterest(_times(path, columns["time_ms"]), values)


def _columns(disk: Disk, path: PurePath, needed: tuple[str, ...], more: tuple[str, ...]) -> dict[str, Column]:
    expected = ", ".join(needed)
    try:
        columns = disk.read_parquet(path)
    except FileNotFoundError:
        raise CandleError(f"{path}: no such file; expected a Parquet file with {expected}") from None
    except ValueError as error:
        raise CandleError(f"{path}: not a readable Parquet file: {error}") from None
    except OSError as error:
        raise CandleError(f"{path}: cannot be read: {error.strerror or error}") from None
    missing = [name for name in needed if name not in columns]
    if missing:
        found = ", ".join(columns) or "none"
        raise CandleError(f"{path}: no column {', '.join(missing)}; expected {expected}, found {found}")
    if not len(columns[needed[0]]):
        raise CandleError(f"{path}: no rows; expected {expected}")
    return {name: columns[name] for name in (*needed, *more) if name in columns}


def _whole(path: PurePath, name: str, column: Column) -> NDArray[np.int64]:
    if column.dtype.kind not in "iu":
        raise CandleError(
            f"{path}: column {name} holds {column.dtype}; expected whole epoch milliseconds (int64), none missing"
        )
    return np.ascontiguousarray(column, dtype=np.int64)


def _times(path: PurePath, column: Column) -> NDArray[np.int64]:
    times = _whole(path, "time_ms", column)
    late = np.concatenate(([False], np.diff(times) <= 0))
    _refuse(path, late, "time_ms is not later than in the row before; expected oldest first, once each")
    return times


def _numbers(path: PurePath, name: str, column: Column) -> NDArray[np.float64]:
    if column.dtype.kind not in "iuf":
        raise CandleError(f"{path}: column {name} holds {column.dtype}; expected float64")
    numbers = np.ascontiguousarray(column, dtype=np.float64)
    _refuse(path, ~np.isfinite(numbers), f"{name} is not a number")
    return numbers


def _refuse(path: PurePath, bad: NDArray[np.bool_], reason: str) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        raise CandleError(f"{path}: row {int(rows[0])}: {reason}; {len(rows)} such row(s)")
