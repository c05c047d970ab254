"""Public REST: instruments, closed candles, the venue's clock. Needs no key."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import anyio

from playd.core.candles import Candle, Candles, as_candles, joined
from playd.core.errors import Doubtful, Refused
from playd.core.instrument import Instrument
from playd.core.limits import KLINES_PER_REQUEST
from playd.core.timeframes import BYBIT_INTERVAL, MINUTE_MS, NAME_OF_MS, bar_open_ms
from playd.market.public_feed import TickerFrame
from playd.venues.bybit.announced import Maintenance, announced
from playd.venues.bybit.calls import CALLS, Call
from playd.venues.bybit.numbers import Row, decimal, integer
from playd.venues.bybit.rest import RestClient
from playd.venues.bybit.rows import candle_from, instrument_from, tier_from
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.port import Priority, RiskTier
from playd.world.ports import Clock

SETTLED_MS: Final = 2000
"""A candle read over REST counts as closed this long after its end, because the venue still books trades for a moment."""

UNKNOWN_SYMBOL: Final = 10001
"""A parameter error; in a request whose only variable is the symbol it means that the venue does not list it."""

_ENDED: Final = ("Delivering", "Closed")
"""States from which no symbol comes back."""

_LAST_PRICE: Final = partial(CALLS.get_kline, category="linear")

_FUNDING_ROWS: Final = 200
_ALL_AT_ONCE: Final = 10
"""From this many symbols on, one paged list is cheaper than a request each."""

_HISTORIES_AT_ONCE: Final = 4
"""Histories that are read at once of an exchange that may share this process: it makes each page in one turn of the loop."""

_HISTORIES_MAX: Final = 1000
"""Of any other one: the rate budget says how fast, and more instances than that there are not."""


class BybitMarketData:
    """
    Market data over REST. `step_ms` is the length of the candles it serves; the stream serves the same.

    `simulated` says that market time is not the wall clock's (environment `local`).
    """

    def __init__(
        self, rest: RestClient, clock: Clock, venue_clock: VenueClock, *, simulated: bool, step_ms: int = MINUTE_MS
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._venue_clock = venue_clock
        self._simulated = simulated
        self._step_ms = step_ms
        self._interval = BYBIT_INTERVAL[NAME_OF_MS[step_ms]]
        self._reading = anyio.Lock()
        self._histories = anyio.Semaphore(_HISTORIES_AT_ONCE if simulated else _HISTORIES_MAX)

    @property
    def step_ms(self) -> int:
        return self._step_ms

    async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        """Rules of the symbols the venue lists; unknown ones are absent."""
        rows = await self.instrument_rows(symbols)
        return {row["symbol"]: instrument_from(row) for row in rows}

    async def instrument_rows(self, symbols: Sequence[str]) -> list[Row]:
        """The venue's own rows of the symbols it lists. Of those that do not trade its list says nothing, so they are named."""
        rows: list[Row] = []
        if len(symbols) >= _ALL_AT_ONCE:
            call = CALLS.get_instruments_info(category="linear", limit=1000)
            wanted, listed = set(symbols), await self._rest.read_pages(call, priority=Priority.RECONCILE)
            rows = [row for row in listed if row.get("symbol") in wanted]
        there = {row["symbol"] for row in rows}
        return [*rows, *[row for each in symbols if each not in there for row in await self._instrument_rows(each)]]

    async def risk_tiers(self, symbol: str) -> tuple[RiskTier, ...]:
        """Tiers of a symbol, smallest first: the venue's list has no order. None where it is not listed."""
        call = CALLS.get_risk_limit(category="linear", symbol=symbol)
        rows = await self._rows_of(call, symbol)
        return tuple(sorted(map(tier_from, rows), key=lambda tier: tier.limit_usdt))

    async def funding_rates(self, symbol: str) -> dict[int, float]:
        """The newest rates that were stamped, at most two hundred, by their time in epoch ms."""
        answer = await self._rest.read(
            CALLS.get_funding_rate_history(category="linear", symbol=symbol, limit=_FUNDING_ROWS), priority=Priority.DATA
        )
        return {integer(row, "fundingRateTimestamp"): float(decimal(row, "fundingRate")) for row in answer.rows}

    async def ticker(self, symbol: str) -> TickerFrame | None:
        """The symbol's ticker now, as a snapshot of the stream would tell it. An entry waits for it."""
        answer = await self._rest.read(CALLS.get_tickers(category="linear", symbol=symbol), priority=Priority.ENTRY)
        rows = answer.rows
        return TickerFrame(symbol, True, rows[0], answer.time_ms, self._clock.mono_s()) if rows else None

    async def announced(self) -> list[Maintenance]:
        """Maintenance that goes on or is to come. Raises `VenueError`, `LinkError`."""
        return await announced(self._rest)

    async def has_ended(self, symbol: str) -> bool:
        """Whether the symbol is listed no longer, or for its end only."""
        rules = (await self.instruments([symbol])).get(symbol)
        return rules is None or rules.status in _ENDED

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        """
        Closed candles that open in `[start_ms, end_ms)`, oldest first.

        A candle is closed when it ends at least `SETTLED_MS` before the market's present time; on a simulated market, whose
        trades are all booked when a minute ends, as soon as it has ended.
        """
        pages = [page async for page in self._pages(symbol, start_ms, end_ms)]
        return [candle for page in reversed(pages) for candle in page]

    async def history(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        """The same as arrays. Holds one page as objects at a time: what a month of them takes, a process never gives back."""
        async with self._histories:
            parts = [as_candles(symbol, self._step_ms, page) async for page in self._pages(symbol, start_ms, end_ms)]
        return joined(parts[::-1] or [as_candles(symbol, self._step_ms, [])])

    async def said(self, candles: Candles, names: Sequence[str]) -> Candles:
        """
        The same candles with what the venue's records say beside them at their closes: of `mark`, `funding_rate` and
        `open_interest` what `names` has.

        Of funding they hold what was stamped, of the stamp to come the ticker's rate; a rate counts as announced at the stamp
        before. Of open interest they hold a value every five minutes.
        """
        from playd.venues.bybit.recorded import recorded_funding, recorded_open_interest  # the guardian has no arrays

        if not len(candles) or not names:
            return candles
        first_ms, end_ms = int(candles.open_time_ms[0]), int(candles.open_time_ms[-1]) + self._step_ms
        closes_ms = candles.open_time_ms + self._step_ms
        if "mark" in names:
            call = partial(CALLS.get_mark_price_kline, category="linear")
            pages = [page async for page in self._pages(candles.symbol, first_ms, end_ms, call)]
            marks = [candle for page in reversed(pages) for candle in page]
            candles = candles.with_mark(as_candles(candles.symbol, self._step_ms, marks)) if marks else candles
        if "funding_rate" in names:
            funding = await recorded_funding(self._rest, candles.symbol, first_ms, end_ms)
            candles = replace(candles, funding_rate=funding.known_at(closes_ms))
        if "open_interest" in names:
            interest = await recorded_open_interest(self._rest, candles.symbol, first_ms, end_ms)
            candles = replace(candles, open_interest=interest.known_at(closes_ms))
        return candles

    async def _pages(
        self, symbol: str, start_ms: int, end_ms: int, call: Callable[..., Call] = _LAST_PRICE
    ) -> AsyncIterator[list[Candle]]:
        """The newest page first, the candles of each oldest first."""
        first_ms, now_ms = await self._market_span_ms()
        first_ms = max(first_ms, start_ms)
        settled_ms = now_ms - (0 if self._simulated else SETTLED_MS)
        last_ms = bar_open_ms(min(end_ms - 1, settled_ms - self._step_ms), self._step_ms)
        while last_ms >= first_ms:  # newest page first; both ends of a page are inclusive
            page_ms = max(first_ms, last_ms - (KLINES_PER_REQUEST - 1) * self._step_ms)
            candles = await self._kline_rows(call, symbol, page_ms, last_ms)
            if not candles and not self._simulated:
                break  # the venue has no gaps: an empty page lies before the listing
            found = {candle.open_time_ms: candle for candle in candles}
            yield [found[open_ms] for open_ms in sorted(found)]
            last_ms = page_ms - self._step_ms

    async def market_now_ms(self) -> int:
        """The market's present time: the venue's wall clock, or what a simulated market says of itself."""
        return (await self._market_span_ms())[1]

    async def _market_span_ms(self) -> tuple[int, int]:
        """The first time a market can have candles of, and its present time."""
        if not self._simulated:
            return 0, self._venue_clock.venue_ms()
        status = await self._rest.read_plain("/playd/market")
        return integer(status, "first_ms"), integer(status, "market_now_ms")

    async def clock_offset_ms(self) -> tuple[float, float]:
        """One sample of (venue wall clock - ours, round trip) in ms; it also goes into the offset that requests carry."""
        answer = await self._rest.read(CALLS.get_server_time(), priority=Priority.RECONCILE)
        came_ms, round_trip_ms = self._clock.wall_ms(), answer.took_s * 1000
        venue_ms = integer(answer.result, "timeNano") / 1e6 or float(answer.time_ms)
        if venue_ms <= 0.0:
            raise Doubtful("/v5/market/time: the answer holds no time")
        offset_ms = venue_ms - (came_ms - round_trip_ms / 2)
        self._venue_clock.sample(offset_ms, round_trip_ms)
        return offset_ms, round_trip_ms

    async def _instrument_rows(self, symbol: str) -> list[Row]:
        return await self._rows_of(CALLS.get_instruments_info(category="linear", symbol=symbol), symbol)

    async def _rows_of(self, call: Call, symbol: str) -> list[Row]:
        """The rows about a symbol in an answer about it; none where the venue does not list it."""
        try:
            answer = await self._rest.read(call, priority=Priority.RECONCILE)
        except Refused as refusal:
            if refusal.code == UNKNOWN_SYMBOL:
                return []
            raise
        return [row for row in answer.rows if row.get("symbol") == symbol]

    async def _kline_rows(self, call: Callable[..., Call], symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        one = call(symbol=symbol, interval=self._interval, start=start_ms, end=end_ms, limit=KLINES_PER_REQUEST)
        answer = await self._rest.read(one, priority=Priority.DATA)
        # A page takes milliseconds: of many that came together, each has a turn of the loop to itself.
        async with self._reading:
            return [candle_from(row) for row in answer.listed]
