"""Which market is simulated: candle files or the synthetic generator, from what an operator wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from playd.core.errors import CandleError
from playd.market.candle_file import read_candles
from playd.market.feed import CandleFeed, RecordedFeed
from playd.market.synthetic import START_MS, SyntheticFeed
from playd.world.ports import Disk

HISTORY_SHARE: Final = 4
"""Unless told otherwise, the first quarter of recorded candles is history."""


@dataclass(frozen=True, slots=True)
class MarketSource:
    """
    Attributes:
        candles: Candle files, one per symbol; empty for the synthetic market.
        symbol: Symbol of the only file, when its name does not begin with one.
        seed: Seed of the synthetic market.
        start_ms: Where the synthetic market begins to stream.
        history_ms: How much of recorded candles is history; None for a quarter.
    """

    candles: Sequence[PurePath] = ()
    symbol: str = ""
    seed: int = 1
    start_ms: int = START_MS
    history_ms: int | None = None


def open_feed(disk: Disk, source: MarketSource) -> CandleFeed:
    """The feed that `source` describes. Raises `CandleError` for files that cannot be used or symbols that are unclear."""
    if not source.candles:
        return SyntheticFeed(source.seed, start_ms=source.start_ms)
    if source.symbol and len(source.candles) > 1:
        raise CandleError(f"symbol {source.symbol} was given for {len(source.candles)} candle files; name the files by symbol")
    series = [read_candles(disk, path, source.symbol) for path in source.candles]
    for path, candles in zip(source.candles, series, strict=True):
        if not candles.symbol:
            raise CandleError(f"{path}: the file name does not begin with a symbol such as BTCUSDT; say which one it is")
    history_ms = source.history_ms
    if history_ms is None:
        first_ms = min(int(candles.open_time_ms[0]) for candles in series)
        last_ms = max(int(candles.open_time_ms[-1]) for candles in series)
        history_ms = (last_ms - first_ms) // HISTORY_SHARE
    return RecordedFeed(series, history_ms=history_ms)
