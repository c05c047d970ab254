"""Which of many reconciliations that could not read everything are kept with what they had before them: an outage is long."""

import re
from typing import Final

from playd.world.ports import Clock

EVERY_S: Final = 300.0
"""Between two that are kept of an outage whose failures are all alike."""

_FIGURES: Final = re.compile(r"\d+")


class BlindRuns:
    """Of one account: the first run of an outage, each that fails in a new way, and one every five minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: set[str] = set()
        self._kept_s = 0.0
        self._between = 0

    def over(self) -> None:
        """Everything was read: the next failure begins another outage."""
        self._known.clear()
        self._between = 0

    def kept(self, error: str) -> str | None:
        """What is to be said of a run that failed so; None where it is like those before it. Figures make no other failure."""
        alike, now_s = _FIGURES.sub("", error), self._clock.mono_s()
        if alike in self._known and now_s - self._kept_s < EVERY_S:
            self._between += 1
            return None
        said = f"{error}; {self._between} runs before it failed and are not kept" if self._between else error
        self._known.add(alike)
        self._kept_s, self._between = now_s, 0
        return said
