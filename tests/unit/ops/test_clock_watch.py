"""Our clock against the venue's: when entries are paused, when they go on, and what a step of our clock starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from playd.core.errors import LinkError
from playd.ops.clock_watch import ClockWatch, VenueTime
from playd.orders.halts import ALL, Level
from playd.orders.incidents import Incidents
from playd.settings.model import Clock as ClockSettings
from playd.venues.bybit.venue_clock import VenueClock
from tests.simulation.order_world import OrderWorld, build
from tests.virtual_time import LoopClock


class SteppingClock(LoopClock):
    """A wall clock that somebody sets."""

    set_by_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.set_by_ms


class Bench:
    """A watch over one venue whose offset and faults the test sets."""

    def __init__(self) -> None:
        self.life: OrderWorld = build()
        self.clock = SteppingClock()
        self.venue_clock = VenueClock(self.clock)
        self.offset_ms = 0.0
        self.round_trip_ms = 20.0
        self.lost = False
        self.sampled_s: list[float] = []
        self.venue = VenueTime("demo", self.sample, self.venue_clock)
        self.watch = self.build()

    def build(self) -> ClockWatch:
        incidents = Incidents(self.life.ledger, self.clock, self.life.journal)
        return ClockWatch(self.clock, [self.venue], self.life.halts, incidents, self.life.journal, ClockSettings())

    async def sample(self) -> tuple[float, float]:
        self.sampled_s.append(asyncio.get_running_loop().time())
        if self.lost:
            raise LinkError("nobody there")
        offset_ms = self.offset_ms - self.clock.set_by_ms
        self.venue_clock.sample(offset_ms, self.round_trip_ms)
        return offset_ms, self.round_trip_ms

    @property
    def level(self) -> int:
        found = self.life.halts.highest(ALL)
        return 0 if found is None else int(found.level)

    @property
    def warnings(self) -> list[str]:
        return [incident.kind for incident in self.life.account.desk.incidents.open_ones()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            await self.watch.begin()
            group.start_soon(self.watch.run)
            yield
            group.cancel_scope.cancel()
        self.life.venue.close_stream()


@pytest.mark.parametrize(
    ("offset_ms", "level", "warnings"),
    [(0.0, 0, []), (-250.0, 0, []), (251.0, 0, ["CLOCK_DEMO"]), (500.0, 0, ["CLOCK_DEMO"]), (-501.0, 1, ["CLOCK_DEMO"])],
)
async def test_an_offset_is_nothing_a_warning_or_a_pause(offset_ms: float, level: int, warnings: list[str]) -> None:
    bench = Bench()
    bench.offset_ms = offset_ms
    async with bench.running():
        assert (bench.level, bench.warnings) == (level, warnings)
        assert len(bench.sampled_s) == 3


async def test_three_good_samples_lift_the_pause_also_that_of_an_earlier_run() -> None:
    bench = Bench()
    bench.life.halts.raise_level(ALL, Level.PAUSE, "CLOCK_DEMO", "yesterday")
    async with bench.running():
        assert bench.level == 0
        bench.offset_ms = 5000.0
        await anyio.sleep(181.0)
        assert bench.level == 1
        bench.offset_ms = 10.0
        await anyio.sleep(60.0)
        assert (bench.level, bench.warnings) == (0, [])


async def test_one_sample_a_minute_is_taken_and_slow_ones_count_for_nothing() -> None:
    bench = Bench()
    async with bench.running():
        await anyio.sleep(181.0)
        assert bench.sampled_s[3:] == [60.0, 120.0, 180.0]
        bench.offset_ms, bench.round_trip_ms = 9000.0, 1001.0
        await anyio.sleep(300.0)
        assert (bench.level, bench.venue_clock.offset_ms) == (0, 0.0)


async def test_no_good_sample_at_the_start_or_for_ten_minutes_pauses_entries() -> None:
    bench = Bench()
    bench.lost = True
    async with bench.running():
        assert bench.level == 1
        bench.lost = False
        await anyio.sleep(11.0)  # not a minute: a venue that is back is traded on
        assert bench.level == 0
        bench.lost = True
        await anyio.sleep(590.0)
        assert bench.level == 0
        await anyio.sleep(120.0)
        assert bench.level == 1


async def test_a_step_of_our_clock_is_journalled_and_measured_at_once() -> None:
    bench = Bench()
    async with bench.running():
        await anyio.sleep(10.5)
        bench.clock.set_by_ms = 5000
        await anyio.sleep(2.0)
        assert ("clock.step", {"step_ms": 5000}) in bench.life.journal.records
        assert (bench.level, bench.venue_clock.offset_ms) == (1, -5000.0)
        bench.clock.set_by_ms = 0
        await anyio.sleep(2.0)
        assert (bench.level, bench.venue_clock.offset_ms) == (0, 0.0)


async def test_a_venue_that_is_away_at_a_late_beginning_is_asked_again_within_seconds() -> None:
    bench = Bench()
    bench.lost = True
    async with anyio.create_task_group() as group:
        group.start_soon(bench.watch.run)
        await anyio.sleep(1.0)
        await bench.watch.begin()
        assert bench.level == 1
        bench.lost = False
        await anyio.sleep(11.0)
        assert bench.level == 0
        group.cancel_scope.cancel()
    bench.life.venue.close_stream()


async def test_a_venue_that_refuses_our_time_is_measured_at_once() -> None:
    bench = Bench()
    async with bench.running():
        await anyio.sleep(10.0)
        bench.offset_ms = 5000.0
        bench.venue_clock.heard(bench.clock.wall_ms() + 5000)
        await anyio.sleep(2.0)
        assert bench.level == 1, "whoever waits for the next minute sends entries for as long"
        assert len(bench.sampled_s) == 6


async def test_a_step_pauses_before_anything_is_measured_and_a_lost_sample_changes_nothing_of_it() -> None:
    bench = Bench()
    async with bench.running():
        await anyio.sleep(10.5)
        bench.lost = True
        before_ms = bench.venue_clock.venue_ms()
        bench.clock.set_by_ms = 5000
        await anyio.sleep(2.0)
        assert bench.level == 1, "entries wait while nobody can say which clock was moved"
        assert bench.venue_clock.venue_ms() == before_ms + 2000, "what is signed is signed right all the same"
        bench.clock.set_by_ms = 0
        bench.lost = False
        await anyio.sleep(2.0)
        assert bench.level == 0


async def test_a_step_in_the_middle_of_a_measurement_is_measured_too() -> None:
    bench = Bench()
    quick = bench.venue.sample

    async def slow() -> tuple[float, float]:
        found = await quick()
        await anyio.sleep(3.0)
        return found

    async with bench.running():
        bench.venue.sample = slow
        await anyio.sleep(61.0)
        assert len(bench.sampled_s) == 4
        bench.clock.set_by_ms = 5000
        await anyio.sleep(12.0)
        assert len(bench.sampled_s) >= 7


async def test_a_second_that_both_clocks_repeat_is_measured_and_signed_by_within_seconds() -> None:
    """As at the end of a day with a leap second, where neither of them smears it."""
    bench = Bench()
    async with bench.running():
        await anyio.sleep(10.5)
        before_ms = bench.venue_clock.venue_ms()
        bench.clock.set_by_ms = bench.offset_ms = -1000
        await anyio.sleep(2.0)
        assert ("clock.step", {"step_ms": -1000}) in bench.life.journal.records
        assert (bench.level, bench.venue_clock.offset_ms) == (0, 0.0)
        assert bench.venue_clock.venue_ms() == before_ms + 1000
