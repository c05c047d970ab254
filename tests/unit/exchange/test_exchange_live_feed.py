"""A market that follows a venue: what a lost socket missed is read before anything later is heard."""

from collections.abc import Callable
from typing import Any, cast

import anyio

from playd.core.candles import Candle, Candles, as_candles
from playd.core.instrument import Instrument, synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.venues.bybit.market_data import SETTLED_MS, BybitMarketData
from playd.venues.bybit.socket import Wire
from playd.venues.exchange.live_feed import GRACE_MS, LiveFeed
from playd.venues.exchange.upstream import upstream_of
from playd.world.virtual import virtual_world
from tests.virtual_time import in_virtual_time

SYMBOLS = ("BTCUSDT", "ETHUSDT")
START_MS = 1_790_000_040_000


def told(symbol: str, minute: int) -> Candle:
    """The venue's candle."""
    price = (100.0 if symbol == SYMBOLS[0] else 50.0) + minute
    return Candle(START_MS + minute * MINUTE_MS, price, price + 3.0, price - 2.0, price + 1.0, 5.0)


class Venue:
    """REST of a venue whose minutes are all written; it answers for candles after `answers`."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.answers = anyio.Event()
        self.on_wait: Callable[[], object] = self.answers.set

    async def market_now_ms(self) -> int:
        return self.now_ms + round(anyio.current_time() * 1000.0)

    async def instruments(self, symbols: tuple[str, ...]) -> dict[str, Instrument]:
        return {symbol: synthetic_instrument(symbol, told(symbol, 0).open) for symbol in symbols}

    async def funding_rates(self, _: str) -> dict[int, float]:
        return {}

    async def history(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        return as_candles(symbol, MINUTE_MS, await self._told(symbol, start_ms, end_ms))

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        if symbol == SYMBOLS[1]:
            self.on_wait()
            await self.answers.wait()
        return await self._told(symbol, start_ms, end_ms)

    async def _told(self, symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        end_ms = min(end_ms, await self.market_now_ms() - SETTLED_MS - MINUTE_MS + 1)
        return [told(symbol, number) for number in range(-9, 99) if start_ms <= START_MS + number * MINUTE_MS < end_ms]


class Socket:
    async def request(self, *_: object) -> dict[str, Any]:
        return {"success": True}


def trade(symbol: str, minute: int, after_s: float) -> dict[str, Any]:
    time_ms = START_MS + minute * MINUTE_MS + round(after_s * 1000)
    row = {"T": time_ms, "S": "Buy", "v": "0.1", "p": str(told(symbol, minute).open)}
    return {"topic": f"publicTrade.{symbol}", "ts": time_ms, "data": [row]}


async def opened(venue: Venue) -> LiveFeed:
    source, upstream = cast(BybitMarketData, venue), upstream_of("mainnet")
    return await LiveFeed.open(virtual_world(), upstream, source, SYMBOLS, history_ms=5 * MINUTE_MS, tell=lambda _: None)


def test_minutes_that_a_lost_socket_missed_are_read_before_a_later_frame_is_heard() -> None:
    async def body() -> None:
        venue = Venue(START_MS + 30_000)
        feed, wire = await opened(venue), cast(Wire, Socket())
        socket = feed._socket
        await socket.opened(wire)
        for symbol in SYMBOLS:
            await socket.frame(trade(symbol, 0, 31.0))
        assert feed.now_ms == START_MS + 31_000
        await socket.closed("gone")

        venue.now_ms += 4 * MINUTE_MS - 30_000 + 500  # a minute has just ended, and is not in the records yet
        venue.answers = anyio.Event()
        heard: list[int] = []

        async def frames() -> None:
            await socket.frame(trade(SYMBOLS[0], 4, 20.0))
            heard.append(feed.now_ms)
            assert not feed.is_over(START_MS)
            venue.answers.set()

        async with anyio.create_task_group() as tasks:
            venue.on_wait = lambda: tasks.start_soon(frames)
            await socket.opened(wire)
        assert heard == [START_MS + 31_000]
        assert feed.now_ms == START_MS + 4 * MINUTE_MS + 20_000 > START_MS + 4 * MINUTE_MS + GRACE_MS

        for minute in range(4):
            assert feed.is_over(START_MS + minute * MINUTE_MS)
        for symbol in SYMBOLS:
            found = feed.candles(symbol, START_MS - 5 * MINUTE_MS, START_MS + 9 * MINUTE_MS)
            assert [found.at(place) for place in range(len(found))] == [told(symbol, minute) for minute in range(-5, 4)]

    in_virtual_time(body)


def test_a_market_that_is_opened_as_a_minute_ends_has_that_minute() -> None:
    async def body() -> None:
        feed = await opened(Venue(START_MS + 100))
        assert feed.start_ms == START_MS
        found = feed.candles(SYMBOLS[0], START_MS - MINUTE_MS, START_MS)
        assert [found.at(place) for place in range(len(found))] == [told(SYMBOLS[0], -1)]

    in_virtual_time(body)
