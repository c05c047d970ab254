"""An instance that blocks, leaks, raises or is fed poison keeps no bar and no fill from another one."""

import anyio
import pytest

from playd.core.limits import FILLS_PER_INSTANCE
from playd.core.orders import Action
from playd.market.public_feed import FrameRefused
from playd.orders.fills import OrderEnded
from playd.supervisor.turns import Turns
from tests.simulation.order_world import READY, UID, build, entry, taken
from tests.unit.market.test_hub import STEP, Scene, running

OTHER = "wxyz2345"
BARS = 20
LATE_S = 0.05


@pytest.mark.parametrize("how", ["blocks", "raises", "sleeps", "reads poison"])
async def test_no_bar_of_another_instance_waits_for_a_bad_one(how: str) -> None:
    turns, waits = Turns(), list[float]()
    symbol = "ETHUSDT" if how == "reads poison" else "BTCUSDT"

    async def bad(scene: Scene) -> None:
        """Lives again and again, as the supervisor has it, and is no use."""
        while True:
            try:
                async with await scene.hub.subscribe(symbol, after_ms=0) as bars:
                    while True:
                        await bars.receive()
                        await turns.take()
                        if how == "blocks":
                            await anyio.sleep_forever()
                        elif how == "raises":
                            raise ZeroDivisionError
                        elif how == "sleeps":
                            await anyio.sleep(7.0)
            except ZeroDivisionError:
                await anyio.sleep(1.0)

    async def good(scene: Scene) -> None:
        async with await scene.hub.subscribe("BTCUSDT", after_ms=0) as bars:
            async for bar in bars:
                await turns.take()
                waits.append(scene.clock.mono_s() - bar.received_mono_s)
                bars.done(bar.candle.open_time_ms + STEP)

    async with running() as scene, anyio.create_task_group() as group:
        group.start_soon(turns.run)
        group.start_soon(good, scene)
        for _ in range(3):
            group.start_soon(bad, scene)
        await anyio.sleep(0.1)
        for number in range(1, BARS + 1):
            if how == "reads poison":
                scene.feed.deliver(FrameRefused("ETHUSDT", "not a candle", closed=True))
            scene.close(number)
            await anyio.sleep(1.0)
        group.cancel_scope.cancel()
    assert len(waits) == BARS
    assert max(waits) <= LATE_S


async def test_one_that_does_not_read_its_events_is_ended_and_keeps_nobody_elses_from_arriving() -> None:
    life = build()
    async with life.running():
        leaks, reads = await life.register(), await life.register(OTHER)
        for number in range(FILLS_PER_INSTANCE + 1):
            life.account._deliver(UID, OrderEnded(number + 1, Action.ENTER, "cancelled", ""))
        await reads.submit(entry(uid=OTHER), READY)
        await anyio.sleep(0.1)
        assert len(taken(reads)) == 1
        assert len(taken(leaks)) == FILLS_PER_INSTANCE
        with pytest.raises(anyio.EndOfStream):
            leaks.fills.receive_nowait()
        assert "fell behind" in str(leaks.why_ended())
        again = await life.register(after=0)
        assert again.name == UID, "its next life asks the ledger for what it missed"
