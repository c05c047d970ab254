"""Public REST: instruments, closed candles, the venue's clock. Needs no key."""

from collections.abc import Sequence
from typing import Final

from playd.core.candles import Candle
from playd.core.instrument import Instrument
from playd.core.limits import KLINES_PER_REQUEST
from playd.core.timeframes import BYBIT_INTERVAL, MINUTE_MS, NAME_OF_MS
from playd.venues.bybit.calls import CALLS
from playd.venues.bybit.rest import RestClient
from playd.venues.bybit.rows import candle_from, instrument_from
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.port import Priority
from playd.world.ports import Clock

SETTLED_MS: Final = 2000
"""A candle read over REST counts as closed this long after its end, because the venue still books trades for a moment."""

_ALL_AT_ONCE: Final = 10
"""From this many symbols on, one paged list is cheaper than a request each."""


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

    @property
    def step_ms(self) -> int:
        return self._step_ms

    async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        """Rules of the symbols the venue lists; unknown ones are absent."""
        if len(symbols) >= _ALL_AT_ONCE:
            call = CALLS.get_instruments_info(category="linear", limit=1000)
            rows = await self._rest.read_pages(call, priority=Priority.RECONCILE)
        else:
            rows = []
            for symbol in symbols:
                call = CALLS.get_instruments_info(category="linear", symbol=symbol)
                rows += (await self._rest.read(call, priority=Priority.RECONCILE)).result.get("list") or []
        wanted = set(symbols)
        return {row["symbol"]: instrument_from(row) for row in rows if row.get("symbol") in wanted}

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        """
        Closed candles that open in `[start_ms, end_ms)`, oldest first.

        A candle is closed when the venue lists a later one, or when its end lies `SETTLED_MS` behind the venue's clock. The
        first rule alone holds on a simulated market, whose time is not the wall clock's: there the newest is left out.
        """
        found: dict[int, Candle] = {}
        page_start = start_ms
        if not self._simulated:
            end_ms = min(end_ms, self._venue_clock.venue_ms())
        while page_start < end_ms:
            # Both ends are inclusive: the row at `page_end` shows that the ones before it are closed.
            page_end = min(end_ms, page_start + (KLINES_PER_REQUEST - 1) * self._step_ms)
            rows = await self._kline_rows(symbol, page_start, page_end)
            found.update((candle.open_time_ms, candle) for candle in rows)
            page_start = page_end
        ordered = [found[time] for time in sorted(found)]
        if ordered and not self._settled(ordered[-1]):
            del ordered[-1]
        return [candle for candle in ordered if start_ms <= candle.open_time_ms < end_ms]

    async def clock_offset_ms(self) -> tuple[float, float]:
        """One sample of (venue wall clock - ours, round trip) in ms; it also goes into the offset that requests carry."""
        sent_ms, sent_s = self._clock.wall_ms(), self._clock.mono_s()
        answer = await self._rest.read(CALLS.get_server_time(), priority=Priority.RECONCILE)
        round_trip_ms = (self._clock.mono_s() - sent_s) * 1000
        venue_ms = int(answer.result.get("timeNano") or 0) / 1e6 or float(answer.time_ms)
        offset_ms = venue_ms - (sent_ms + round_trip_ms / 2)
        self._venue_clock.sample(offset_ms, round_trip_ms)
        return offset_ms, round_trip_ms

    async def _kline_rows(self, symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        call = CALLS.get_kline(
            category="linear", symbol=symbol, interval=self._interval, start=start_ms, end=end_ms, limit=KLINES_PER_REQUEST
        )
        answer = await self._rest.read(call, priority=Priority.DATA)
        return [candle_from(row) for row in answer.result.get("list") or ()]

    def _settled(self, newest: Candle) -> bool:
        end_ms = newest.open_time_ms + self._step_ms
        return not self._simulated and end_ms + SETTLED_MS <= self._venue_clock.venue_ms()
