"""The market hub in virtual time, against a scripted feed and a scripted list of candles."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from playd.core.candles import Candle, Candles, as_candles
from playd.core.errors import LinkError, Refused
from playd.core.limits import BARS_KEPT
from playd.market.bars import ClosedBar, Source
from playd.market.feed_watch import FeedNote, FeedState, HubTiming, NoteKind
from playd.market.hub import MarketHub
from playd.market.public_feed import (
    FeedBarrier,
    FeedDown,
    FeedEnded,
    FeedEvent,
    FeedUp,
    KlineFrame,
    SymbolRefused,
    TickerFrame,
)
from playd.market.subscription import Subscription
from tests.virtual_time import LoopClock

STEP = 60_000
SYMBOL = "BTCUSDT"


def candle(number: int, close: float = 1.0) -> Candle:
    return Candle(number * STEP, 1.0, 2.0, 0.5, close, 10.0)


class ScriptedFeed:
    def __init__(self) -> None:
        self.watched: list[str] = []
        self.unwatched: list[str] = []
        self.barriers: list[int] = []

    def deliver_to(self, listener: Callable[[FeedEvent], None]) -> None:
        self.deliver = listener

    async def watch(self, symbol: str) -> None:
        self.watched.append(symbol)

    async def unwatch(self, symbol: str) -> None:
        self.unwatched.append(symbol)

    async def barrier_done(self, number: int) -> None:
        self.barriers.append(number)


@dataclass
class ScriptedSource:
    step_ms: int = STEP
    listed: dict[int, Candle] = field(default_factory=dict)
    asked: list[tuple[float, int, int]] = field(default_factory=list)
    broken: bool = False
    broken_beside: bool = False
    ended: tuple[str, ...] = ()
    asked_beside: list[tuple[str, ...]] = field(default_factory=list)
    moved_on_ms: int = 2000
    streamed_ms: int = 0
    """Open time of the newest bar that the stream told."""
    quote: TickerFrame | None = None

    async def market_now_ms(self) -> int:
        return max([self.streamed_ms, *self.listed]) + STEP + self.moved_on_ms

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        self.asked.append((LoopClock().mono_s(), start_ms // STEP, end_ms // STEP))
        if self.broken:
            raise LinkError("no answer")
        return [each for time, each in sorted(self.listed.items()) if start_ms <= time < end_ms]

    async def history(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        return as_candles(symbol, self.step_ms, await self.candles(symbol, start_ms, end_ms))

    async def said(self, candles: Candles, names: Sequence[str]) -> Candles:
        self.asked_beside.append(tuple(names))
        if self.broken_beside:
            raise LinkError("no answer")
        return replace(candles, funding_rate=np.full(len(candles), 0.0007)) if "funding_rate" in names else candles

    async def ticker(self, symbol: str) -> TickerFrame | None:
        await self.has_ended(symbol)  # which raises when nothing answers
        return self.quote

    async def has_ended(self, symbol: str) -> bool:
        if self.broken:
            raise LinkError("no answer")
        return symbol in self.ended

    def list(self, *numbers: int) -> None:
        self.listed.update((number * STEP, candle(number)) for number in numbers)


class Scene:
    def __init__(self, timing: HubTiming) -> None:
        self.feed, self.source, self.clock = ScriptedFeed(), ScriptedSource(), LoopClock()
        self.notes: list[FeedNote] = []
        self.heard: list[ClosedBar] = []
        self.hub = MarketHub(
            self.clock, self.feed, self.source, timing=timing, on_note=self.notes.append, on_bar=self.heard.append
        )

    def close(self, number: int, *, price: float = 1.0, symbol: str = SYMBOL) -> None:
        self.source.streamed_ms = max(self.source.streamed_ms, number * STEP)
        self.feed.deliver(KlineFrame(symbol, candle(number, price), True, self.clock.mono_s()))

    def kinds(self) -> list[NoteKind]:
        return [note.kind for note in self.notes]


@asynccontextmanager
async def running(timing: HubTiming | None = None) -> AsyncIterator[Scene]:
    scene = Scene(timing or HubTiming())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.hub.run)
        yield scene
        tasks.cancel_scope.cancel()


async def take(subscription: Subscription, count: int) -> list[ClosedBar]:
    with anyio.fail_after(1000):
        return [await subscription.receive() for _ in range(count)]


def numbers(bars: list[ClosedBar]) -> list[int]:
    return [bar.candle.open_time_ms // STEP for bar in bars]


async def test_every_subscriber_gets_every_closed_bar_once_and_open_ones_never() -> None:
    async with running() as scene:
        first = await scene.hub.subscribe(SYMBOL)
        second = await scene.hub.subscribe(SYMBOL)
        assert scene.feed.watched == [SYMBOL]
        scene.feed.deliver(KlineFrame(SYMBOL, candle(1), False, 0.0))
        for number in (1, 1, 2, 3, 2):
            scene.close(number)
        for subscription in (first, second):
            bars = await take(subscription, 3)
            assert numbers(bars) == [1, 2, 3]
            assert {(bar.source, bar.late) for bar in bars} == {(Source.STREAM, False)}
            with anyio.move_on_after(0.1) as waited:
                await subscription.receive()
            assert waited.cancelled_caught


async def test_a_symbol_is_unwatched_when_its_last_subscriber_leaves() -> None:
    async with running() as scene:
        first = await scene.hub.subscribe(SYMBOL)
        second = await scene.hub.subscribe(SYMBOL)
        await first.close()
        await first.close()
        assert scene.feed.unwatched == []
        await second.close()
        assert scene.feed.unwatched == [SYMBOL]
        assert scene.hub.symbols == []
        async with await scene.hub.subscribe(SYMBOL):
            assert scene.feed.watched == [SYMBOL, SYMBOL]
        with pytest.raises(StopAsyncIteration):
            await anext(second)


async def test_the_first_bar_is_the_one_behind_the_history() -> None:
    async with running() as scene:
        scene.source.list(1, 2, 3, 4)
        history = await scene.hub.history(SYMBOL, 1 * STEP, 3 * STEP)
        assert list(history.open_time_ms // STEP) == [1, 2]
        subscription = await scene.hub.subscribe(SYMBOL, after_ms=int(history.open_time_ms[-1]))
        scene.close(5)
        bars = await take(subscription, 3)
        assert numbers(bars) == [3, 4, 5]
        assert [(bar.source, bar.late) for bar in bars] == [("rest", True), ("rest", True), ("stream", False)]


async def test_a_late_subscriber_gets_what_the_hub_still_keeps_and_fetches_what_it_does_not() -> None:
    async with running() as scene, await scene.hub.subscribe(SYMBOL):
        for number in range(1, BARS_KEPT + 21):
            scene.close(number)
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.1)
        scene.source.list(*range(1, BARS_KEPT + 21))
        scene.source.asked.clear()
        lagging = await scene.hub.subscribe(SYMBOL, after_ms=15 * STEP)
        bars = await take(lagging, BARS_KEPT + 5)
        assert numbers(bars) == list(range(16, BARS_KEPT + 21))
        assert [bar.late for bar in bars] == [True] * 5 + [False] * BARS_KEPT
        assert [(start, end) for _, start, end in scene.source.asked] == [(16, 21)]


async def test_a_gap_is_held_fetched_and_delivered_in_order() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        scene.source.list(2, 3)
        scene.close(4)
        bars = await take(subscription, 4)
        assert numbers(bars) == [1, 2, 3, 4]
        assert [bar.late for bar in bars] == [False, True, True, False]
        assert not subscription.waiting
        await anyio.sleep(0.1)
        assert scene.hub.feed_state(SYMBOL) is FeedState.LIVE
        assert [kind for kind in scene.kinds() if kind.startswith("gap")] == [NoteKind.GAP_OPENED, NoteKind.GAP_FILLED]


async def test_a_gap_that_cannot_be_filled_makes_the_feed_stale_and_is_tried_every_thirty_seconds() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        scene.source.broken = True
        scene.close(3)
        await anyio.sleep(29)
        assert scene.hub.feed_state(SYMBOL) is FeedState.GAP
        await anyio.sleep(2)
        assert scene.hub.feed_state(SYMBOL) is FeedState.STALE
        await anyio.sleep(60)
        late_tries = [time for time, *_ in scene.source.asked if time > 31]
        assert [late_tries[1] - late_tries[0]] == [pytest.approx(30)]
        assert numbers(await take(subscription, 1)) == [1]
        scene.source.broken = False
        scene.source.list(2)
        assert numbers(await take(subscription, 2)) == [2, 3]
        assert scene.hub.feed_state(SYMBOL) is FeedState.STALE
        scene.close(4)
        await take(subscription, 1)
        assert scene.hub.feed_state(SYMBOL) is FeedState.LIVE


async def test_an_overdue_bar_is_fetched_after_ten_seconds_and_the_feed_is_stale_after_thirty() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        await take(subscription, 1)
        await anyio.sleep(69.9)
        assert scene.source.asked == []
        await anyio.sleep(0.2)
        assert [start for _, start, _ in scene.source.asked] == [2]
        assert scene.hub.feed_state(SYMBOL) is FeedState.LIVE
        await anyio.sleep(20)
        assert scene.hub.feed_state(SYMBOL) is FeedState.STALE
        scene.close(2)
        await take(subscription, 1)
        assert scene.hub.feed_state(SYMBOL) is FeedState.LIVE


async def test_bars_come_over_rest_when_the_stream_is_silent() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        await take(subscription, 1)
        for number in (2, 3, 4):
            scene.source.list(number)
            (bar,) = await take(subscription, 1)
            assert bar.late
            assert (numbers([bar]), bar.received_mono_s) == ([number], pytest.approx(70 + 60 * (number - 2)))
        assert scene.hub.feed_state(SYMBOL) is FeedState.LATE


async def test_a_reconnect_fetches_at_once_what_closed_meanwhile() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        await take(subscription, 1)
        scene.feed.deliver(FeedDown("gone"))
        await anyio.sleep(61)
        scene.source.list(2)
        scene.feed.deliver(FeedUp(2))
        (bar,) = await take(subscription, 1)
        assert scene.clock.mono_s() == pytest.approx(61)
        assert bar.late
        assert NoteKind.LINK_DOWN in scene.kinds()


async def test_a_bar_fetched_while_the_market_stands_at_its_close_is_not_late() -> None:
    async with running() as scene:
        scene.source.moved_on_ms = 0
        scene.source.list(1, 2, 3)
        subscription = await scene.hub.subscribe(SYMBOL, after_ms=STEP)
        bars = await take(subscription, 2)
        assert [(bar.candle.open_time_ms // STEP, bar.late) for bar in bars] == [(2, True), (3, False)]


async def test_a_corrected_candle_is_reported_and_the_first_values_stay() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1, price=1.0)
        scene.close(1, price=1.5)
        (bar,) = await take(subscription, 1)
        assert bar.candle.close == 1.0
        await anyio.sleep(0.1)
        (revision,) = subscription.take_revisions()
        assert (revision.first.close, revision.second.close) == (1.0, 1.5)
        assert subscription.take_revisions() == []
        scene.close(1, price=1.5)
        assert scene.kinds().count(NoteKind.BAR_REVISED) == 1, "the same correction again is none"
        with anyio.move_on_after(1) as waited:
            await subscription.corrected()
        assert waited.cancelled_caught
        scene.close(1, price=1.25)
        await subscription.corrected()
        assert [each.second.close for each in subscription.take_revisions()] == [1.25]
        assert [bar.candle.close for bar in scene.heard] == [1.0, 1.5, 1.25], "a recorder hears of each value once"


async def test_age_and_ticker_follow_data_and_nothing_else() -> None:
    async with running() as scene:
        assert scene.hub.feed_age_s(SYMBOL) == math.inf
        await scene.hub.subscribe(SYMBOL)
        assert scene.hub.feed_age_s(SYMBOL) == math.inf
        assert scene.hub.ticker(SYMBOL) is None
        await anyio.sleep(5)
        scene.feed.deliver(TickerFrame(SYMBOL, True, {"lastPrice": "7"}, 1, scene.clock.mono_s()))
        scene.feed.deliver(SymbolRefused("NOUSDT", "handler not found"))
        await anyio.sleep(4)
        assert scene.hub.feed_age_s(SYMBOL) == pytest.approx(4)
        ticker = scene.hub.ticker(SYMBOL)
        assert ticker is not None
        assert ticker.last == 7


async def test_a_barrier_is_answered_once_every_subscriber_has_dealt_with_the_newest_bars() -> None:
    async with running() as scene:
        first, second = await scene.hub.subscribe(SYMBOL), await scene.hub.subscribe(SYMBOL)
        other = await scene.hub.subscribe("ETHUSDT")
        scene.close(1)
        scene.close(1, symbol="ETHUSDT")
        scene.feed.deliver(FeedBarrier(4))
        for subscription in (first, second, other):
            await anyio.sleep(1)
            assert scene.feed.barriers == []
            (bar,) = await take(subscription, 1)
            subscription.done(bar.candle.open_time_ms + STEP)
        await anyio.sleep(1)
        assert scene.feed.barriers == [4]


async def test_a_barrier_waits_for_a_gap_to_be_filled_and_for_bars_behind_it() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        (bar,) = await take(subscription, 1)
        subscription.done(bar.candle.open_time_ms + STEP)
        scene.source.broken = True
        scene.close(3)
        scene.feed.deliver(FeedBarrier(5))
        await anyio.sleep(0.5)
        assert scene.feed.barriers == []
        scene.source.broken = False
        scene.source.list(2)
        for bar in await take(subscription, 2):
            subscription.done(bar.candle.open_time_ms + STEP)
        await anyio.sleep(0.1)
        assert scene.feed.barriers == [5]


async def test_a_barrier_does_not_wait_for_subscribers_that_left_or_have_nothing_to_do() -> None:
    async with running() as scene:
        scene.feed.deliver(FeedBarrier(1))
        await anyio.sleep(0.1)
        leaving = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        scene.feed.deliver(FeedBarrier(2))
        await anyio.sleep(0.1)
        assert scene.feed.barriers == [1]
        await leaving.close()
        await anyio.sleep(0.1)
        assert scene.feed.barriers == [1, 2]
        await scene.hub.subscribe(SYMBOL, after_ms=9 * STEP)
        scene.feed.deliver(FeedBarrier(3))
        await anyio.sleep(0.1)
        assert scene.feed.barriers == [1, 2, 3]


async def test_a_barrier_of_a_lost_connection_is_not_answered_on_the_next() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        scene.feed.deliver(FeedBarrier(8))
        scene.feed.deliver(FeedDown("gone"))
        (bar,) = await take(subscription, 1)
        await anyio.sleep(0.1)
        subscription.done(bar.candle.open_time_ms + STEP)
        await anyio.sleep(0.1)
        assert scene.feed.barriers == []


async def test_the_first_frame_after_a_subscription_finds_its_subscriber() -> None:
    async with running() as scene:

        async def watch_and_close(symbol: str) -> None:
            scene.close(1)
            scene.feed.deliver(FeedBarrier(1))
            await anyio.sleep(1)

        scene.feed.watch = watch_and_close  # type: ignore[method-assign]
        subscription = await scene.hub.subscribe(SYMBOL)
        assert scene.feed.barriers == []
        assert numbers(await take(subscription, 1)) == [1]


async def test_a_refused_subscription_leaves_nothing_behind() -> None:
    async with running() as scene:

        async def refuse(symbol: str) -> None:
            raise Refused("no more topics")

        scene.feed.watch = refuse  # type: ignore[method-assign]
        with pytest.raises(Refused):
            await scene.hub.subscribe(SYMBOL)
        assert scene.hub.symbols == []


async def test_a_replayed_market_ends_for_its_subscribers_after_the_last_bar() -> None:
    async with running() as scene:
        subscription = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        scene.close(2)
        scene.feed.deliver(FeedEnded(3 * STEP))
        assert numbers([bar async for bar in subscription]) == [1, 2]
        await anyio.sleep(1000)
        assert scene.hub.feed_state(SYMBOL) is FeedState.LIVE


def test_timing_of_an_accelerated_market_shrinks_down_to_a_floor() -> None:
    fast = HubTiming.at_speed(60)
    assert (fast.bar_interval_s, fast.late_fetch_s, fast.stale_s, fast.proofs_of_hole) == (1.0, 2.0, 6.0, 1)
    assert HubTiming.at_speed(1).stale_s == HubTiming().stale_s
