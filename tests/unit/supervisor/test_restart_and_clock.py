"""How often an instance was restarted is told by the time that passed, whatever the wall clock was set to meanwhile."""

import pytest

from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from tests.unit.supervisor.test_supervisor import House, house, steady, until

pytestmark = pytest.mark.anyio

CRASHES = 6


def crashing_while_time_passes(home: list[House], passes_s: float, step_ms: int) -> tuple[list[Slot], object]:
    """A life that crashes `CRASHES` times; before each crash time passes, and somebody sets the wall clock."""
    seen: list[Slot] = []

    async def life(slot: Slot) -> None:
        if len(seen) < CRASHES:
            seen.append(slot)
            home[0].world.clock.advance(passes_s)
            home[0].world.clock.step_wall(step_ms)
            raise RuntimeError("boom")
        await steady(slot)

    return seen, life


@pytest.mark.parametrize("step_ms", [0, 3_600_000, -3_600_000])
async def test_a_burst_is_quarantine_also_while_the_clock_is_set_ahead(step_ms: int) -> None:
    async with house() as home:
        seen, life = crashing_while_time_passes([home], 1.0, step_ms)
        slot = home.add("alpha", life)  # type: ignore[arg-type]
        home.start(slot)
        await until(slot, State.FAILED)
        assert len(seen) == 4


@pytest.mark.parametrize("step_ms", [0, -3_600_000, 3_600_000])
async def test_crashes_that_lie_far_apart_are_no_burst_also_while_the_clock_is_set_back(step_ms: int) -> None:
    async with house() as home:
        seen, life = crashing_while_time_passes([home], 1000.0, step_ms)
        slot = home.add("alpha", life)  # type: ignore[arg-type]
        home.start(slot)
        await slot.settled.wait()
        assert (len(seen), slot.facts.failed) == (CRASHES, None)
        assert slot.record.restarts == (home.world.clock.wall_ms(),), "as the clock is set now"
