"""Candles of any interval of the venue, rolled up from base candles: open first, high max, low min, close last, volume sum."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candles
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.venues.exchange.text import float_text

INTERVALS: Final = ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")
_MONDAY_MS: Final = 4 * DAY_MS
"""1970-01-05 was a Monday."""


def offered(base_step_ms: int) -> tuple[str, ...]:
    """The intervals that a market of this base step has: the step itself and every multiple."""
    return tuple(word for word in INTERVALS if word in "DWM" or (int(word) * MINUTE_MS) % base_step_ms == 0)


def open_of(interval: str, time_ms: int) -> int:
    """Open of the candle that contains `time_ms`."""
    if interval == "M":
        return int(_opens(interval, np.array([time_ms], dtype=np.int64))[0])
    return time_ms - (time_ms - _origin(interval)) % _length_ms(interval)


def end_of(interval: str, open_ms: int) -> int:
    """Close time of the candle that opens at `open_ms`."""
    if interval == "M":
        month = np.datetime64(open_ms, "ms").astype("datetime64[M]") + 1
        return int(month.astype("datetime64[ms]").astype(np.int64))
    return open_ms + _length_ms(interval)


def longest_ms(interval: str) -> int:
    """How long a candle of this interval can be."""
    return 31 * DAY_MS if interval == "M" else _length_ms(interval)


def roll_up(candles: Candles, interval: str) -> Candles:
    """Candles of `interval` from base candles. The first and the last may lack base candles; no candle is made of none."""
    if len(candles) == 0:
        return candles
    opens = _opens(interval, candles.open_time_ms)
    begins = np.flatnonzero(np.concatenate(([True], np.diff(opens) != 0)))
    ends = np.concatenate((begins[1:], [len(opens)])) - 1
    return Candles(
        candles.symbol,
        end_of(interval, int(opens[0])) - int(opens[0]),
        opens[begins],
        candles.open[begins],
        np.maximum.reduceat(candles.high, begins),
        np.minimum.reduceat(candles.low, begins),
        candles.close[ends],
        np.add.reduceat(candles.volume, begins),
    )


def rows(candles: Candles) -> list[list[str]]:
    """
    Rows of the REST list, newest first. Turnover is not recorded anywhere: it is volume times close.

    Made of whole columns: a page of a thousand holds whatever shares this process.
    """
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume, candles.volume * candles.close)
    times, texts = candles.open_time_ms[::-1].tolist(), [map(float_text, column[::-1].tolist()) for column in columns]
    return [[str(time_ms), *numbers] for time_ms, *numbers in zip(times, *texts, strict=True)]


def _length_ms(interval: str) -> int:
    if interval == "D":
        return DAY_MS
    return 7 * DAY_MS if interval == "W" else int(interval) * MINUTE_MS


def _opens(interval: str, times: NDArray[np.int64]) -> NDArray[np.int64]:
    if interval == "M":
        return times.astype("datetime64[ms]").astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)
    return times - (times - _origin(interval)) % _length_ms(interval)


def _origin(interval: str) -> int:
    """A time at which a candle of the interval opens."""
    return _MONDAY_MS if interval == "W" else 0
