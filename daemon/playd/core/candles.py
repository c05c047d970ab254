"""Candles: one as a value, many as arrays. Times are the open of the candle in epoch ms, volumes in base coin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the venue port speaks of candles, and the guardian has the port without arrays
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed candle."""

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Candles:
    """
    Closed candles of one series, oldest first, all arrays of equal length.

    Attributes:
        symbol: e.g. `BTCUSDT`; empty when the source does not name one.
        step_ms: Length of each candle in ms.
        open_time_ms: int64, strictly rising multiples of `step_ms`. Missing candles are simply absent.
        open, high, low, close: float64 prices in quote coin.
        volume: float64 in base coin.
    """

    symbol: str
    step_ms: int
    open_time_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def at(self, index: int) -> Candle:
        """The candle at `index` as plain Python numbers."""
        return Candle(
            int(self.open_time_ms[index]),
            float(self.open[index]),
            float(self.high[index]),
            float(self.low[index]),
            float(self.close[index]),
            float(self.volume[index]),
        )

    def between(self, start_ms: int, end_ms: int) -> Candles:
        """The candles that open in `[start_ms, end_ms)`, as views of these arrays."""
        import numpy as np

        lo, hi = np.searchsorted(self.open_time_ms, (start_ms, end_ms))
        return Candles(
            self.symbol,
            self.step_ms,
            self.open_time_ms[lo:hi],
            self.open[lo:hi],
            self.high[lo:hi],
            self.low[lo:hi],
            self.close[lo:hi],
            self.volume[lo:hi],
        )


def joined(parts: Sequence[Candles]) -> Candles:
    """One series of parts that follow one another, at least one; the only part is returned as it is."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    open_time_ms = np.concatenate([part.open_time_ms for part in parts])
    open_, high, low, close, volume = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("open", "high", "low", "close", "volume")
    )
    return Candles(first.symbol, first.step_ms, open_time_ms, open_, high, low, close, volume)


def as_candles(symbol: str, step_ms: int, candles: Sequence[Candle]) -> Candles:
    """Candles as arrays."""
    import numpy as np

    return Candles(
        symbol=symbol,
        step_ms=step_ms,
        open_time_ms=np.array([each.open_time_ms for each in candles], dtype=np.int64),
        open=np.array([each.open for each in candles], dtype=np.float64),
        high=np.array([each.high for each in candles], dtype=np.float64),
        low=np.array([each.low for each in candles], dtype=np.float64),
        close=np.array([each.close for each in candles], dtype=np.float64),
        volume=np.array([each.volume for each in candles], dtype=np.float64),
    )
