"""
How old something is that bears a wall time, so that a wall clock that was set makes nothing young.

From the first question on an age grows with the monotonic clock, which nobody sets. A time that lies ahead of our clock when it
is first met says that one of both was set: nobody knows how old that is.
"""

from dataclasses import dataclass, field
from typing import Final

from playd.world.ports import Clock

AHEAD_MS: Final = 60_000
"""So far a time may lie ahead of our clock: clocks are corrected by less than that all the time."""

REMEMBERED: Final = 64


def is_ahead(now_ms: int, stamp_ms: int) -> bool:
    """Whether a time lies so far ahead of our clock that it says nothing of an age."""
    return stamp_ms > now_ms + AHEAD_MS


@dataclass(frozen=True, slots=True)
class Ages:
    """Of one process, which remembers when it met which time."""

    clock: Clock
    _met: dict[int, tuple[float, float]] = field(default_factory=dict)
    """By time: when it was met, in monotonic seconds, and how old it was then."""

    def of(self, stamp_ms: int) -> float | None:
        """Seconds since a wall time, by the clock that tells of more; None while that time lies ahead."""
        now_s, now_ms = self.clock.mono_s(), self.clock.wall_ms()
        wall_age_s = (now_ms - stamp_ms) / 1000
        if stamp_ms not in self._met:
            if is_ahead(now_ms, stamp_ms):
                return None
            self._met[stamp_ms] = now_s, max(0.0, wall_age_s)
            if len(self._met) > REMEMBERED:
                del self._met[next(iter(self._met))]
        met_s, age_s = self._met[stamp_ms]
        return max(age_s + now_s - met_s, wall_age_s)
