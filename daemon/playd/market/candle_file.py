"""
Candle files: Parquet with `open_time_ms` (int64) and `open high low close volume` (float64), oldest first.

The length of a candle is read from the data: it is the smallest distance between two opens. Gaps are allowed, anything else
that is not a clean series is refused, with the row that shows it.
"""

from pathlib import PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candles
from playd.core.errors import CandleError
from playd.core.timeframes import MINUTE_MS, NAME_OF_MS, TIMEFRAME_MS
from playd.market.recorded_days import read_recorded
from playd.world.ports import Column, Disk

PRICE_COLUMNS: Final = ("open", "high", "low", "close")
COLUMNS: Final = ("open_time_ms", *PRICE_COLUMNS, "volume")


def read_candles(disk: Disk, path: PurePath, symbol: str = "", *, traded: bool = True) -> Candles:
    """
    The candles of a file, or of a folder of recorded days (`recorded_days`). `symbol` names them; empty takes the name from the
    file's (`symbol_in_name`). Those of a price that is not `traded`, such as the mark price, need no volume: it is 0.

    Raises:
        CandleError: the file is missing, not Parquet, lacks a column, has too few rows, or a row is out of order, off the
            grid, not a number, or impossible (high below low, price not positive). The text names file, row and reason.
    """
    if traded and disk.exists(path) and disk.stat(path).is_dir:
        recorded = read_recorded(disk, path, symbol, MINUTE_MS)
        _refuse(path, recorded.open_time_ms, recorded.open_time_ms % MINUTE_MS != 0, "is not a whole minute")
        _check_rows(path, recorded.open_time_ms, {name: getattr(recorded, name) for name in (*PRICE_COLUMNS, "volume")})
        return recorded
    columns = _read_columns(disk, path, COLUMNS if traded else COLUMNS[:-1])
    times = _whole_numbers(path, columns["open_time_ms"])
    if not traded:
        columns = {**columns, "volume": np.zeros(len(times))}
    numbers = {name: _numbers(path, name, columns[name]) for name in (*PRICE_COLUMNS, "volume")}
    step_ms = _step_ms(path, times)
    _check_rows(path, times, numbers)
    return Candles(
        symbol or symbol_in_name(path),
        step_ms,
        times,
        numbers["open"],
        numbers["high"],
        numbers["low"],
        numbers["close"],
        numbers["volume"],
    )


def write_candles(disk: Disk, path: PurePath, candles: Candles) -> None:
    """Write `candles` so that `read_candles` gives them back bit for bit. Raises `OSError`."""
    disk.write_parquet(path, {name: getattr(candles, name) for name in COLUMNS})


def symbol_in_name(path: PurePath) -> str:
    """The symbol a file name begins with (`BTCUSDT-5m-2025.parquet` is `BTCUSDT`), or nothing."""
    word = path.name.replace("_", "-").replace(".", "-").split("-")[0]
    return word if word.isalnum() and word.isupper() and word.endswith("USDT") else ""


def _read_columns(disk: Disk, path: PurePath, expected: tuple[str, ...]) -> dict[str, Column]:
    try:
        columns = disk.read_parquet(path)
    except FileNotFoundError:
        raise CandleError(f"{path}: no such file; expected a Parquet file of candles") from None
    except ValueError as error:
        raise CandleError(f"{path}: not a readable Parquet file: {error}") from None
    except OSError as error:
        raise CandleError(f"{path}: cannot be read: {error.strerror or error}") from None
    missing = [name for name in expected if name not in columns]
    if missing:
        raise CandleError(
            f"{path}: no column {', '.join(missing)}; expected {', '.join(expected)}, found {', '.join(columns) or 'none'}"
        )
    return columns


def _whole_numbers(path: PurePath, column: Column) -> NDArray[np.int64]:
    if column.dtype.kind not in "iu":
        raise CandleError(
            f"{path}: column open_time_ms holds {column.dtype}; expected whole epoch milliseconds (int64), none missing"
        )
    return np.ascontiguousarray(column, dtype=np.int64)


def _numbers(path: PurePath, name: str, column: Column) -> NDArray[np.float64]:
    if column.dtype.kind not in "iuf":
        raise CandleError(f"{path}: column {name} holds {column.dtype}; expected float64")
    return np.ascontiguousarray(column, dtype=np.float64)


def _step_ms(path: PurePath, times: NDArray[np.int64]) -> int:
    """Smallest distance between opens, once the order is known to be right and every open to lie on that grid."""
    if len(times) == 0:
        raise CandleError(f"{path}: no rows; expected candles")
    if len(times) == 1:
        raise CandleError(f"{path}: one row; the length of a candle cannot be read from fewer than two")
    distances = np.diff(times)
    backwards = np.flatnonzero(distances <= 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        what = "repeats" if distances[row - 1] == 0 else "is earlier than"
        raise CandleError(
            f"{path}: row {row}: open_time_ms {times[row]} {what} row {row - 1} ({times[row - 1]});"
            " expected oldest first, once each"
        )
    step_ms = int(distances.min())
    if step_ms not in NAME_OF_MS:
        raise CandleError(
            f"{path}: the smallest distance between candles is {step_ms / MINUTE_MS:g} min;"
            f" expected one of {', '.join(TIMEFRAME_MS)}"
        )
    off_grid = np.flatnonzero(times % step_ms)
    if len(off_grid):
        row = int(off_grid[0])
        raise CandleError(
            f"{path}: row {row}: open_time_ms {times[row]} is not a multiple of the {NAME_OF_MS[step_ms]} step ({step_ms} ms)"
        )
    return step_ms


def _check_rows(path: PurePath, times: NDArray[np.int64], numbers: dict[str, NDArray[np.float64]]) -> None:
    for name, column in numbers.items():
        _refuse(path, times, ~np.isfinite(column), f"{name} is not a number")
    for name in PRICE_COLUMNS:
        _refuse(path, times, numbers[name] <= 0.0, f"{name} is not positive")
    _refuse(path, times, numbers["volume"] < 0.0, "volume is negative")
    body_high = np.maximum(numbers["open"], numbers["close"])
    body_low = np.minimum(numbers["open"], numbers["close"])
    _refuse(path, times, numbers["high"] < body_high, "high is below open or close")
    _refuse(path, times, numbers["low"] > body_low, "low is above open or close")


def _refuse(path: PurePath, times: NDArray[np.int64], bad: NDArray[np.bool_], reason: str) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        row = int(rows[0])
        raise CandleError(f"{path}: row {row} (open_time_ms {times[row]}): {reason}; {len(rows)} such row(s)")
