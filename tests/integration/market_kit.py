"""Candle files for tests that start programs."""

from pathlib import Path, PurePath

from playd.market.candle_file import write_candles
from playd.market.synthetic import SyntheticFeed
from playd.world.real import RealDisk


def write_market(path: Path, symbol: str, minutes: int, seed: int = 7) -> None:
    """A stretch of a synthetic market as a recording."""
    feed = SyntheticFeed(seed)
    candles = feed.candles(symbol, feed.start_ms, feed.start_ms + minutes * 60_000)
    write_candles(RealDisk(), PurePath(path), candles)
