"""
Closed bars as they were used live, kept by day: `market/<market>/<date>/<symbol>.1m.jsonl` of the state directory.

One JSON object a line: the candle, when it was received, whence, and whether it came late. A candle that came again with other
values is a further line; the first one is what was decided on. What Plays read beside the candles (mark price, funding rate,
open interest) stands in `<symbol>.1m.said.jsonl`, a line for each bar of which something was used.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from playd.core.candles import Candle, Candles, as_candles
from playd.core.errors import CandleError
from playd.core.modes import Environment
from playd.core.timeframes import NAME_OF_MS
from playd.market.bars import ClosedBar
from playd.market.told import Values
from playd.world.ports import Disk

FOLDER: Final = "market"
_MARK: Final = ("open", "high", "low", "close")
_PRICES: Final = ("open", "high", "low", "close", "volume")


def market_of(environment: Environment) -> str:
    """Whose candles an environment follows: demo trades on those of the real market."""
    return str(Environment.LIVE if environment is Environment.DEMO else environment)


def file_of(market: str, symbol: str, step_ms: int, open_ms: int) -> PurePath:
    """Where a bar belongs, below the state directory: by the day on which it opened."""
    date = datetime.fromtimestamp(open_ms / 1000, UTC).date().isoformat()
    return PurePath(FOLDER, market, date, f"{symbol}.{NAME_OF_MS[step_ms]}.jsonl")


def line_of(bar: ClosedBar, received_ms: int) -> bytes:
    """One bar with its end of line. Numbers are written so that they are read back bit for bit."""
    candle = bar.candle
    fields: dict[str, Any] = {"open_time_ms": candle.open_time_ms, **{name: getattr(candle, name) for name in _PRICES}}
    fields |= {"received_ms": received_ms, "source": str(bar.source), "late": bar.late}
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def said_file_of(market: str, symbol: str, step_ms: int, open_ms: int) -> PurePath:
    """Where what is said beside a bar belongs."""
    path = file_of(market, symbol, step_ms, open_ms)
    return path.with_name(f"{path.stem}.said.jsonl")


def said_line_of(open_ms: int, values: Values, received_ms: int) -> bytes:
    """What was used of one bar, with its end of line; null where nothing was said."""
    fields: dict[str, Any] = {"open_time_ms": open_ms, "received_ms": received_ms}
    for name, value in values.items():
        fields[name] = [getattr(value, each) for each in _MARK] if isinstance(value, Candle) else value
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def read_said(disk: Disk, folder: PurePath, candles: Candles, names: Sequence[str]) -> Candles:
    """
    `candles`, read from `folder`, with what was used beside them of `names` (`plays.program.MARKET_FIELDS`).

    As they are where no day has any of it. Where a bar has no mark price its last price stands in for it. Raises `CandleError`
    for a line that cannot be read.
    """
    name = said_file_of("", candles.symbol, candles.step_ms, 0).name
    said: dict[int, dict[str, Any]] = {}
    try:
        for date in disk.list(folder):
            path = folder / date / name
            if disk.exists(path):
                for row in _said_rows(path, disk.read_bytes(path)):
                    said[row["open_time_ms"]] = row | said.get(row["open_time_ms"], {})
    except OSError as error:
        raise CandleError(f"{folder}: what was said beside {candles.symbol} cannot be read: {error}") from None
    if not said:
        return candles
    opens = candles.open_time_ms.tolist()
    if "mark" in names:
        marks = [mark for open_ms in opens if (mark := said.get(open_ms, {}).get("mark")) is not None]
        candles = candles.with_mark(as_candles(candles.symbol, candles.step_ms, marks))
    if "funding_rate" in names:
        candles = replace(candles, funding_rate=_numbers(said, opens, "funding_rate"))
    if "open_interest" in names:
        candles = replace(candles, open_interest=_numbers(said, opens, "open_interest"))
    return candles


def _said_rows(path: PurePath, data: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        if not line.endswith(b"}"):
            continue  # cut off, and ended by the next start
        try:
            row: dict[str, Any] = orjson.loads(line)
            row["open_time_ms"] = int(row["open_time_ms"])
            row |= {each: float(row[each]) for each in ("funding_rate", "open_interest") if row.get(each) is not None}
            if row.get("mark") is not None:
                open_, high, low, close = (float(price) for price in row["mark"])
                row["mark"] = Candle(row["open_time_ms"], open_, high, low, close, 0.0)
        except (KeyError, TypeError, ValueError) as error:
            raise CandleError(f"{path}: line {number}: not what was said beside a bar: {error}; expected one as JSON") from None
        yield row


def _numbers(said: Mapping[int, Mapping[str, Any]], opens: Sequence[int], name: str) -> NDArray[np.float64]:
    """One value of each bar, missing where nothing was said."""
    values = [said.get(open_ms, {}).get(name) for open_ms in opens]
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def read_recorded(disk: Disk, folder: PurePath, symbol: str, step_ms: int) -> Candles:
    """
    The candles of all days below `folder` (that of a market), oldest first, each with the values that were decided on.

    A line that a crash cut off, which has no closing brace, is left out. Raises `CandleError` for any other that cannot be
    read, with file and line, and when there are none, naming the symbols that there are. Whether such a candle is possible is
    the caller's to ask.
    """
    name = f"{symbol}.{NAME_OF_MS[step_ms]}.jsonl"
    rows: dict[int, tuple[float, ...]] = {}
    try:
        for date in disk.list(folder):
            if disk.stat(folder / date).is_dir and disk.exists(folder / date / name):
                for open_ms, values in _rows(folder / date / name, disk.read_bytes(folder / date / name)):
                    rows.setdefault(open_ms, values)
    except OSError as error:
        raise CandleError(f"{folder}: recorded days of {symbol} cannot be read: {error}") from None
    if not rows:
        known = sorted({file.split(".")[0] for date in disk.list(folder) for file in _names(disk, folder / date)})
        raise CandleError(f"{folder}: no recorded bars of {symbol}; there are: {', '.join(known) or 'none'}")
    times = np.array(sorted(rows), dtype=np.int64)
    numbers = np.array([rows[int(time)] for time in times], dtype=np.float64)
    return Candles(symbol, step_ms, times, *(np.ascontiguousarray(numbers[:, place]) for place in range(len(_PRICES))))


def _rows(path: PurePath, data: bytes) -> Iterator[tuple[int, tuple[float, ...]]]:
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        if not line.endswith(b"}"):
            continue  # cut off, and ended by the next start
        try:
            row = orjson.loads(line)
            yield int(row["open_time_ms"]), tuple(float(row[each]) for each in _PRICES)
        except (KeyError, TypeError, ValueError) as error:
            raise CandleError(f"{path}: line {number}: not a recorded bar: {error}; expected one as JSON") from None


def _names(disk: Disk, folder: PurePath) -> list[str]:
    return [name for name in disk.list(folder) if name.endswith(".jsonl")] if disk.stat(folder).is_dir else []


def is_recorded(disk: Disk, folder: PurePath, symbol: str, date: str) -> bool:
    """Whether bars of a symbol were recorded on a UTC date below `folder` (that of a market). Raises `OSError`."""
    day = folder / date
    return disk.exists(day) and any(name.partition(".")[0] == symbol for name in _names(disk, day))


def date_ms(date: str) -> int | None:
    """When a UTC date such as 2024-01-31 begins, epoch ms; None for what is none."""
    try:
        begins = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round(begins.timestamp() * 1000)
