"""How far the venue's wall clock is from ours: the median of the last good samples."""

from collections import deque
from statistics import median
from typing import Final

from playd.world.ports import Clock

KEPT_SAMPLES: Final = 5
MAX_ROUND_TRIP_MS: Final = 1000.0
"""Samples that took longer say too little about the offset."""


class VenueClock:
    """
    Our wall clock plus the measured offset: the time to sign with, read right before the bytes leave.

    Shared by the REST client and the private stream of one account.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[float] = deque(maxlen=KEPT_SAMPLES)
        self.offset_ms = 0.0
        """Venue minus ours; zero before the first good sample."""
        self.refusals = 0
        """How often the venue has refused our time."""
        self._last_good_mono_s: float | None = None
        self.round_trip_ms: float | None = None
        """Of the newest good sample: how long the venue takes to answer, with the way there and back."""

    @property
    def last_good_age_s(self) -> float | None:
        """Monotonic age of the last good sample, None before the first."""
        return None if self._last_good_mono_s is None else self._clock.mono_s() - self._last_good_mono_s

    def sample(self, offset_ms: float, round_trip_ms: float) -> bool:
        """Take one sample into account. False when it was too slow to use."""
        if round_trip_ms > MAX_ROUND_TRIP_MS:
            return False
        self._samples.append(offset_ms)
        self.offset_ms = median(self._samples)
        self._last_good_mono_s = self._clock.mono_s()
        self.round_trip_ms = round_trip_ms
        return True

    def heard(self, venue_ms: int) -> None:
        """Forget the samples and believe this time: the venue has just refused ours and told its own."""
        self.refusals += 1
        self._samples.clear()
        self._samples.append(float(venue_ms - self._clock.wall_ms()))
        self.offset_ms = self._samples[0]

    def mono_s(self) -> float:
        """Our monotonic clock."""
        return self._clock.mono_s()

    def venue_ms(self) -> int:
        """The venue's wall clock now, as well as we know it."""
        return self._clock.wall_ms() + round(self.offset_ms)

    def to_ours_ms(self, venue_ms: int) -> int:
        """A time of the venue's wall clock on ours."""
        return venue_ms - round(self.offset_ms)
