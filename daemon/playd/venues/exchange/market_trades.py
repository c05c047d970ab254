"""
Trades of the market: what a candle's volume is made of, a function of the candle, so that every replay shows the same.

Those that were heard, where they were; drawn ones for a candle of which only the numbers are known.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from playd.core.candles import Candle
from playd.market.walk import WalkedCandle
from playd.venues.exchange import path
from playd.venues.exchange.listing import Listing

TRADES_PER_CANDLE: Final = 60
"""One a second in a candle of a minute, each with the same share of the volume."""

VOLUME_DIGITS: Final = 8
"""Decimal places of the volume of a trade, and of a candle in progress."""


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """One trade: `side` is the taker's, `volume` in base coin, `rose` is 1 above the trade before, -1 below it, else 0."""

    trade_id: str
    time_ms: int
    ticks: int
    volume: float
    side: str
    rose: int


def trades(listing: Listing, candle: Candle, step_ms: int, begin: float, end: float) -> Iterator[MarketTrade]:
    """The trades of a candle after its fraction `begin` up to `end`, in order. The last drawn one is at the close."""
    if isinstance(candle, WalkedCandle):
        yield from _heard(listing, candle, step_ms, begin, end)
        return
    symbol = listing.instrument.symbol
    volume = round(candle.volume / TRADES_PER_CANDLE, VOLUME_DIGITS)
    if volume == 0.0:
        return
    first = max(int(begin * TRADES_PER_CANDLE), 0)  # one too early rather than one too late
    before = listing.whole_ticks(path.price_at(candle, first / TRADES_PER_CANDLE), up=False)
    for number in range(first + 1, TRADES_PER_CANDLE + 1):
        fraction = number / TRADES_PER_CANDLE
        if fraction > end:
            return
        ticks = listing.whole_ticks(path.price_at(candle, fraction), up=False)
        rose = (ticks > before) - (ticks < before)
        before = ticks
        if begin < fraction:
            time_ms = candle.open_time_ms + min(round(fraction * step_ms), step_ms - 1)
            side = "Buy" if rose > 0 or (rose == 0 and candle.close >= candle.open) else "Sell"
            yield MarketTrade(f"{symbol}-{candle.open_time_ms}-{number}", time_ms, ticks, volume, side, rose)


def _heard(listing: Listing, candle: WalkedCandle, step_ms: int, begin: float, end: float) -> Iterator[MarketTrade]:
    symbol = listing.instrument.symbol
    lo, hi = bisect_right(candle.fractions, begin) if begin else 1, bisect_right(candle.fractions, end)
    for place in range(lo, hi):
        volume = round(candle.volumes[place] - candle.volumes[place - 1], VOLUME_DIGITS)
        if volume > 0.0:
            before, ticks = (listing.whole_ticks(candle.prices[each], up=False) for each in (place - 1, place))
            time_ms = candle.open_time_ms + min(round(candle.fractions[place] * step_ms), step_ms - 1)
            trade_id, side = f"{symbol}-{candle.open_time_ms}-{place}", "Buy" if candle.bought[place] else "Sell"
            yield MarketTrade(trade_id, time_ms, ticks, volume, side, (ticks > before) - (ticks < before))
