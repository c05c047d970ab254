"""Timeframes: names as Plays write them, lengths in ms, Bybit's names, and UTC-aligned bar arithmetic."""

from typing import Final

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000

TIMEFRAME_MS: Final[dict[str, int]] = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "D": DAY_MS,
}
"""Name of a timeframe to its length in ms, fastest first."""

BYBIT_INTERVAL: Final[dict[str, str]] = {
    name: "D" if name == "D" else str(length_ms // MINUTE_MS) for name, length_ms in TIMEFRAME_MS.items()
}
"""Name of a timeframe to the word of Bybit's `interval` parameter and kline topics."""

NAME_OF_MS: Final[dict[int, str]] = {length_ms: name for name, length_ms in TIMEFRAME_MS.items()}


def bar_open_ms(time_ms: int, length_ms: int) -> int:
    """The open time of the bar of `length_ms` that contains `time_ms`. Bars open at multiples of their length."""
    return time_ms - time_ms % length_ms
