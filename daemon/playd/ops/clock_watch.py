"""Our clock against the venues': sampled at the start and every minute, and no new risk while they are far apart."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.record import Recorder
from playd.orders.halts import ALL, Halts, Level
from playd.orders.incidents import Incidents
from playd.settings.model import Clock as ClockSettings
from playd.venues.bybit.venue_clock import MAX_ROUND_TRIP_MS, VenueClock
from playd.world.ports import Clock

PAUSED_EVERY_S: Final = 10.0
"""While entries are paused nobody has time: a venue that is back is known to be within its minute."""

SAMPLES_AT_ONCE: Final = 3
"""Samples at the start, after a step or refusal of our clock, and in each round of a pause: the majority of five."""

START_WITHIN_S: Final = 10.0
BLIND_S: Final = 600.0
STEP_MS: Final = 250.0
STEP_LOOK_EVERY_S: Final = 1.0


@dataclass(slots=True)
class VenueTime:
    """
    One venue's clock.

    `sample` measures once: (venue - ours, round trip) in ms, or raises `VenueError` or `LinkError`; it also feeds `clock`,
    whose median requests are signed with.
    """

    name: str
    sample: Callable[[], Awaitable[tuple[float, float]]]
    clock: VenueClock
    good: int = 0
    """Samples in a row that were within the limit."""
    paused: bool = False
    apart: bool = False
    """Whether the newest look found the clocks further apart than a person must know."""

    @property
    def code(self) -> str:
        """Code of the halt and kind of the incident: one per venue, so that each is lifted by its own samples."""
        return f"CLOCK_{self.name.upper()}"


class ClockWatch:
    """`run` until cancelled, and `begin` before anything is traded. Raises `RecordError` when a halt cannot be recorded."""

    def __init__(
        self,
        clock: Clock,
        venues: Sequence[VenueTime],
        halts: Halts,
        incidents: Incidents,
        journal: Recorder,
        settings: ClockSettings,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._venues = venues
        self._halts = halts
        self._incidents = incidents
        self._journal = journal
        self._stepped = anyio.Event()

    async def begin(self) -> None:
        """The first samples of every venue, for ten seconds at most; without them entries are paused."""
        with anyio.move_on_after(START_WITHIN_S):
            async with anyio.create_task_group() as group:
                for venue in self._venues:
                    group.start_soon(self._measure, venue, SAMPLES_AT_ONCE)
        for venue in self._venues:
            self._judge(venue)
        if any(venue.paused for venue in self._venues):
            self._wake()  # whoever samples already goes on at the pace of a pause

    async def run(self) -> None:
        """Sample every `sample_s`, and at once after a step of our own clock or a refusal of its time."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_steps)
            for venue in self._venues:
                group.start_soon(self._keep_sampling, venue)

    async def _keep_sampling(self, venue: VenueTime) -> None:
        stepped = self._stepped
        while True:
            with anyio.move_on_after(PAUSED_EVERY_S if venue.paused else self._settings.sample_s):
                await stepped.wait()
            at_once = venue.paused or stepped.is_set()
            stepped = self._stepped  # before the samples: a step in the middle of them asks for others
            await self._measure(venue, SAMPLES_AT_ONCE if at_once else 1)
            self._judge(venue)

    async def _measure(self, venue: VenueTime, count: int) -> None:
        for _ in range(count):
            try:
                offset_ms, round_trip_ms = await venue.sample()
            except (VenueError, LinkError):
                return
            if round_trip_ms <= MAX_ROUND_TRIP_MS:
                venue.good = venue.good + 1 if abs(offset_ms) <= self._settings.stop_ms else 0

    def _judge(self, venue: VenueTime) -> None:
        offset_ms, age_s = venue.clock.offset_ms, venue.clock.last_good_age_s
        text = f"our clock and that of {venue.name} are {offset_ms:+.0f} ms apart"
        if age_s is None or age_s > BLIND_S:
            since = "at the start" if age_s is None else f"for {age_s:.0f} s"
            self._pause(venue, f"the clock of {venue.name} could not be read {since}")
        elif abs(offset_ms) > self._settings.stop_ms:
            self._pause(venue, text)
        elif venue.good >= SAMPLES_AT_ONCE:
            # At the first look too: a pause of the last run is in force until the clock was measured.
            self._halts.lift_pauses(ALL, venue.code, text)
            venue.paused = False
        if venue.apart is not (apart := abs(offset_ms) > self._settings.warn_ms):
            venue.apart = apart
            self._journal.append("clock.offset", {"venue": venue.name, "offset_ms": round(offset_ms), "apart": apart})
        if apart:
            self._incidents.open(venue.code, "warning", ALL, text)
        else:
            self._incidents.resolve(venue.code, ALL, text)

    def _pause(self, venue: VenueTime, text: str) -> None:
        venue.paused = True
        self._halts.raise_level(ALL, Level.PAUSE, venue.code, text)

    async def _watch_steps(self) -> None:
        """
        Wall and monotonic time must pass alike; where they do not, somebody has set the clock. A venue that refuses our time
        has set its own.
        """
        wall_ms, mono_s, refusals = self._clock.wall_ms(), self._clock.mono_s(), self._refusals()
        while True:
            await anyio.sleep(STEP_LOOK_EVERY_S)
            if self._refusals() != refusals:
                refusals = self._refusals()
                self._wake()
            now_wall_ms, now_mono_s = self._clock.wall_ms(), self._clock.mono_s()
            step_ms = (now_wall_ms - wall_ms) - (now_mono_s - mono_s) * 1000
            wall_ms, mono_s = now_wall_ms, now_mono_s
            if abs(step_ms) > STEP_MS:
                self._journal.append("clock.step", {"step_ms": round(step_ms)})
                self._doubt_samples()
                self._wake()

    def _doubt_samples(self) -> None:
        """Which of our two clocks was moved only the next samples tell; what is too far apart until then is paused now."""
        for venue in self._venues:
            venue.good = 0
            if venue.clock.last_good_age_s is not None:
                self._judge(venue)

    def _refusals(self) -> int:
        return sum(venue.clock.refusals for venue in self._venues)

    def _wake(self) -> None:
        """Have every venue measured at once."""
        stepped, self._stepped = self._stepped, anyio.Event()
        stepped.set()
