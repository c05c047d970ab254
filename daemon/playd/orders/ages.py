"""How long things have been as they are, by what looks at them again and again."""

from collections.abc import Collection, Hashable

from playd.world.ports import Clock


class Ages:
    """
    Of this life of the process, on the monotonic clock: neither a restart nor a clock that is set makes anything old.

    What is missing from one look is young again when it comes back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s: dict[Hashable, float] = {}

    def note(self, there: Collection[Hashable]) -> None:
        """Everything that a look has found."""
        now_s = self._clock.mono_s()
        self._since_s = {each: self._since_s.get(each, now_s) for each in there}

    def of(self, each: Hashable) -> float:
        """In seconds since the first of the unbroken looks that found it; zero where the newest did not."""
        return self._clock.mono_s() - self._since_s.get(each, self._clock.mono_s())
