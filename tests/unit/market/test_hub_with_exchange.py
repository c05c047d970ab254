"""The hub, the public stream and the local exchange together, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

import anyio
import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.modes import Environment
from playd.core.timeframes import MINUTE_MS
from playd.market.bars import ClosedBar, Source
from playd.market.feed import RecordedFeed
from playd.market.feed_watch import HubTiming
from playd.market.hub import MarketHub
from playd.venues.bybit.environment import local_hosts
from playd.venues.bybit.public_stream import BybitPublicStream
from playd.venues.bybit.socket import SocketTiming
from playd.venues.bybit.venue import open_bybit_market_data
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE, ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.world.real import real_world
from tests.fake_bybit import FreeBudget

pytestmark = pytest.mark.anyio

SYMBOLS = ("BTCUSDT", "ETHUSDT")
HISTORY = 10
QUICK = SocketTiming(backoff_first_s=0.01, backoff_max_s=0.05)


def market(symbol: str, missing: tuple[int, ...] = ()) -> Candles:
    numbers = np.array([number for number in range(60) if number not in missing])
    price = 100.0 + numbers % 7
    return Candles(
        symbol=symbol,
        step_ms=MINUTE_MS,
        open_time_ms=1_700_000_040_000 // MINUTE_MS * MINUTE_MS + MINUTE_MS * numbers,
        open=price,
        high=price + 1.0,
        low=price - 1.0,
        close=price + 0.5,
        volume=np.full(len(numbers), 3.25),
    )


@dataclass
class Scene:
    exchange: Exchange
    hub: MarketHub


@asynccontextmanager
async def running(directory: Path, *series: Candles) -> AsyncIterator[Scene]:
    world = real_world()
    feed = RecordedFeed(list(series), history_ms=HISTORY * MINUTE_MS)
    config = ExchangeConfig(PurePath(directory / "x.db"), speed=AS_FAST_AS_POSSIBLE, lockstep=True, held=True)
    exchange = Exchange(world, feed, config)
    async with exchange.running() as info, anyio.create_task_group() as tasks:
        hosts = local_hosts(info.port)
        async with open_bybit_market_data(world, hosts.rest, FreeBudget(), simulated=True) as source:
            stream = BybitPublicStream(world, Environment.LOCAL, hosts, lock_step=True, timing=QUICK)
            hub = MarketHub(world.clock, stream, source, timing=HubTiming(proofs_of_hole=1))
            tasks.start_soon(stream.run)
            tasks.start_soon(hub.run)
            yield Scene(exchange, hub)
            tasks.cancel_scope.cancel()


async def follow(scene: Scene, symbol: str, into: list[ClosedBar]) -> None:
    history = await scene.hub.history(symbol, 0, await scene.hub.market_now_ms())
    assert len(history) == HISTORY
    async with await scene.hub.subscribe(symbol, after_ms=int(history.open_time_ms[-1])) as subscription:
        if scene.hub.symbols == list(SYMBOLS):
            scene.exchange.release()
        async for bar in subscription:
            into.append(bar)
            subscription.done(bar.candle.open_time_ms + MINUTE_MS)


async def test_every_candle_of_a_replay_arrives_once_and_bit_for_bit(tmp_path: Path) -> None:
    recorded = market("BTCUSDT"), market("ETHUSDT", missing=(20, 21, 40))
    bars: dict[str, list[ClosedBar]] = {symbol: [] for symbol in SYMBOLS}
    async with running(tmp_path, *recorded) as scene:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as followers:
                for symbol in SYMBOLS:
                    followers.start_soon(follow, scene, symbol, bars[symbol])
    for series in recorded:
        found = [bar.candle for bar in bars[series.symbol]]
        assert found == [series.at(index) for index in range(HISTORY, len(series))]
        assert {(bar.source, bar.late) for bar in bars[series.symbol]} == {(Source.STREAM, False)}


async def test_a_lost_socket_costs_no_candle(tmp_path: Path) -> None:
    recorded = market("BTCUSDT"), market("ETHUSDT")
    bars: list[ClosedBar] = []
    async with running(tmp_path, *recorded) as scene:
        history = await scene.hub.history("BTCUSDT", 0, await scene.hub.market_now_ms())
        with anyio.fail_after(60):
            async with await scene.hub.subscribe("BTCUSDT", after_ms=int(history.open_time_ms[-1])) as subscription:
                scene.exchange.release()
                async for bar in subscription:
                    bars.append(bar)
                    if len(bars) in (7, 8, 25):
                        for client in scene.exchange.clients:
                            client.hang_up()
                    subscription.done(bar.candle.open_time_ms + MINUTE_MS)
    assert [bar.candle for bar in bars] == [recorded[0].at(index) for index in range(HISTORY, 60)]
