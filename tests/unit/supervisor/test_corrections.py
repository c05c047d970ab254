"""Columns and candles that were corrected: built anew once, from what the venue really has, never half-way through a bar."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

from playd.core.candles import Candle, Candles, as_candles
from playd.market.bars import ClosedBar, Source
from playd.market.feed_watch import Revision
from playd.plays.column_image import ColumnImage
from playd.supervisor.corrections import AGAIN_AFTER_S, Corrections
from playd.supervisor.instance import EngineInstance
from tests.virtual_time import in_virtual_time

STEP = 60_000
ANCHOR = STEP


def candle(number: int) -> Candle:
    return Candle(number * STEP, 1.0, 1.0, 1.0, 1.0, 1.0)


@dataclass
class House:
    """An engine whose columns stand at `last`, and a venue that has candles up to `known` (None: it does not answer)."""

    last: int = 3
    known: int | None = 3
    busy: bool = False
    built: list[int] = field(default_factory=list)
    """Of each that were taken over: of how many candles they were made."""
    builds: int = 0
    builds_for_s: float = 0.0
    asked: int = 0

    def corrections(self) -> Corrections:
        return Corrections(
            *(self.history, lambda: None, self.build, self.take_over), lambda: self.last * STEP, lambda: self.busy
        )

    async def history(self, start_ms: int, end_ms: int) -> Candles | None:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if self.known is None:
            return None
        return as_candles("BTCUSDT", STEP, [candle(n) for n in range(start_ms // STEP, min(end_ms // STEP, self.known + 1))])

    async def build(self, candles: Candles, image: ColumnImage | None) -> ColumnImage:
        assert image is None
        self.builds += 1
        await anyio.sleep(self.builds_for_s)
        return ColumnImage("", ANCHOR, None, int(candles.open_time_ms[-1]), (len(candles),), (len(candles),), b"")

    def take_over(self, newest: Candles, image: ColumnImage) -> None:
        assert newest.open_time_ms.tolist() == [image.last_open_ms] == [self.last * STEP]
        self.built.append(image.rows[0])


def corrected(number: int) -> list[Revision]:
    return [Revision(candle(number), candle(number), 0.0)]


def mending(house: House, then: Callable[[Corrections], Awaitable[None]]) -> None:
    """`then` beside the task that mends."""

    async def body() -> None:
        found = house.corrections()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(found.mend_in_time, ANCHOR, STEP)
            with anyio.fail_after(100):
                await then(found)
            tasks.cancel_scope.cancel()

    in_virtual_time(body)


def test_corrected_columns_are_built_once_and_then_nothing_is_asked() -> None:
    house = House()

    async def then(found: Corrections) -> None:
        found.note(corrected(2))
        found.note(corrected(3))
        assert found.open
        await anyio.sleep(10 * AGAIN_AFTER_S)
        assert (found.open, house.built) == (False, [3])
        asked = house.asked
        await anyio.sleep(10 * AGAIN_AFTER_S)
        assert house.asked == asked

    mending(house, then)


def test_a_venue_that_is_silent_or_behind_is_asked_until_it_has_the_candle() -> None:
    house = House(known=None)

    async def then(found: Corrections) -> None:
        found.note(corrected(3))
        await anyio.sleep(3.5 * AGAIN_AFTER_S)
        house.known = 2
        await anyio.sleep(3 * AGAIN_AFTER_S)
        assert (found.open, house.built) == (True, [])
        house.known = 3
        await anyio.sleep(2 * AGAIN_AFTER_S)
        assert (found.open, house.built) == (False, [3])

    mending(house, then)


def test_a_correction_of_a_bar_that_is_still_to_come_stays_until_the_columns_have_the_bar() -> None:
    house = House(known=4)

    async def then(found: Corrections) -> None:
        found.note(corrected(4))
        await anyio.sleep(3 * AGAIN_AFTER_S)
        assert (found.open, house.built, house.asked) == (True, [], 0)
        house.last = 4
        await anyio.sleep(2 * AGAIN_AFTER_S)
        assert (found.open, house.built) == (False, [4])

    mending(house, then)


def test_no_columns_are_changed_while_a_bar_is_half_dealt_with_or_after_it_has_moved_them() -> None:
    house = House(busy=True)

    async def then(found: Corrections) -> None:
        found.note(corrected(3))
        await anyio.sleep(3 * AGAIN_AFTER_S)
        assert house.built == []
        house.busy = False
        await anyio.sleep(2 * AGAIN_AFTER_S)
        assert house.built == [3]

    mending(house, then)


def test_columns_that_are_built_while_a_bar_comes_are_built_again_with_it_and_nothing_is_entered_meanwhile() -> None:
    house = House(builds_for_s=3.0)

    async def then(found: Corrections) -> None:
        found.note(corrected(3))
        await anyio.sleep(1.0)
        house.last = house.known = 4
        await anyio.sleep(2.5)
        assert (found.open, house.builds, house.built) == (True, 1, [])
        await anyio.sleep(10.0)
        assert (found.open, house.builds, house.built) == (False, 2, [4])

    mending(house, then)


@pytest.mark.parametrize(("first", "second"), [(2, 3), (3, 3), (3, 2)])
def test_a_second_correction_during_a_build_is_built_too(first: int, second: int) -> None:
    house = House(builds_for_s=3.0)

    async def then(found: Corrections) -> None:
        found.note(corrected(first))
        await anyio.sleep(1.0)
        found.note(corrected(second))
        await anyio.sleep(3.0)
        assert found.open
        await anyio.sleep(10.0)
        assert (found.open, house.builds) == (False, 2)

    mending(house, then)


class Stage:
    """What one instance looks at, as far as a bar needs it: a venue that never answers, and an engine that decides nothing."""

    columns, cash_usdt, order_pending, leaving, position, waiting = None, 0.0, False, False, None, False

    def __init__(self) -> None:
        self.taken_s: list[float] = []
        self.send, self.fills = anyio.create_memory_object_stream[None]()
        self.bars, self.told = [ClosedBar("BTCUSDT", candle(4), 0.0, Source.STREAM, late=False)], corrected(3)

    async def history(self, start_ms: int, end_ms: int) -> Candles | None:
        await anyio.sleep_forever()
        return None

    async def receive(self) -> ClosedBar:
        if not self.bars:
            raise anyio.EndOfStream
        return self.bars.pop()

    def take_revisions(self) -> list[Revision]:
        told, self.told = self.told, []
        return told

    async def corrected(self) -> None:
        await anyio.sleep_forever()

    async def settled(self) -> None:
        return None

    async def turn(self, *, late: bool) -> None:
        return None

    def inside(self, _candle: Candle, _cash_usdt: float) -> tuple[()]:
        return ()

    def on_bar(self, _candle: Candle) -> None:
        self.taken_s.append(anyio.current_time())

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_arguments, **_named: None


async def test_a_bar_waits_a_second_for_a_venue_that_does_not_answer_and_no_longer() -> None:
    """An exit that the bar decides must not wait; the entry is refused while the correction is open."""
    stage = cast("Any", Stage())
    identity = cast("Any", SimpleNamespace(name="test", uid="test", base_step_ms=STEP, rests_target=False))
    instance = EngineInstance(identity, stage, stage, stage, anchor_ms=ANCHOR, last_open_ms=3 * STEP, event_n=0)
    async with stage.send, stage.fills, anyio.create_task_group() as life:
        life.start_soon(partial(instance.run, stage, missed_until_ms=0))
        await anyio.sleep(10.0)
        life.cancel_scope.cancel()

    assert stage.taken_s == [1.0]
    assert instance._corrections.open
