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
    One closed candle.

    Attributes:
        reference: The candle of a second symbol that opens with it, for those who read two; None where there is none.
        mark: The candle of the mark price that opens with it; None where the last price stands in for it.
        funding_rate: The rate known at its close for the next stamp, as a fraction; None when unknown.
        open_interest: That at its close, in base coin; None when unknown.
    """

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    reference: Candle | None = None
    mark: Candle | None = None
    funding_rate: float | None = None
    open_interest: float | None = None


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
        mark: Candles of the mark price with the very same open times, the last price where it has none. None where the last
            price stands in for it everywhere.
        funding_rate, open_interest: float64 as in `Candle`, missing (NaN) where unknown. None where all is unknown.
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
    mark: Candles | None = field(default=None, kw_only=True)
    funding_rate: NDArray[np.float64] | None = field(default=None, kw_only=True)
    open_interest: NDArray[np.float64] | None = field(default=None, kw_only=True)

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
            None if self.mark is None else self.mark.at(index),
            _known(self.funding_rate, index),
            _known(self.open_interest, index),
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
            mark=None if self.mark is None else self.mark.places(lo, hi),
            funding_rate=None if self.funding_rate is None else self.funding_rate[lo:hi],
            open_interest=None if self.open_interest is None else self.open_interest[lo:hi],
        )

    def beside(self, other: Candles) -> Candles:
        """
        These candles with those of another symbol as their reference: those that open with one of these; the others go.

        Raises ValueError when the two have candles of different lengths.
        """
        import numpy as np

        return replace(self, reference=_at_opens_of(self, other, {name: np.full(len(self), np.nan) for name in _FIELDS}))

    def with_mark(self, other: Candles) -> Candles:
        """
        These candles with those of the mark price, which stand where they open with one of these; elsewhere the last price.

        Raises ValueError when the two have candles of different lengths.
        """
        return replace(self, mark=_at_opens_of(self, other, {name: getattr(self, name).copy() for name in _FIELDS}))

    def first_of_reference_ms(self) -> int | None:
        """Open time of the first candle that the reference has; None when it has none, or there is no reference."""
        if self.reference is None:
            return None
        there = self.reference.close == self.reference.close
        return int(self.open_time_ms[int(there.argmax())]) if bool(there.any()) else None

    def apart(self) -> tuple[Candles, ...]:
        """These candles alone, and the candles that the reference has."""
        alone = replace(self, reference=None, mark=None, funding_rate=None, open_interest=None)
        if self.reference is None:
            return (alone,)
        there, other = self.reference.close == self.reference.close, self.reference
        open_, high, low, close, volume = (getattr(other, name)[there] for name in _FIELDS)
        times = self.open_time_ms[there]
        return alone, Candles(other.symbol, other.step_ms, times, open_, high, low, close, volume)


def _known(values: NDArray[np.float64] | None, index: int) -> float | None:
    """One value of a row that may lack it, or may be lacking itself."""
    value = None if values is None else float(values[index])
    return None if value is None or value != value else value


def _at_opens_of(candles: Candles, other: Candles, rows: dict[str, NDArray[np.float64]]) -> Candles:
    """`other` at the opens of `candles`, with the values of `rows` where it has no candle."""
    import numpy as np

    if other.step_ms != candles.step_ms:
        raise ValueError(f"candles of {other.step_ms} ms beside candles of {candles.step_ms} ms")
    times = candles.open_time_ms
    found = np.searchsorted(other.open_time_ms, times)
    there = found < len(other)
    there[there] = other.open_time_ms[found[there]] == times[there]
    for name, row in rows.items():
        row[there] = getattr(other, name)[found[there]]
    return Candles(other.symbol, other.step_ms, times, rows["open"], rows["high"], rows["low"], rows["close"], rows["volume"])


def joined(parts: Sequence[Candles]) -> Candles:
    """One series of parts that follow one another with nothing beside them, at least one; an only part is returned as it is."""
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
