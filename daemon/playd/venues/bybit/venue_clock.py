"""What time it is at the venue: by our monotonic clock and the median of the last good samples."""

from collections import deque
from statistics import median
from typing import Final

from playd.world.ports import Clock

KEPT_SAMPLES: Final = 5
MAX_ROUND_TRIP_MS: Final = 1000.0
"""Samples that took longer say too little about the offset."""


class VenueClock:
    """
    The venue's wall clock as well as we know it: the time to sign with, read right before the bytes leave.

    A sample ties it to our monotonic clock, which nobody sets: a step of our wall clock moves no signature. Before the first
    sample it is our wall clock. Shared by the REST clients and private streams of one venue.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[float] = deque(maxlen=KEPT_SAMPLES)
        """Venue minus our monotonic clock, in ms."""
        self._ahead_ms: float | None = None
        """Their median, None before the first."""
        self._wall_offset_ms = 0.0
        """Venue minus our wall clock, as both stood at the newest sample."""
        self.refusals = 0
        """How often the venue has refused our time."""
        self._last_good_mono_s: float | None = None
        self.round_trip_ms: float | None = None
        """Of the newest good sample: how long the venue takes to answer, with the way there and back."""

    @property
    def last_good_age_s(self) -> float | None:
        """Monotonic age of the last good sample, None before the first."""
        return None if self._last_good_mono_s is None else self._clock.mono_s() - self._last_good_mono_s

    @property
    def offset_ms(self) -> float:
        """Venue minus our wall clock, as that is set now; zero before the first good sample."""
        return 0.0 if self._ahead_ms is None else self._ahead_ms - self._wall_ahead_ms()

    def sample(self, offset_ms: float, round_trip_ms: float) -> bool:
        """Take one sample, venue minus our wall clock, into account. False when it was too slow to use."""
        if round_trip_ms > MAX_ROUND_TRIP_MS:
            return False
        self._take(offset_ms + self._wall_ahead_ms())
        self._last_good_mono_s = self._clock.mono_s()
        self.round_trip_ms = round_trip_ms
        return True

    def heard(self, venue_ms: int) -> None:
        """Forget the samples and believe this time: the venue has just refused ours and told its own."""
        self.refusals += 1
        self._samples.clear()
        self._take(float(venue_ms - self._mono_ms()))

    def mono_s(self) -> float:
        """Our monotonic clock."""
        return self._clock.mono_s()

    def ours_ms(self) -> int:
        """Our own wall clock."""
        return self._clock.wall_ms()

    def venue_ms(self) -> int:
        """The venue's wall clock now, as well as we know it."""
        return self._clock.wall_ms() if self._ahead_ms is None else self._mono_ms() + round(self._ahead_ms)

    def latest_ms(self) -> int:
        """
        The same by whichever of our clocks says that it is later, so that no age reckoned by it is too small: a monotonic clock
        may stand while the machine sleeps, a wall clock may be set back.
        """
        return max(self.venue_ms(), self._clock.wall_ms() + round(self._wall_offset_ms))

    def to_ours_ms(self, venue_ms: int) -> int:
        """A time of the venue's wall clock on ours."""
        return venue_ms - round(self.offset_ms)

    def _take(self, ahead_ms: float) -> None:
        self._samples.append(ahead_ms)
        self._ahead_ms = median(self._samples)
        self._wall_offset_ms = self.offset_ms

    def _mono_ms(self) -> int:
        return round(self._clock.mono_s() * 1000)

    def _wall_ahead_ms(self) -> int:
        """Our wall clock minus our monotonic one."""
        return self._clock.wall_ms() - self._mono_ms()
