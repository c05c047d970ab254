"""
What was said beside closed bars, as it was first used: everybody who reads a bar reads the same, and it can be recorded.

Two instances ask a ticker one behind the other, and it may have moved in between; a bar has one mark price, one rate and one
open interest all the same.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from playd.core.candles import Candle, Candles
from playd.core.limits import BARS_KEPT

Values = Mapping[str, Candle | float | None]
"""By names of `plays.program.MARKET_FIELDS`: what was said, None where nothing was."""

OnTold = Callable[[str, int, Values], None]
"""Hears of a symbol, the open of a bar, and what was used of it for the first time."""


class Told:
    """Of the newest bars of each symbol, what was said beside them. `recorded` are candles that say it of all their bars."""

    def __init__(self, on_told: OnTold = lambda _symbol, _open_ms, _values: None, recorded: Candles | None = None) -> None:
        self._on_told = on_told
        self._by_bar: OrderedDict[tuple[str, int], dict[str, Candle | float | None]] = OrderedDict()
        self._symbols: set[str] = set()
        self._recorded = recorded

    def of(self, symbol: str, open_ms: int) -> Values:
        """What is known of a bar."""
        if self._recorded is not None and self._recorded.symbol == symbol:
            return _of_row(self._recorded, open_ms)
        return self._by_bar.get((symbol, open_ms), {})

    def note(self, symbol: str, open_ms: int, values: Values) -> Values:
        """Take what somebody is about to use; what is known of the bar already stays. All that is known."""
        known = self._by_bar.setdefault((symbol, open_ms), {})
        fresh = {name: value for name, value in values.items() if name not in known}
        known |= fresh
        self._symbols.add(symbol)
        if fresh:
            self._on_told(symbol, open_ms, fresh)
        while len(self._by_bar) > BARS_KEPT * len(self._symbols):
            self._by_bar.popitem(last=False)
        return known

    def beside(self, candles: Candles) -> Candles | None:
        """The candles with what is recorded beside them; None where nothing is."""
        if self._recorded is None or self._recorded.symbol != candles.symbol:
            return None
        return said_of(self._recorded, candles)


def said_of(recorded: Candles, candles: Candles) -> Candles:
    """`candles`, each with what stands beside the one of `recorded` that opens with it."""
    known = recorded.between(int(candles.open_time_ms[0]), int(candles.open_time_ms[-1]) + 1) if len(candles) else recorded
    if not np.array_equal(known.open_time_ms, candles.open_time_ms):
        raise ValueError("candles of which not all are recorded")
    return replace(candles, mark=known.mark, funding_rate=known.funding_rate, open_interest=known.open_interest)


def _of_row(recorded: Candles, open_ms: int) -> Values:
    place = int(np.searchsorted(recorded.open_time_ms, open_ms))
    row = recorded.at(place)
    return {"mark": row.mark, "funding_rate": row.funding_rate, "open_interest": row.open_interest}
