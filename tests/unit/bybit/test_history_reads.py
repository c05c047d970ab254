"""A hundred instances that begin at once do not have a page made for each in one turn of an exchange in their own process."""

from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import pytest

from playd.core.candles import Candle
from playd.venues.bybit.market_data import BybitMarketData
from playd.world.virtual import virtual_world


@pytest.mark.parametrize(("simulated", "most"), [(True, 4), (False, 100)])
async def test_few_histories_are_read_at_once_where_the_exchange_may_share_the_loop(simulated: bool, most: int) -> None:
    nothing: Any = None
    market = BybitMarketData(nothing, virtual_world().clock, nothing, simulated=simulated)
    asking, seen = 0, list[int]()

    async def pages(symbol: str, start_ms: int, end_ms: int) -> AsyncIterator[list[Candle]]:
        nonlocal asking
        asking += 1
        seen.append(asking)
        await anyio.sleep(1.0)
        asking -= 1
        yield []

    cast("Any", market)._pages = pages
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(market.history, "BTCUSDT", 0, 60_000)
    assert (len(seen), max(seen)) == (100, most)
