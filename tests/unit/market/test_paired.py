"""Bars of two symbols in step, in virtual time: nothing is decided on one of them alone, and nothing waits for ever."""

from dataclasses import replace

import anyio
import pytest

from playd.market.bars import ClosedBar
from playd.market.feed_watch import FeedState, HubTiming
from playd.market.paired import PairedBars, paired_bars
from playd.market.public_feed import FeedBarrier, FeedEnded, KlineFrame
from tests.unit.market.test_hub import STEP, SYMBOL, Scene, candle, running
from tests.virtual_time import in_virtual_time

OTHER = "ETHUSDT"


def close(scene: Scene, symbol: str, *numbers: int) -> None:
    for number in numbers:
        scene.source.streamed_ms = max(scene.source.streamed_ms, number * STEP)
        price = 1.0 if symbol == SYMBOL else 7.0
        scene.feed.deliver(KlineFrame(symbol, candle(number, price), True, scene.clock.mono_s()))


async def take(pairs: PairedBars, count: int = 1) -> list[ClosedBar]:
    with anyio.fail_after(1000):
        return [await pairs.receive() for _ in range(count)]


async def waits(pairs: PairedBars, seconds: float = 20.0) -> bool:
    with anyio.move_on_after(seconds) as waited:
        await pairs.receive()
    return waited.cancelled_caught


def opens(bars: list[ClosedBar]) -> list[tuple[int, int | None]]:
    """Numbers of the own bars, each with that of the other one."""
    found = []
    for bar in bars:
        other = bar.candle.reference
        found.append((bar.candle.open_time_ms // STEP, None if other is None else other.open_time_ms // STEP))
    return found


async def test_each_bar_comes_with_the_other_symbols_bar_of_the_same_time() -> None:
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        close(scene, OTHER, 1, 2)
        close(scene, SYMBOL, 1)
        close(scene, OTHER, 3)
        close(scene, SYMBOL, 2, 3)
        bars = await take(pairs, 3)
        assert opens(bars) == [(1, 1), (2, 2), (3, 3)]
        assert [(bar.symbol, bar.candle.close, bar.late) for bar in bars] == [(SYMBOL, 1.0, False)] * 3
        assert bars[0].candle == replace(candle(1), reference=candle(1, 7.0))


async def test_a_bar_waits_for_the_other_symbols_and_a_cancelled_wait_loses_nothing() -> None:
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        close(scene, SYMBOL, 1)
        assert await waits(pairs)
        close(scene, SYMBOL, 2)
        assert await waits(pairs)
        assert not pairs.waiting
        close(scene, OTHER, 1, 2)
        assert opens(await take(pairs)) == [(1, 1)]
        assert pairs.waiting
        assert opens(await take(pairs)) == [(2, 2)]
        assert not pairs.waiting
        assert await waits(pairs)


async def test_while_the_other_feed_is_silent_nothing_is_decided_and_it_is_stale() -> None:
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        close(scene, SYMBOL, 1)
        assert await waits(pairs, 300)
        assert scene.hub.feed_state(OTHER) is FeedState.STALE
        scene.source.list(1)  # it comes over REST at last
        (bar,) = await take(pairs)
        assert opens([bar]) == [(1, 1)]
        assert bar.late
        assert bar.received_mono_s == 0.0


async def test_a_bar_that_the_other_symbol_does_not_have_is_missing_once_a_later_one_proves_it() -> None:
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        close(scene, SYMBOL, 1, 2, 3, 4)
        close(scene, OTHER, 1, 4)
        assert opens(await take(pairs, 4)) == [(1, 1), (2, None), (3, None), (4, 4)]


async def test_bars_of_the_other_symbol_without_an_own_bar_are_passed_by() -> None:
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        close(scene, OTHER, 1, 2, 3, 4)
        close(scene, SYMBOL, 1, 4)
        assert opens(await take(pairs, 2)) == [(1, 1), (4, 4)]


async def test_a_market_in_lock_step_that_has_no_such_bar_says_so_when_asked() -> None:
    """It holds its time until the own bar is dealt with: waiting for another bar would never end."""
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        close(scene, SYMBOL, 1)
        assert await waits(pairs, 5)
        scene.feed.deliver(FeedBarrier(1))
        assert opens(await take(pairs)) == [(1, None)]
        assert scene.clock.mono_s() == pytest.approx(5)
        pairs.done(2 * STEP)
        await anyio.sleep(0.1)
        assert scene.feed.barriers == [1]
        scene.source.list(2)
        close(scene, SYMBOL, 2)
        close(scene, OTHER, 2)
        scene.feed.deliver(FeedBarrier(2))
        assert opens(await take(pairs)) == [(2, 2)]


async def test_a_frame_that_was_lost_in_lock_step_is_fetched_and_not_taken_for_a_hole() -> None:
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        scene.source.list(1)
        close(scene, SYMBOL, 1)
        scene.feed.deliver(FeedBarrier(1))
        assert opens(await take(pairs)) == [(1, 1)]


async def test_a_barrier_does_not_wait_for_bars_of_the_other_symbol_alone() -> None:
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0):
        close(scene, OTHER, 1)
        scene.feed.deliver(FeedBarrier(1))
        await anyio.sleep(0.1)
        assert scene.feed.barriers == [1]


def test_a_symbol_that_the_venue_has_ended_is_waited_for_no_longer() -> None:
    """The venue is asked once nothing has come for long; it must say so, not merely be silent."""
    told: list[str] = []

    async def body() -> None:
        async with (
            running() as scene,
            paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0, on_over=lambda: told.append(OTHER)) as pairs,
        ):
            close(scene, OTHER, 1)
            close(scene, SYMBOL, 1, 2, 3)
            assert opens(await take(pairs)) == [(1, 1)]
            assert await waits(pairs, 100)
            scene.source.broken, scene.source.ended = True, (OTHER,)
            assert await waits(pairs, 100)
            assert told == []
            scene.source.broken = False
            assert opens(await take(pairs, 2)) == [(2, None), (3, None)]
            assert told == [OTHER]
            close(scene, SYMBOL, 4)
            assert opens(await take(pairs)) == [(4, None)]
            assert told == [OTHER]

    in_virtual_time(body)


