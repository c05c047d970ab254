"""The system's two clocks."""

import time


class RealClock:
    """`Clock` of this machine."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    mono_s = staticmethod(time.monotonic)
    """Asked a dozen times between a closed candle and its order."""
