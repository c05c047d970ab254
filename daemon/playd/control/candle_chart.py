"""Candles as a picture of letters, and closes as one line of blocks."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.control.figures import rfc3339
from playd.core.candles import Candles

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_LABEL_EVERY: Final = 4
_MARGIN: Final = 12
"""Letters left of the picture, for prices."""


def candle_chart(candles: Candles, width: int, height: int) -> str:
    """
    `height` lines of at most `width` letters, prices on the left, and a line with the first and the last time.

    Where there are more candles than room, neighbours are joined into one. █ is the body of one that rose, ░ of one that fell,
    │ its wicks. There must be a candle, `width` above the margin of twelve letters and `height` above 1.
    """
    columns = _joined(candles, width - _MARGIN)
    top, bottom = float(candles.high.max()), float(candles.low.min())
    step = (top - bottom) / height or 1.0
    lines = []
    for row in range(height):
        upper, lower = top - row * step, top - (row + 1) * step
        label = f"{upper:.8g}" if row % _LABEL_EVERY == 0 else ""
        lines.append(f"{label:>{_MARGIN - 2}} ┤{''.join(_letter(column, lower, upper) for column in columns)}".rstrip())
    first, last = rfc3339(int(candles.open_time_ms[0]))[:16], rfc3339(int(candles.open_time_ms[-1]) + candles.step_ms)[:16]
    gap = max(len(columns) - len(first) - len(last), 1)
    return "\n".join([*lines, f"{'':{_MARGIN}}{first}{'':{gap}}{last}"])


def _joined(candles: Candles, room: int) -> list[tuple[float, float, float, float]]:
    """At most `room` candles as open, high, low, close."""
    edges = np.unique(np.linspace(0, len(candles), min(room, len(candles)) + 1).astype(np.int64))
    return [
        (
            float(candles.open[lo]),
            float(candles.high[lo:hi].max()),
            float(candles.low[lo:hi].min()),
            float(candles.close[hi - 1]),
        )
        for lo, hi in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]


def _letter(candle: tuple[float, float, float, float], lower: float, upper: float) -> str:
    """What of a candle lies between two prices."""
    open_, high, low, close = candle
    if high < lower or low > upper:
        return " "
    if max(open_, close) >= lower and min(open_, close) <= upper:
        return "█" if close >= open_ else "░"
    return "│"


def close_line(close: NDArray[np.float64], width: int) -> str:
    """Closes from left to right in eight heights, the last of each group where there are more than `width`."""
    places = np.unique(np.linspace(0, len(close) - 1, min(width, len(close))).astype(np.int64))
    shown = close[places]
    low, span = float(shown.min()), float(np.ptp(shown)) or 1.0
    return "".join(_BLOCKS[min(int((value - low) / span * len(_BLOCKS)), len(_BLOCKS) - 1)] for value in shown.tolist())
