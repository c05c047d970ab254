"""How far a market goes in an hour: what a stop that nobody planned is measured by. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from playd.core.candles import Candle

HOUR_MS: Final = 3_600_000
HOURS: Final = 14


def needed_since_ms(now_ms: int) -> int:
    """Open time of the first candle that `hourly_range` looks at: one hour before the fourteen, for its close."""
    return (now_ms // HOUR_MS - HOURS - 1) * HOUR_MS


def hourly_range(candles: Sequence[Candle], now_ms: int) -> Decimal | None:
    """
    Mean true range of the last fourteen whole hours before `now_ms`, in USDT, from candles of at most an hour, oldest first.

    The true range of an hour is from the lower of its low and the close before to the higher of its high and that close; the
    mean of fourteen is what Wilder's average begins with. None when an hour has no candle: nothing is known of the market then.
    """
    first_ms, end_ms = needed_since_ms(now_ms), now_ms // HOUR_MS * HOUR_MS
    hours: dict[int, list[Candle]] = {}
    for candle in candles:
        if first_ms <= candle.open_time_ms < end_ms:
            hours.setdefault(candle.open_time_ms // HOUR_MS, []).append(candle)
    if len(hours) <= HOURS:
        return None
    (_, before), *rest = sorted(hours.items())
    total, close = 0.0, before[-1].close
    for _, hour in rest:
        total += max(close, *(candle.high for candle in hour)) - min(close, *(candle.low for candle in hour))
        close = hour[-1].close
    return Decimal(repr(total / HOURS))
