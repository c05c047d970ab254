"""A frame that holds no market is left out; what it was about is fetched."""

from dataclasses import replace

import anyio

from playd.market.bars import Source
from playd.market.feed_watch import FeedState, HubTiming, NoteKind
from playd.market.hub import MarketHub
from playd.market.public_feed import FrameRefused, KlineFrame
from tests.unit.market.test_hub import STEP, SYMBOL, ScriptedFeed, ScriptedSource, candle, numbers, running, take
from tests.virtual_time import LoopClock


async def test_a_final_candle_that_holds_no_market_is_fetched_at_once_and_said_once_a_minute() -> None:
    async with running() as scene:
        bars = await scene.hub.subscribe(SYMBOL, after_ms=0)
        scene.close(1)
        assert numbers(await take(bars, 1)) == [1]
        scene.source.list(1, 2)
        asked = len(scene.source.asked)
        for _ in range(20):
            scene.feed.deliver(FrameRefused(SYMBOL, "not a candle", closed=False))
            await anyio.sleep(0.25)
        assert len(scene.source.asked) == asked, "a candle that is not final yet is nothing to fetch"
        scene.feed.deliver(FrameRefused(SYMBOL, "not a candle", closed=True))
        scene.feed.deliver(FrameRefused("ETHUSDT", "of somebody else", closed=True))
        before_s = scene.clock.mono_s()
        assert numbers(await take(bars, 1)) == [2]
        assert scene.clock.mono_s() - before_s < 0.1
        assert scene.kinds().count(NoteKind.FRAME_REFUSED) == 1


async def test_a_final_candle_of_the_future_or_between_two_steps_does_not_end_the_line() -> None:
    feed, source, clock = ScriptedFeed(), ScriptedSource(), LoopClock()
    began_s, set_ms = clock.mono_s(), [0]
    hub = MarketHub(
        *(clock, feed, source),
        timing=HubTiming(),
        venue_ms=lambda: 2 * STEP + round((clock.mono_s() - began_s) * 1000) + set_ms[0],
        on_clock=True,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.run)
        bars = await hub.subscribe(SYMBOL, after_ms=0)
        for closed in (candle(1), candle(500_000), replace(candle(2), open_time_ms=2 * STEP + 7)):
            feed.deliver(KlineFrame(SYMBOL, closed, True, clock.mono_s()))
        assert numbers(await take(bars, 1)) == [1]
        await anyio.sleep(60.2)
        feed.deliver(KlineFrame(SYMBOL, candle(2), True, clock.mono_s()))
        (second,) = await take(bars, 1)
        assert (second.candle, second.source, hub.feed_state(SYMBOL)) == (candle(2), Source.STREAM, FeedState.LIVE)
        assert round(hub.since_close_s(2 * STEP), 1) == 0.2
        set_ms[0] = -3_600_000
        await anyio.sleep(60.0)
        feed.deliver(KlineFrame(SYMBOL, candle(3), True, clock.mono_s()))
        assert numbers(await take(bars, 1)) == [3], "a wall clock that is set back ends nothing"
        tasks.cancel_scope.cancel()
