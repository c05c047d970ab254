"""Candles drawn by hand, and what detectors say about them."""

from collections.abc import Sequence

import numpy as np

from tests.kernel_runs import Floats, candle_rows

Candle = tuple[float, float, float, float]
"""Open, high, low, close."""

FIRST_INDEX = 1000
"""Bar index of the first drawn candle."""


def drawn(candles: Sequence[Candle], *, atr: float = 1.0) -> dict[str, Floats]:
    """Rows of these candles, with the same ATR on every bar."""
    open_, high, low, close = (np.array(column, dtype=np.float64) for column in zip(*candles, strict=True))
    assert np.all(low <= np.minimum(open_, close)), "a low above its body"
    assert np.all(high >= np.maximum(open_, close)), "a high below its body"
    volume = np.full(len(candles), 100.0)
    return candle_rows(open_, high, low, close, volume, first_index=FIRST_INDEX) | {"atr": np.full(len(candles), atr)}


def at_close(*closes: float) -> dict[str, Floats]:
    """Candles of which only the close matters."""
    return drawn([(close, close, close, close) for close in closes])


def steps(*values: float) -> Floats:
    """A column of what another structure says, bar by bar."""
    return np.array(values, dtype=np.float64)


def mirrored(rows: dict[str, Floats], middle: float) -> dict[str, Floats]:
    """The market upside down: what was up is down."""
    turned = {name: 2 * middle - rows[name] for name in ("open", "close")}
    return {**rows, **turned, "high": 2 * middle - rows["low"], "low": 2 * middle - rows["high"]}


def on_a_grid(rows: dict[str, Floats]) -> dict[str, Floats]:
    """Prices in eighths, so that turning a market upside down loses no bit."""
    return {**rows, **{name: np.round(rows[name] * 8) / 8 for name in ("open", "high", "low", "close")}}
