"""A market that follows a venue's public stream: candles grow as its trades come in, and a minute takes as long as there."""

from collections.abc import Callable, Sequence
from typing import Final, NoReturn, Self

import anyio

from playd.core.candles import Candle, Candles
from playd.core.errors import LinkError, SettingsError, VenueError
from playd.core.instrument import Instrument
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.market.series import GrowingSeries
from playd.venues.bybit.heard_market import INDEX, MARK, HeardMarket
from playd.venues.bybit.market_data import SETTLED_MS, BybitMarketData
from playd.venues.bybit.numbers import Row
from playd.venues.exchange.other_prices import Recorded
from playd.venues.exchange.upstream import Upstream, UpstreamSocket
from playd.world.ports import World

KEPT_CANDLES: Final = 31 * DAY_MS // MINUTE_MS
GRACE_MS: Final = 5_000
"""A candle whose last word did not come so long after its end is asked for by REST."""

_HEARD_MS: Final = 60 * MINUTE_MS
"""How long what was heard is kept for a market that is held or behind."""


class LiveFeed:
    """
    A `GrowingFeed` over an upstream. Candles before the present one are read by REST when it is opened, and again after every
    loss of the socket; frames wait until that is done, or the minutes between would be taken for silent ones. So are minutes
    whose last word does not come over a socket that lives; one that REST does not tell either is closed as it was heard. A
    minute of which only its candle is known stands at its open and goes through its extremes to its close at its end.

    `prices` are mark and index as they were heard.
    """

    def __init__(
        self,
        world: World,
        upstream: Upstream,
        source: BybitMarketData,
        instruments: dict[str, Instrument],
        *,
        tell: Callable[[str], None],
    ) -> None:
        self._instruments = instruments
        self._source = source
        self._tell = tell
        self._upstream = upstream
        self._heard = HeardMarket([*instruments], MINUTE_MS, simulated=upstream.simulated)
        self._closed = {symbol: GrowingSeries(symbol, MINUTE_MS, KEPT_CANDLES) for symbol in instruments}
        self._others = {
            (symbol, kind): GrowingSeries(symbol, MINUTE_MS, KEPT_CANDLES) for symbol in instruments for kind in (MARK, INDEX)
        }
        self._beside: dict[tuple[str, str], Candles] = {}
        self._rates: dict[tuple[str, int], float] = {}
        self._start_ms = 0
        self._changed = anyio.Event()
        self._asked_ms = 0
        """Candles that open before that need no last word any more: REST was asked for those that lacked it."""
        self._waiting: list[Row] | None = []
        """Frames since the socket was opened, while what was missed before is not known; None once it is."""
        self.prices = Recorded(self._beside)
        self._socket = UpstreamSocket(
            world,
            upstream,
            [self._heard.topics(symbol) for symbol in instruments],
            hear=self._hear,
            opened=self._catch_up,
            lost=self._lose,
        )

    @classmethod
    async def open(
        cls,
        world: World,
        upstream: Upstream,
        source: BybitMarketData,
        symbols: Sequence[str],
        *,
        history_ms: int,
        tell: Callable[[str], None],
    ) -> Self:
        """
        A feed with its history, before it listens. Raises `SettingsError` for symbols that the upstream does not list, and what
        reading raises.
        """
        instruments = await source.instruments(symbols)
        missing = [symbol for symbol in symbols if symbol not in instruments]
        if missing or not symbols:
            raise SettingsError(f"{upstream.name} lists no {', '.join(missing) or 'symbol of that name'}")
        for symbol in symbols:
            if not instruments[symbol].funding_interval_min:
                raise SettingsError(f"{upstream.name} does not say when funding of {symbol} is due, expected its interval")
        feed = cls(world, upstream, source, {symbol: instruments[symbol] for symbol in symbols}, tell=tell)
        now_ms = await feed._settled_now_ms()
        feed._start_ms = now_ms - now_ms % MINUTE_MS
        for symbol in symbols:
            history = await source.history(symbol, feed._start_ms - history_ms, feed._start_ms)
            if len(history) == 0:
                raise SettingsError(
                    f"{upstream.name} has no candles of {symbol}, expected one at least before the market begins"
                )
            for place in range(len(history)):
                feed._closed[symbol].append(history.at(place))
            feed._rates |= {(symbol, stamp_ms): rate for stamp_ms, rate in (await source.funding_rates(symbol)).items()}
            feed._heard.hear_candle(symbol, _flat(feed._start_ms, float(history.close[-1])), feed._start_ms, closed=False)
        return feed

    @property
    def identity(self) -> str:
        return f"live {self._upstream.name}: {', '.join(self._instruments)}"

    @property
    def step_ms(self) -> int:
        return MINUTE_MS

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._instruments)

    @property
    def first_ms(self) -> int:
        return min(int(series.candles.open_time_ms[0]) for series in self._closed.values())

    @property
    def start_ms(self) -> int:
        return self._start_ms

    @property
    def now_ms(self) -> int:
        return self._heard.now_ms

    def instrument(self, symbol: str) -> Instrument:
        return self._instruments[symbol]

    def candles(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        return self._closed[symbol].candles.between(start_ms, end_ms)

    def next_open_ms(self, time_ms: int) -> int | None:
        """There is always a next minute; a market that was away for longer than the history goes on where that begins."""
        return max(-(-time_ms // MINUTE_MS) * MINUTE_MS, self.first_ms)

    def opening_at(self, open_ms: int) -> dict[str, Candle]:
        found: dict[str, Candle] = {}
        candle: Candle | None
        self._heard.passed_ms = self.now_ms
        for symbol, series in self._closed.items():
            closed = series.candles.between(open_ms, open_ms + MINUTE_MS)
            if self._heard.has(symbol, open_ms) or (not len(closed) and open_ms >= self._start_ms):
                candle = self._heard.walked(symbol, open_ms)
            else:
                candle = closed.at(0) if len(closed) else None
            if candle is not None:
                found[symbol] = candle
        return found

    def funding_rate(self, symbol: str, time_ms: int) -> float | None:
        return self._heard.rates.get((symbol, time_ms), self._rates.get((symbol, time_ms)))

    async def run(self) -> None:
        """See `GrowingFeed.run`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._ask_for_last_words)
            await self._socket.run()

    async def reached(self, time_ms: int) -> None:
        """See `GrowingFeed.reached`."""
        while self.now_ms < time_ms:
            await self._changed.wait()

    def is_over(self, open_ms: int) -> bool:
        """See `GrowingFeed.is_over`. Whoever is told so finds the candles among the closed ones."""
        if open_ms >= self._asked_ms and not self._all_said(open_ms):
            return False
        for symbol, series in self._closed.items():
            walked = self._heard.walked(symbol, open_ms)
            if walked is not None and (series.last_ms or 0) < open_ms:
                series.append(walked)
                for kind, candle in walked.beside.items():
                    self._others[symbol, kind].append(candle)
                    self._beside[symbol, kind] = self._others[symbol, kind].candles
        self._heard.forget(open_ms - _HEARD_MS)
        return True

    def _all_said(self, open_ms: int) -> bool:
        return all(self._heard.is_closed(symbol, open_ms) for symbol in self._instruments)

    async def _ask_for_last_words(self) -> NoReturn:
        """Minute after minute, once it should have been told to its end."""
        while True:
            over_ms = (self.now_ms - GRACE_MS) // MINUTE_MS * MINUTE_MS
            if self._waiting is None and over_ms > self._asked_ms:
                await self._ask(max(self._asked_ms, self._start_ms, over_ms - _HEARD_MS), over_ms)
                self._asked_ms = over_ms
            await self._changed.wait()

    async def _ask(self, first_ms: int, over_ms: int) -> None:
        """Candles in that time that lack their last word, from REST."""
        for symbol in self._instruments:
            lacking = [each for each in range(first_ms, over_ms, MINUTE_MS) if not self._heard.is_closed(symbol, each)]
            if lacking:
                try:
                    found = await self._source.candles(symbol, lacking[0], lacking[-1] + MINUTE_MS)
                except (VenueError, LinkError) as error:
                    self._tell(f"{self._upstream.name}: the last word about a minute of {symbol} did not come: {error}")
                    continue
                for candle in found:
                    self._heard.hear_candle(symbol, candle, candle.open_time_ms + MINUTE_MS - 1, closed=True)

    def _hear(self, frame: Row) -> None:
        if self._waiting is not None:
            self._waiting.append(frame)
            return
        self._heard.hear(frame)
        self._wake()

    def _wake(self) -> None:
        event, self._changed = self._changed, anyio.Event()
        event.set()

    def _lose(self, reason: str) -> None:
        self._waiting = []
        self._tell(f"{self._upstream.name}: {reason}")

    async def _catch_up(self) -> None:
        """Connected (again): candles that have closed meanwhile are read, of all symbols before any is heard."""
        now_ms = await self._settled_now_ms()
        missed: list[tuple[str, Candle]] = []
        for symbol, series in self._closed.items():
            first_ms = (series.last_ms or self._start_ms - MINUTE_MS) + MINUTE_MS
            missed += [(symbol, candle) for candle in await self._source.candles(symbol, first_ms, now_ms)]
        for symbol, candle in missed:
            self._heard.hear_candle(symbol, candle, candle.open_time_ms + MINUTE_MS - 1, closed=True)
        waiting, self._waiting = self._waiting or [], None
        for frame in waiting:
            self._heard.hear(frame)
        self._wake()
        self._tell(f"{self._upstream.name}: connected")

    async def _settled_now_ms(self) -> int:
        """The market's time, once its records have every candle that is over by then."""
        now_ms = await self._source.market_now_ms()
        while not self._upstream.simulated and now_ms % MINUTE_MS < SETTLED_MS:
            await anyio.sleep((SETTLED_MS - now_ms % MINUTE_MS) / 1000.0)
            now_ms = await self._source.market_now_ms()
        return now_ms


def _flat(open_ms: int, price: float) -> Candle:
    return Candle(open_ms, price, price, price, price, 0.0)
