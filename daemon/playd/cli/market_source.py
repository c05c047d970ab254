"""The candles that the local exchange plays: a seeded market, or a recording."""

from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from playd.core.errors import CandleError
from playd.core.timeframes import DAY_MS
from playd.market.candle_file import read_candles
from playd.market.feed import CandleFeed, RecordedFeed
from playd.market.synthetic import SyntheticFeed
from playd.world.ports import Disk

HISTORY_SHARE: Final = 0.25
HISTORY_MAX_MS: Final = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class MarketChoice:
    """
    What to play: candles from `file`, or the synthetic market of `seed`.

    `symbol` names the candles of a file; empty takes the name from the file's, else plays them under each of `wanted`.
    """

    file: PurePath | None
    symbol: str
    seed: int
    wanted: tuple[str, ...] = ()


def open_feed(disk: Disk, choice: MarketChoice) -> CandleFeed:
    """
    The feed of a choice. Raises `CandleError`.

    Of a recording the first quarter (at most 30 days) is history, so that Plays have something to warm up on.
    """
    if choice.file is None:
        return SyntheticFeed(choice.seed)
    candles = read_candles(disk, choice.file, choice.symbol)
    names = (candles.symbol,) if candles.symbol else choice.wanted
    if not names:
        raise CandleError(f"{choice.file}: the file's name does not begin with a symbol; say which one with --symbol")
    span_ms = int(candles.open_time_ms[-1]) - int(candles.open_time_ms[0])
    series = [replace(candles, symbol=name) for name in names]
    return RecordedFeed(series, history_ms=min(HISTORY_MAX_MS, int(span_ms * HISTORY_SHARE)))
