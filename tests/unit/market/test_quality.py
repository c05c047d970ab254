"""Bars that are whole in themselves and still not believed: each doubt on both sides of its edge."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest

from playd.core.candles import Candle
from playd.market.feed_watch import FeedState
from playd.market.hub import MarketHub
from playd.market.public_feed import KlineFrame
from playd.market.quality import doubt
from playd.market.subscription import Subscription
from tests.unit.market.test_hub import STEP, SYMBOL, ScriptedFeed, ScriptedSource, candle
from tests.virtual_time import LoopClock


def bars(count: int, **newest: Any) -> list[Candle]:
    """Newest first: quiet hours of trade between 99 and 101, and the newest bar as told."""
    made = [Candle(60_000 * number, 100.0, 101.0, 99.0, 100.0, 5.0) for number in range(count)]
    return [replace(made[-1], **newest), *reversed(made[:-1])]


def flat(count: int, **newest: Any) -> list[Candle]:
    made = [Candle(60_000 * number, 100.0, 100.0, 100.0, 100.0, 0.0) for number in range(count)]
    return [replace(made[-1], **newest), *reversed(made[:-1])]


def thin(**newest: Any) -> list[Candle]:
    """Newest first: a market that stands at 1.0000, but for one move of a tick, and the newest bar as told."""
    made = [Candle(60_000 * number, 1.0, 1.0, 1.0, 1.0, 5.0) for number in range(31)]
    made[-5] = replace(made[-5], high=1.0001)
    return [replace(made[-1], **newest), *reversed(made[:-1])]


@pytest.mark.parametrize(
    ("seen", "mark", "tick", "said"),
    [
        (bars(31), 100.0, 0.1, ""),
        (bars(31, close=100.05), 100.0, 0.05, ""),
        (bars(31, close=100.05), 100.0, 0.1, "between two ticks"),
        (bars(31, close=100.05), 100.0, None, ""),
        (bars(31, close=67_123.4, high=67_123.4), 67_120.0, 0.1, ""),
        # An average range of 2: ten of them are 20.
        (bars(31, close=120.0, high=120.0), 100.0, 0.1, ""),
        (bars(31, close=120.1, high=120.1), 100.0, 0.1, "ten average ranges"),
        (bars(31, close=79.9, low=79.9), 100.0, 0.1, "ten average ranges"),
        (bars(31, close=120.1, high=120.1), 119.0, 0.1, ""),
        (bars(31, close=120.1, high=120.1), None, 0.1, ""),
        (bars(15, close=120.1, high=120.1), 100.0, 0.1, ""),
        (bars(16, close=120.1, high=120.1), 100.0, 0.1, "ten average ranges"),
        # The mark price drifts away from one that nobody trades; where a range is less than a tick, ten ticks are no jump.
        (bars(31, close=120.1, high=120.1, volume=0.0), 100.0, 0.1, ""),
        (thin(close=1.0000), 0.9999, 0.0001, ""),
        (thin(close=1.0010, high=1.0010), 0.99999, 0.0001, "ten average ranges"),
        (flat(30), 100.0, 0.1, "30 bars in a row"),
        (flat(29), 100.0, 0.1, ""),
        (flat(30, volume=0.1), 100.0, 0.1, ""),
        (flat(30, close=99.9, low=99.9), 100.0, 0.1, ""),
    ],
)
def test_a_bar_is_doubted_for_what_stands_beside_it(
    seen: Sequence[Candle], mark: float | None, tick: float | None, said: str
) -> None:
    found = doubt(seen, mark, tick).replace("10 average", "ten average")
    assert said in found
    assert bool(found) == bool(said)


class Judged:
    """A hub of a market on the clock, its stream and its list of candles."""

    subscription: Subscription
    venue_ms = 0
    """The close of the newest bar."""

    def __init__(self) -> None:
        self.feed, self.source, self.clock = ScriptedFeed(), ScriptedSource(), LoopClock()
        self.hub = MarketHub(
            *(self.clock, self.feed, self.source), venue_ms=lambda: self.venue_ms, on_clock=True, tick_of=lambda _symbol: 0.5
        )

    async def close(self, number: int, price: float = 1.0) -> FeedState:
        """A bar, a minute after the one before."""
        await anyio.sleep(60.0)
        self.venue_ms = max(self.venue_ms, (number + 1) * STEP)
        self.source.streamed_ms = max(self.source.streamed_ms, number * STEP)
        self.feed.deliver(KlineFrame(SYMBOL, candle(number, price), True, self.clock.mono_s()))
        return self.hub.feed_state(SYMBOL)


@asynccontextmanager
async def judged() -> AsyncIterator[Judged]:
    scene = Judged()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.hub.run)
        async with await scene.hub.subscribe(SYMBOL, after_ms=0) as subscription:
            scene.subscription = subscription
            yield scene
        tasks.cancel_scope.cancel()


async def test_every_fiftieth_bar_is_compared_and_another_copy_of_it_is_a_revision() -> None:
    async with judged() as scene:
        for number in range(1, 101):
            assert await scene.close(number) is FeedState.LIVE
        scene.source.list(50)
        scene.source.listed[100 * STEP] = candle(100, 1.5)
        scene.source.asked.clear()
        closed_s = scene.clock.mono_s()
        for number in range(101, 104):
            await scene.close(number)
        assert scene.source.asked == [(closed_s + 120.0, 100, 101)]
        (revision,) = scene.subscription.take_revisions()
        assert (revision.first.close, revision.second.close) == (1.0, 1.5)


async def test_a_bar_that_is_not_believed_is_asked_for_until_there_is_an_answer() -> None:
    async with judged() as scene:
        await scene.close(1)
        await scene.close(2, price=1.25)
        scene.source.list(2)
        scene.source.broken = True
        await anyio.sleep(15.0)
        scene.source.broken = False
        await anyio.sleep(30.0)
        assert [revision.second.close for revision in scene.subscription.take_revisions()] == [1.0]


async def test_a_bar_held_beyond_a_gap_is_compared_once_the_gap_is_filled() -> None:
    async with judged() as scene:
        await scene.close(1)
        await anyio.sleep(60.0)
        scene.source.broken = True
        await scene.close(3, price=1.5)
        await scene.close(4)
        scene.source.list(2, 3, 4)
        scene.source.broken = False
        await anyio.sleep(45.0)
        assert scene.hub.feed_state(SYMBOL) is FeedState.LIVE
        (revision,) = scene.subscription.take_revisions()
        assert (revision.first.close, revision.second.close) == (1.5, 1.0)


async def test_bars_that_came_by_rest_are_not_asked_for_again_one_by_one() -> None:
    async with judged() as scene:
        await scene.close(1)
        scene.source.listed.update((number * STEP, candle(number, 1.25)) for number in range(2, 42))
        await scene.close(42)
        await anyio.sleep(30.0)
        assert [numbers for _, *numbers in scene.source.asked if numbers[1] - numbers[0] == 1] == [[42, 43]]


async def test_a_bar_that_is_not_believed_refuses_entries_is_asked_for_again_and_the_next_good_one_clears_it() -> None:
    async with judged() as scene:
        assert await scene.close(1) is FeedState.LIVE
        assert await scene.close(2, price=1.25) is FeedState.DOUBTFUL
        scene.source.asked.clear()
        scene.source.list(2)
        assert await scene.close(3) is FeedState.LIVE
        assert [numbers for _, *numbers in scene.source.asked] == [[2, 3]]
        (revision,) = scene.subscription.take_revisions()
        assert (revision.first.close, revision.second.close) == (1.25, 1.0)
