"""An instance that missed bars has caught up with the last of them: its exits and events do not wait for the next close."""

from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.market.bars import ClosedBar, Source
from playd.supervisor.instance import EngineInstance
from tests.unit.supervisor.test_corrections import ANCHOR, STEP, Stage, candle


class Behind(Stage):
    """Its next bars were missed; then the market is quiet."""

    def __init__(self, *missed: int) -> None:
        super().__init__()
        self.told = []
        self.bars = [ClosedBar("BTCUSDT", candle(number), 0.0, Source.REST, late=True) for number in reversed(missed)]
        self.caught_up_after: list[int] = []

    async def receive(self) -> ClosedBar:
        if not self.bars:
            await anyio.sleep_forever()
        return self.bars.pop()

    def caught_up(self) -> None:
        self.caught_up_after.append(len(self.taken_s))


@pytest.mark.parametrize(("missed", "until"), [((4, 5, 6), 6), ((4, 5, 7), 6), ((), 3)])
async def test_it_has_caught_up_with_the_last_bar_it_missed(missed: tuple[int, ...], until: int) -> None:
    stage = cast("Any", Behind(*missed))
    identity = cast("Any", SimpleNamespace(name="test", uid="test", base_step_ms=STEP, rests_target=False, instrument=None))
    instance = EngineInstance(identity, stage, stage, stage, anchor_ms=ANCHOR, last_open_ms=3 * STEP, event_n=0)
    async with stage.send, stage.fills, anyio.create_task_group() as life:
        life.start_soon(partial(instance.run, stage, missed_until_ms=until * STEP))
        await anyio.sleep(10.0)
        life.cancel_scope.cancel()

    assert stage.caught_up_after == [len(missed)]
    assert instance.caught_up
