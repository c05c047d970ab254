"""A market in the machine's time, which real clients with clocks of their own need."""

from decimal import Decimal
from pathlib import PurePath

import anyio
import pytest

from playd.core.errors import SettingsError
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.market.source import MarketChoice, open_feed
from playd.venues.exchange.admin import steer_market
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.floor import Floor
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.virtual_time import LoopClock, in_virtual_time

LATEST_MS = 1_000
"""How far market time may be behind: two frames, and what rounding takes."""


def test_market_time_is_the_machines_and_is_caught_up_with_after_a_pause() -> None:
    virtual = virtual_world()
    virtual.disk.mkdir(PurePath("/x"))
    world = World(LoopClock(), virtual.disk, virtual.net, virtual.random, virtual.env, virtual.process)
    clock = world.clock
    seen: list[tuple[str, int, int]] = []

    def entered() -> Floor:
        feed = open_feed(world.disk, MarketChoice(seed=3, entered_ms=clock.wall_ms(), funding_rate=0.0001))
        return Floor(world, feed, ExchangeConfig(PurePath("/x/records.sqlite"), on_clock=True))

    async def live(floor: Floor, span_s: float) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(floor.market.run)
            for _ in range(4):
                await anyio.sleep(span_s / 4)
                seen.append((floor.feed.identity, floor.books.time.now_ms, clock.wall_ms()))
                floor.market.stamp()
                assert floor.books.time.now_ms == clock.wall_ms()
            tasks.cancel_scope.cancel()
        floor.close()

    async def body() -> None:
        await anyio.sleep(17.3)  # within a minute
        floor = entered()
        floor.create_account("mine", wallet_usdt=Decimal(100))
        with pytest.raises(SettingsError, match="no speed"):
            steer_market(floor, {"speed": 5})
        await live(floor, 200.0)
        await anyio.sleep(3 * 3600)
        floor = entered()
        assert floor.credentials("mine") is not None
        assert floor.feed.start_ms - floor.books.time.open_ms > 2 * 3600 * 1000
        await live(floor, 100.0)
        assert floor.tape.ticker("BTCUSDT")["fundingRate"] == "0.0001"
        day = floor.feed.candles("BTCUSDT", clock.wall_ms() - DAY_MS, clock.wall_ms())
        assert len(day) == DAY_MS // MINUTE_MS

    in_virtual_time(body)
    assert len({identity for identity, _, _ in seen}) == 1
    assert all(0 <= wall_ms - market_ms <= LATEST_MS for _, market_ms, wall_ms in seen), seen
