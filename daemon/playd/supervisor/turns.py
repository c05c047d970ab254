"""
How instances share one loop: one computes at a time, one writes its state at a time.

A close wakes a hundred instances in the same turn of the loop. Did all of them compute in it, a fill, an answer or a timer
that is ready meanwhile would wait for the last. A state is synced several times and holds the loop for as long: did all of
them write when their moment has come, everybody would wait for a hundred syncs in a row.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn

import anyio
import anyio.lowlevel

from playd.world.ports import Clock

PASSED_OVER_MAX: Final = 99
"""So many turns in a row go to bars of this moment while somebody waits who is behind."""

REST_TIMES: Final = 4.0
"""After a write the loop is the others' for so many times as long as it took: all writing takes a fifth of it at most."""


class Turns:
    """
    Hands out the turns of the loop: `await take()` before the work of one bar, which does not await.

    First come, first served, but for work that is behind anyway: `await take_behind()` before each step of a start or a late
    bar gets a turn that no bar of this moment wants. Who comes alone does not wait. `run` must be running for anybody who
    comes second.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[anyio.Event] = deque()
        self._behind: deque[anyio.Event] = deque()
        self._passed_over = 0
        self._asked = anyio.Event()

    async def take(self) -> None:
        """Return when nobody else has this turn of the loop. Cancellation gives the place in the queue up."""
        await self._place_in(self._waiting)

    async def take_behind(self) -> None:
        """The same, when nobody waits who is not behind."""
        await self._place_in(self._behind)

    async def _place_in(self, queue: deque[anyio.Event]) -> None:
        if not self._taken:
            self._taken = True
            self._asked.set()
            return
        mine = anyio.Event()
        queue.append(mine)
        try:
            await mine.wait()
        finally:
            if not mine.is_set():
                queue.remove(mine)

    async def run(self) -> NoReturn:
        """End each turn with the loop's own, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            while self._waiting or self._behind:
                self._next().set()
                await anyio.lowlevel.checkpoint()
            self._taken = False

    def _next(self) -> anyio.Event:
        """Whose turn it is. Where bars never end, as on a market without a pause, one of a hundred is for who is behind."""
        if self._behind and (not self._waiting or self._passed_over >= PASSED_OVER_MAX):
            self._passed_over = 0
            return self._behind.popleft()
        self._passed_over += 1 if self._behind else 0
        return self._waiting.popleft()


class Pen:
    """One writer at a time, with rests between two."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = anyio.Lock()
        self._turn_s = 0.0

    @property
    def round_s(self) -> float:
        """How long it takes, about, until everybody who waits now has written."""
        return self._turn_s * (1 + self._lock.statistics().tasks_waiting)

    async def write(self, work: Callable[[], bool]) -> bool:
        """
        Do `work` when nobody else writes, and then keep the pen for the rest that it cost the others.

        It says whether it wrote anything, which is returned.
        """
        async with self._lock:
            began_s = self._clock.mono_s()
            if not work():
                return False
            took_s = self._clock.mono_s() - began_s
            self._turn_s = took_s * (1.0 + REST_TIMES)
            await anyio.sleep(took_s * REST_TIMES)
            return True
