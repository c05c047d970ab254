"""Which orders may be on their way to the venue still, whatever the wall clock is set to meanwhile."""

from typing import Final

from playd.world.ports import Clock

ARRIVES_WITHIN_S: Final = 10.0
"""So long after its signing a request may take effect: the venue's window for it, and as much again for clocks."""


class OnTheWay:
    """Of one account in this life, on the monotonic clock. What an earlier life sent counts as sent when this one began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s = clock.mono_s()
        self._sent_s: dict[str, float] = {}

    def sent(self, link_id: str) -> None:
        """A copy of the order is handed to the venue now, or may have been until now; the last one counts."""
        now_s = self._clock.mono_s()
        # What is older may be forgotten: this life is older still, and neither makes anything arrive.
        self._sent_s = {each: sent_s for each, sent_s in self._sent_s.items() if now_s - sent_s < ARRIVES_WITHIN_S}
        self._sent_s[link_id] = now_s

    def may_arrive(self, link_id: str) -> bool:
        """Whether an order of which the venue said nothing may take effect still."""
        return self._clock.mono_s() - self._sent_s.get(link_id, self._began_s) < ARRIVES_WITHIN_S
