"""A clock that moves only when told."""

START_MS = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""


class ManualClock:
    """`Clock` that stands still until `advance`; `step_wall` moves UTC alone, as a clock correction does."""

    def __init__(self, wall_ms: int = START_MS) -> None:
        self._wall_us = wall_ms * 1000
        self._mono_us = 0

    def wall_ms(self) -> int:
        return self._wall_us // 1000

    def mono_s(self) -> float:
        return self._mono_us / 1e6

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks. Raises `ValueError` for a negative duration."""
        if seconds < 0:
            raise ValueError(f"time does not pass backwards ({seconds} s)")
        passed_us = round(seconds * 1e6)
        self._wall_us += passed_us
        self._mono_us += passed_us

    def step_wall(self, milliseconds: int) -> None:
        """Step UTC by this much, forwards or back, without time passing."""
        self._wall_us += milliseconds * 1000
