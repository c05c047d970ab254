"""Candles that the venue does not have: a hole is passed by once the venue has said three times that nothing is there."""

import anyio

from playd.market.feed_watch import NoteKind
from tests.unit.market.test_hub import STEP, SYMBOL, numbers, running, take


async def test_an_answer_by_a_clock_that_stands_before_the_gaps_end_proves_no_hole() -> None:
    """The monotonic clock stands while the machine sleeps: what it takes for the present cuts the answer short."""
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        scene.source.moved_on_ms = -108 * STEP
        scene.close(110)
        await anyio.sleep(60)
        assert NoteKind.GAP_ABSENT not in scene.kinds()
        scene.source.moved_on_ms = 2000
        scene.source.list(*range(2, 110))
        assert numbers(await take(subscription, 110)) == [*range(1, 111)]


async def test_candles_that_the_venue_does_not_have_are_skipped_after_three_complete_replies() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        scene.close(3)
        assert numbers(await take(subscription, 2)) == [1, 3]
        assert len(scene.source.asked) == 3
        assert NoteKind.GAP_ABSENT in scene.kinds()
