"""What the venue says beside closed bars: the ticker's word for a bar in time, the venue's records for one that came late."""

from collections.abc import Mapping

import anyio
import pytest

from playd.market.public_feed import KlineFrame, TickerFrame
from playd.market.said import FRESH_S, TICKER_MAX_AGE_S, SaidBars
from tests.unit.market.test_hub import STEP, SYMBOL, Scene, candle, running

ALL = ("mark", "funding_rate", "open_interest")
SAID = {"lastPrice": "1", "markPrice": "3.5", "fundingRate": "-0.0002", "openInterest": "1234.5"}


def tell(scene: Scene, fields: Mapping[str, str], *, snapshot: bool = True) -> None:
    scene.feed.deliver(TickerFrame(SYMBOL, snapshot, fields, 0, scene.clock.mono_s()))


def close(scene: Scene, number: int) -> None:
    scene.feed.deliver(KlineFrame(SYMBOL, candle(number), True, scene.clock.mono_s()))


async def test_a_bar_in_time_has_what_the_ticker_says_when_it_closes() -> None:
    async with running() as scene, await scene.hub.subscribe(SYMBOL, after_ms=0) as alone:
        bars = SaidBars(alone, scene.hub, scene.clock, ALL)
        close(scene, 1)
        first = (await bars.receive()).candle
        assert (first.mark, first.funding_rate, first.open_interest) == (None, None, None)
        tell(scene, SAID)
        close(scene, 2)
        second = (await bars.receive()).candle
        assert second.mark is not None
        assert (second.mark.close, second.mark.high, second.mark.low) == (3.5, 3.5, candle(2).low)
        assert (second.funding_rate, second.open_interest) == (-0.0002, 1234.5)
        tell(scene, {"fundingRate": ""}, snapshot=False)
        close(scene, 3)
        assert (await bars.receive()).candle.funding_rate is None
        bars.done(4 * STEP)
        assert alone.done_ms == 4 * STEP


async def test_only_what_is_read_is_said_and_nothing_of_an_old_ticker() -> None:
    async with running() as scene, await scene.hub.subscribe(SYMBOL, after_ms=0) as alone:
        bars = SaidBars(alone, scene.hub, scene.clock, ("funding_rate",))
        tell(scene, SAID)
        close(scene, 1)
        first = (await bars.receive()).candle
        assert (first.mark, first.funding_rate, first.open_interest) == (None, -0.0002, None)
        await anyio.sleep(TICKER_MAX_AGE_S + 1)
        close(scene, 2)
        assert (await bars.receive()).candle.funding_rate is None


@pytest.mark.parametrize("broken", [False, True])
async def test_a_late_bar_has_what_the_records_say_or_nothing(broken: bool) -> None:
    async with running() as scene, await scene.hub.subscribe(SYMBOL, after_ms=0) as alone:
        scene.source.list(1, 2, 3)
        bars = SaidBars(alone, scene.hub, scene.clock, ("funding_rate",))
        tell(scene, SAID)
        close(scene, 3)
        late = await alone.receive()
        assert late.late
        assert bars.waiting
        scene.source.broken_beside = broken
        bar = await bars.receive()
        assert bar.candle.funding_rate == (None if broken else 0.0007)
        assert scene.source.asked_beside == [("funding_rate",)] * (2 if broken else 1)


async def test_a_bar_that_waited_has_what_the_records_say_and_not_what_the_ticker_says_now() -> None:
    async with running() as scene, await scene.hub.subscribe(SYMBOL, after_ms=0) as alone:
        scene.source.list(1, 2, 3, 4)
        bars = SaidBars(alone, scene.hub, scene.clock, ("funding_rate",))
        for number in (1, 2, 3):
            close(scene, number)
        await anyio.sleep(FRESH_S + 1)
        tell(scene, SAID)
        close(scene, 4)
        found = [(await bars.receive()).candle.funding_rate for _ in range(4)]
        assert found == [0.0007, 0.0007, 0.0007, -0.0002]
        assert len(scene.source.asked_beside) == 1  # all that was missed in one reading


async def test_records_that_do_not_answer_at_first_are_asked_again() -> None:
    async with running() as scene, await scene.hub.subscribe(SYMBOL, after_ms=0) as alone:
        bars = SaidBars(alone, scene.hub, scene.clock, ("funding_rate",))
        close(scene, 1)
        await anyio.sleep(FRESH_S + 1)
        scene.source.broken_beside = True
        async with anyio.create_task_group() as tasks:

            async def mend() -> None:
                await anyio.sleep(scene.hub.timing.retry_pause_s / 2)
                scene.source.broken_beside = False

            tasks.start_soon(mend)
            assert (await bars.receive()).candle.funding_rate == 0.0007
