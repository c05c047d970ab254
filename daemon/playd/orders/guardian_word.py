"""Which panics the guardian is at, by its own word: of the share of an instance two at once would close more than there is."""

from collections.abc import Iterable
from typing import Final

import anyio

from playd.world.ports import Clock

HEARD_WITHIN_S: Final = 3.0
"""A word older than this says nothing any more: the guardian is gone, or we stood still ourselves."""

LONGEST_S: Final = 180.0
"""An attempt of the guardian takes a minute and its last reading; one that it names for longer hangs, or waits for others."""

_LOOK_S: Final = 0.1


class GuardianWord:
    """
    Heard with its beats and from its records; one for all accounts. Without a guardian nothing waits.

    `begun` are panics by the scope of their level, each with the wall time of its beginning, of which the guardian has not said
    how they ended: nobody else begins to drive them.
    """

    def __init__(self, clock: Clock) -> None:
        self.begun: dict[str, int] = {}
        self._clock = clock
        self._closing: dict[str, float] = {}
        """By scope: since when it is named without a break."""
        self._heard_s: float | None = None
        self._silent_since_s: float | None = None

    def hear(self, closing: Iterable[str]) -> None:
        """It answered: these are the instances, by scope, whose shares it is closing now."""
        now_s = self._clock.mono_s()
        self._closing = {scope: self._closing.get(scope, now_s) for scope in closing}
        self._heard_s, self._silent_since_s = now_s, None

    def miss(self) -> None:
        """It did not answer."""
        self._silent_since_s = self._clock.mono_s() if self._silent_since_s is None else self._silent_since_s

    async def until_through(self, scope: str) -> bool:
        """
        Wait while the guardian closes the share of a scope, for as long as it is heard and not for longer than an attempt may
        take. Whether there was anything to wait for.

        Whoever stood still wakes with an old word: it waits for the next one, not longer than a guardian may be unheard.
        """
        began_s, waited = self._clock.mono_s(), False
        while self._is_at(scope, began_s):
            waited = True
            await anyio.sleep(_LOOK_S)
        return waited

    def _is_at(self, scope: str, asked_s: float) -> bool:
        now_s = self._clock.mono_s()
        if self._heard_s is None:
            return False
        if now_s - self._heard_s < HEARD_WITHIN_S:
            since_s = self._closing.get(scope)
            return since_s is not None and now_s - since_s < LONGEST_S
        if self._silent_since_s is None and now_s - asked_s >= HEARD_WITHIN_S:
            self._silent_since_s = asked_s
        return now_s - (asked_s if self._silent_since_s is None else self._silent_since_s) < HEARD_WITHIN_S
