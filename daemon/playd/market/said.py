"""
Closed bars with what the venue says beside them: mark price, funding rate, open interest (for Plays that read them).

A bar of the stream gets what the ticker says when it closes. One that was fetched later, or that waited (for a gap before it,
for its instance to start again), gets what the venue's records say, as the history of a start does: those hold the mark price
of every candle, the rate of every stamp and the open interest every five minutes, and not what was announced in between. Who
comes second gets what was used first (`market.told`), which is recorded.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Protocol

import anyio

from playd.core.candles import Candle, Candles, as_candles
from playd.core.errors import LinkError, VenueError
from playd.market.bars import ClosedBar
from playd.market.feed_watch import Revision
from playd.market.hub import MarketHub
from playd.market.ticker import Ticker
from playd.world.ports import Clock

TICKER_MAX_AGE_S: Final = 60.0
"""A ticker that has been silent for longer says nothing of a bar that closes now."""

FRESH_S: Final = 2.0
"""The present ticker says nothing of a bar that came longer ago: it may speak of a later one."""


class Bars(Protocol):
    """Closed bars in unbroken order, of one symbol or of two in step."""

    @property
    def waiting(self) -> bool:
        """Whether a further bar is there already."""
        ...

    async def receive(self) -> ClosedBar:
        """The next bar. Raises `anyio.EndOfStream` when a replayed market is over."""
        ...

    def done(self, close_ms: int) -> None:
        """Every bar that closes up to `close_ms` has been dealt with."""
        ...

    def take_revisions(self) -> list[Revision]:
        """Corrected candles since the last call."""
        ...

    async def corrected(self) -> None:
        """Return once there are corrections that `take_revisions` has not handed out."""
        ...


class SaidBars:
    """The bars of `bars`, each once; their candles have what `names` (of `plays.program.MARKET_FIELDS`) asks for."""

    def __init__(self, bars: Bars, hub: MarketHub, clock: Clock, names: Sequence[str]) -> None:
        self._bars = bars
        self._hub = hub
        self._clock = clock
        self._names = tuple(names)
        self._bar: ClosedBar | None = None
        """Received, and what is said beside it is being fetched."""
        self._stretch: Candles | None = None
        """What the records said last: of all bars since some open, so that catching up does not ask for each."""

    async def receive(self) -> ClosedBar:
        """The next bar. Cancelling loses nothing. Raises `anyio.EndOfStream` when a replayed market is over."""
        if self._bar is None:
            self._bar = await self._bars.receive()
        symbol, open_ms = self._bar.symbol, self._bar.candle.open_time_ms
        said = self._hub.told.of(symbol, open_ms)
        if any(name not in said for name in self._names):
            old = self._clock.mono_s() - self._bar.received_mono_s > FRESH_S
            candle = await self._recorded(self._bar) if self._bar.late or old else self._heard(self._bar)
            said = self._hub.told.note(symbol, open_ms, {name: getattr(candle, name) for name in self._names})
        bar, self._bar = self._bar, None
        beside: dict[str, Any] = {name: said[name] for name in self._names}
        return replace(bar, candle=replace(bar.candle, **beside))

    @property
    def waiting(self) -> bool:
        """Whether a further bar is there already."""
        return self._bars.waiting

    def done(self, close_ms: int) -> None:
        """Every bar that closes up to `close_ms` has been dealt with."""
        self._bars.done(close_ms)

    def take_revisions(self) -> list[Revision]:
        """Corrected candles since the last call."""
        return self._bars.take_revisions()

    async def corrected(self) -> None:
        """Return once there are corrections that `take_revisions` has not handed out."""
        await self._bars.corrected()

    def _heard(self, bar: ClosedBar) -> Candle:
        ticker = self._hub.ticker(bar.symbol)
        if ticker is None or self._clock.mono_s() - ticker.received_mono_s > TICKER_MAX_AGE_S:
            return bar.candle
        return _with(bar.candle, ticker, self._names)

    async def _recorded(self, bar: ClosedBar) -> Candle:
        """Asked twice. Where nothing answers, the last price stands in for the mark, and rate and open interest are missing."""
        found = self._kept(bar)
        for pause_s in (0.0, self._hub.timing.retry_pause_s):
            if found is None:
                await anyio.sleep(pause_s)
                with suppress(VenueError, LinkError):
                    found = await self._read(bar)
        if found is None:
            return bar.candle
        return replace(bar.candle, mark=found.mark, funding_rate=found.funding_rate, open_interest=found.open_interest)

    def _kept(self, bar: ClosedBar) -> Candle | None:
        """The candle of the stretch that opens with the bar, None when it is not in there."""
        open_ms = bar.candle.open_time_ms
        if self._stretch is None:
            return None
        found = self._stretch.between(open_ms, open_ms + 1)
        return found.at(0) if len(found) else None

    async def _read(self, bar: ClosedBar) -> Candle:
        """Reads the records from the bar until now; of the bar alone when the venue does not call it settled yet."""
        hub, open_ms = self._hub, bar.candle.open_time_ms
        stretch = await hub.history(bar.symbol, open_ms, await hub.market_now_ms())
        if not len(stretch) or stretch.open_time_ms[0] != open_ms:
            stretch = as_candles(bar.symbol, hub.step_ms, [bar.candle])
        self._stretch = await hub.said(stretch, self._names)
        return self._stretch.at(0)


def _with(candle: Candle, ticker: Ticker, names: Sequence[str]) -> Candle:
    """Of the mark price only the close is known; where it has been meanwhile, the last price stands in for it."""
    if "mark" in names and ticker.mark is not None:
        close = float(ticker.mark)
        high, low = max(candle.high, close), min(candle.low, close)
        mark = Candle(candle.open_time_ms, candle.open, high, low, close, 0.0)
        candle = replace(candle, mark=mark)
    if "funding_rate" in names and ticker.funding_rate is not None:
        candle = replace(candle, funding_rate=float(ticker.funding_rate))
    if "open_interest" in names and ticker.open_interest is not None:
        candle = replace(candle, open_interest=float(ticker.open_interest))
    return candle
