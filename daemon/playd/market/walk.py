"""
Candles whose way is known: built from the trades, candles and prices that a venue told, as they come in.

A price stands until the next one. What a candle says and no trade showed (frames get lost, and venues bundle trades) is put in
at the time when it was said, so that the way has the extremes of its candle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playd.core.candles import Candle


@dataclass(frozen=True, slots=True)
class WalkedCandle(Candle):
    """
    A candle with its corners: `fractions` of it that had passed (from 0 on, never falling), and there `prices`, the `volumes`
    traded so far, and whether a taker `bought`. `beside` has the candles of other prices of the symbol by kind.

    One that is not over is what has been heard so far; its way goes on at its close.
    """

    fractions: Sequence[float] = ()
    prices: Sequence[float] = ()
    volumes: Sequence[float] = ()
    bought: Sequence[int] = ()
    beside: Mapping[str, Candle] = field(default_factory=dict)


@dataclass(slots=True)
class _Minute:
    """What was heard of one candle."""

    open_ms: int
    times_ms: list[int] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)
    volumes: list[float] = field(default_factory=list)
    bought: list[bool] = field(default_factory=list)
    said: Candle | None = None
    closed: bool = False

    def add(self, time_ms: int, price: float, volume: float, *, bought: bool) -> None:
        """A price, not before the last one, which stood until then; `volume` is all that was traded so far."""
        time_ms = max(time_ms, self.times_ms[-1] if self.times_ms else self.open_ms)
        traded = self.volumes[-1] if self.volumes else 0.0
        if self.prices and self.prices[-1] != price:
            self._corner(time_ms, self.prices[-1], traded, bought)
        self._corner(time_ms, price, max(volume, traded), bought)

    def _corner(self, time_ms: int, price: float, volume: float, bought: bool) -> None:
        self.times_ms.append(time_ms)
        self.prices.append(price)
        self.volumes.append(volume)
        self.bought.append(bought)


class Walker:
    """The candles of one symbol, or of one of its other prices, as they are walked. All times are the market's, in epoch ms."""

    def __init__(self, step_ms: int) -> None:
        self._step_ms = step_ms
        self._minutes: dict[int, _Minute] = {}
        self._last: float | None = None

    @property
    def last(self) -> float | None:
        """The newest price, None before the first one."""
        return self._last

    def trade(self, time_ms: int, price: float, volume: float = 0.0, *, bought: bool = True) -> None:
        """A trade, or a price without one. What comes after its candle was closed is in that candle already."""
        minute = self._minute(time_ms - time_ms % self._step_ms)
        stands = volume == 0.0 and price == self._last and bool(minute.prices)
        if not minute.closed and not stands:
            minute.add(time_ms, price, (minute.volumes[-1] if minute.volumes else 0.0) + volume, bought=bought)
            self._last = price

    def candle(self, candle: Candle, time_ms: int, *, closed: bool) -> None:
        """A candle as it stood at `time_ms`; `closed` is the last word about it."""
        minute = self._minute(candle.open_time_ms)
        if minute.closed:
            return
        minute.said, minute.closed = candle, closed
        time_ms = candle.open_time_ms + self._step_ms - 1 if closed else time_ms
        news = closed or not minute.times_ms or time_ms >= minute.times_ms[-1]
        highest, lowest = max([*minute.prices, candle.open]), min([*minute.prices, candle.open])
        missed = [
            price for price, beyond in ((candle.low, candle.low < lowest), (candle.high, candle.high > highest)) if beyond
        ]
        missed = missed if candle.close >= candle.open else missed[::-1]
        present = minute.prices[-1] if minute.prices else candle.open
        if news and (missed[-1] if missed else present) != candle.close:
            missed.append(candle.close)
        elif missed and not news:
            missed.append(present)
        for price in missed:
            minute.add(time_ms, price, candle.volume, bought=price >= present)
        if news:
            self._last = candle.close

    def has(self, open_ms: int) -> bool:
        """Whether anything was heard of a candle."""
        return open_ms in self._minutes

    def is_closed(self, open_ms: int) -> bool:
        """Whether the last word about a candle was heard."""
        minute = self._minutes.get(open_ms)
        return minute is not None and minute.closed

    def opens(self) -> list[int]:
        """Opens of the candles of which anything was heard, rising."""
        return sorted(self._minutes)

    def walked(self, open_ms: int, beside: Mapping[str, Candle] | None = None) -> WalkedCandle | None:
        """A candle as far as it was heard, flat at the last price before when nothing was; None before the first price."""
        minute = self._minutes.get(open_ms)
        if minute is None:
            if self._last is None:
                return None
            minute = _Minute(open_ms, said=Candle(open_ms, *(self._last,) * 4, 0.0))
        said = minute.said
        first = said.open if said else minute.prices[0]
        times, prices, volumes, bought = [open_ms], [first], [0.0], [True]
        if minute.prices and minute.prices[0] != first:
            times, prices, volumes, bought = [open_ms, minute.times_ms[0]], [first, first], [0.0, 0.0], [True, True]
        prices, volumes = prices + minute.prices, volumes + minute.volumes
        if said is not None and minute.closed:  # a trade outside its candle belongs to another one
            prices = [min(max(price, said.low), said.high) for price in prices]
            volumes = [min(volume, said.volume) for volume in volumes]
            volumes[-1] = said.volume
        return WalkedCandle(
            open_ms,
            first,
            max(prices),
            min(prices),
            prices[-1],
            volumes[-1],
            fractions=tuple((time_ms - open_ms) / self._step_ms for time_ms in times + minute.times_ms),
            prices=tuple(prices),
            volumes=tuple(volumes),
            bought=tuple(bought + minute.bought),
            beside=beside or {},
        )

    def forget(self, before_ms: int) -> None:
        """Drop candles that open before that."""
        for open_ms in [open_ms for open_ms in self._minutes if open_ms < before_ms]:
            del self._minutes[open_ms]

    def _minute(self, open_ms: int) -> _Minute:
        found = self._minutes.get(open_ms)
        if found is None:
            found = self._minutes[open_ms] = _Minute(open_ms)
        return found
