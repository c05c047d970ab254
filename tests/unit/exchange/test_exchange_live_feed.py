"""A market that follows a venue: what a lost socket missed is read before anything later is heard."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import PurePath
from typing import Any, cast

import anyio
import pytest

from playd.core.candles import Candle, Candles, as_candles
from playd.core.errors import LinkError
from playd.core.instrument import Instrument, synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.venues.bybit.market_data import SETTLED_MS, BybitMarketData
from playd.venues.bybit.socket import Wire
from playd.venues.exchange import arrivals
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.floor import Floor
from playd.venues.exchange.live_feed import GRACE_MS, LiveFeed
from playd.venues.exchange.upstream import upstream_of
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.virtual_time import LoopClock, in_virtual_time

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
        self.refuses = False

    async def market_now_ms(self) -> int:
        return self.now_ms + round(anyio.current_time() * 1000.0)

    async def instruments(self, symbols: tuple[str, ...]) -> dict[str, Instrument]:
        return {symbol: synthetic_instrument(symbol, told(symbol, 0).open) for symbol in symbols}

    async def funding_rates(self, _: str) -> dict[int, float]:
        return {}

    async def history(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        return as_candles(symbol, MINUTE_MS, await self._told(symbol, start_ms, end_ms))

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        if self.refuses:
            raise LinkError("no answer")
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


def last_word(symbol: str, minute: int) -> dict[str, Any]:
    candle = told(symbol, minute)
    row: dict[str, Any] = {name: str(getattr(candle, name)) for name in ("open", "high", "low", "close", "volume")}
    row |= {"start": candle.open_time_ms, "timestamp": candle.open_time_ms + MINUTE_MS - 1, "confirm": True}
    return {"topic": f"kline.1.{symbol}", "ts": candle.open_time_ms + MINUTE_MS + 60, "data": [row]}


async def opened(venue: Venue) -> LiveFeed:
    source, upstream = cast(BybitMarketData, venue), upstream_of("mainnet")
    return await LiveFeed.open(virtual_world(), upstream, source, SYMBOLS, history_ms=5 * MINUTE_MS, tell=lambda _: None)


async def test_minutes_that_a_lost_socket_missed_are_read_before_a_later_frame_is_heard() -> None:
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


@pytest.mark.parametrize("answers", [True, False])
async def test_a_minute_whose_last_word_is_lost_on_a_socket_that_lives_is_read(*, answers: bool) -> None:
    venue = Venue(START_MS + 30_000)
    feed, wire = await opened(venue), cast(Wire, Socket())
    socket = feed._socket
    await socket.opened(wire)
    venue.answers.set()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed._ask_for_last_words)
        for symbol in SYMBOLS:
            await socket.frame(trade(symbol, 0, 31.0))
        await socket.frame(last_word(SYMBOLS[0], 0))
        await socket.frame(trade(SYMBOLS[0], 1, 4.0))
        await anyio.sleep(40.0)
        assert not feed.is_over(START_MS)
        venue.refuses = not answers
        await socket.frame(trade(SYMBOLS[0], 1, 5.0))
        await anyio.sleep(1.0)
        assert feed.is_over(START_MS)
        tasks.cancel_scope.cancel()
    found = feed.candles(SYMBOLS[1], START_MS, START_MS + MINUTE_MS).at(0)
    as_heard = Candle(START_MS, 50.0, 50.0, 50.0, 50.0, 0.1)
    assert replace_way(found) == (told(SYMBOLS[1], 0) if answers else as_heard)


def replace_way(candle: Candle) -> Candle:
    """The four prices and the volume alone."""
    return Candle(candle.open_time_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)


async def test_a_market_that_is_opened_as_a_minute_ends_has_that_minute() -> None:
    feed = await opened(Venue(START_MS + 100))
    assert feed.start_ms == START_MS
    found = feed.candles(SYMBOLS[0], START_MS - MINUTE_MS, START_MS)
    assert [found.at(place) for place in range(len(found))] == [told(SYMBOLS[0], -1)]


def test_what_only_the_last_word_or_a_late_trade_says_is_met_by_an_order_that_waits() -> None:
    virtual = virtual_world()
    virtual.disk.mkdir(PurePath("/x"))
    world = World(LoopClock(), virtual.disk, virtual.net, virtual.random, virtual.env, virtual.process)

    async def body() -> None:
        feed, wire = await opened(Venue(START_MS + 30_000)), cast(Wire, Socket())
        socket = feed._socket
        floor = Floor(world, feed, ExchangeConfig(PurePath("/x/records.sqlite"), frame_every_s=0.1))
        floor.create_account("mine", wallet_usdt=Decimal(100_000))
        (account,) = floor.books.accounts.values()

        def rising(trigger: str) -> str:
            request = {"category": "linear", "symbol": SYMBOLS[0], "side": "Buy", "orderType": "Market", "qty": "1"}
            request |= {"triggerPrice": trigger, "triggerDirection": "1"}
            return arrivals.create(floor.books, account, request, floor.link_used).order_id

        async def hear(frame: dict[str, Any]) -> None:
            await socket.frame(frame)
            await anyio.sleep(1.0)

        await socket.opened(wire)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(floor.market.run)
            await hear(trade(SYMBOLS[0], 0, 31.0))
            near, far = rising("101.5"), rising("102.5")
            await hear(trade(SYMBOLS[1], 0, 40.0))
            late = trade(SYMBOLS[0], 0, 39.9)
            late["data"][0]["p"] = "102"
            await socket.frame(late)
            await hear(trade(SYMBOLS[0], 0, 39.95))
            await hear(trade(SYMBOLS[1], 0, 40.1))
            assert near not in account.orders
            assert far in account.orders
            await hear(trade(SYMBOLS[1], 1, 0.05))
            assert floor.books.time.open_ms == START_MS
            for symbol in SYMBOLS:
                await hear(last_word(symbol, 0))
            assert floor.books.time.open_ms == START_MS + MINUTE_MS
            assert far not in account.orders
            tasks.cancel_scope.cancel()
        floor.close()

    in_virtual_time(body)
