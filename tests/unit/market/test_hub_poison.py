"""A frame that holds no market is left out; what it was about is fetched."""

import anyio

from playd.market.feed_watch import NoteKind
from playd.market.public_feed import FrameRefused
from tests.unit.market.test_hub import SYMBOL, numbers, running, take
from tests.virtual_time import in_virtual_time


def test_a_final_candle_that_holds_no_market_is_fetched_at_once_and_said_once_a_minute() -> None:
    async def body() -> None:
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

    in_virtual_time(body)