async def test_bars_of_an_ended_symbol_that_have_not_come_yet_are_waited_for() -> None:
    timing = HubTiming(stale_s=5.0)  # asked before the missing bars are fetched
    async with running(timing) as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        scene.source.list(1, 2)
        scene.source.ended = (OTHER,)
        close(scene, SYMBOL, 1, 2, 3)
        assert opens(await take(pairs, 3)) == [(1, 1), (2, 2), (3, None)]


async def test_a_replayed_market_ends_both() -> None:
    async with running() as scene, paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0) as pairs:
        close(scene, SYMBOL, 1, 2)
        close(scene, OTHER, 1)
        scene.feed.deliver(FeedEnded(3 * STEP))
        assert opens(await take(pairs, 2)) == [(1, 1), (2, None)]
        with pytest.raises(anyio.EndOfStream):
            await pairs.receive()


async def test_the_other_symbol_is_watched_once_however_many_read_or_trade_it() -> None:
    async with running() as scene, await scene.hub.subscribe(OTHER):
        async with (
            paired_bars(scene.hub, SYMBOL, OTHER, after_ms=0),
            paired_bars(scene.hub, "SOLUSDT", OTHER, after_ms=0),
        ):
            assert scene.feed.watched == [OTHER, SYMBOL, "SOLUSDT"]
        assert scene.feed.unwatched == [SYMBOL, "SOLUSDT"] or scene.feed.unwatched == ["SOLUSDT", SYMBOL]
        assert scene.hub.symbols == [OTHER]
