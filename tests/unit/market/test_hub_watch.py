"""The watch over each feed: it comes round in time whatever happens, and says when it does not."""

from collections.abc import Sequence

import anyio

from playd.core.candles import Candle
from playd.market.bars import Source
from playd.market.hub import MarketHub
from playd.market.public_feed import KlineFrame
from tests.unit.market.test_hub import STEP, SYMBOL, ScriptedFeed, ScriptedSource, candle, numbers, running, take
from tests.virtual_time import LoopClock


async def test_the_watch_over_a_feed_comes_round_in_time_through_silence_gaps_and_outages_and_one_that_hangs_is_behind() -> (
    None
):
    async with running() as scene:
        behind = [scene.hub.behind_s]
        bars = await scene.hub.subscribe(SYMBOL, after_ms=0)
        ether = await scene.hub.subscribe("ETHUSDT", after_ms=0)

        async def look() -> None:
            while True:
                behind.append(scene.hub.behind_s)
                await anyio.sleep(0.5)

        async with anyio.create_task_group() as looking:
            looking.start_soon(look)
            scene.close(1)
            await anyio.sleep(200.0)  # nothing comes
            scene.source.broken = True
            scene.close(9)  # and candles are missing that nobody can say
            await anyio.sleep(200.0)
            scene.source.broken = False
            await anyio.sleep(200.0)
            looking.cancel_scope.cancel()
        assert max(behind) == 0.0
        hanging = scene.source.candles

        async def hang(symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
            with anyio.CancelScope(shield=True):  # as something would that takes no notice of its deadline
                await anyio.sleep(100.0)
            return await hanging(symbol, start_ms, end_ms)

        scene.source.candles = hang  # type: ignore[method-assign]
        await anyio.sleep(100.0)
        assert scene.hub.behind_s > 10.0
        await bars.close()
        await ether.close()
        assert scene.hub.behind_s == 0.0


async def test_a_stream_that_falls_behind_more_and_more_is_late_by_the_venues_clock_and_its_bars_are_fetched() -> None:
    """Each bar comes nine seconds later behind its close than the one before: no two of them are far apart."""
    feed, source, clock = ScriptedFeed(), ScriptedSource(), LoopClock()
    hub = MarketHub(*(clock, feed, source), venue_ms=lambda: STEP + round(clock.mono_s() * 1000), on_clock=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.run)
        bars = await hub.subscribe(SYMBOL, after_ms=0)

        async def stream() -> None:
            for number in range(1, 9):
                await anyio.sleep(60.0 * number + 9.0 * (number - 1) - clock.mono_s())
                feed.deliver(KlineFrame(SYMBOL, candle(number), True, clock.mono_s()))

        async def venue() -> None:
            for number in range(1, 9):
                await anyio.sleep(60.0 * number + 2.0 - clock.mono_s())
                source.list(number)

        tasks.start_soon(stream)
        tasks.start_soon(venue)
        lates_s = []
        for number in range(1, 8):
            (bar,) = await take(bars, 1)
            assert numbers([bar]) == [number]
            lates_s.append(round(clock.mono_s() - 60.0 * number, 1))
            assert bar.source is (Source.STREAM if number <= 2 else Source.REST)
        assert lates_s[:2] == [0.0, 9.0]
        assert max(lates_s) <= 12.0
        tasks.cancel_scope.cancel()
