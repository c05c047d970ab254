"""
Closed bars as they were used live, kept by day: `market/<market>/<date>/<symbol>.1m.jsonl` of the state directory.

One JSON object a line: the candle, when it was received, whence, and whether it came late. A candle that came again with other
values is a further line; the first one is what was decided on.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final

import numpy as np
import orjson

from playd.core.candles import Candles
from playd.core.errors import CandleError
from playd.core.modes import Environment
from playd.core.timeframes import NAME_OF_MS
from playd.market.bars import ClosedBar
from playd.world.ports import Disk

FOLDER: Final = "market"
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
