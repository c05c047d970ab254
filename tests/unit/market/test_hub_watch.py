"""The watch over each feed: it comes round in time whatever happens, and says when it does not."""

from collections.abc import Sequence

import anyio

from playd.core.candles import Candle
from tests.unit.market.test_hub import SYMBOL, running
from tests.virtual_time import in_virtual_time


def test_the_watch_over_a_feed_comes_round_in_time_through_silence_gaps_and_outages_and_one_that_hangs_is_behind() -> None:
    async def body() -> None:
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

    in_virtual_time(body)
