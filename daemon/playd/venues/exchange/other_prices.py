"""
Mark and index prices, where they are not the last price: a series of candles each, beside that of the last price.

A backtest knows one price, and so does the exchange unless it is told otherwise.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candle, Candles, as_candles
from playd.core.timeframes import MINUTE_MS
from playd.market.walk import WalkedCandle
from playd.venues.exchange.words import INDEX_PRICE, MARK_PRICE

KINDS: Final = (MARK_PRICE, INDEX_PRICE)
_KNOT_MS: Final = 30 * 60_000
"""The distance of an index from the last price wanders from one half hour to the next."""

_MARK_SHARE: Final = 0.5
"""A mark lies so far on the way from the index to the last price: part of the difference is smoothed away."""


class OtherPrices(Protocol):
    """Where mark and index come from. Values: equal ones say the same of the same candles."""

    def series(self, kind: str, last: Candles) -> Candles:
        """Candles of `kind` (one of `KINDS`) at the opens of these candles of the last price, all of one length."""
        ...


@dataclass(frozen=True, slots=True)
class Basis:
    """
    An index that wanders around the last price, at most `bps` basis points away, and a mark between the two.

    A function of seed, symbol and time. Inside a base candle the distance stays the same.
    """

    bps: float
    seed: int = 0

    def series(self, kind: str, last: Candles) -> Candles:
        share = 1.0 if kind == INDEX_PRICE else 1.0 - _MARK_SHARE
        factors = 1.0 + share * self.bps / 10_000.0 * _wander(f"{self.seed}/{last.symbol}", last.open_time_ms)
        prices = {name: getattr(last, name) * factors for name in ("open", "high", "low", "close")}
        return replace(last, **prices)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Series from files, by symbol and kind. Where one has no candle the last price stands in."""

    found: Mapping[tuple[str, str], Candles]

    def series(self, kind: str, last: Candles) -> Candles:
        found = self.found.get((last.symbol, kind))
        if found is None or len(last) == 0 or len(found) == 0:
            return last
        places = np.minimum(np.searchsorted(found.open_time_ms, last.open_time_ms), len(found) - 1)
        there = found.open_time_ms[places] == last.open_time_ms
        prices = {
            name: np.where(there, getattr(found, name)[places], getattr(last, name))
            for name in ("open", "high", "low", "close")
        }
        return replace(last, **prices)


def candles_beside(prices: OtherPrices | None, symbol: str, last: Candle) -> dict[str, Candle]:
    """The candles of mark and index beside one of the last price, which may bring them; none where all are the same."""
    if isinstance(last, WalkedCandle):
        return {**last.beside}
    if prices is None:
        return {}
    one = as_candles(symbol, MINUTE_MS, [last])  # how long it is says nothing here
    return {kind: prices.series(kind, one).at(0) for kind in KINDS}


def _wander(key: str, times_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Smooth noise between -1 and 1 through knots that are drawn one by one."""
    knots, rest = np.divmod(times_ms, _KNOT_MS)
    drawn = {int(knot): _draw(f"{key}/{knot}") for knot in {*knots.tolist(), *(knots + 1).tolist()}}
    left, right = (np.array([drawn[knot] for knot in (knots + shift).tolist()]) for shift in (0, 1))
    share = rest / _KNOT_MS
    wandered: NDArray[np.float64] = left + (right - left) * share * share * (3.0 - 2.0 * share)
    return wandered


def _draw(key: str) -> float:
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return 2.0 * (int.from_bytes(digest, "big") / 2.0**64) - 1.0
