"""Notional that entries opened, by the hour of their decisions in market time. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from playd.core.timeframes import DAY_MS

HOUR_MS: Final = 3_600_000
WEEK_MS: Final = 168 * HOUR_MS

Opened = tuple[tuple[int, Decimal], ...]
"""When each hour began (ms) and what was opened in it (USDT), the newest first."""

_ZERO: Final = Decimal(0)


def hour_ms(time_ms: int) -> int:
    """The beginning of the hour that holds a moment."""
    return time_ms - time_ms % HOUR_MS


def within_week(opened: Sequence[tuple[int, Decimal]], time_ms: int) -> Opened:
    """The hours that reach into the 168 before a moment."""
    return tuple([each for each in opened if each[0] + HOUR_MS > time_ms - WEEK_MS])


def of_day(opened: Opened, time_ms: int) -> Decimal:
    """What was opened on the UTC day that holds a moment."""
    return sum((usd for start_ms, usd in opened if start_ms // DAY_MS == time_ms // DAY_MS), _ZERO)


def total(opened: Opened) -> Decimal:
    """All of it."""
    return sum((usd for _, usd in opened), _ZERO)


def falls_to_ms(opened: Opened, usd: Decimal) -> int | None:
    """When hours that are a week old have taken so much along that no more than `usd` is left; None where that is never."""
    left = total(opened)
    for start_ms, gone in reversed(opened):
        left -= gone
        if left <= usd:
            return start_ms + HOUR_MS + WEEK_MS
    return None
