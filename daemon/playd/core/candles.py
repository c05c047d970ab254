"""Candles: one as a value, many as arrays. Times are the open of the candle in epoch ms, volumes in base coin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the venue port speaks of candles, and the guardian has the port without arrays
    import numpy as np
    from numpy.typing import NDArray


_FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Candle:
    """
    One closed candle. `reference` is the candle of a second symbol that opens with it, for those who read two; None where there
    is none.
    """

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    reference: Candle | None = None


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
        reference: Candles of a second symbol with the very same open times, for those who read two. All values are missing
            (NaN) where it has no candle. None for a series that stands alone.
    """

    symbol: str
    step_ms: int
    open_time_ms: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    reference: Candles | None = field(default=None, kw_only=True)

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
            None if self.reference is None or self.reference.is_missing(index) else self.reference.at(index),
        )

    def is_missing(self, index: int) -> bool:
        """Whether a reference has no candle at `index`."""
        return bool(self.close[index] != self.close[index])

    def between(self, start_ms: int, end_ms: int) -> Candles:
        """The candles that open in `[start_ms, end_ms)`, as views of these arrays."""
        import numpy as np

        lo, hi = np.searchsorted(self.open_time_ms, (start_ms, end_ms))
        return self.places(int(lo), int(hi))

    def places(self, lo: int, hi: int) -> Candles:
        """The candles at `lo…hi`, the last excluded, as views of these arrays."""
        return Candles(
            self.symbol,
            self.step_ms,
            self.open_time_ms[lo:hi],
            self.open[lo:hi],
            self.high[lo:hi],
            self.low[lo:hi],
            self.close[lo:hi],
            self.volume[lo:hi],
            reference=None if self.reference is None else self.reference.places(lo, hi),
        )

    def beside(self, other: Candles) -> Candles:
        """
        These candles with those of another symbol as their reference: those that open with one of these; the others go.

        Raises ValueError when the two have candles of different lengths.
        """
        import numpy as np

        if other.step_ms != self.step_ms:
            raise ValueError(f"candles of {other.step_ms} ms beside candles of {self.step_ms} ms")
        times = self.open_time_ms
        found = np.searchsorted(other.open_time_ms, times)
        there = found < len(other)
        there[there] = other.open_time_ms[found[there]] == times[there]
        rows = [np.full(len(times), np.nan) for _ in _FIELDS]
        for name, row in zip(_FIELDS, rows, strict=True):
            row[there] = getattr(other, name)[found[there]]
        open_, high, low, close, volume = rows
        return replace(self, reference=Candles(other.symbol, other.step_ms, times, open_, high, low, close, volume))

    def first_of_reference_ms(self) -> int | None:
        """Open time of the first candle that the reference has; None when it has none, or there is no reference."""
        if self.reference is None:
            return None
        there = self.reference.close == self.reference.close
        return int(self.open_time_ms[int(there.argmax())]) if bool(there.any()) else None

    def apart(self) -> tuple[Candles, ...]:
        """These candles without their reference, and the candles that the reference has."""
        if self.reference is None:
            return (self,)
        there, other = self.reference.close == self.reference.close, self.reference
        open_, high, low, close, volume = (getattr(other, name)[there] for name in _FIELDS)
        times = self.open_time_ms[there]
        return replace(self, reference=None), Candles(other.symbol, other.step_ms, times, open_, high, low, close, volume)


def joined(parts: Sequence[Candles]) -> Candles:
    """One series of parts that follow one another and have no reference, at least one; the only part is returned as it is."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    open_time_ms = np.concatenate([part.open_time_ms for part in parts])
    open_, high, low, close, volume = (np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS)
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
