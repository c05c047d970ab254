"""The system's two clocks."""

import time


class RealClock:
    """`Clock` of this machine."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_s(self) -> float:
        return time.monotonic()
