"""What a subscriber knows of bars that it has not received yet."""

import anyio
import anyio.lowlevel

from playd.core.limits import BARS_KEPT
from tests.unit.market.test_hub import STEP, SYMBOL, running


async def test_a_subscriber_knows_whether_a_further_bar_is_there_already() -> None:
    async with running() as scene, await scene.hub.subscribe(SYMBOL):
        for number in range(1, BARS_KEPT + 3):
            scene.close(number)
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.1)
        scene.source.list(*range(1, BARS_KEPT + 3))
        lagging = await scene.hub.subscribe(SYMBOL, after_ms=STEP)
        waiting = [(await lagging.receive(), lagging.waiting)[1] for _ in range(BARS_KEPT + 1)]
        assert waiting == [True] * BARS_KEPT + [False]
        scene.close(BARS_KEPT + 4)  # behind a gap: nobody knows how long that stays
        assert not lagging.waiting
