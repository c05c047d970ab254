"""Which market is simulated: candle files or the synthetic generator, from what an operator wrote."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from playd.core.candles import Candles
from playd.core.errors import CandleError
from playd.core.timeframes import DAY_MS
from playd.market.candle_file import read_candles
from playd.market.feed import CandleFeed, RecordedFeed
from playd.market.synthetic import MORE_SYMBOLS, SYMBOLS, SyntheticFeed
from playd.world.ports import Disk

HISTORY_SHARE: Final = 4
HISTORY_MAX_MS: Final = 30 * DAY_MS
"""Unless told otherwise the first quarter of recorded candles, at most 30 days, is history for Plays to warm up on."""


@dataclass(frozen=True, slots=True)
class MarketChoice:
    """
    Attributes:
        candles: Candle files, one per symbol; empty for the synthetic market.
        symbol: Symbol of the only file, when its name does not begin with one.
        seed: Seed of the synthetic market.
        wanted: Symbols that the only file is played under when nothing else names it.
        as_wanted: Whether it is played under them whatever its name says.
        history_ms: How much of recorded candles is history; None for the usual share.
        entered_ms: When a synthetic market is entered that is one and the same at any time; None for its fixed start.
        markets: How many symbols the synthetic market has, at most fifty.
        funding_rate: What is stamped on the synthetic market; None for nothing.
    """

    candles: Sequence[PurePath] = ()
    symbol: str = ""
    seed: int = 1
    wanted: Sequence[str] = ()
    as_wanted: bool = False
    history_ms: int | None = None
    entered_ms: int | None = None
    markets: int = len(SYMBOLS)
    funding_rate: float | None = None


def open_feed(disk: Disk, choice: MarketChoice) -> CandleFeed:
    """The feed of a choice. Raises `CandleError` for files that cannot be used or symbols that are unclear."""
    if choice.as_wanted and (choice.symbol or len(choice.candles) != 1):
        found = f"--symbol {choice.symbol}" if choice.symbol else f"{len(choice.candles)} candle files"
        raise CandleError(f"--as-declared: found {found}, expected one candle file and no symbol for it")
    if choice.as_wanted and not choice.wanted:
        raise CandleError("--as-declared: found no declared Play, expected one at least")
    if not choice.candles:
        symbols, funding = (*SYMBOLS, *MORE_SYMBOLS)[: choice.markets], choice.funding_rate
        if choice.entered_ms is None:
            return SyntheticFeed(choice.seed, symbols=symbols, funding_rate=funding)
        start_ms = choice.entered_ms
        return SyntheticFeed(choice.seed, symbols=symbols, start_ms=start_ms, entered_anywhere=True, funding_rate=funding)
    if choice.symbol and len(choice.candles) > 1:
        raise CandleError(f"symbol {choice.symbol} was given for {len(choice.candles)} candle files; name the files by symbol")
    series = [each for path in choice.candles for each in _named(read_candles(disk, path, choice.symbol), path, choice)]
    if choice.history_ms is not None:
        return RecordedFeed(series, history_ms=choice.history_ms)
    first_ms = min(int(candles.open_time_ms[0]) for candles in series)
    last_ms = max(int(candles.open_time_ms[-1]) for candles in series)
    return RecordedFeed(series, history_ms=min(HISTORY_MAX_MS, (last_ms - first_ms) // HISTORY_SHARE))


def _named(candles: Candles, path: PurePath, choice: MarketChoice) -> list[Candles]:
    """The candles of one file under their symbol, or the only file's under every symbol that is wanted."""
    if candles.symbol and not choice.as_wanted:
        return [candles]
    if len(choice.candles) > 1 or not choice.wanted:
        raise CandleError(f"{path}: the file's name does not begin with a symbol such as BTCUSDT; say which one with --symbol")
    return [replace(candles, symbol=symbol) for symbol in choice.wanted]
