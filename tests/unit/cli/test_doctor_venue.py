"""What the doctor says of a venue's clock is what the daemon does about it."""

import pytest

from playd.cli.doctor import _venue
from playd.settings.model import Clock
from playd.world.virtual import virtual_world
from tests.fake_bybit import FakeBybit, FreeBudget, ok

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("offset_ms", "result"), [(0, "pass"), (-500, "pass"), (501, "fail"), (-900, "fail")])
async def test_clocks_so_far_apart_that_entries_would_be_paused_are_no_good_ones(offset_ms: int, result: str) -> None:
    world = virtual_world()
    nanoseconds = (world.clock.wall_ms() + offset_ms) * 1_000_000
    fake = FakeBybit(lambda seen: ok({"timeSecond": "1", "timeNano": str(nanoseconds)}))
    async with fake.running(world) as hosts:
        found = await _venue(world, hosts.rest, Clock().stop_ms, FreeBudget())
    assert (found.result, f"clock {offset_ms:+d} ms" in found.detail) == (result, True)
