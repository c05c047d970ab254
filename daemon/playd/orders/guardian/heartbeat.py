"""What the guardian knows of the daemon from its beats. Pure but for the clock it is given."""

from playd.orders.guardian.judge import DaemonState, Heard
from playd.world.ports import Clock


class DaemonWatch:
    """
    `beat` is called for every beat, `heard` tells the state.

    A daemon that was never heard is dead `dead_after_s` after the guardian began to listen. Silence after an announced stop
    is not death.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_s = clock.mono_s()
        self._stopping = False
        self.beats = 0
        self.daemon_id = ""

    def beat(self, daemon_id: str, *, stopping: bool) -> None:
        """The daemon said something."""
        self._last_s = self._clock.mono_s()
        self._stopping = stopping
        self.beats += 1
        self.daemon_id = daemon_id

    @property
    def age_s(self) -> float | None:
        """Seconds since the last beat, None before the first."""
        return self._clock.mono_s() - self._last_s if self.beats else None

    def heard(self, dead_after_s: float) -> Heard:
        """The daemon's state now and since when."""
        if self._stopping:
            return Heard(DaemonState.STOPPED, self._last_s, self.daemon_id)
        dead_since_s = self._last_s + dead_after_s
        if self._clock.mono_s() >= dead_since_s:
            return Heard(DaemonState.DEAD, dead_since_s, self.daemon_id)
        return Heard(DaemonState.ALIVE, self._last_s, self.daemon_id)
