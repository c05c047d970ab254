"""Markets that come from another exchange: captured from its public stream and played again, or followed while they happen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import anyio
import pytest

from playd.core.timeframes import MINUTE_MS
from playd.venues.bybit.venue import open_bybit_market_data
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.venues.exchange.frame_feed import FrameFeed
from playd.venues.exchange.frame_file import FrameFile
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.live_feed import LiveFeed
from playd.venues.exchange.recorder import Recorder
from playd.venues.exchange.upstream import Upstream, upstream_of
from playd.world.ports import World
from playd.world.real import real_world
from tests.fake_bybit import FreeBudget
from tests.integration.exchange_bench import DEADLINE_S, Bench, bench_at

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SYMBOLS = ("BTCUSDT", "ETHUSDT")
SPEED = 120.0
"""A minute in half a second."""

PACED: dict[str, Any] = {"speed": SPEED, "lockstep": False, "frame_every_s": 0.05}
HISTORY_MS = 90 * MINUTE_MS


@asynccontextmanager
async def above(world: World, path: PurePath) -> AsyncIterator[tuple[Bench, Upstream]]:
    """An exchange that others take their market from."""
    async with bench_at(world, path, **PACED) as bench:
        yield bench, upstream_of(bench.info.rest_url)


@asynccontextmanager
async def below(world: World, path: PurePath, upstream: Upstream) -> AsyncIterator[Bench]:
    """An exchange that follows another one."""
    async with open_bybit_market_data(world, upstream.hosts.rest, FreeBudget(), simulated=True) as source:
        feed = await LiveFeed.open(world, upstream, source, SYMBOLS, history_ms=HISTORY_MS, tell=lambda _: None)
        config = ExchangeConfig(path, frame_every_s=0.02, terms=MarketTerms(prices=feed.prices))
        exchange = Exchange(world, feed, config)
        async with exchange.running() as info, world.net.http_session(timeout_s=DEADLINE_S) as session:
            key, secret = exchange.create_account("test", wallet_usdt=Decimal(100_000))
            yield Bench(exchange, info, session, key, secret)


async def minutes_pass(bench: Bench, count: int) -> None:
    until_ms = bench.exchange.books.time.now_ms + count * MINUTE_MS
    while bench.exchange.books.time.now_ms < until_ms:  # noqa: ASYNC110 - the market has no event for a time
        await anyio.sleep(0.02)


async def connected(said: list[str], times: int) -> None:
    """Until a recorder has said so often that it listens, and has read what it missed."""
    while sum(text.endswith(": connected") for text in said) < times:  # noqa: ASYNC110 - what is told is a text
        await anyio.sleep(0.02)


def candles_of(bench: Bench, symbol: str, start_ms: int, end_ms: int) -> list[tuple[float, ...]]:
    found = bench.exchange.feed.candles(symbol, start_ms, end_ms)
    return [
        (candle.open_time_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)
        for candle in (found.at(place) for place in range(len(found)))
    ]


async def test_a_market_is_stepped_some_candles_and_held_again(tmp_path: PurePath) -> None:
    async with bench_at(real_world(), tmp_path / "held.sqlite", lockstep=False, held=True) as bench:
        url, token = f"{bench.info.rest_url}/playd/market", {"X-Playd-Token": bench.info.admin_token}
        begin_ms = bench.exchange.books.time.now_ms
        for _ in range(2):
            async with bench.session.post(url, json={"step": 3}, headers=token) as response:
                assert response.status == 200
            await minutes_pass(bench, 3)
            while not bench.exchange.market.held:  # noqa: ASYNC110 - the clock has no event for it
                await anyio.sleep(0.01)
        assert bench.exchange.books.time.now_ms == begin_ms + 6 * MINUTE_MS
        for wrong in ({"step": 0}, {"step": 1.5}, {"step": 1, "held": True}):
            async with bench.session.post(url, json=wrong, headers=token) as response:
                assert response.status == 400


async def test_a_capture_plays_the_candles_that_were_captured(tmp_path: PurePath) -> None:
    world = real_world()
    async with above(world, tmp_path / "above.sqlite") as (bench, upstream):
        async with open_bybit_market_data(world, upstream.hosts.rest, FreeBudget(), simulated=True) as source:
            said: list[str] = []
            recorder = Recorder(world, upstream, source, tmp_path / "frames.jsonl", tell=said.append)
            async with anyio.create_task_group() as tasks:

                async def record() -> None:
                    await recorder.run(SYMBOLS, history_ms=HISTORY_MS)

                tasks.start_soon(record)
                await connected(said, 1)
                await minutes_pass(bench, 2)
                for client in [*bench.exchange.clients]:
                    client.abort()
                await connected(said, 2)
                await minutes_pass(bench, 4)
                tasks.cancel_scope.cancel()
        feed = FrameFeed(FrameFile(world.disk, tmp_path / "frames.jsonl"))

        assert feed.symbols == SYMBOLS
        start_ms, end_ms = feed.first_ms, feed.start_ms + 4 * MINUTE_MS
        assert feed.start_ms - start_ms >= HISTORY_MS - MINUTE_MS
        for symbol in SYMBOLS:
            found = feed.candles(symbol, start_ms, end_ms)
            assert candles_of(bench, symbol, start_ms, end_ms) == [
                (each.open_time_ms, each.open, each.high, each.low, each.close, each.volume)
                for each in (found.at(place) for place in range(len(found)))
            ]
            rules, stated = feed.instrument(symbol), bench.exchange.feed.instrument(symbol)
            assert rules.min_price == stated.tick  # what an exchange states beside what its market has
            assert replace(rules, launch_time_ms=0, min_price=None, max_price=None) == stated


async def test_a_live_market_is_followed_traded_and_caught_up_after_a_loss(tmp_path: PurePath) -> None:
    world = real_world()
    async with (
        above(world, tmp_path / "above.sqlite") as (source, upstream),
        below(world, tmp_path / "below.sqlite", upstream) as bench,
    ):
        public = await bench.public("kline.1.BTCUSDT")
        frame = await public.read()
        assert (frame["topic"], frame["data"][0]["confirm"]) == ("kline.1.BTCUSDT", False)
        assert (await bench.order("Buy", "0.01", stopLoss="1000"))["retCode"] == 0
        begin_ms = bench.exchange.books.time.open_ms - 10 * MINUTE_MS
        await minutes_pass(bench, 1)
        for client in [*source.exchange.clients]:
            client.abort()
        await minutes_pass(bench, 3)

        end_ms = bench.exchange.books.time.open_ms
        for symbol in SYMBOLS:
            expected = candles_of(source, symbol, begin_ms, end_ms)
            assert len(expected) > 12
            assert candles_of(bench, symbol, begin_ms, end_ms) == expected
        (account,) = bench.exchange.books.accounts.values()
        position = account.positions["BTCUSDT"]
        low, high = (
            pick(row[column] for row in candles_of(source, "BTCUSDT", begin_ms, end_ms))
            for pick, column in ((min, 3), (max, 2))
        )
        assert position.steps == 10
        assert low <= float(position.entry) <= high
        ticker = await bench.get("/v5/market/tickers", "category=linear&symbol=BTCUSDT")
        assert ticker["result"]["list"][0]["markPrice"]


async def test_an_exchange_that_was_away_lives_through_what_its_source_did_meanwhile(tmp_path: PurePath) -> None:
    world, path = real_world(), tmp_path / "below.sqlite"
    async with above(world, tmp_path / "above.sqlite") as (source, upstream):
        async with below(world, path, upstream) as bench:
            await minutes_pass(bench, 1)
            assert (await bench.order("Buy", "0.01"))["retCode"] == 0
            left_ms = bench.exchange.books.time.open_ms
        await minutes_pass(source, 4)
        async with below(world, path, upstream) as bench:
            assert bench.exchange.books.time.open_ms == left_ms
            opened: list[int] = []
            bench.exchange.market.opened = lambda: opened.append(bench.exchange.books.time.open_ms)
            while len(opened) < 6:  # noqa: ASYNC110 - the market has no event for it
                await anyio.sleep(0.02)
            (account,) = bench.exchange.books.accounts.values()
            assert account.positions["BTCUSDT"].steps == 10
        first_ms = opened[0]
        assert first_ms <= left_ms + MINUTE_MS
        assert opened == [first_ms + number * MINUTE_MS for number in range(len(opened))]
