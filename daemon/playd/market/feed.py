"""
Where candles of a simulated market come from: the `CandleFeed` protocol, and recorded candles behind it.

A feed knows the whole series and no clock. Whoever replays it decides how much of it has happened yet.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candle, Candles
from playd.core.errors import CandleError
from playd.core.instrument import Instrument, synthetic_instrument


class CandleFeed(Protocol):
    """
    Base candles of one or more symbols, all of the same length.

    Candles that open before `start_ms` are history; from there on they are to be streamed. The same feed gives the same
    candles every time it is asked.
    """

    @property
    def identity(self) -> str:
        """Text that two feeds share when they are the same market, e.g. `synthetic seed 7 …`."""
        ...

    @property
    def step_ms(self) -> int:
        """Length of a base candle in ms."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that the feed has candles of."""
        ...

    @property
    def first_ms(self) -> int:
        """Open of the oldest candle of any symbol."""
        ...

    @property
    def start_ms(self) -> int:
        """Open of the first candle to stream, a multiple of `step_ms`."""
        ...

    def instrument(self, symbol: str) -> Instrument:
        """Trading rules of a symbol. Raises `KeyError` for a symbol that is not in `symbols`."""
        ...

    def candles(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        """Candles that open in `[start_ms, end_ms)`, past and future alike."""
        ...

    def next_open_ms(self, time_ms: int) -> int | None:
        """The first open at or after `time_ms` at which any symbol has a candle; None when there is none any more."""
        ...

    def opening_at(self, open_ms: int) -> dict[str, Candle]:
        """Candles that open at `open_ms`, by symbol, in the order of `symbols`. A symbol with a gap there is absent."""
        ...

    def funding_rate(self, symbol: str, time_ms: int) -> float | None:
        """Rate stamped at `time_ms` (longs pay when positive), or None when nothing is stamped then."""
        ...


@runtime_checkable
class GrowingFeed(CandleFeed, Protocol):
    """
    A feed of what happens now: its newest candles grow while they are looked at, and it sets the pace.

    `opening_at` gives a candle that is not over as far as it has gone.
    """

    @property
    def now_ms(self) -> int:
        """The market's present time."""
        ...

    async def run(self) -> None:
        """Listen, for ever."""
        ...

    async def reached(self, time_ms: int) -> None:
        """Wait until the market has come to a time."""
        ...

    def is_over(self, open_ms: int) -> bool:
        """Whether the last word about the candles that open at `open_ms` was heard, of all symbols."""
        ...


class RecordedFeed:
    """Candles from files, replayed from `history_ms` after the first one on."""

    def __init__(
        self,
        series: Sequence[Candles],
        *,
        history_ms: int,
        instruments: Mapping[str, Instrument] | None = None,
        funding_rates: Mapping[str, Mapping[int, float]] | None = None,
    ) -> None:
        """
        `series` must have equal steps and different, named symbols; raises `CandleError` otherwise.

        Symbols without an entry in `instruments` get the rules of `synthetic_instrument` for their first open.
        `funding_rates`: by symbol, rate by stamp in ms.
        """
        self._series = {candles.symbol: candles for candles in series}
        if not series or "" in self._series or len(self._series) != len(series):
            raise CandleError("recorded candles need one series or more, each with a symbol of its own")
        steps = {candles.step_ms for candles in series}
        if len(steps) != 1:
            raise CandleError(f"recorded candles must have one length, found {sorted(steps)} ms")
        self._step_ms = steps.pop()
        self._times = _union([candles.open_time_ms for candles in series])
        self._start_ms = int(self._times[0]) + -(-history_ms // self._step_ms) * self._step_ms
        given = instruments or {}
        self._instruments = {
            symbol: given.get(symbol) or synthetic_instrument(symbol, float(candles.open[0]))
            for symbol, candles in self._series.items()
        }
        self._funding_rates = funding_rates or {}

    @property
    def identity(self) -> str:
        parts = (
            f"{symbol} {len(candles)} x {candles.step_ms} ms from {candles.open_time_ms[0]} at {float(candles.open[0])!r}"
            for symbol, candles in self._series.items()
        )
        return f"recorded {', '.join(parts)}, history to {self._start_ms}"

    @property
    def step_ms(self) -> int:
        return self._step_ms

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._series)

    @property
    def first_ms(self) -> int:
        return int(self._times[0])

    @property
    def start_ms(self) -> int:
        return self._start_ms

    def instrument(self, symbol: str) -> Instrument:
        return self._instruments[symbol]

    def candles(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        return self._series[symbol].between(start_ms, end_ms)

    def next_open_ms(self, time_ms: int) -> int | None:
        index = int(np.searchsorted(self._times, time_ms))
        return int(self._times[index]) if index < len(self._times) else None

    def opening_at(self, open_ms: int) -> dict[str, Candle]:
        found: dict[str, Candle] = {}
        for symbol, candles in self._series.items():
            index = int(np.searchsorted(candles.open_time_ms, open_ms))
            if index < len(candles) and candles.open_time_ms[index] == open_ms:
                found[symbol] = candles.at(index)
        return found

    def funding_rate(self, symbol: str, time_ms: int) -> float | None:
        return self._funding_rates.get(symbol, {}).get(time_ms)


def _union(times: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """All open times of all series, each once, rising."""
    return times[0] if len(times) == 1 else np.unique(np.concatenate(times))
