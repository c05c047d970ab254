"""The candles of every pattern, held by their hash: seed 42, 200 bars of 15 minutes, in `patterns.txt`."""

import hashlib
from pathlib import Path

from playd.market.patterns.candles import synthetic_market
from playd.plays.words import PATTERNS

GOLDEN = Path(__file__).with_name("patterns.txt")


def hash_of(pattern: str) -> str:
    """Times and prices as little-endian bytes; they stand on the tick grid, so that no last bit of a library shows."""
    candles = synthetic_market(pattern, seed=42, exec_minutes=15, exec_bars=200, symbol="BTCUSDT")
    data = hashlib.sha256(candles.open_time_ms.astype("<i8").tobytes())
    for name in ("open", "high", "low", "close", "volume"):
        data.update(getattr(candles, name).astype("<f8").tobytes())
    return data.hexdigest()


def test_every_pattern_has_the_candles_it_always_had() -> None:
    """On a change that is meant, this prints the whole file as it is to be."""
    made = "".join(f"{pattern} {hash_of(pattern)}\n" for pattern in PATTERNS)
    assert made == GOLDEN.read_text(encoding="utf-8")
