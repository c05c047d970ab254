"""What is known here of the guardian: whether it is heard, which panics it has begun, and which shares it is closing."""

from typing import Final

from playd.orders.share_claims import ShareClaims
from playd.world.ports import Clock

HEARD_WITHIN_S: Final = 3.0
"""A word older than this says nothing any more: the guardian is gone, or we stood still ourselves."""

LONGEST_S: Final = 180.0
"""An attempt of the guardian takes a minute and its last reading; who claims a share for longer hangs, or waits for others."""


class GuardianWord:
    """
    Heard with its beats and from its records; one for all accounts.

    `begun` are panics by the scope of their level, each with the wall time of its beginning, of which the guardian has not said
    how they ended: nobody else begins to drive them.
    """

    def __init__(self, clock: Clock, claims: ShareClaims) -> None:
        self.claims = claims
        self.begun: dict[str, int] = {}
        self._clock = clock
        self._heard_s: float | None = None

    def hear(self) -> None:
        """It answered."""
        self._heard_s = self._clock.mono_s()

    def may_act(self, asked_s: float, seen_s: float) -> bool:
        """
        Whether a guardian whose claim of a share was first seen at `seen_s` is waited for by who asked for the share at
        `asked_s`: while it is heard, for as long as an attempt may take. Whoever stood still wakes with an old word and waits
        for the next one.
        """
        now_s = self._clock.mono_s()
        if now_s - asked_s < HEARD_WITHIN_S:
            return True
        heard = self._heard_s is not None and now_s - self._heard_s < HEARD_WITHIN_S
        return heard and now_s - seen_s < LONGEST_S
