"""How late the loop wakes up: the one figure that shows blocking work, whoever does it."""

import math
from collections import deque
from typing import Final, NoReturn

import anyio

from playd.ops.meters import Meters
from playd.world.ports import Clock

EVERY_S: Final = 0.1
KEPT: Final = 200
"""Twenty seconds, the watchdog's period."""

ENOUGH: Final = 100
"""With fewer measurements one long step would be the whole percentile."""


class LoopWatch:
    """`run` until cancelled. `turned_s` is when the loop last turned, `lag_p99_s` the lag of the last twenty seconds."""

    def __init__(self, clock: Clock, meters: Meters) -> None:
        self._clock = clock
        self._meters = meters
        self._lags_s: deque[float] = deque(maxlen=KEPT)
        self.turned_s = clock.mono_s()

    async def run(self) -> NoReturn:
        """Sleep and measure."""
        while True:
            asked_s = self._clock.mono_s() + EVERY_S
            await anyio.sleep(EVERY_S)
            self.turned_s = self._clock.mono_s()
            lag_s = max(0.0, self.turned_s - asked_s)
            self._lags_s.append(lag_s)
            self._meters.observe("loop_lag_seconds", lag_s)

    @property
    def lag_p99_s(self) -> float:
        """Nearest rank; zero before there are enough measurements."""
        if len(self._lags_s) < ENOUGH:
            return 0.0
        return sorted(self._lags_s)[math.ceil(0.99 * len(self._lags_s)) - 1]

    @property
    def held_s(self) -> float:
        """The longest time of the last twenty seconds for which something held the loop, the present turn included."""
        return max(self._clock.mono_s() - self.turned_s - EVERY_S, *self._lags_s, 0.0)

    def begin_anew(self) -> None:
        """Forget what was measured: the start, which warms columns in long steps, is over."""
        self._lags_s.clear()
